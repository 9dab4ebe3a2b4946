package b2b_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// originated is a leg to a phone that a client has dialled.
func (x *client) originated(p *phone.Phone, uri, id string) *phone.Incoming {
	x.w.T.Helper()
	ref := x.order("originate", fields{"target": uri, "id": id})
	in := x.w.Came(p, "INVITE")
	x.w.answer(in)
	x.answer(ref)
	return in
}

// dial names the leg whose place it takes as other orders name legs: by an id of its operator's
// own, on whatever lane; another operator's leg is none of its business.
func TestOrderDialsInThePlaceOfALeg(t *testing.T) {
	for _, lanes := range []int{1, 3, 5} {
		w := controlled(t, "deadline = 60", luabindtest.Lanes(lanes))
		a, b := w.servingAs("night", fields{"apps": []string{"ivr"}}), w.servingAs("day", fields{})
		b.originated(w.carol, carolURI, "desk")
		mine := a.originated(w.bob, bobURI, "desk")
		w.calls()
		leg := of(a.event("handed_over"))
		a.refused(control.NotMaster, "dial", fields{"leg": leg, "targets": carolURI, "replaces": "day/desk"})
		a.refused(control.NoLeg, "dial", fields{"leg": leg, "targets": carolURI, "replaces": "nobody"})
		dial := a.order("dial", fields{"leg": leg, "targets": bobURI, "replaces": "desk"})
		again := w.Came(w.bob, "INVITE")
		if again.Replaced() == nil || again.Replaced() != mine.Dialog() {
			t.Errorf("%d lanes: Replaces: %s", lanes, again.Msg.HeaderName("Replaces"))
		}
		w.Reply(again, 486)
		a.answer(dial)
		// Whoever is over meanwhile calls nobody
		a.order("dial", fields{"leg": leg, "targets": bobURI, "replaces": "desk"})
		a.order("bye", fields{})
		w.Run(time.Second)
		if n := w.count(w.carol, "INVITE"); n != 1 {
			t.Errorf("%d lanes: carol got %d INVITEs", lanes, n)
		}
		w.m.EndCalls()
		w.settle()
		w.over()
	}
}

// No order makes more legs than a session may have.
func TestOrderDialsNoMoreThanMay(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	w.calls()
	leg := of(x.event("handed_over"))
	var targets []string
	for i := range 100 {
		targets = append(targets, fmt.Sprintf("sip:%d@10.0.9.9", i)) // nobody answers there
	}
	for range 39 {
		x.order("originate", fields{"target": targets})
	}
	x.refused(control.Full, "originate", fields{"target": targets})
	x.refused(control.Full, "dial", fields{"leg": leg, "targets": targets})
	if n := w.m.Control().Figures().Legs; n != 3901 {
		t.Errorf("it is the master of %d legs", n)
	}
	x.order("bye", fields{})
	w.settle()
	w.over()
}
