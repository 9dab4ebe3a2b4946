package b2b_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// talking is a caller's leg that a program has bridged with bob's, which is named "bob".
func (w *world) talking(x *client) (o *phone.Outgoing, a, bridge string) {
	w.T.Helper()
	o = w.calls()
	a = of(x.event("handed_over"))
	dial := x.order("dial", fields{"leg": a, "targets": bobURI, "id": "bob"})
	w.answer(w.Came(w.bob, "INVITE"))
	x.answer(dial)
	bridge = x.order("bridge", fields{"leg": a, "other": "bob"})
	w.Answered(o, 200)
	x.event("b2b.bridged")
	w.Run(time.Second)
	return o, a, bridge
}

// A program puts a party on hold, and takes that back; a party may refuse.
func TestHoldFromOutside(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	_, a, _ := w.talking(x)
	hold := x.order("hold", fields{"leg": a})
	in := w.Came(w.alice, "INVITE")
	if !strings.Contains(string(in.Msg.Body()), "a=sendonly") {
		t.Errorf("the hold:\n%s", in.Msg.Body())
	}
	x.refused(control.Busy, "hold", fields{"leg": a})
	w.answer(in)
	if m := x.answer(hold)["result"].(fields); m["agreed"] != true {
		t.Errorf("%v", m)
	}
	resume := x.order("resume", fields{"leg": a})
	w.Reply(w.Came(w.alice, "INVITE"), 488)
	if m := x.answer(resume)["result"].(fields); m["agreed"] != nil || m["response"].(fields)["code"] != 488.0 {
		t.Errorf("%v", m)
	}
	x.result("hang_up", fields{"leg": "bob"})
	w.m.EndCalls()
	w.settle()
	w.over()
}

// A program has a party go to somebody else, and hears of each step. The legs go on without it.
func TestTransferFromOutside(t *testing.T) {
	t.Run("to a target", func(t *testing.T) {
		w := controlled(t, "")
		x := w.serving(fields{"apps": []string{"ivr"}, "keep": 1, "watch": "all"})
		o, a, bridge := w.talking(x)
		move := x.order("transfer", fields{"leg": a, "targets": carolURI, "timeout": 20})
		if m := x.answer(bridge)["result"].(fields); m["ended"] != nil || m["why"] != "moved" {
			t.Errorf("%v", m)
		}
		in := w.Came(w.carol, "INVITE")
		began := x.take("carol's leg", func(m fields) bool { return m["event"] == "began" && m["leg"].(fields)["to"] == carolURI })
		w.Reply(in, 180)
		w.answer(in)
		for _, state := range []string{"dialling", "ringing"} {
			m := x.event("transfer")
			if of(m) != a || m["state"] != state || m["to"].(fields)["id"] != of(began) {
				t.Errorf("%s: %v", state, m)
			}
		}
		if m := x.answer(move)["result"].(fields); m["agreed"] != true {
			t.Errorf("%v", m)
		}
		if m := x.event("b2b.moved"); of(m) != a || m["other"].(fields)["id"] != of(began) {
			t.Errorf("%v", m)
		}
		w.settle()
		x.result("bye", nil)
		w.settle()
		w.Run(time.Minute)
		if w.m.Calls() != 2 || w.count(w.bob, "BYE") != 1 {
			t.Errorf("%d legs, bob got %d BYEs", w.m.Calls(), w.count(w.bob, "BYE"))
		}
		w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.settle()
		w.over()
	})
	t.Run("refused", func(t *testing.T) {
		w := controlled(t, "")
		x := w.serving(fields{"apps": []string{"ivr"}})
		_, a, _ := w.talking(x)
		move := x.order("transfer", fields{"leg": a, "targets": carolURI})
		w.Reply(w.Came(w.carol, "INVITE"), 486)
		if m := x.answer(move)["result"].(fields); m["agreed"] != nil || m["response"].(fields)["code"] != 486.0 {
			t.Errorf("%v", m)
		}
		m := x.take("the failure", func(m fields) bool { return m["event"] == "transfer" && m["state"] == "failed" })
		if of(m) != a || m["code"] != 486.0 || m["to"] != nil {
			t.Errorf("%v", m)
		}
		if leg := x.result("leg", fields{"leg": a}).(fields); leg["peer"] != "tester/bob" {
			t.Errorf("%v", leg)
		}
		w.m.EndCalls()
		w.settle()
		w.over()
	})
	t.Run("to a leg", func(t *testing.T) {
		w := controlled(t, "")
		x := w.serving(fields{"apps": []string{"ivr"}})
		_, a, bridge := w.talking(x)
		x.result("hang_up", fields{"leg": "bob"})
		x.answer(bridge)
		dial := x.order("dial", fields{"leg": a, "targets": carolURI, "id": "carol"})
		w.answer(w.Came(w.carol, "INVITE"))
		x.answer(dial)
		if m := x.result("transfer", fields{"leg": a, "other": "carol"}).(fields); m["agreed"] != true {
			t.Errorf("%v", m)
		}
		if m := x.event("b2b.moved"); of(m) != a || m["other"].(fields)["id"] != "tester/carol" {
			t.Errorf("%v", m)
		}
		w.m.EndCalls()
		w.settle()
		w.over()
	})
}

// A transfer that a party asks for takes a program's legs: they go on without it.
func TestReferredLegsGoOn(t *testing.T) {
	w := newWorld(t, "b2b.configure({ refer = function(refer, leg) return carol end })\n"+route+"  a:handover('ivr') end")
	x := w.serving(fields{"apps": []string{"ivr"}, "keep": 1})
	o, _, _ := w.talking(x)
	refer := o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: []proxy.HeaderEdit{{Name: "Refer-To", Values: []string{"<" + carolURI + ">"}}}})
	w.Answered(refer, 202)
	w.settle()
	x.conn.Close()
	w.Run(time.Minute)
	if w.m.Calls() != 2 || w.count(w.alice, "BYE") != 1 {
		t.Errorf("%d legs, alice got %d BYEs", w.m.Calls(), w.count(w.alice, "BYE"))
	}
	w.m.EndCalls()
	w.settle()
	w.over()
}

// A program parks a party, which goes on without it; one who takes it has it then: another program,
// on whatever lane, or a script.
func TestParkFromOutside(t *testing.T) {
	for _, c := range []struct {
		name   string
		script bool
	}{{"taken by a program", false}, {"taken by a script", true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+`
  if req.ruri.user == "701" then
    local x = b2b.take("701")
    sip.log.warn("took %s", x ~= nil)
    sip.sleep(5)
    return
  end
  sip.log.warn("back: %s", a:handover("ivr"))
  sip.log.warn("still %s", a.state)
end`, luabindtest.Lanes(3))
			x := w.serving(fields{"apps": []string{"ivr"}, "keep": 1})
			y := w.serving(fields{})
			_, a, bridge := w.talking(x)
			x.result("park", fields{"leg": a, "key": "701", "timeout": 600})
			if m := x.answer(bridge)["result"].(fields); m["ended"] != nil || m["why"] != "parted" {
				t.Errorf("%v", m)
			}
			w.settle()
			x.refused(control.KeyTaken, "park", fields{"leg": "bob", "key": "701"})
			if w.m.Calls() != 2 { // bob is the program's own still
				t.Errorf("%d legs", w.m.Calls())
			}
			if c.script {
				w.carol.Invite("sip:701@example.com", phone.Spec{Media: own})
				w.Run(time.Second)
				w.logged("took true", "back: taken", "still answered")
				if m := x.event("left"); of(m) != a || m["why"] != "taken" {
					t.Errorf("%v", m)
				}
				w.settle() // its handler ends: so does the leg
			} else {
				if leg := y.result("take", fields{"key": "701"}).(fields); leg["id"] != a || leg["state"] != "answered" {
					t.Errorf("%v", leg)
				}
				y.refused(control.NoLeg, "take", fields{"key": "701"})
				x.refused(control.NotMaster, "hang_up", fields{"leg": a})
				y.result("hang_up", fields{"leg": a})
				w.settle()
			}
			if w.count(w.alice, "BYE") != 1 {
				t.Errorf("alice got %d BYEs", w.count(w.alice, "BYE"))
			}
			w.m.EndCalls()
			w.settle()
			w.over()
		})
	}
	t.Run("its program is gone", func(t *testing.T) {
		w := controlled(t, "deadline = 1")
		x := w.serving(fields{"apps": []string{"ivr"}, "keep": 1})
		_, a, _ := w.talking(x)
		x.result("park", fields{"leg": a, "key": "701", "timeout": 120})
		x.conn.Close()
		w.settle()
		w.Run(time.Minute)
		if w.m.Calls() != 1 || w.count(w.alice, "BYE") != 0 {
			t.Errorf("%d legs, alice got %d BYEs", w.m.Calls(), w.count(w.alice, "BYE"))
		}
		w.Run(2 * time.Minute)
		w.settle()
		w.over()
	})
}
