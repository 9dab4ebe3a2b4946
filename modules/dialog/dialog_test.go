package dialog_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// A call rings, is answered, and either party hangs up.
func TestCall(t *testing.T) {
	for _, row := range []struct{ name, by string }{{"the caller hangs up", "caller"}, {"the callee hangs up", "callee"}} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, scriptOf("", "", "10.0.0.3"))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			in := w.Came(bob, "INVITE")
			w.calls(1)
			w.heard()
			w.Reply(in, 180)
			w.Answered(out, 180)
			w.heard("early")
			w.Reply(in, 200)
			w.Answered(out, 200)
			w.heard("answered")
			v := w.only().View()
			if v.State != track.Confirmed || len(v.Legs) != 1 || v.Legs[0].Tag == "" || v.Legs[0].B.URI != "sip:bob@10.0.0.3:5060" || v.A.URI != "sip:alice@10.0.0.2:5060" {
				t.Errorf("%+v", v)
			}
			w.Run(10 * time.Second)
			if row.by == "caller" {
				w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			} else {
				w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			}
			w.heard("ended bye " + row.by)
			w.calls(0)
		})
	}
}
