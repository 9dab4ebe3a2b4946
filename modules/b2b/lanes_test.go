package b2b_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// meets parks whoever calls anything but 701; who dials that talks to whom waits, as says has it,
// if the two are on different lanes.
func meets(says string) string {
	return `local function lane(leg) return leg.id:match "^%d+" end
function route(req)
  local a = b2b.incoming(req, { max_duration = 900 })
  if req.ruri.user ~= "701" then
    local b = a:dial(bob)
    a:bridge(b, { timeout = 2 })
    b:hang_up()
    return a:park("701")
  end
  local b = b2b.take("701")
  if lane(b) == lane(a) then
    b:park("701")
    return a:reject(480)
  end
` + says + `
end`
}

// waits is a world in which alice is parked, and carol has dialled 701 on another lane.
func waits(t *testing.T, says string) (w *world, alice, carol *phone.Outgoing) {
	t.Helper()
	w = newWorld(t, meets(says), luabindtest.Lanes(4))
	alice = w.calls()
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(alice, 200)
	w.Run(2 * time.Second)
	w.settle() // she is on hold
	for range 60 {
		carol = w.carol.Invite("sip:701@example.com", phone.Spec{Media: own})
		w.settle()
		if m := carol.Final(); m == nil || m.Status() != 480 {
			return w, alice, carol
		}
	}
	t.Fatal("all calls are on one lane")
	return nil, nil, nil
}

// Who waits on one lane talks to who calls on another: its leg comes there, with what it has. What
// either says within its dialog passes, and the end of one is that of the other.
func TestLegsOfTwoLanes(t *testing.T) {
	for _, c := range []struct {
		name, says string
		byAlice    bool
	}{
		{"bridge", `local ended, why = a:bridge(b) sip.log.warn("over %s %s", ended == a, why)`, false},
		{"bridge, from the other side", `local ended, why = b:bridge(a) sip.log.warn("over %s %s", ended == b, why)`, true},
		{"join", `sip.log.warn("joined %s", a:join(b))`, true},
		{"while its party is asked", `sip.spawn(function() b:send({ method = "INFO" }) end) sip.sleep(0.01) sip.log.warn("joined %s", a:join(b))`, true},
		{"found by its id", `local ended, why = a:bridge(b2b.leg(b.id)) sip.log.warn("state %s", b2b.leg(b.id).state)`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, alice, carol := waits(t, c.says)
			w.Answered(carol, 200)
			w.settle()
			info := phone.Spec{Method: "INFO", ContentType: "application/dtmf-relay", Body: []byte("Signal=1\r\n")}
			for _, o := range []*phone.Outgoing{alice, carol} {
				x := o.Dialog().Send(info)
				w.settle()
				w.Answered(x, 200)
				x = o.Dialog().Send(phone.Spec{Method: "INVITE", Media: own})
				w.settle()
				w.Answered(x, 200)
				w.settle()
			}
			by, other := carol, w.alice
			if c.byAlice {
				by, other = alice, w.carol
			}
			w.Answered(by.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.settle()
			if n := w.count(other, "BYE"); n != 1 {
				t.Errorf("the other got %d BYEs", n)
			}
			w.over()
		})
	}
}

// What a leg may last goes on where it has come to.
func TestDurationOfLegThatMoved(t *testing.T) {
	w, alice, carol := waits(t, `a:join(b)`)
	w.Answered(carol, 200)
	w.settle()
	w.Run(900 * time.Second)
	w.settle()
	if a, c := w.count(w.alice, "BYE"), w.count(w.carol, "BYE"); a != 1 || c != 1 || alice.Dialog() == nil {
		t.Errorf("alice got %d BYEs, carol %d", a, c)
	}
	w.over()
}
