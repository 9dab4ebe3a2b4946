package b2b_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b/control"
)

// What is wrong is refused with a code, and its order's ref.
func TestRefusals(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	w.calls()
	a := of(x.event("handed_over"))
	for _, c := range []struct {
		code  control.Code
		order string
		more  fields
	}{
		{control.UnknownOrder, "explode", fields{"leg": a}},
		{control.NotHere, "play", fields{"leg": a, "target": bobURI}},
		{control.NotHere, "play", fields{"leg": a}},
		{control.BadState, "hold", fields{"leg": a}},
		{control.BadState, "resume", fields{"leg": a}},
		{control.BadState, "park", fields{"leg": a, "key": "701"}},
		{control.BadState, "transfer", fields{"leg": a, "targets": bobURI}},
		{control.BadOption, "hold", fields{"leg": a, "key": "701"}},
		{control.BadOption, "park", fields{"leg": a}},
		{control.BadOption, "park", fields{"leg": a, "key": "701", "timeout": 0}},
		{control.BadOption, "transfer", fields{"leg": a}},
		{control.BadOption, "transfer", fields{"leg": a, "targets": bobURI, "other": a}},
		{control.BadOption, "transfer", fields{"leg": a, "targets": "sip:a b"}},
		{control.BadOption, "take", fields{"leg": a, "key": "701"}},
		{control.NoLeg, "take", fields{"key": "701"}},
		{control.NoLeg, "transfer", fields{"leg": a, "other": "nobody"}},
		{control.HelloFirst, "hello", fields{}},
		{control.BadMessage, "list", fields{"ref": strings.Repeat("r", 65)}},
		{control.BadOption, "reply", fields{"leg": a}},
		{control.BadOption, "reply", fields{"leg": a, "code": 200}},
		{control.BadOption, "reply", fields{"leg": a, "code": "180"}},
		{control.BadOption, "reply", fields{"code": 180}},
		{control.BadOption, "reject", fields{"leg": a, "code": 200}},
		{control.BadOption, "reject", fields{"leg": a, "code": 486, "headers": fields{"Via": "x"}}},
		{control.BadOption, "reject", fields{"leg": a, "code": 486, "headers": fields{"X": "a\r\nY: b"}}},
		{control.BadOption, "dial", fields{"leg": a}},
		{control.BadOption, "dial", fields{"leg": a, "targets": []any{}, "timeout": 0}},
		{control.BadOption, "dial", fields{"leg": a, "targets": bobURI, "timeout": 3601}},
		{control.BadOption, "dial", fields{"leg": a, "targets": bobURI, "order": "none"}},
		{control.BadOption, "dial", fields{"leg": a, "targets": bobURI, "medium": "rtpengine"}},
		{control.BadOption, "dial", fields{"leg": a, "targets": bobURI, "id": "0.x"}},
		{control.BadOption, "dial", fields{"leg": a, "targets": fields{"url": bobURI}}},
		{control.BadOption, "dial", fields{"leg": a, "targets": 7}},
		{control.BadOption, "dial", fields{"leg": a, "targets": "sip:a b"}},
		{control.BadOption, "dial", fields{"leg": a, "targets": bobURI, "early": "all"}},
		{control.BadOption, "originate", fields{"target": bobURI, "leg": a}},
		{control.BadOption, "originate", fields{"target": bobURI, "credentials": fields{"user": "x"}}},
		{control.BadOption, "originate", fields{"target": "not a uri"}},
		{control.BadOption, "hang_up", fields{"leg": a, "reason": "a\nb"}},
		{control.BadOption, "bridge", fields{"leg": a, "other": a, "pass": []string{"REFER"}}},
		{control.NoLeg, "hang_up", fields{"leg": "nobody"}},
		{control.NoLeg, "hang_up", fields{"leg": "99.x"}},
		{control.NoLeg, "bridge", fields{"leg": a, "other": "nobody"}},
		{control.NoSDP, "answer", fields{"leg": a, "sdp": ""}},
		{control.Busy, "bridge", fields{"leg": a, "other": a}},
	} {
		t.Run(fmt.Sprint(c.order, " ", c.code), func(t *testing.T) {
			if c.code == control.BadMessage {
				x.order(c.order, c.more)
				x.take("the refusal", func(m fields) bool { return m["refused"] == "bad-message" && m["ref"] == nil })
				return
			}
			x.refused(c.code, c.order, c.more)
		})
	}
	x.result("reject", fields{"leg": a, "code": 486})
	x.event("b2b.ended")
	if m := x.refused(control.Ended, "reply", fields{"leg": a, "code": 180}); m["about"] != "rejected" {
		t.Errorf("%v", m)
	}
	if x.result("hang_up", fields{"leg": a}) != false {
		t.Error("it was hung up twice")
	}
	w.over()
}

// What is not an order is refused, and breaks nothing.
func TestBadMessages(t *testing.T) {
	w := controlled(t, "")
	x := w.connect()
	x.refused(control.HelloFirst, "list", nil)
	x.refused(control.BadOption, "hello", fields{"watch": "some"})
	x.refused(control.NoSession, "hello", fields{"session": "guessed"})
	x.hello(nil)
	for _, text := range []string{"", "[]", "7", "{", `{"ref":"a"}`, `{"do":"list"}`, `{"do":"list","ref":7}`, `{"do":"list","ref":"a"} {}`,
		`{"do":"list","do":"bye","ref":"a"}`, `{"do":"list","ref":"a","leg":{}}`, "{\"do\":\"list\",\"ref\":\"\xff\"}", strings.Repeat(`{"a":`, 10000)} {
		t.Run(fmt.Sprintf("%.30q", text), func(t *testing.T) {
			x.conn.Receive([]byte(text))
			x.take("a refusal", func(m fields) bool { return m["refused"] == "bad-message" })
		})
	}
	x.result("list", nil)
}

// An order that comes again is not carried out again, however often: it is answered as it was.
func TestOrderThatComesAgain(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{})
	order := fields{"ref": "mine", "target": bobURI, "id": "desk"}
	x.order("originate", order)
	in := w.Came(w.bob, "INVITE")
	x.order("originate", order)
	x.conn.Close() // and over the next connection
	x.again()
	x.hello(fields{"session": x.token, "seen": x.seen})
	x.order("originate", order)
	w.answer(in)
	first := x.answer("mine")
	x.order("originate", order)
	again := x.answer("mine")
	if of(first["result"].(fields)) != "tester/desk" || fmt.Sprint(first["result"]) != fmt.Sprint(again["result"]) {
		t.Errorf("%v, then %v", first, again)
	}
	order["target"] = carolURI
	x.refused(control.RefReused, "originate", order)
	if n := len(w.bob.Inbox()) + len(w.carol.Inbox()); n > 1 {
		t.Errorf("%d more requests", n)
	}
	if legs := x.result("list", nil).(fields)["legs"].([]any); len(legs) != 1 {
		t.Errorf("%v", legs)
	}
	x.result("hang_up", fields{"leg": "desk"})
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
}

// Who comes back hears what was said meanwhile, each message once and in order.
func TestResume(t *testing.T) {
	w := controlled(t, "deadline = 30")
	x := w.serving(fields{"apps": []string{"ivr"}})
	o := w.calls()
	a := of(x.event("handed_over"))
	dial := x.order("dial", fields{"leg": a, "targets": bobURI, "id": "bob"})
	in := w.Came(w.bob, "INVITE")
	x.event("began")
	x.conn.Close()
	w.Reply(in, 180)
	w.answer(in)
	w.Run(20 * time.Second)
	x.again()
	if m := x.hello(fields{"session": x.token, "seen": x.seen})["result"].(fields); m["resumed"] != true {
		t.Errorf("%v", m)
	}
	x.event("b2b.ringing")
	x.event("b2b.answered")
	if m := x.answer(dial); of(m["result"].(fields)) != "tester/bob" {
		t.Errorf("%v", m)
	}
	x.none("resync")
	w.Run(20 * time.Second) // it is the master as before
	x.order("bridge", fields{"leg": a, "other": "bob"})
	w.Answered(o, 200)
	if !t.Failed() {
		x.result("hang_up", fields{"leg": a})
	}
	x.result("bye", nil)
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.over()
}

// A connection that takes the place of another; a session that is over, or another operator's.
func TestResumeOtherwise(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"keep": 5})
	old := x.conn
	x.again()
	x.hello(fields{"session": x.token, "seen": x.seen})
	if old.Reason() != control.ReasonReplaced || old.Next() != nil {
		t.Errorf("the old connection: %q", old.Reason())
	}
	old.Close() // is nothing to the session
	w.Run(10 * time.Second)
	x.result("list", nil)
	thief := w.m.Control().Connect(control.Asker{Name: "thief"})
	thief.Receive([]byte(`{"do":"hello","ref":"a","session":"` + x.token + `"}`))
	if text := string(thief.Next()); !strings.Contains(text, "no-session") {
		t.Error(text)
	}
	x.conn.Close()
	w.Run(10 * time.Second)
	x.again()
	x.refused(control.NoSession, "hello", fields{"session": x.token, "seen": x.seen})
	if f := w.m.Control().Figures(); f.Sessions != 0 || f.Resumed != 1 {
		t.Errorf("%+v", f)
	}
}

// What a session said too long ago is not kept: who comes back is told so, and what there is.
func TestResync(t *testing.T) {
	w := controlled(t, "deadline = 30")
	x := w.serving(fields{"apps": []string{"ivr"}})
	w.calls()
	a := of(x.event("handed_over"))
	x.conn.Close()
	for range 5000 { // of somebody who does not hear the answers
		x.conn.Receive([]byte(`{"do":"none","ref":"x"}`))
	}
	y := w.serving(fields{})
	seen := x.seen
	x.again()
	x.hello(fields{"session": x.token, "seen": seen})
	if m := x.event("resync"); m["lost"].(float64) < 900 || m["seq"].(float64) < 5000 {
		t.Errorf("%v", m)
	}
	if m := x.event("legs")["legs"].([]any); len(m) != 1 || m[0].(fields)["id"] != a || m[0].(fields)["master"] != "tester" {
		t.Errorf("%v", m)
	}
	x.event("synced")
	x.result("reject", fields{"leg": a, "code": 486})
	y.none("b2b.ended")
	w.over()
}

// A client that does not read is dropped and told why; it may come back.
func TestSlowClient(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{})
	for i := range 5000 {
		x.conn.Receive([]byte(fmt.Sprintf(`{"do":"none","ref":"%d"}`, i)))
	}
	select {
	case <-x.conn.Done():
	default:
		t.Fatal("it is not dropped")
	}
	if r := x.conn.Reason(); r != control.ReasonSlow {
		t.Errorf("the reason: %q", r)
	}
	x.again()
	x.hello(fields{"session": x.token, "seen": x.seen})
	x.event("resync")
	x.event("synced")
	if f := w.m.Control().Figures(); f.Slow != 1 || f.Connected != 1 {
		t.Errorf("%+v", f)
	}
	z := w.connect() // nor does one that has not said hello use memory
	for range 100 {
		z.conn.Receive([]byte("x"))
	}
	if r := z.conn.Reason(); r != control.ReasonSlow {
		t.Errorf("the reason: %q", r)
	}
}

// Who may read watches; an act is refused, also when the right to it is withdrawn meanwhile.
func TestRoles(t *testing.T) {
	w := controlled(t, "deadline = 60")
	x := w.serving(fields{"apps": []string{"ivr"}})
	w.calls()
	a := of(x.event("handed_over"))
	x.acts = false
	for order, more := range map[string]fields{"reply": {"code": 180}, "answer": {"sdp": "v=0"}, "reject": {"code": 486}, "dial": {"targets": bobURI}, "bridge": {"other": a},
		"join": {"other": a}, "hang_up": {}, "originate": {"target": bobURI}, "claim": {}, "give_back": {}} {
		t.Run(order, func(t *testing.T) {
			if order != "originate" {
				more["leg"] = a
			}
			x.refused(control.MayNotAct, order, more)
		})
	}
	x.result("list", nil)
	x.result("leg", fields{"leg": a})
	x.result("bye", nil)
	w.over()
}

// The caller hangs up while an order is on its way: the order is refused, and says why, or has
// nothing to do.
func TestRaceOfHangUpAndOrder(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	o := w.calls()
	a := of(x.event("handed_over"))
	dial := x.order("dial", fields{"leg": a, "targets": bobURI})
	w.Came(w.bob, "INVITE")
	if err := o.Cancel(nil); err != nil {
		t.Fatal(err)
	}
	w.Answered(o, 487)
	hangUp, reply := x.order("hang_up", fields{"leg": a}), x.order("reply", fields{"leg": a, "code": 180})
	if m := x.answer(dial)["result"].(fields); m["leg"] != nil || m["response"].(fields)["cause"] != "cancelled" {
		t.Errorf("%v", m)
	}
	if m := x.answer(hangUp); m["result"] != false {
		t.Errorf("%v", m)
	}
	if m := x.answer(reply); m["refused"] != "ended" || m["about"] != "cancelled" {
		t.Errorf("%v", m)
	}
	w.over()
}

// Watchers that come while calls come miss none, on no lane: each leg is in the snapshot or has
// begun after it, once.
func TestNothingIsLostAtTheStart(t *testing.T) {
	w := newWorld(t, "function route(req) local a = b2b.incoming(req) if a then a:reply(180) sip.sleep(600) end end", luabindtest.Lanes(3))
	var watchers []*client
	for i := range 60 {
		w.calls()
		if i%7 == 0 {
			x := w.connect()
			x.order("hello", fields{"watch": "all"})
			watchers = append(watchers, x)
		}
		if i%3 == 0 {
			w.Run(time.Millisecond)
		}
	}
	w.Run(time.Second)
	for i, x := range watchers {
		t.Run(fmt.Sprint("watcher ", i), func(t *testing.T) {
			known := map[string]int{}
			x.read()
			for _, m := range x.got {
				switch m["event"] {
				case "began":
					known[of(m)]++
				case "legs":
					for _, leg := range m["legs"].([]any) {
						known[leg.(fields)["id"].(string)]++
					}
				}
			}
			if len(known) != 60 {
				t.Errorf("it knows %d legs", len(known))
			}
			for id, n := range known {
				if n != 1 {
					t.Errorf("it has heard %d times of %s", n, id)
				}
			}
		})
	}
	w.m.EndCalls()
	w.over()
}

// There are so many sessions and no more; those that are lost make room.
func TestMostSessions(t *testing.T) {
	w := controlled(t, "")
	var all []*client
	for range 64 {
		all = append(all, w.serving(nil))
	}
	x := w.connect()
	x.refused(control.Full, "hello", nil)
	all[5].conn.Close()
	x.hello(nil)
	x.event("synced")
	all[5].again()
	all[5].refused(control.NoSession, "hello", fields{"session": all[5].token})
	if f := w.m.Control().Figures(); f.Sessions != 64 {
		t.Errorf("%+v", f)
	}
}

// A session has so many orders that are not answered, and no more.
func TestMostOrders(t *testing.T) {
	w := controlled(t, "deadline = 60")
	x := w.serving(fields{})
	for i := range 256 {
		x.order("originate", fields{"target": bobURI, "ref": fmt.Sprint("o", i)})
	}
	x.refused(control.Full, "originate", fields{"target": bobURI})
	x.result("bye", nil)
	w.over()
}

// When the server ends clients are told, and their connections closed.
func TestShutdownTellsClients(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(nil)
	if err := w.m.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.event("shutdown")
	if err := w.m.Close(); err != nil {
		t.Fatal(err)
	}
	if r := x.conn.Reason(); r != control.ReasonShutdown {
		t.Errorf("the reason: %q", r)
	}
	x.again()
	x.refused(control.Overload, "hello", nil)
}

// What a stranger writes does not swell what is said: URIs are cut.
func TestLongURIs(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(nil)
	x.order("originate", fields{"target": bobURI, "from": "sip:" + strings.Repeat("x", 5000) + "@example.com"})
	if from := x.event("began")["leg"].(fields)["from"].(string); len(from) != 1024 {
		t.Errorf("%d bytes", len(from))
	}
	x.result("bye", nil)
	w.over()
}
