package b2b_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

const bobURI, carolURI = "sip:bob@10.0.2.1:5060", "sip:carol@10.0.3.1:5060"

// A program answers a call: it rings, is dialled on, bridged, and ended, and hears of each step.
func TestControlledCall(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}, "name": "operator 1"})
	o := w.calls()
	given := x.event("handed_over")
	a := of(given)
	if given["app"] != "ivr" || given["deadline"] != 5.0 || given["on_lost"] != "hang_up" || given["leg"].(fields)["master"] != "operator 1" {
		t.Errorf("%v", given)
	}
	x.result("reply", fields{"leg": a, "code": 183})
	w.Answered(o, 183)
	dial := x.order("dial", fields{"leg": a, "targets": bobURI, "id": "bob", "timeout": 20, "headers": fields{"X-Own": "yes"}})
	in := w.Came(w.bob, "INVITE")
	if !strings.Contains(string(in.Msg.Original()), "X-Own: yes") {
		t.Errorf("%s", in.Msg.Original())
	}
	if began := x.event("began"); of(began) != "tester/bob" || began["leg"].(fields)["state"] != "calling" {
		t.Errorf("%v", began)
	}
	w.Reply(in, 180)
	x.take("bob rings", func(m fields) bool { return m["event"] == "b2b.ringing" && of(m) == "tester/bob" })
	w.answer(in)
	if m := x.answer(dial); of(m["result"].(fields)) != "tester/bob" {
		t.Errorf("%v", m)
	}
	bridge := x.order("bridge", fields{"leg": a, "other": "bob"})
	w.Answered(o, 200)
	x.event("b2b.bridged")
	if leg := x.result("leg", fields{"leg": a}).(fields); leg["peer"] != "tester/bob" || leg["state"] != "answered" || !strings.HasPrefix(leg["remote_sdp"].(string), "v=0") {
		t.Errorf("%v", leg)
	}
	x.refused(control.Busy, "give_back", fields{"leg": a})
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	if m := x.answer(bridge)["result"].(fields); m["ended"] != a || m["why"] != "bye" {
		t.Errorf("%v", m)
	}
	if m := x.event("b2b.ended"); of(m) != a || m["why"] != "bye" {
		t.Errorf("%v", m)
	}
	if x.result("hang_up", fields{"leg": "bob"}) != true {
		t.Error("bob's leg is gone")
	}
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	if !strings.Contains(w.Log(), "back: ended nil ended") {
		t.Errorf("the script:\n%s", w.Log())
	}
}

// A call for nobody: its id is chosen before it rings, so that it can be called off. A second call,
// which it dials, is joined with it, and goes on without the session.
func TestOriginateFromOutside(t *testing.T) {
	w := controlled(t, "", luabindtest.Lanes(3))
	x := w.serving(fields{})
	first := x.order("originate", fields{"target": bobURI, "id": "desk", "timeout": 30})
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	x.event("b2b.ringing")
	x.refused(control.Taken, "originate", fields{"target": carolURI, "id": "desk"})
	if x.result("hang_up", fields{"leg": "desk"}) != true {
		t.Error("it is not known by its id")
	}
	if m := x.answer(first)["result"].(fields); m["leg"] != nil {
		t.Errorf("%v", m)
	}
	call := x.order("originate", fields{"target": bobURI, "id": "desk"})
	w.answer(w.Came(w.bob, "INVITE"))
	x.answer(call)
	call = x.order("dial", fields{"leg": "desk", "targets": []any{fields{"uri": carolURI}}, "id": "mobile"})
	in = w.Came(w.carol, "INVITE")
	w.answer(in)
	x.answer(call)
	x.result("join", fields{"leg": "desk", "other": "mobile"})
	w.answer(w.Came(w.bob, "INVITE"))
	x.result("bye", nil)
	w.Run(5 * time.Minute)
	if n := w.m.Calls(); n != 2 {
		t.Fatalf("%d legs", n)
	}
	in.Dialog().Send(phone.Spec{Method: "BYE"})
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
}

// What became of a leg whose master is gone, and of the script that waits for it.
func TestMasterGone(t *testing.T) {
	for _, c := range []struct {
		name, options string
		serves        bool // there is a session at first
		back          string
		code          int
	}{
		{"nobody, hung up", "deadline = 2", false, "back: nobody nil ended", 480},
		{"nobody, returned", "deadline = 2, on_lost = 'return'", false, "back: nobody nil ringing", 486},
		{"at once", "deadline = 0, on_lost = 'return'", false, "back: nobody nil ringing", 486},
		{"lost, hung up", "deadline = 2", true, "back: lost nil ended", 480},
		{"lost, returned", "deadline = 2, on_lost = 'return'", true, "back: lost nil ringing", 486},
		{"lost for good", "deadline = 300, on_lost = 'return'", true, "back: lost nil ringing", 486},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := controlled(t, c.options)
			var x *client
			if c.serves {
				x = w.serving(fields{"apps": []string{"ivr"}, "keep": 10})
			}
			o := w.calls()
			if c.serves {
				a := of(x.event("handed_over"))
				x.order("dial", fields{"leg": a, "targets": bobURI, "id": "bob"})
				w.Reply(w.Came(w.bob, "INVITE"), 180)
				x.event("b2b.ringing")
				x.conn.Close()
				w.Came(w.bob, "CANCEL")
			}
			w.Run(310 * time.Second)
			w.Answered(o, c.code)
			w.over()
			if !strings.Contains(w.Log(), c.back) {
				t.Errorf("no %q in\n%s", c.back, w.Log())
			}
		})
	}
}

// The legs that a session has made end with it, joined or not yet answered; a bridge with a caller
// is taken apart, and the caller is the script's again.
func TestMasterGoneInABridge(t *testing.T) {
	w := controlled(t, "deadline = 2, on_lost = 'return'")
	x := w.serving(fields{"apps": []string{"ivr"}, "keep": 5})
	o := w.calls()
	a := of(x.event("handed_over"))
	dial := x.order("dial", fields{"leg": a, "targets": bobURI})
	w.answer(w.Came(w.bob, "INVITE"))
	b := of(x.answer(dial)["result"].(fields))
	x.order("bridge", fields{"leg": a, "other": b})
	w.Answered(o, 200)
	x.conn.Close()
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.Reply(w.Came(w.alice, "BYE"), 200) // by the script's end
	w.over()
	if !strings.Contains(w.Log(), "back: lost nil answered") {
		t.Errorf("the script:\n%s", w.Log())
	}
}

// A leg that is the script's again has no peer, and nobody is dialled for it: the script goes on
// with it at once, while the session that was lost is still kept.
func TestReturnedLegIsFree(t *testing.T) {
	for _, bridged := range []bool{false, true} {
		t.Run(fmt.Sprint("bridged ", bridged), func(t *testing.T) {
			w := newWorld(t, route+`  a:handover("ivr", { deadline = 2, on_lost = "return" })
  local b, res = a:dial(carol)
  sip.log.warn("carol: %s %s", b ~= nil, a.peer)
end`)
			x := w.serving(fields{"apps": []string{"ivr"}, "keep": 600})
			o := w.calls()
			a := of(x.event("handed_over"))
			dial := x.order("dial", fields{"leg": a, "targets": bobURI, "id": "bob"})
			in := w.Came(w.bob, "INVITE")
			if bridged {
				w.answer(in)
				x.answer(dial)
				x.order("bridge", fields{"leg": a, "other": "bob"})
				w.Answered(o, 200)
				x.event("b2b.bridged")
			} else {
				w.Reply(in, 180)
			}
			x.conn.Close()
			if bridged {
				w.Reply(w.Came(w.bob, "BYE"), 200)
			} else {
				w.Came(w.bob, "CANCEL")
			}
			w.answer(w.Came(w.carol, "INVITE"))
			w.Reply(w.Came(w.carol, "BYE"), 200)
			w.over()
			if !strings.Contains(w.Log(), "carol: true nil") {
				t.Errorf("the script:\n%s", w.Log())
			}
		})
	}
}

// A leg is its master's alone: others watch. It is given back to the script, and claimed from
// nobody.
func TestOneMaster(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}, "name": "x"})
	y := w.serving(fields{"watch": "all", "name": "y"})
	z := w.serving(fields{})
	o := w.calls()
	a := of(x.event("handed_over"))
	y.event("began")
	for name, more := range map[string]fields{"reply": {"code": 180}, "hang_up": {}, "dial": {"targets": bobURI}, "give_back": {}, "claim": {}} {
		t.Run(name, func(t *testing.T) {
			more["leg"] = a
			y.refused(control.NotMaster, name, more)
		})
	}
	x.result("reply", fields{"leg": a, "code": 180})
	if m := y.event("b2b.ringing"); m["leg"].(fields)["master"] != "x" {
		t.Errorf("%v", m)
	}
	x.result("give_back", fields{"leg": a})
	if m := x.event("left"); of(m) != a || m["why"] != "given back" {
		t.Errorf("%v", m)
	}
	w.Answered(o, 486)
	y.event("b2b.ended")
	for _, kind := range []string{"began", "b2b.ringing", "b2b.ended"} {
		z.none(kind)
	}
	x.none("b2b.ended") // it was not its master any more
	if !strings.Contains(w.Log(), "back: given back nil ringing") {
		t.Errorf("the script:\n%s", w.Log())
	}
	w.over()
}

// A leg that a script has is not to be claimed; one that it has given away is, and goes on when its
// master is gone.
func TestClaim(t *testing.T) {
	w := newWorld(t, route+"  local b = a:dial(bob) sip.sleep(5) a:join(b) end")
	x := w.serving(fields{"watch": "all", "keep": 1})
	o := w.calls()
	a := of(x.event("began"))
	w.answer(w.Came(w.bob, "INVITE"))
	b := x.event("b2b.answered")
	x.refused(control.Owned, "claim", fields{"leg": a})
	w.Answered(o, 200)
	w.Run(10 * time.Second)
	if leg := x.result("claim", fields{"leg": of(b)}).(fields); leg["master"] != "tester" || leg["peer"] != a {
		t.Errorf("%v", leg)
	}
	x.conn.Close()
	w.Run(time.Minute)
	if n := w.m.Calls(); n != 2 {
		t.Fatalf("%d legs", n)
	}
	x.again()
	x.seen = 0
	x.hello(fields{"watch": "all"})
	if m := x.event("legs"); len(m["legs"].([]any)) != 2 || m["legs"].([]any)[0].(fields)["master"] != nil {
		t.Errorf("%v", m)
	}
	x.result("claim", fields{"leg": of(b)})
	x.result("hang_up", fields{"leg": of(b)})
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.over()
}
