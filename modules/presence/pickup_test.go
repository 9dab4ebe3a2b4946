package presence_test

// This file tests that a lamp can be picked up: phones that do what RFC 3891 says, and a watcher
// that builds Replaces of the document it is told.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
	peer "github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/topology"
)

const pickupScript = `
local presence, registrar, topology = require "presence", require "registrar", require "topology"
presence.configure { blf = true, ` + everybody + ` }
function route(req)
  if req.in_dialog then return req:relay() end
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req) end
  req:record_route()
  %s
  req:relay(registrar.lookup(req.ruri))
end`

// Each party's document has the Call-ID and tags of that party's own side; an INVITE with Replaces
// made of it reaches the other party, or the same one, and names a call that phone has.
func TestPickup(t *testing.T) {
	for _, hide := range []string{"", "topology.hide(req)", "topology.hide(req, { call_id = true })"} {
		for _, x := range []struct {
			lamp, target string
			answered     bool
		}{
			{"bob", "carol", false}, // a phone that rings: its caller takes the new call instead
			{"bob", "carol", true},
			{"bob", "bob", true},
			{"carol", "bob", true},
			{"carol", "carol", true},
		} {
			t.Run(fmt.Sprintf("%s: %s's lamp, at %s, answered %v", hide, x.lamp, x.target, x.answered), func(t *testing.T) {
				users := luabindtest.Must(registrar.New(registrar.Options{}))
				w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users}))}
				w.World = luabindtest.New(t, fmt.Sprintf(pickupScript, hide), luabindtest.Modules(users, w.module, topology.New()),
					luabindtest.Wrap(func(r *luabind.Router) engine.Router { return vouching{r} }))
				w.Ladder()
				alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
				phones := map[string]*peer.Phone{"bob": bob, "carol": carol}
				for _, p := range phones {
					w.Answered(p.Register(peer.Registration{Expires: 600}), 200)
				}
				lamp := w.phone("alice")
				lamp.Subscribe(x.lamp, "dialog", "")
				lamp.Told()

				out := carol.Invite("sip:bob@example.com", peer.Spec{})
				in := w.Came(bob, "INVITE")
				w.Reply(in, 180)
				body := ""
				hears := func(state string) {
					for !strings.Contains(body, "<state>"+state+"</state>") {
						_, body, _ = lamp.Told()
					}
				}
				hears("early")
				if x.answered {
					w.Reply(in, 200)
					hears("confirmed")
				}
				attr := func(name string) string {
					_, rest, _ := strings.Cut(body, name+`="`)
					value, _, _ := strings.Cut(rest, `"`)
					return value
				}
				id, local, remote := attr("call-id"), attr("local-tag"), attr("remote-tag")
				if own := map[string]string{"bob": string(in.Msg.CallID()), "carol": out.CallID()}[x.lamp]; id != own {
					t.Errorf("the document has the Call-ID %s, that side %s", id, own)
				}
				to, from := local, remote
				if x.target != x.lamp { // as the other side has it
					to, from = remote, local
				}
				pick := alice.Invite("sip:"+x.target+"@example.com", peer.Spec{Headers: []proxy.HeaderEdit{{Name: "Replaces", Values: []string{id + ";to-tag=" + to + ";from-tag=" + from + ";x=y"}}}})
				arrived := w.Came(phones[x.target], "INVITE")
				value := string(arrived.Msg.HeaderName("Replaces"))
				if !strings.HasSuffix(value, ";to-tag="+to+";from-tag="+from+";x=y") {
					t.Errorf("Replaces: %s", value)
				}
				// The caller takes the call, and ends its own early dialog (RFC 3891 §3)
				if !x.answered {
					if d := out.Dialog(); d == nil || d.CallID() != strings.Split(value, ";")[0] {
						t.Fatalf("the caller does not know %s", value)
					}
					w.Reply(arrived, 200)
					if err := out.Cancel(nil); err != nil {
						t.Fatal(err)
					}
					w.Came(bob, "CANCEL")
					w.Reply(in, 487)
					w.Answered(out, 487)
					w.Answered(pick, 200)
					return
				}
				d := arrived.Replaced()
				if d == nil {
					t.Fatalf("%s does not know %s", x.target, value)
				}
				w.Reply(arrived, 200)
				w.Answered(pick, 200)
				d.Send(peer.Spec{Method: "BYE"})
				other := map[string]*peer.Phone{"bob": carol, "carol": bob}[x.target]
				w.Came(other, "BYE")
				w.Run(time.Second)
			})
		}
	}
}
