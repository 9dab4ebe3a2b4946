package interop

// Calls whose sides are hidden from each other, with phones that are not ours.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

const hidingScript = `
local topology, registrar = require "topology", require "registrar"
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  req:record_route()
  topology.hide(req, { %s })
  req:relay(registrar.lookup(req.ruri))
end`

func hidingServer(t *testing.T, options string) *server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hide.lua")
	if err := os.WriteFile(path, fmt.Appendf(nil, hidingScript, options), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "--no-watch", path)
}

// sipp on both sides, over UDP and from UDP to TCP.
func TestHiddenCallsOfSipp(t *testing.T) {
	needSipp(t)
	for _, row := range []struct{ options, callee string }{{"", "udp"}, {"call_id = true", "udp"}, {"call_id = true, contact_user = 'gw'", "tcp"}} {
		t.Run(row.options+" "+row.callee, func(t *testing.T) {
			s := hidingServer(t, row.options)
			callee := startSipp(t, sippOptions{scenario: "callee", transport: row.callee, calls: 100})
			all := users(20, callee.addr(), row.callee)
			register := startSipp(t, sippOptions{scenario: "register", transport: "udp", server: s.addrs["udp"], calls: 20, rate: 100, fields: all})
			register.wait()
			caller := startSipp(t, sippOptions{scenario: "caller", transport: "udp", server: s.addrs["udp"], calls: 100, rate: 100, fields: all, pause: pauseInCalls})
			caller.wait()
			callee.wait()
			leftNothing(t, s)
			if n := s.metric("sipscript_topology_hidden_total"); n != 100 {
				t.Errorf("%v calls were hidden", n)
			}
		})
	}
}

// baresip and sipgo: each calls, and each hangs up.
func TestHiddenCallsOfBaresip(t *testing.T) {
	needBaresip(t)
	s := hidingServer(t, "call_id = true")
	alice := peer.New(t, "alice", "example.com", s.via("udp"))
	alice.Register()
	bob := startBaresip(t, s, "udp", "bob", "")
	bob.says(0, "registered successfully")
	t.Run("is called, and the caller hangs up", func(t *testing.T) {
		call := callBaresip(t, alice, bob, "bob")
		from := bob.out.count()
		call.Bye()
		bob.says(from, "session closed")
	})
	t.Run("is called, and hangs up", func(t *testing.T) {
		callBaresip(t, alice, bob, "bob")
		bob.command("hangup")
		alice.Bye()
	})
	t.Run("calls, and hangs up", func(t *testing.T) {
		in := baresipCalls(t, bob, alice)
		if contact := in.Request.GetHeader("Contact"); contact == nil || !strings.Contains(contact.Value(), "<sip:vl-") {
			t.Errorf("alice is shown %v", contact)
		}
		bob.command("hangup")
		alice.Bye()
	})
}
