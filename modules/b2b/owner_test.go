package b2b

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// A task that makes call after call has one owner, which keeps no leg that has ended or was given
// away.
func TestOwnerForgets(t *testing.T) {
	for _, row := range []struct{ name, ends string }{
		{"hung up", "a:hang_up()"},
		{"given away", "local b = a:dial(bob) a:join(b) sip.sleep(1) b:hang_up()"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := New()
			w := luabindtest.New(t, `
local b2b = require "b2b"
local bob = "sip:bob@10.0.2.1:5060"
sip.after(1, function()
  for i = 1, 3 do
    local a = b2b.originate({ target = bob })
    sip.sleep(1)
    `+row.ends+`
    sip.sleep(10)
  end
  sip.sleep(100)
end)
function route(req) req:reply(403) end`, luabindtest.Modules(m))
			bob := w.Phone("bob", "10.0.2.1")
			accept := func() {
				for _, i := range bob.Inbox() {
					if i.Method() != "ACK" && i.Answered() == 0 {
						_ = i.Reply(200, phone.Reply{Media: phone.Media{Own: i.Method() == "INVITE"}})
					}
				}
			}
			var owners []*owner
			for range 500 {
				w.Run(100 * time.Millisecond)
				accept()
				for _, all := range m.known {
					for _, x := range all {
						if o := x.ownerOf; o != nil && (len(owners) == 0 || owners[len(owners)-1] != o) {
							owners = append(owners, o)
						}
					}
				}
			}
			if _, dialled, _ := m.agent.Stats(); dialled < 3 {
				t.Fatalf("%d were dialled\n%s", dialled, w.Log())
			}
			if len(owners) != 1 || len(owners[0].legs) != 0 {
				t.Errorf("%d owners, the first has %d legs", len(owners), len(owners[0].legs))
			}
			if n := m.Calls(); n != 0 {
				t.Errorf("%d legs are left", n)
			}
		})
	}
}
