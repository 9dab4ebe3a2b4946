package stir_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/stir"
	"github.com/sipscript/sipscript/modules/stir/passport"
	"github.com/sipscript/sipscript/modules/stir/passport/passporttest"
	"github.com/sipscript/sipscript/modules/uac"
)

const x5u = "https://cert.example.org/a.pem"

// started is the time in a simulation when it begins.
var started = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// web is what is there of https.
type web struct {
	mu    sync.Mutex
	pages map[string]string // guarded by mu, as all below
	heads http.Header
	code  int
	err   error
	asked []string
	block chan struct{} // not nil: answers wait for it
}

func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, r.URL.String())
	body, code, err, heads, block := w.pages[r.URL.String()], w.code, w.err, w.heads, w.block
	w.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if err != nil {
		return nil, err
	}
	if code == 0 {
		code = 200
	}
	if body == "" {
		code = 404
	}
	if heads == nil {
		heads = http.Header{}
	}
	return &http.Response{StatusCode: code, Header: heads, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

func (w *web) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func (w *web) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// world is a server that signs for users called "sign…", and verifies the others.
type world struct {
	*luabindtest.World
	stir  *stir.Stir
	web   *web
	ca    *passporttest.Authority
	own   *passporttest.Signer
	dir   string
	phone *luabindtest.Peer
	got   []*message.Message // requests that reached the phone
	n     int
}

// script has options of configure, and what is done with those who are not called "verify".
const script = `
stir = require "stir"
stir.configure({ certificate = dir .. "/cert.pem", key = dir .. "/key.pem", x5u = "https://cert.example.org/a.pem", roots = dir .. "/roots.pem", %s })
function route(req)
  if req.ruri.host == "verify" then
    local who, err, code = stir.verify(req)
    if not who then return req:reply(code, err) end
    return req:reply(200, ("%%s %%s>%%s %%s%%s"):format(who.attest or "-", who.orig, who.dest, who.certificate.spc or "-", who.diverted and " " .. table.concat(who.diverted, ",") or ""))
  end
  %s
end`

func newWorld(t testing.TB, options, body string) *world {
	w := &world{web: &web{}, ca: passporttest.New(t, started), dir: t.TempDir()}
	w.own = w.ca.Issue(started, passporttest.Codes("709J"), nil)
	w.web.pages = map[string]string{x5u: string(w.own.PEM)}
	w.write(t, "roots.pem", w.ca.PEM)
	w.write(t, "cert.pem", w.own.PEM)
	w.write(t, "key.pem", w.own.KeyPEM)
	return w.another(t, options, body)
}

// another is a further server with the same files.
func (o *world) another(t testing.TB, options, body string) *world {
	w := &world{web: o.web, ca: o.ca, own: o.own, dir: o.dir}
	w.stir = stir.New(stir.Options{Clients: clients.New(clients.Options{Transport: w.web}), Now: func() time.Time { return w.Sim.Wall() }})
	t.Cleanup(func() { _ = w.stir.Close() })
	w.World = luabindtest.New(t, fmt.Sprintf("local dir = %q\n", w.dir)+fmt.Sprintf(script, options, body), luabindtest.Modules(w.stir, uac.New(uac.Options{})))
	if d := w.Sim.Wall().Sub(started).Abs(); d > time.Hour {
		t.Fatalf("a simulation begins at %v", w.Sim.Wall())
	}
	w.phone = w.Peer("10.0.0.9:5060", func(p *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() != message.MethodAck {
			w.got = append(w.got, m)
			p.Reply(m, in, 200, "")
		}
	})
	return w
}

// call sends an INVITE from alice's number to a URI.
func (w *world) call(from, to, uri string, headers ...string) (code int, reason string) {
	w.T.Helper()
	w.n++
	text := fmt.Sprintf("INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK-s%d\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=f%d\r\nTo: <%s>\r\nCall-ID: s%d\r\nCSeq: 1 INVITE\r\n%sContent-Length: 0\r\n\r\n",
		uri, luabindtest.Caller, w.n, from, w.n, to, w.n, strings.Join(headers, ""))
	m := w.Send([]byte(text))
	if m == nil {
		return 0, ""
	}
	return m.Status(), string(m.ReasonPhrase())
}

const (
	alice = "sip:+4930123456@example.com;user=phone"
	bob   = "tel:+49-30-123457"
)

// signed is the Identity headers, as lines, of what reached the phone when alice called bob.
func (w *world) signed(headers ...string) string {
	w.T.Helper()
	w.got = nil
	if code, why := w.call(alice, bob, "sip:bob@10.0.0.9", headers...); code != 200 || len(w.got) != 1 {
		w.T.Fatal(code, why, w.Log())
	}
	var lines strings.Builder
	for i := 0; i < w.got[0].Len(); i++ {
		if id := w.got[0].ID(i); id == message.HeaderIdentity || id == message.HeaderDate {
			fmt.Fprintf(&lines, "%s: %s\r\n", id, w.got[0].Value(i))
		}
	}
	return lines.String()
}

func (w *world) write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

const signing = `local ok, err = stir.sign(req, { attest = "A" }) if not ok then return req:reply(500, err) end req:relay("sip:bob@10.0.0.9")`

func TestSignAndVerify(t *testing.T) {
	w := newWorld(t, "", signing)
	lines := w.signed()
	date, identity, _ := strings.Cut(lines, "Identity:")
	if identity = "Identity:" + identity; !strings.HasPrefix(date, "Date: ") {
		date, identity = identity, date
	}
	if !strings.Contains(lines, "Date: Thu, 01 Jan 2026 00:0") || strings.Count(lines, "Identity:") != 1 || !strings.Contains(lines, `;info=<https://cert.example.org/a.pem>;alg=ES256;ppt="shaken"`) {
		t.Error(lines)
	}
	for _, row := range []struct {
		name, from, to, headers string
		code                    int
		reason                  string
	}{
		{"as it was sent", alice, bob, lines, 200, "A 4930123456>4930123457 709J"},
		{"other spellings", "sip:%2B49-30-123456@other.net", "sip:4930123457@x", lines, 200, "A 4930123456>4930123457 709J"},
		{"another caller", "sip:+4930999999@example.com", bob, lines, 438, "orig is 4930123456, but the call is from 4930999999"},
		{"From hidden, P-Asserted-Identity there", "sip:anonymous@anonymous.invalid", bob, lines + "P-Asserted-Identity: <sip:alice@example.com>, <tel:+4930123456>\r\n", 200, "A 4930123456>4930123457 709J"},
		{"P-Asserted-Identity of another", alice, bob, lines + "P-Asserted-Identity: <tel:+4930999999>\r\n", 438, "orig is 4930123456, but the call is from 4930999999"},
		{"without Date", alice, bob, identity, 200, "A 4930123456>4930123457 709J"},
		{"a Date that can't be read", alice, bob, "Date: yesterday\r\n" + identity, 438, "the Date can't be read"},
		{"without Identity", alice, bob, "", 428, "missing"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if code, reason := w.call(row.from, row.to, "sip:x@verify", row.headers); code != row.code || reason != row.reason {
				t.Errorf("%d %s", code, reason)
			}
		})
	}
	if n := w.web.count(); n != 1 {
		t.Errorf("the certificate was fetched %d times", n)
	}
	w.Run(2 * time.Minute)
	if code, reason := w.call(alice, bob, "sip:x@verify", lines); code != 403 || !strings.HasPrefix(reason, "stale: Date is 2m") {
		t.Errorf("later: %d %s", code, reason)
	}
}

const messageFrom = message.HeaderFrom

// token is an Identity header, as a line, by our own key, whose certificate is elsewhere.
func (w *world) token(at string) string {
	w.T.Helper()
	t := passport.Token{Type: passport.Shaken, X5U: at, Claims: passport.Claims{Attest: "A", OrigID: "x", IssuedAt: w.Sim.Wall().Unix(),
		Orig: passport.Identity{TN: "4930123456"}, Dest: passport.To(passport.Identity{TN: "4930123457"})}}
	value, err := t.Sign(w.own.Key, passport.Full)
	if err != nil {
		w.T.Fatal(err)
	}
	return "Identity: " + value + "\r\n"
}
