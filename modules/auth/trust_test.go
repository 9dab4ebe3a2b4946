package auth

// This file tests who needs no password.

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
)

func TestTrusts(t *testing.T) {
	p, err := policyOf(func(p *Policy) {
		p.Trusted = []string{"192.0.2.4", "198.51.100.0/24", "2001:db8::/32", "cert:Trunk.Example.net."}
	}).complete()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ addr, identity, want string }{
		{"192.0.2.4", "", "192.0.2.4"},
		{"::ffff:192.0.2.4", "", "192.0.2.4"},
		{"192.0.2.5", "", ""},
		{"198.51.100.255", "", "198.51.100.0/24"},
		{"198.51.101.0", "", ""},
		{"2001:db8:1::1", "", "2001:db8::/32"},
		{"2001:db9::1", "", ""},
		{"203.0.113.1", "trunk.example.net", "cert:Trunk.Example.net."},
		{"203.0.113.1", "a.trunk.example.net", ""},
		{"203.0.113.1", "x.example trunk.example.net", "cert:Trunk.Example.net."},
	} {
		t.Run(c.addr, func(t *testing.T) {
			if got := p.Trusts(netip.MustParseAddr(c.addr), strings.Fields(c.identity)); got != c.want {
				t.Errorf("%s %s: %q, want %q", c.addr, c.identity, got, c.want)
			}
		})
	}
	for _, text := range []string{"", "trunk.example.net", "192.0.2.1/24", "192.0.2.0/33", "cert:", "cert:*.example.net", "cert:sip:x", "::ffff:192.0.2.0/120"} {
		if err := (policyOf(func(p *Policy) { p.Trusted = []string{text} })).Check(); err == nil || !strings.Contains(err.Error(), "trusted") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLuaTrusted(t *testing.T) {
	w := world(t, `auth.configure { users = { alice = "open sesame" }, trusted = { "10.0.0.0/30", "cert:trunk.example.net" } }
	function route(req)
		said:set("trusted", tostring(auth.trusted(req)))
		said:set("identity", #req.source.identity)
		if not auth.trusted(req) and not auth.require(req) then return end
		req:reply(200)
	end`)
	p := newPhone(w, client{})
	p.expect(p.send(), 200)
	w = world(t, `auth.configure { users = { alice = "open sesame" }, trusted = { "10.1.0.0/16" } }
	function route(req)
		if auth.trusted(req) or auth.require(req) then req:reply(200) end
	end`)
	p = newPhone(w, client{})
	p.expect(p.send(), 401)
	p.expect(p.ask(), 200)
	if _, err := luabindtest.Try(t, head+`auth.configure { trusted = { "trunk.example.net" } }`, luabindtest.Modules(luabindtest.Must(New(Options{})))); err == nil || !strings.Contains(err.Error(), "trusted") {
		t.Error(err)
	}
}
