package dispatch_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// A tracked call holds its gateway's slot from the INVITE to its end, whatever ends it, and gives
// it back once.
func TestEndsOfTrackedCalls(t *testing.T) {
	const script = `
local dialog, dispatch = require "dialog", require "dispatch"
dispatch.configure { sets = { carriers = { { next_hop = "sip:10.0.0.3:5060", max_calls = 1 } } } }
function route(req)
  if req.in_dialog then return req:relay() end
  dialog.track(req, { max_duration = 600, keepalive = 60 })
  req:relay(dispatch.targets("carriers"))
end`
	type world struct {
		*luabindtest.World
		d          *dialog.Dialogs
		alice, bob *phone.Phone
		out        *phone.Outgoing
		in         *phone.Incoming
	}
	answered := func(w *world) {
		w.Reply(w.in, 200)
		w.Answered(w.out, 200)
		w.Came(w.bob, "ACK")
	}
	only := func(w *world) *dialog.Call { return w.d.List(dialog.Filter{})[0] }
	pong := func(w *world, p *phone.Phone, code int) { w.Reply(w.Came(p, "OPTIONS"), code) }
	for _, row := range []struct {
		name   string
		manual bool // phones answer nothing by themselves
		play   func(w *world)
	}{
		{"the caller hangs up", false, func(w *world) {
			answered(w)
			w.Answered(w.out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}},
		{"the callee hangs up", false, func(w *world) {
			answered(w)
			w.Answered(w.in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}},
		{"the caller cancels", false, func(w *world) {
			w.Reply(w.in, 180)
			_ = w.out.Cancel(nil)
			w.Answered(w.out, 487)
		}},
		{"busy", false, func(w *world) { w.Reply(w.in, 486) }},
		{"hang_up", false, func(w *world) { answered(w); only(w).Hangup("") }},
		{"hang_up before the answer", false, func(w *world) { w.Reply(w.in, 180); only(w).Hangup("") }},
		{"max_duration", true, func(w *world) {
			answered(w)
			for range 9 {
				w.Run(59 * time.Second)
				pong(w, w.alice, 200)
				pong(w, w.bob, 200)
			}
			w.Run(70 * time.Second)
		}},
		{"keepalive", true, func(w *world) {
			answered(w)
			w.Run(59 * time.Second)
			pong(w, w.alice, 481)
		}},
		{"a party is gone", true, func(w *world) {
			answered(w)
			o := w.out.Dialog().Send(phone.Spec{Method: "INFO"})
			w.Reply(w.Came(w.bob, "INFO"), 481)
			w.Answered(o, 481)
		}},
		{"transfer", false, func(w *world) {
			answered(w)
			only(w).Transfer("sip:carol@example.com", dialog.TransferOptions{}, func(error) {})
			w.Reply(w.Came(w.alice, "REFER"), 202)
			w.Answered(w.out.Dialog().Send(phone.Spec{Method: "NOTIFY", Body: []byte("SIP/2.0 200 OK\r\n"), ContentType: "message/sipfrag", Headers: []proxy.HeaderEdit{
				{Name: "Event", Values: []string{"refer"}}, {Name: "Subscription-State", Values: []string{"terminated"}}}}), 200)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &world{d: luabindtest.Must(dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler)}))}
			w.World = luabindtest.New(t, script, luabindtest.Modules(w.d, dispatch.New(dispatch.Options{Quiet: true})))
			manual := func(o *phone.Options) { o.Manual = row.manual }
			w.alice, w.bob = w.Phone("alice", "10.0.0.2", manual), w.Phone("bob", "10.0.0.3", manual)
			calls := func(want string) {
				t.Helper()
				w.Run(200 * time.Millisecond)
				if got := eval(t, w.World, `return dispatch.list("carriers")[1].calls`); got != want {
					t.Errorf("%s calls, want %s", got, want)
				}
			}
			w.out = w.alice.Invite("sip:bob@example.com", phone.Spec{})
			w.in = w.Came(w.bob, "INVITE")
			calls("1")
			row.play(w)
			calls("0")
			w.Run(40 * time.Second) // nothing is given back a second time
			calls("0")
		})
	}
}
