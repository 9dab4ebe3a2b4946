package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind/spec"
	"github.com/sipscript/sipscript/modules/all"
	"github.com/sipscript/sipscript/ops/openapi"
)

// played runs a spec beside a script, and returns what a ring of its server remembers of the call
// or request that began first.
func played(t *testing.T, script, body string) (*Call, *API) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.lua"), script)
	write(t, filepath.Join(dir, "x_spec.lua"), "local t = require 'sip.test'\nt.it('x', function()\n"+body+"\nend)\n")
	r := ring.New(ring.Options{Size: ring.MinSize})
	var out bytes.Buffer
	s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, spec.Options{Modules: all.ForSpec, Seed: 1, Observe: r.Observe}, spec.Show{})
	if s.Failed > 0 || s.Passed != 1 {
		t.Fatalf("the original: %s", out.String())
	}
	api := &API{Ring: r, About: func() ([]string, string) { return []string{"example.com"}, filepath.Join(dir, "x.lua") }}
	var list []Summary
	ask(t, api, "/api/v1/trace/calls", &list)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Method != "REGISTER" {
			var c Call
			ask(t, api, "/api/v1/trace/calls/"+url.PathEscape(list[i].ID), &c)
			return &c, api
		}
	}
	t.Fatal("there is no call")
	return nil, nil
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask asks the API.
func ask(t *testing.T, a *API, path string, into any) {
	t.Helper()
	w := httptest.NewRecorder()
	openapi.Handler(a.Operations()).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatal(err)
	}
}

const (
	proxyScript = `
local registrar = require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  local res = req:fork(registrar.lookup(req.ruri), { timeout = 5 })
  if res.code == 408 then req:relay("sip:vm@10.0.0.9") end
end`
	answeredCall = `
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local call = alice:invite("sip:bob@example.com", { sdp = true })
  local leg = bob:expect("INVITE")
  leg:reply(180)
  call:expect(180)
  t.advance(2)
  leg:answer()
  call:expect(200)
  t.advance(30)
  leg:bye()
  call:expect("BYE")`
)

// A call that is written as a spec passes as one, with the script that made it, and so does what it
// becomes when it is written again.
func TestWrittenSpecPasses(t *testing.T) {
	for _, c := range []struct{ name, script, body, contains string }{
		{"a call that is answered", proxyScript, answeredCall, "bob:register()"},
		{"voicemail after a time", proxyScript, `
  local alice, bob, vm = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com"), t.ua("sip:vm@10.0.0.9")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  t.advance(5)
  bob:expect("CANCEL")
  vm:expect("INVITE"):reply(200)
  call:expect(200)
  call:bye()
  vm:expect("BYE")`, `t.ua("sip:vm@10.0.0.9")`},
		{"busy", proxyScript, `
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(486)
  call:expect(486)`, "reply(486)"},
		{"given up", proxyScript, `
  local alice, bob = t.ua("sip:alice@example.com"), t.ua("sip:bob@example.com")
  bob:register()
  local call = alice:invite("sip:bob@example.com")
  bob:expect("INVITE"):reply(180)
  call:expect(180)
  call:cancel()
  bob:expect("CANCEL")
  call:expect(487)`, "cancel()"},
		{"a password", "local auth = require 'auth'\nauth.configure{ users = { alice = 'secret' }, realm = 'example.com' }\n" +
			"function route(req) if auth.require(req) then req:relay('sip:bob@10.0.0.9') end end", `
  local alice, bob = t.ua("sip:alice@example.com", { password = "secret" }), t.ua("sip:bob@10.0.0.9")
  local m = alice:send{ method = "MESSAGE", uri = "sip:bob@example.com", body = "it's\n\"me\"", content_type = "text/plain" }
  bob:expect("MESSAGE"):reply(200)
  m:expect(200)`, `password = "secret"`},
		{"a caller by his address, within a call", "function route(req)\n  if req.in_dialog then return req:relay() end\n  if req.source.ip ~= '192.0.2.7' then return req:reply(403) end\n  req:record_route()\n  req:relay('sip:gw@10.0.0.9:5070')\nend", `
  local a, gw = t.ua("sip:alice@example.com", { addr = "192.0.2.7:5064" }), t.ua("sip:gw@10.0.0.9:5070")
  local call = a:invite("sip:bob@example.com", { sdp = true })
  gw:expect("INVITE"):answer()
  call:expect(200)
  local info = call:send{ method = "INFO" }
  gw:expect("INFO"):reply(200)
  info:expect(200)
  call:bye()
  gw:expect("BYE")`, `addr = "192.0.2.7:5064"`},
		{"over TLS", "function route(req) req:reply(404) end", `t.ua("sip:a@example.com", { transport = "tls" }):send{ method = "OPTIONS", uri = "sip:example.com" }:expect(404)`, `transport = "tls"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			call, _ := played(t, c.script, c.body)
			var first bytes.Buffer
			if err := WriteSpec(&first, call); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(first.String(), c.contains) {
				t.Errorf("%q is not in\n%s", c.contains, &first)
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "x.lua"), c.script)
			write(t, filepath.Join(dir, "x_spec.lua"), first.String())
			var out bytes.Buffer
			if s := spec.Run(&out, []string{filepath.Join(dir, "x_spec.lua")}, spec.Options{Modules: all.ForSpec, Seed: 1}, spec.Show{}); s.Passed != 1 {
				t.Errorf("%s\n%s", &out, &first)
			}
		})
	}
}

// What a person is told.
func TestTell(t *testing.T) {
	c, _ := played(t, proxyScript, answeredCall)
	text := c.Tell()
	for _, want := range []string{
		"was begun by sip:alice@example.com for sip:bob@example.com",
		"It was answered after 2.0 s and ended by the callee after 32.1 s.",
		"x.lua:7: registrar.lookup says 1 in a list",
		"x.lua:7: the script calls fork",
		"bob 10.0.1.2:5060 is sent INVITE", "because of fork in x.lua:7",
		"sends 180 Ringing to the INVITE by udp",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	ladder := c.Ladder()
	for _, want := range []string{"alice 10.0.1.1:5060", "server", "|-- INVITE 1 -", "fork  x.lua:7", "200 OK (INVITE 1)", "relay  x.lua:4"} {
		if !strings.Contains(ladder, want) {
			t.Errorf("%q is not in\n%s", want, ladder)
		}
	}
	w := NewWatcher()
	var live strings.Builder
	for i := range c.Events {
		e := c.Events[i]
		e.CallID = c.ID
		live.WriteString(w.Add(&e))
	}
	if text := live.String(); strings.Count(text, "INVITE 1 -") != 2 || !strings.Contains(text, "registrar.lookup") || !strings.Contains(text, c.ID) {
		t.Errorf("live:\n%s", text)
	}
}

// Wireshark reads the messages of a capture, of UDP and of what was encrypted, with their comments.
func TestPcap(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	udp, _ := played(t, proxyScript, answeredCall)
	wss, _ := played(t, "function route(req) req:reply(404) end", `t.ua("sip:a@example.com", { transport = "wss" }):send{ method = "OPTIONS", uri = "sip:example.com" }:expect(404)`)
	v6 := &Call{Summary: Summary{ID: "6"}, Events: []Event{{Kind: "received", At: udp.Events[0].At, Transport: "tls", Local: "[2001:db8::1]:5061", Peer: "[2001:db8::2]:43210", Text: udp.Events[0].Text}}}
	path := filepath.Join(t.TempDir(), "x.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := WritePcap(f, udp, wss, v6); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	cmd := exec.Command(tshark, "-r", path, "-T", "fields", "-E", "separator=|", "-e", "ip.src", "-e", "udp.srcport", "-e", "tcp.srcport", "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "frame.comment", "-e", "ipv6.src",
		"-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-e", "udp.checksum.status", "-e", "tcp.checksum.status")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := string(out)
	for _, want := range []string{
		"10.0.1.1|5060||INVITE||udp||1|", "10.0.0.1|5060||INVITE||udp, because of fork  x.lua:7||1|", "|200|udp", "|BYE|",
		"|OPTIONS||wss|", "|404|wss, because of reply  x.lua:1||", "INVITE||tls|2001:db8::2||1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if lines := strings.Count(text, "\n"); lines != udp.Messages+wss.Messages+1 {
		t.Errorf("%d packets of %d messages:\n%s", lines, udp.Messages+wss.Messages+1, text)
	}
}

// Who watches is told what happens, and stays connected for longer than a request may take to
// arrive; what the filter does not choose is not told.
func TestLive(t *testing.T) {
	r := ring.New(ring.Options{Size: ring.MinSize})
	l := lane.New(0, lane.Options{Clock: lane.NewSystem()})
	defer l.Stop()
	o := r.Observe(l)
	server := httptest.NewUnstartedServer(openapi.Handler((&API{Ring: r}).Operations()))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	server.Start()
	defer server.Close()
	res, err := server.Client().Get(server.URL + "/api/v1/trace/live?user=bob")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	send := func(user, id string) {
		text := "OPTIONS sip:" + user + "@x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:" + user + "@x>\r\nCall-ID: " + id + "\r\nCSeq: 1 OPTIONS\r\n\r\n"
		o.Message(&engine.Observed{Bytes: []byte(text), Kind: transport.UDP, Peer: netip.MustParseAddrPort("10.0.0.2:5060")})
	}
	lines := bufio.NewScanner(res.Body)
	next := func() (e Event) {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &e); err != nil {
					t.Fatal(err)
				}
				return e
			}
		}
		t.Fatalf("the server has ended it: %v", lines.Err())
		return e
	}
	if !lines.Scan() || lines.Text() != ": watching" {
		t.Fatal("it does not begin")
	}
	began := time.Now()
	for n := 0; time.Since(began) < 700*time.Millisecond; n++ {
		send("carol", "other")
		send("bob", fmt.Sprint("call-", n))
		if e := next(); e.CallID != fmt.Sprint("call-", n) || e.Kind != "received" || !strings.Contains(e.Text, "sip:bob@x") {
			t.Fatalf("%+v", e)
		}
	}
}

func TestRefused(t *testing.T) {
	r := ring.New(ring.Options{Size: ring.MinSize})
	for _, c := range []struct {
		path, want string
		api        *API
		code       int
	}{
		{"calls", "--ring 0", &API{}, 404}, {"calls/x", "--ring 0", &API{}, 404}, {"live", "--ring 0", &API{}, 404},
		{"calls/x", "no call x is remembered", &API{Ring: r}, 404}, {"calls?code=x", "expected one such as 486", &API{Ring: r}, 400},
		{"calls?limit=0", "from 1 to", &API{Ring: r}, 400}, {"live?ip=x", "expected an IP address", &API{Ring: r}, 400}, {"calls?state=x", "trying", &API{Ring: r}, 400},
	} {
		t.Run(c.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			openapi.Handler(c.api.Operations()).ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/trace/"+c.path, nil))
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	full := &API{Ring: r}
	full.watching.Store(mostLive)
	w := httptest.NewRecorder()
	openapi.Handler(full.Operations()).ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/trace/live", nil))
	if w.Code != 503 || full.watching.Load() != mostLive {
		t.Errorf("one too many: %d, %d watch", w.Code, full.watching.Load())
	}
}
