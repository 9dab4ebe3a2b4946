package stir_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/stir"
	"github.com/sipscript/sipscript/modules/stir/passport/passporttest"
)

func (w *world) eval(source string, want ...any) {
	w.T.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		w.T.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

// metric is the value of a figure.
func (w *world) metric(name, code string) float64 {
	for _, m := range w.stir.Metrics() {
		if m.Name == name && (code == "" || m.Labels["code"] == code) {
			return m.Value()
		}
	}
	w.T.Fatalf("there is no %s", name)
	return 0
}

// The token agrees with what is sent: the mask of a branch, its time, and each fork has its own.
func TestWhatTheBranchSendsIsSigned(t *testing.T) {
	for _, row := range []struct{ name, body, want string }{
		{"a mask, made after sign", `req:record_route() stir.sign(req, { attest = "B" }) require("uac").mask(req, { from = "sip:+4930777777@example.com" }) req:relay("sip:bob@10.0.0.9")`,
			"B 4930777777>4930123457 709J"},
		{"P-Asserted-Identity, set after sign", `stir.sign(req, { attest = "B" }) req:set_header("P-Asserted-Identity", "<tel:+4930888888>") req:relay("sip:bob@10.0.0.9")`,
			"B 4930888888>4930123457 709J"},
		{"called again", `stir.sign(req, { attest = "A" }) stir.sign(req, { attest = "C", origid = "x" }) req:relay("sip:bob@10.0.0.9")`, "C 4930123456>4930123457 709J"},
		{"without attest", `stir.sign(req) req:relay("sip:bob@10.0.0.9")`, "- 4930123456>4930123457 709J"},
		{"the compact form", `stir.sign(req, { compact = true }) req:relay("sip:bob@10.0.0.9")`, "- 4930123456>4930123457 709J"},
		{"a branch", `req:relay("sip:bob@10.0.0.9", { on_branch = function(b) assert(stir.sign(b, { attest = "A" })) end })`, "A 4930123456>4930123457 709J"},
		{"after a failure, later", `stir.sign(req, { attest = "A" }) req:fork("sip:bob@10.0.0.8", { timeout = 45 }) req:relay("sip:bob@10.0.0.9")`, "A 4930123456>4930123457 709J"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, "", row.body)
			if row.name == "after a failure, later" {
				w.Peer("10.0.0.8:5060", luabindtest.Answering(180))
			}
			headers := w.signed()
			if strings.Count(headers, "Identity:") != 1 {
				t.Error(headers)
			}
			from := strings.Trim(string(w.got[0].Header(messageFrom)), "<>")
			from, _, _ = strings.Cut(from, ">")
			if pai := w.got[0].HeaderName("P-Asserted-Identity"); pai != nil {
				headers += "P-Asserted-Identity: " + string(pai) + "\r\n"
			}
			if code, reason := w.call(from, bob, "sip:x@verify", headers); code != 200 || reason != row.want {
				t.Errorf("%d %s", code, reason)
			}
			if compact := strings.Contains(headers, "Identity: .."); compact != (row.name == "the compact form") {
				t.Error(headers)
			}
		})
	}
}

func TestOptionsOfSign(t *testing.T) {
	w := newWorld(t, "", `local ok, err = stir.sign(req, { attest = "A", orig = "+49 (30) 555-555", dest = "sip:carol@Example.NET:5070", origid = "here" }) req:relay("sip:bob@10.0.0.9")`)
	headers := w.signed()
	if code, reason := w.call("tel:+4930555555", "sip:carol@example.net", "sip:x@verify", headers); code != 200 || reason != "A 4930555555>sip:carol@example.net 709J" {
		t.Errorf("%d %s", code, reason)
	}
	for name, row := range map[string]struct{ body, from, want string }{
		"a caller without an address": {signing, "sip:example.com", "500 the caller: "},
		"an orig that is nobody":      {`req:reply(500, select(2, stir.sign(req, { orig = "x" })))`, alice, "500 orig: "},
		"a Date that is old":          {signing, alice, "200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "", row.body)
			code, reason := w.call(row.from, bob, "sip:bob@10.0.0.9", "Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n")
			if got := fmt.Sprintf("%d %s", code, reason); !strings.HasPrefix(got, row.want) {
				t.Error(got)
			}
			if code == 200 && (len(w.got) != 1 || !strings.HasPrefix(string(w.got[0].HeaderName("Date")), "Thu, 01 Jan 2026")) {
				t.Error("Date was left as it was")
			}
		})
	}
}

// Our certificate has run out, or is not for the number.
func TestOurCertificate(t *testing.T) {
	w := newWorld(t, "", signing)
	w.Run(13 * time.Hour)
	if code, reason := w.call(alice, bob, "sip:bob@10.0.0.9"); code != 500 || reason != "our certificate is not valid now" {
		t.Errorf("%d %s", code, reason)
	}
	if s := w.metric("stir_certificate_expires_seconds", ""); s > -3000 || s < -4000 {
		t.Errorf("it expires in %v s", s)
	}
	w = newWorld(t, "", signing)
	one := w.ca.Issue(started, passporttest.Number("4930000000"), nil)
	w.write(t, "cert.pem", one.PEM)
	w.write(t, "key.pem", one.KeyPEM)
	w2 := w.another(t, "", signing)
	if code, reason := w2.call(alice, bob, "sip:bob@10.0.0.9"); code != 500 || !strings.HasPrefix(reason, "our certificate: the certificate is not for the number") {
		t.Errorf("%d %s", code, reason)
	}
}

// RFC 8946: whom the call was for says that it goes to somebody else now.
func TestDivert(t *testing.T) {
	caller := newWorld(t, "", signing)
	lines := caller.signed()
	for _, row := range []struct {
		name, body, to, want string
		added                int
	}{
		{"to another number", `req.ruri = "sip:+4930123458@example.com" assert(stir.divert(req)) req:relay("sip:x@10.0.0.9")`, "tel:+4930123458", "200 A 4930123456>4930123457 709J 4930123457,4930123458", 2},
		{"by an option", `assert(stir.divert(req, { dest = "+4930123458" })) req:relay("sip:x@10.0.0.9")`, "tel:+4930123458", "200 A 4930123456>4930123457 709J 4930123457,4930123458", 2},
		{"To stays", `assert(stir.divert(req, { dest = "+4930123458" })) req:relay("sip:x@10.0.0.9")`, bob, "200 A 4930123456>4930123457 709J", 2},
		{"to nobody else", `assert(stir.divert(req, { dest = "+4930123457" })) req:relay("sip:x@10.0.0.9")`, bob, "200 A 4930123456>4930123457 709J", 1},
		{"and back", `stir.divert(req, { dest = "+4930123458" }) stir.divert(req, { dest = "+4930123457" }) req:relay("sip:x@10.0.0.9")`, bob, "200 A 4930123456>4930123457 709J", 1},
		{"without it", `req:relay("sip:x@10.0.0.9")`, "tel:+4930123458", "438 dest is 4930123457, but the call is for 4930123458", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := caller.another(t, "", row.body)
			got := w.signed(lines)
			if n := strings.Count(got, "Identity:"); n != row.added {
				t.Errorf("%d headers\n%s", n, got)
			}
			code, reason := w.call(alice, row.to, "sip:x@verify", got)
			if s := fmt.Sprintf("%d %s", code, reason); s != row.want {
				t.Errorf("%s", s)
			}
		})
	}
	w := newWorld(t, "", `req:reply(500, select(2, stir.divert(req, { dest = "+4930123458" })))`)
	if code, reason := w.call(alice, bob, "sip:x@example.com"); code != 500 || reason != "missing" {
		t.Errorf("%d %s", code, reason)
	}
	if code, reason := w.call(alice, bob, "sip:alice@example.com"); code != 500 || reason != "missing" {
		t.Errorf("%d %s", code, reason)
	}
}

func TestConfigureRefuses(t *testing.T) {
	o := newWorld(t, "", signing)
	other := o.ca.Issue(started, passporttest.Codes("709J"), nil)
	o.write(t, "other.pem", other.KeyPEM)
	o.write(t, "empty.pem", nil)
	for source, want := range map[string]string{
		`{ certificate = dir .. "/cert.pem" }`:                                                  "certificate, key and x5u belong together",
		`{ certificate = dir .. "/cert.pem", key = dir .. "/key.pem", x5u = "http://x/" }`:      "x5u: the certificate is not at a https URL",
		`{ certificate = dir .. "/cert.pem", key = dir .. "/key.pem", x5u = "https://u:p@x/" }`: "has a user",
		`{ certificate = dir .. "/cert.pem", key = dir .. "/key.pem", x5u = "https://x/?a" }`:   "query",
		`{ certificate = dir .. "/cert.pem", key = dir .. "/key.pem", x5u = "https://x:80/" }`:  "port other than",
		`{ certificate = dir .. "/none.pem", key = dir .. "/key.pem", x5u = "https://x/" }`:     "no such file",
		`{ certificate = dir .. "/key.pem", key = dir .. "/key.pem", x5u = "https://x/" }`:      "no certificate in it",
		`{ certificate = dir .. "/cert.pem", key = dir .. "/cert.pem", x5u = "https://x/" }`:    "no private key of P-256",
		`{ certificate = dir .. "/cert.pem", key = dir .. "/other.pem", x5u = "https://x/" }`:   "is not the key of",
		`{ roots = dir .. "/empty.pem" }`:                                                       "there is no certificate in it",
		`{ roots = { dir .. "/roots.pem", dir .. "/none.pem" } }`:                               "no such file",
		`{ hosts = { "https://x" } }`:                                                           "is not a host",
		`{ max_age = 0 }`:                                                                       "max_age must be at least 1",
		`{ max_age = 10 }) stir.configure({ max_age = 11 }`:                                     "has already been called",
	} {
		t.Run(source, func(t *testing.T) {
			s := stir.New(stir.Options{})
			t.Cleanup(func() { _ = s.Close() })
			_, err := luabindtest.Try(t, fmt.Sprintf("local dir = %q local stir = require \"stir\" stir.configure(%s) function route(req) req:reply(200) end", o.dir, source), luabindtest.Modules(s))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

func TestRaises(t *testing.T) {
	s := stir.New(stir.Options{})
	t.Cleanup(func() { _ = s.Close() })
	w := luabindtest.New(t, `stir = require "stir" function route(req) local ok, err = pcall(stir[req.ruri.user], req) req:reply(200, tostring(err)) end`, luabindtest.Modules(s))
	for name, want := range map[string]string{"sign": "needs stir.configure with certificate, key and x5u", "divert": "needs stir.configure with certificate", "verify": "needs stir.configure with roots"} {
		t.Run(name, func(t *testing.T) {
			if m := w.Ask("INVITE", "sip:"+name+"@example.com"); m == nil || !strings.Contains(string(m.ReasonPhrase()), want) {
				t.Errorf("%v", m)
			}
		})
	}
	o := newWorld(t, "", `req:reply(200, tostring(select(2, pcall(stir.sign, req, { attest = "A", compact = true }))))`)
	if _, reason := o.call(alice, bob, "sip:x@example.com"); !strings.Contains(reason, "compact: a token with attest") {
		t.Error(reason)
	}
	o.eval(`return stir.verstat("sip:+4930@example.com;user=phone", "TN-Validation-Passed"), stir.verstat("tel:+49;verstat=x"), select(2, stir.verstat("sip:x"))`,
		"sip:+4930;verstat=TN-Validation-Passed@example.com;user=phone", "tel:+49", `"sip:x" names nobody: expected a telephone number, or a SIP or tel URI with a user`)
}

func TestFetching(t *testing.T) {
	pem := func(w *world) string { return string(w.own.PEM) }
	for _, row := range []struct {
		name, options string
		page          func(w *world)
		x5u           string
		code          int
		reason        string
		asked         int
	}{
		{"as usual", "", nil, x5u, 200, "A ", 1},
		{"the port 8443", "", nil, "https://cert.example.org:8443/a.pem", 200, "A ", 1},
		{"an allowed host", `hosts = { "*.example.org" }`, nil, x5u, 200, "A ", 1},
		{"an allowed host and port", `hosts = { "cert.example.org:444" }`, nil, "https://cert.example.org:444/a.pem", 200, "A ", 1},
		{"another host", `hosts = { "example.org", "*.cert.example.org" }`, nil, x5u, 436, "certificates are not fetched from \"cert.example.org\"", 0},
		{"another port", "", nil, "https://cert.example.org:444/a.pem", 436, "has a port other than", 0},
		{"a query", "", nil, x5u + "?x=y", 436, "query", 0},
		{"a user", "", nil, "https://a:b@cert.example.org/a.pem", 436, "has a user", 0},
		{"a long URL", "", nil, x5u + strings.Repeat("x", 600), 436, "more than 512 bytes", 0},
		{"nothing there", "", func(w *world) { delete(w.web.pages, x5u) }, x5u, 436, "cert.example.org answered 404", 1},
		{"a redirect", "", func(w *world) { w.web.code, w.web.heads = 302, http.Header{"Location": {"https://10.0.0.1/"}} }, x5u, 436, "cert.example.org answered 302", 1},
		{"away", "", func(w *world) { w.web.err = errors.New("away") }, x5u, 436, "the certificate can't be had", 1},
		{"too large", "", func(w *world) { w.web.pages[x5u] = strings.Repeat("x", 65<<10) }, x5u, 436, "too large", 1},
		{"a page", "", func(w *world) { w.web.pages[x5u] = "<html>" }, x5u, 437, "not a certificate", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, row.options, signing)
			w.web.set(func() {
				if !strings.Contains(row.x5u, "x5u") {
					w.web.pages[row.x5u] = pem(w)
				}
				if row.page != nil {
					row.page(w)
				}
			})
			token := w.token(row.x5u)
			for range 3 { // a failure is remembered too
				if code, reason := w.call(alice, bob, "sip:x@verify", token); code != row.code || !strings.Contains(reason, row.reason) {
					t.Errorf("%d %s", code, reason)
				}
			}
			if n := w.web.count(); n != row.asked {
				t.Errorf("asked %d times: %q", n, w.web.asked)
			}
		})
	}
}

// Secrets come as text too, in environment variables, and errors don't show them.
func TestTextsInPlaceOfFiles(t *testing.T) {
	o := newWorld(t, "", signing)
	other := o.ca.Issue(started, passporttest.Codes("709J"), nil)
	for _, row := range []struct{ name, key, want string }{
		{"all are texts", string(o.own.KeyPEM), ""},
		{"the key of another", string(other.KeyPEM), "key is not the key of certificate"},
		{"damaged", "-----BEGIN SECRET", "key: there is no private key of P-256 in it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := stir.New(stir.Options{})
			t.Cleanup(func() { _ = s.Close() })
			text := fmt.Sprintf(`local stir = require "stir" stir.configure({ certificate = %q, key = %q, roots = %q, x5u = "https://cert.example.org/a.pem" })
				function route(req) assert(stir.sign(req, { attest = "A", orig = "+4930123456" })) req:relay("sip:bob@10.0.0.9") end`, o.own.PEM, row.key, o.ca.PEM)
			w, err := luabindtest.Try(t, text, luabindtest.Modules(s))
			if row.want != "" {
				if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "PRIVATE KEY-") {
					t.Errorf("%v, want %q", err, row.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			signed := false
			w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
				signed = signed || m.HeaderName("Identity") != nil
				p.Reply(m, in, 486, "")
			})
			w.Ask("INVITE", "sip:+4930123457@example.com")
			if !signed {
				t.Error("it is not signed")
			}
		})
	}
}
