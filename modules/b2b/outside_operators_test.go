package b2b_test

// Several operators: ids of their own, and roles that change.

import (
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// servingAs is a client of an operator that has said hello.
func (w *world) servingAs(operator string, hello fields) *client {
	w.T.Helper()
	x := w.connectAs(operator)
	x.hello(hello)
	x.event("synced")
	return x
}

// Two operators choose the same id; each means its own leg by it, and the whole id names either.
func TestOperatorsHaveIdsOfTheirOwn(t *testing.T) {
	w := controlled(t, "", luabindtest.Lanes(3))
	a, b := w.servingAs("night", fields{}), w.servingAs("day", fields{})
	one := a.order("originate", fields{"target": bobURI, "id": "desk"})
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	two := b.order("originate", fields{"target": carolURI, "id": "desk"})
	other := w.Came(w.carol, "INVITE")
	w.Reply(other, 180)
	named := func(x *client, id string) {
		t.Helper()
		if m := x.take("it rings", func(m fields) bool { return m["event"] == "b2b.ringing" }); of(m) != id {
			t.Errorf("%v, want %s", m, id)
		}
		if leg := x.result("leg", fields{"leg": "desk"}).(fields); leg["id"] != id {
			t.Errorf("%v, want %s", leg, id)
		}
		x.refused(control.Taken, "originate", fields{"target": bobURI, "id": "desk"})
	}
	named(a, "night/desk")
	named(b, "day/desk")
	if leg := a.result("leg", fields{"leg": "day/desk"}).(fields); leg["id"] != "day/desk" {
		t.Errorf("%v", leg)
	}
	a.refused(control.NotMaster, "hang_up", fields{"leg": "day/desk"})
	a.refused(control.BadOption, "originate", fields{"target": bobURI, "id": "day/phone"})
	if a.result("hang_up", fields{"leg": "desk"}) != true || a.result("hang_up", fields{"leg": "desk"}) != false {
		t.Error("its own was not ended, or not known any longer")
	}
	if m := a.answer(one)["result"].(fields); m["leg"] != nil {
		t.Errorf("%v", m)
	}
	w.answer(other)
	if m := b.answer(two)["result"].(fields); of(m) != "day/desk" {
		t.Errorf("%v", m)
	}
	b.result("hang_up", fields{"leg": "desk"})
	w.Reply(w.Came(w.carol, "BYE"), 200)
	w.over()
}

// Whoever may only read from now on is nobody's master any longer: what it has dialled is hung up,
// and what was handed to it waits for another. It gets nothing more, and hears of all this.
func TestDemotedOperator(t *testing.T) {
	w := controlled(t, "deadline = 2, on_lost = 'return'")
	x := w.servingAs("night", fields{"apps": []string{"ivr"}})
	o := w.calls()
	given := of(x.event("handed_over"))
	x.order("originate", fields{"target": bobURI, "id": "desk"})
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	x.event("b2b.ringing")

	x.acts = false
	x.reread()
	if m := x.event("left"); of(m) != given || m["why"] != control.WhyDemoted || m["leg"].(fields)["master"] != nil {
		t.Errorf("%v", m)
	}
	if m := x.event("b2b.ended"); of(m) != "night/desk" {
		t.Errorf("%v", m)
	}
	x.refused(control.MayNotAct, "hang_up", fields{"leg": given})
	if n := w.m.Control().Figures().Legs; n != 0 {
		t.Errorf("it is the master of %d legs", n)
	}
	w.Answered(o, 486) // by the script, after the deadline
	if !strings.Contains(w.Log(), "back: lost nil ringing") {
		t.Errorf("the script:\n%s", w.Log())
	}
	x.acts = true
	x.reread()
	again := w.calls()
	x.result("reject", fields{"leg": of(x.event("handed_over")), "code": 480})
	w.Answered(again, 480)
	w.over()
}

// originate calls several at once, as dial does: the first to answer has the call.
func TestOrderOriginatesToSeveral(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{})
	ref := x.order("originate", fields{"target": []any{bobURI, fields{"uri": carolURI, "headers": fields{"X-Who": "carol"}}}, "id": "call"})
	bob, carol := w.Came(w.bob, "INVITE"), w.Came(w.carol, "INVITE")
	if v := string(carol.Msg.HeaderName("X-Who")); v != "carol" || bob.Msg.HeaderName("X-Who") != nil {
		t.Errorf("X-Who: %q", v)
	}
	w.answer(carol)
	if m := x.answer(ref)["result"].(fields); of(m) != "tester/call-2" {
		t.Errorf("%v", m)
	}
	w.Came(w.bob, "CANCEL")
	x.refused(control.BadOption, "originate", fields{"target": fields{"headers": fields{}}})
	x.result("hang_up", fields{"leg": "call-2"})
	w.Reply(w.Came(w.carol, "BYE"), 200)
	w.over()
}
