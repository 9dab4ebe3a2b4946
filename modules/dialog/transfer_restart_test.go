package dialog_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
)

// After a restart a transfer whose target answers ends the call, and any other leaves it: what was
// told before the restart to whoever wanted it holds.
func TestTransferAndRestart(t *testing.T) {
	const gone = "SIP/2.0 200 OK\r\n"
	for _, row := range []struct {
		name   string
		before func(w *world, d *phone.Dialog) // after the REFER was accepted
		told   string                          // by the NOTIFY after the restart
		params string                          // of its Event
		other  bool                            // it comes from the other party
		code   int                             // that answers it
		calls  int
	}{
		{name: "the target answers", told: gone, code: 200},
		{name: "it tells that it tries", told: "SIP/2.0 100 Trying\r\n", code: 200, calls: 1},
		{name: "the target is busy", told: "SIP/2.0 486 Busy Here\r\n", code: 200, calls: 1},
		{name: "nonsense", told: "SIP/2.0 2\r\n", code: 200, calls: 1},
		{name: "it was given up before", before: func(w *world, _ *phone.Dialog) { w.Run(dialog.DefaultTransferTime) }, told: gone, code: 200, calls: 1},
		{name: "the other party tells", told: gone, other: true, code: 481, calls: 1},
		{name: "of another REFER", told: gone, params: ";id=77", code: 481, calls: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			script, dir := scriptOf("", "", "10.0.0.3"), t.TempDir()
			j := kept(t, dir)
			w := newWorldOf(t, j, script, luabindtest.Engine(secretOf))
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			c := w.only()
			w.begin(func(done func(error)) bool {
				return c.Transfer("sip:carol@example.com", dialog.TransferOptions{}, done)
			})
			w.Reply(w.Came(alice, "REFER"), 202)
			w.Run(100 * time.Millisecond)
			if row.before != nil {
				row.before(w, out.Dialog())
			}
			j.Flush()
			w = w.killed(dir, script)
			w.calls(1)
			d, other := out.Dialog(), bob
			if row.other {
				d, other = in.Dialog(), alice
			}
			told := notifyOf(d, row.params, row.told, "active")
			w.Run(100 * time.Millisecond)
			for _, r := range other.Inbox() { // one that is not about our REFER goes on
				if r.Method() == "NOTIFY" && r.Answered() == 0 {
					w.Reply(r, 481)
				}
			}
			w.Answered(told, row.code)
			w.calls(row.calls)
			if row.calls == 0 {
				w.Came(alice, "BYE")
				w.Came(bob, "BYE")
			}
		})
	}
}
