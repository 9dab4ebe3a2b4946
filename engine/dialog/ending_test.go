package dialog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A server that ends while a party is asked for hold acknowledges what the party says to that:
// before the BYE, between, or after its answer.
func TestEndInMidHold(t *testing.T) {
	for _, when := range []string{"at once", "before the BYE is answered", "after"} {
		t.Run(fmt.Sprint("answered ", when), func(t *testing.T) {
			x := newThree(t, 501)
			x.does(func(*lane.Lane) {
				if err := x.a.Hold(func(*engine.Response) {}); err != nil {
					t.Error(err)
				}
			})
			in := x.got(x.alice, "INVITE", 1)
			answer := func() { x.reply(in, 200, phone.Reply{Media: own}) }
			if when == "at once" {
				answer()
			}
			x.agent.EndCalls()
			bye := x.got(x.alice, "BYE", 1)
			if when == "before the BYE is answered" {
				answer()
				x.w.Run(100 * time.Millisecond)
			}
			x.reply(bye, 200, phone.Reply{})
			x.reply(x.got(x.bob, "BYE", 1), 200, phone.Reply{})
			if when == "after" {
				x.w.Run(100 * time.Millisecond)
				answer()
			}
			x.got(x.alice, "ACK", 1)
			x.over()
		})
	}
}
