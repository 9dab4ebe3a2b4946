package auth

// This file tests which realm is asked for, and which signed URI is accepted, as scripts see it.

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// The realm is the domain claimed where it is ours.
func TestLuaRealm(t *testing.T) {
	w := world(t, `auth.users {}`+reply, luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com", "example.net"} }))
	for to, realm := range map[string]string{"sip:a@example.com": "example.com", "sip:a@EXAMPLE.NET": "example.net", "sip:a@elsewhere.org": "example.com"} {
		t.Run(to, func(t *testing.T) {
			p := newPhone(w, client{})
			p.to = to
			if got := param(string(p.send().Header(message.HeaderWWWAuthenticate)), "realm"); got != realm {
				t.Errorf("%s: realm %q, want %q", to, got, realm)
			}
		})
	}
	w = world(t, `auth.configure { realm = "Our Realm", users = { alice = "open sesame" } }
	function route(req)
		if auth.require(req, { realm = req:is("REGISTER") and "other" or nil, code = req:is("PUBLISH") and 401 or nil }) then req:reply(200) end
	end`)
	for method, want := range map[string]string{"REGISTER": "401 other", "MESSAGE": "407 Our Realm", "PUBLISH": "401 Our Realm"} {
		t.Run(method, func(t *testing.T) {
			p := newPhone(w, client{method: method})
			m := p.send()
			v := m.Header(message.HeaderWWWAuthenticate)
			if m.Status() == 407 {
				v = m.Header(message.HeaderProxyAuthenticate)
			}
			if got := fmt.Sprint(m.Status(), " ", param(string(v), "realm")); got != want {
				t.Errorf("%s: %s, want %s", method, got, want)
			}
			p.expect(p.ask(), 200)
		})
	}
}

// What clients sign instead of the Request-URI.
func TestLuaSignedURI(t *testing.T) {
	for _, c := range []struct {
		signed, asked  string
		direct, always int
	}{
		{"sip:bob@example.com", "sip:bob@example.com", 200, 200},
		{"sip:10.0.0.1:5060", "sip:bob@example.com", 200, 400}, // sipp: where it sends to
		{"sip:example.com", "sip:bob@elsewhere.net", 200, 400},
		{"sip:bob@10.0.0.1:5060", "sip:bob@example.com", 200, 400},
		{"sip:bob@10.0.0.1:5060", "sip:carol@example.com", 400, 400},
		{"sip:bob@10.0.0.1:5060", "sip:bob@elsewhere.net", 400, 400},
		{"sip:elsewhere.net", "sip:bob@example.com", 400, 400},
		{"sip:bob@example.com", "sip:carol@example.com", 400, 400},
	} {
		t.Run(c.signed, func(t *testing.T) {
			for check, want := range map[string]int{"direct": c.direct, "always": c.always} {
				w := world(t, `auth.configure { users = { alice = "open sesame" }, uri = "`+check+`" }`+reply)
				p := newPhone(w, client{method: "MESSAGE", uri: c.signed, ruri: c.asked})
				if m := p.ask(); m.Status() != want {
					t.Errorf("%s: %s signed for %s: %d, want %d", check, c.signed, c.asked, m.Status(), want)
				}
			}
		})
	}
	// A script that set the Request-URI itself can't expect it to be signed.
	w := world(t, `auth.users { alice = "open sesame" }
	function route(req)
		req.ruri = "sip:carol@example.com"
		if auth.require(req) then req:reply(200) end
	end`)
	p := newPhone(w, client{method: "MESSAGE", uri: "sip:bob@example.com"})
	p.expect(p.ask(), 200)
}
