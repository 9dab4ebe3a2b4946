package auth

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/registrar"
)

// Whose users are the same: registrar and auth agree.
func TestUserBases(t *testing.T) {
	const (
		domain, dotted, address, other = "example.com", "EXAMPLE.com.", "10.0.0.1", "example.org"
		port                           = "10.0.0.1:5060"
	)
	for _, c := range []struct {
		mode, user        string
		registers, called string
		code, found       int // of the REGISTER, and how many phones the call finds
		realm             string
	}{
		{"", "alice", domain, domain, 200, 1, domain},
		{"", "alice", dotted, domain, 200, 1, domain},
		{"", "alice", domain, dotted, 200, 1, domain},
		{"", "alice", address, domain, 200, 1, domain},
		{"", "alice", domain, address, 200, 1, domain},
		{"", "alice", port, domain, 200, 1, domain},
		{"", "alice", other, domain, 200, 0, other},
		{"", "alice", other, address, 200, 0, other},
		{"", "alice@example.com", address, domain, 200, 1, domain},
		{"", "alice@example.com", dotted, domain, 200, 1, domain},
		{"", "alice@example.com.", domain, domain, 200, 1, domain},
		{"", "alice@10.0.0.1", domain, domain, 200, 1, domain},
		{"", "alice@example.com", other, domain, 403, 0, other},
		{"", "alice@example.org", address, domain, 403, 0, domain},
		{"alias", "alice", address, domain, 200, 1, domain},
		{"alias", "alice", other, domain, 200, 0, other},
		{"separate", "alice", address, domain, 200, 0, domain},
		{"separate", "alice", address, address, 200, 1, domain},
		{"separate", "alice@example.com", address, domain, 403, 0, domain},
		{"separate", "alice", dotted, domain, 200, 1, domain},
		{"all", "alice", address, domain, 200, 1, domain},
		{"all", "alice", other, domain, 200, 1, domain},
		{"all", "alice", domain, other, 200, 1, domain},
		{"all", "alice@example.com", other, other + ".", 200, 1, domain},
		{"all", "alice@example.org", domain, domain, 200, 1, domain},
	} {
		t.Run(fmt.Sprint(c.mode, " ", c.user, " ", c.registers, " ", c.called), func(t *testing.T) {
			configure := ""
			if c.mode != "" {
				configure = `registrar.configure { domains = "` + c.mode + `" }`
			}
			w := luabindtest.New(t, head+`
			local registrar = require "registrar"
			`+configure+`
			auth.users { [ [[`+c.user+`]] ] = "open sesame" }
			function route(req)
				if req.method == "REGISTER" then
					if auth.require(req) then registrar.save(req) end
					return
				end
				req:reply(200, "found " .. #registrar.lookup(req.ruri))
			end`, luabindtest.Modules(luabindtest.Must(New(Options{})), luabindtest.Must(registrar.New(registrar.Options{}))), luabindtest.Engine(func(e *engine.Config) {
				e.Domains = []string{"example.com", "example.org", "a.example.net"}
			}))
			p := newPhone(w, client{user: c.user, uri: "sip:" + c.registers})
			p.from, p.to = "sip:alice@"+c.registers, "sip:alice@"+c.registers
			m := p.ask("Contact: <sip:alice@10.0.0.2>")
			p.expect(m, c.code)
			if p.realm != c.realm {
				t.Errorf("asked for the password of %s, want %s", p.realm, c.realm)
			}
			call := newPhone(w, client{method: "MESSAGE", uri: "sip:alice@" + c.called}).send()
			if want := fmt.Sprint("found ", c.found); call == nil || string(call.ReasonPhrase()) != want {
				t.Errorf("%v, want %s", call, want)
			}
		})
	}
}
