package interop

// baresip with a password: it registers (401), and calls (407). Version 1.0.0 knows MD5 alone, and
// gives up where another algorithm is offered beside it ("Function not implemented"), in whatever
// order: `auto` remembers it.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

const guarded = `
local registrar = require "registrar"
local auth = require "auth"
auth.configure { realm = "example.com", algorithms = { %s }, qop = { %s }, users = { bob = "opensesame" } }
function route(req)
  if req.in_dialog then return req:relay() end
  local name = req.from.uri.user
  if name ~= "alice" and not auth.require(req) then return end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`

func TestBaresipPassword(t *testing.T) {
	needBaresip(t)
	for _, c := range []struct{ algorithms, qop, transport string }{
		{`"MD5"`, `"auth"`, "udp"},
		{`"MD5"`, `"auth"`, "tcp"},
		{`"MD5"`, `"none"`, "udp"},
	} {
		t.Run(c.algorithms+" "+c.qop+" "+c.transport, func(t *testing.T) {
			s := start(t, script(t, fmt.Sprintf(guarded, c.algorithms, c.qop)))
			alice := peer.New(t, "alice", "example.com", s.via("udp"))
			alice.Register()
			bob := startBaresipWith(t, s, c.transport, "bob", "", ";auth_user=bob;auth_pass=opensesame")
			bob.says(0, "registered successfully")
			in := baresipCalls(t, bob, alice)
			from := bob.out.count()
			in.HangUp()
			bob.says(from, "session closed")
			callBaresip(t, alice, bob, "bob")
			bob.command("hangup")
			alice.Bye()
			_, figures := s.http("GET", "/metrics")
			for _, want := range []string{`sipscript_auth_checks_total{outcome="ok"} 2`, `sipscript_auth_checks_total{outcome="failed"} 0`} {
				if !strings.Contains(figures, want+"\n") {
					t.Errorf("no %q in the figures", want)
				}
			}
		})
	}
	t.Run("auto", func(t *testing.T) { // its first attempt is lost, its next is not
		s := start(t, script(t, fmt.Sprintf(strings.Replace(guarded, "{ %s }", "%s", 1), `"auto"`, `"auth"`)))
		// Left alone it tries again within a minute. One that is started again, and has another
		// Call-ID, counts after two seconds.
		for range 1000 { // some 60 will do
			bob := startBaresipWith(t, s, "udp", "bob", "", ";auth_user=bob;auth_pass=opensesame")
			in := func() bool { return strings.Contains(bob.out.text(), "registered successfully") }
			eventually(t, "an outcome", func() bool { return in() || strings.Contains(bob.out.text(), "Function not implemented") })
			if in() {
				s.log.await(t, 0, "it is offered MD5 alone", "user=bob")
				return
			}
			bob.stop()
		}
		t.Error("it is never let in")
	})
	t.Run("a wrong password", func(t *testing.T) {
		s := start(t, script(t, fmt.Sprintf(guarded, `"MD5"`, `"auth"`)))
		bob := startBaresipWith(t, s, "udp", "bob", "", ";auth_user=bob;auth_pass=wrong")
		bob.says(0, "403 Forbidden") // it tries again and again, until it is banned
	})
}
