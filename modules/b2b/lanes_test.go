package b2b_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/dialog"
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
	alice, carol = w.meet()
	return w, alice, carol
}

// meet has alice be parked, and carol dial 701 on another lane.
func (w *world) meet() (alice, carol *phone.Outgoing) {
	w.T.Helper()
	alice = w.calls()
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(alice, 200)
	w.Run(2 * time.Second)
	w.settle() // she is on hold
	for range 60 {
		carol = w.carol.Invite("sip:701@example.com", phone.Spec{Media: own})
		w.settle()
		if m := carol.Final(); m == nil || m.Status() != 480 {
			return alice, carol
		}
	}
	w.T.Fatal("all calls are on one lane")
	return nil, nil
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

// Legs that are tracked, recorded and limited come to another lane with what follows them: the time
// that the call may last, its end by its id, and one record of each call.
func TestFollowedLegsOfTwoLanes(t *testing.T) {
	for _, end := range []string{"duration", "hung up", "bye"} {
		t.Run(end, func(t *testing.T) {
			d := luabindtest.Must(dialog.New(dialog.Options{}))
			m := b2b.NewWith(b2b.Options{Dialogs: func() *dialog.Dialogs { return d }})
			written := 0
			a := acc.New(acc.Options{Record: func([]byte) { written++ }})
			script := strings.Replace(meets(`  sip.log.warn("joined %s", a:join(b))`), `local a = b2b.incoming(req, { max_duration = 900 })`, `local a = b2b.incoming(req, { limits = { legs = 99 } })
  dialog.track(a, { limits = { calls = 99 }, max_duration = req.ruri.user == "701" and 5000 or 900 })
  acc.record(a)`, 1)
			w := &world{World: luabindtest.New(t, "local b2b, dialog, acc = require 'b2b', require 'dialog', require 'acc'\nlocal bob = 'sip:bob@10.0.2.1:5060'\nacc.configure{ to = 'json:unused' }\n"+script,
				luabindtest.Modules(m, d, a), luabindtest.Lanes(4)), m: m}
			w.Ladder()
			w.alice, w.bob, w.carol = w.Phone("alice", "10.0.1.1"), w.Phone("bob", "10.0.2.1"), w.Phone("carol", "10.0.3.1")
			var hers *dialog.Call
			d.Watch(func(e dialog.Event) {
				if hers == nil {
					hers = e.Call
				}
			})
			alice, carol := w.meet()
			w.Answered(carol, 200)
			w.settle()
			w.logged("joined true")
			tried := written // calls of hers on the lane where alice waits: they are over
			if d.Count("calls") != 2 || d.Count("legs") != 2 {
				t.Fatalf("%d calls, %d legs", d.Count("calls"), d.Count("legs"))
			}
			switch end {
			case "duration": // of hers: her call has gone to another lane
				w.Run(900 * time.Second)
			case "hung up":
				if !hers.Hangup("") {
					t.Error("it cannot be hung up")
				}
			case "bye":
				w.Answered(alice.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			}
			w.settle()
			w.over()
			a0 := 1
			if end == "bye" {
				a0 = 0
			}
			if a, c := w.count(w.alice, "BYE"), w.count(w.carol, "BYE"); a != a0 || c != 1 {
				t.Errorf("alice got %d BYEs, carol %d", a, c)
			}
			if calls := written; calls != tried+2 {
				t.Errorf("%d records of %d calls", calls, tried+2)
			}
			if d.Count("")+d.Count("calls")+d.Count("legs") != 0 {
				t.Errorf("%d calls, %d counted, %d legs", d.Count(""), d.Count("calls"), d.Count("legs"))
			}
		})
	}
}

// Two handlers on two lanes that have each other's leg come at once: each is told that they are
// busy, or one has both, and no leg is lost.
func TestTwoLanesClaimAtOnce(t *testing.T) {
	w := newWorld(t, `
function route(req)
  local a = b2b.incoming(req)
  a:answer("v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
  sip.sleep(4)
  local other
  for _, x in ipairs(b2b.list()) do
    if x.id ~= a.id then other = x end
  end
  local ok, why = a:join(other)
  sip.log.warn("joined %s %s", ok, why)
  if a.id:match "^%d+" == other.id:match "^%d+" then error("on one lane") end
  sip.sleep(30)
end`, luabindtest.Lanes(8))
	var both []*phone.Outgoing
	for range 2 {
		both = append(both, w.alice.Invite("sip:x@example.com", phone.Spec{Media: own}))
	}
	w.settle()
	for _, o := range both {
		w.Answered(o, 200)
	}
	w.Run(time.Minute)
	w.m.EndCalls()
	w.settle()
	if busy := strings.Count(w.Log(), "joined nil busy"); strings.Count(w.Log(), "joined ") != 2 || busy == 0 || w.count(w.alice, "BYE") != 2 {
		t.Errorf("alice got %d BYEs; the log:\n%s", w.count(w.alice, "BYE"), w.Log())
	}
	w.over()
}

// Two pairs on two lanes, each one tracked call whose legs stay together, change partners at once,
// in any order: whoever goes to where the other was finds it, and all talk.
func TestPairsOfTwoLanesChangePartners(t *testing.T) {
	for _, c := range []struct{ x, y string }{{"a:join(oa)", "b:join(ob)"}, {"a:join(oa)", "ob:join(b)"}, {"oa:join(a)", "b:join(ob)"}, {"oa:join(a)", "ob:join(b)"}} {
		t.Run(c.x+", "+c.y, func(t *testing.T) {
			d := luabindtest.Must(dialog.New(dialog.Options{}))
			m := b2b.NewWith(b2b.Options{Dialogs: func() *dialog.Dialogs { return d }})
			w := &world{World: luabindtest.New(t, `local b2b, dialog = require "b2b", require "dialog"
local legs = sip.shared("legs")
local function lane(id) return id:match "^%d+" end
function route(req)
  local me = req.ruri.user
  local a = b2b.incoming(req)
  if me == "y" and lane(legs:get("x")) == lane(a.id) then return a:reject(480) end
  dialog.track(a, {})
  local b = a:dial("sip:bob@10.0.2.1:5060")
  a:bridge(b, { timeout = 2 })
  legs:set(me, a.id .. " " .. b.id)
  if me == "y" then legs:set("at", sip.now() + 3) end
  while not legs:get("at") do sip.sleep(0.1) end
  sip.sleep(legs:get("at") - sip.now())
  local oa, ob = legs:get(me == "x" and "y" or "x"):match "(%S+) (%S+)"
  oa, ob = b2b.leg(oa), b2b.leg(ob)
  local ok, why
  if me == "x" then ok, why = `+c.x+` else ok, why = `+c.y+` end
  sip.log.warn("joined %s %s", tostring(ok), tostring(why))
  sip.sleep(30)
end`, luabindtest.Modules(m, d), luabindtest.Lanes(4)), m: m}
			w.Ladder()
			w.alice, w.bob, w.carol = w.Phone("alice", "10.0.1.1"), w.Phone("bob", "10.0.2.1"), w.Phone("carol", "10.0.3.1")
			alice := w.alice.Invite("sip:x@example.com", phone.Spec{Media: own})
			w.answer(w.Came(w.bob, "INVITE"))
			w.Answered(alice, 200)
			w.Run(4 * time.Second)
			var carol *phone.Outgoing
			for {
				carol = w.carol.Invite("sip:y@example.com", phone.Spec{Media: own})
				w.Run(100 * time.Millisecond)
				if m := carol.Final(); m == nil || m.Status() != 480 {
					break
				}
			}
			w.settle()
			w.Answered(carol, 200)
			for range 20 {
				w.Run(time.Second)
				w.settle()
			}
			if n := strings.Count(w.Log(), "joined true"); n != 2 {
				t.Errorf("%d pairs are joined:\n%s", n, w.Log())
			}
			w.Answered(alice.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.settle()
			if n := w.count(w.carol, "BYE"); n != 1 {
				t.Errorf("carol got %d BYEs", n)
			}
			w.m.EndCalls()
			w.settle()
			w.over()
		})
	}
}

// Who was parked, and was taken by somebody who calls on another lane, is called back when that one
// has hung up: on the lane that it has come to.
func TestCallBackOfParkedOnAnotherLane(t *testing.T) {
	w, alice, carol := waits(t, `
  local ended = a:bridge(b)
  sip.log.warn("ended %s", tostring(ended == a))
  local back = b.from
  b:hang_up()
  local again, res = b2b.originate({ from = "sip:desk@example.com", target = "sip:" .. back.user .. "@10.0.1.1:5060", timeout = 20 })
  sip.log.warn("called back %s on %s", again and again.state or res.code, tostring(again and lane(again) == lane(a)))
  again:hang_up()`)
	w.Answered(carol, 200)
	w.settle()
	w.Answered(carol.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.settle()
	w.logged("ended true", "called back answered on true")
	// One in her call, and one in that
	if n := w.count(w.alice, "BYE"); n != 2 || alice.Dialog() == nil {
		t.Errorf("alice got %d BYEs", n)
	}
	w.over()
}

// A leg goes to a second lane, and from there to a third.
func TestLegMovesTwice(t *testing.T) {
	w := newWorld(t, meets(`
  a:bridge(b, { timeout = 2 })
  sip.log.warn("parked %s", b:park("701"))
  a:hang_up()`), luabindtest.Lanes(4))
	alice, _ := w.meet()
	w.settle()
	w.logged("parked true")
	third := false
	for range 60 {
		o := w.bob.Invite("sip:701@example.com", phone.Spec{Media: own})
		w.settle()
		if m := o.Final(); m != nil && m.Status() == 200 {
			third = true
			break
		}
	}
	if !third {
		t.Fatal("nobody else has taken her")
	}
	x := alice.Dialog().Send(phone.Spec{Method: "INFO", ContentType: "application/dtmf-relay", Body: []byte("Signal=1\r\n")})
	w.settle()
	w.Answered(x, 200)
	w.Answered(alice.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.settle()
	w.over()
}

// A party is asked by REFER to call that of a leg on another lane, whose dialog it takes over.
func TestReferToLegOfAnotherLane(t *testing.T) {
	w, _, carol := waits(t, `
  a:answer("v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n")
  sip.log.warn("referred %s", a:refer(b))`)
	w.Answered(carol, 200)
	for _, i := range w.carol.Inbox() {
		if i.Method() != "REFER" {
			continue
		}
		if to := string(i.Msg.HeaderName("Refer-To")); !strings.HasPrefix(to, "<sip:alice@example.com?Replaces=") {
			t.Errorf("Refer-To: %s", to)
		}
		cs, err := i.Msg.CSeq()
		if err != nil {
			t.Fatal(err)
		}
		i.Dialog().Send(phone.Spec{Method: "NOTIFY", Headers: []proxy.HeaderEdit{{Name: "Event", Values: []string{fmt.Sprint("refer;id=", cs.Number)}}, {Name: "Subscription-State", Values: []string{"terminated;reason=noresource"}}},
			Body: []byte("SIP/2.0 200 OK\r\n"), ContentType: "message/sipfrag"})
	}
	w.settle()
	w.logged("referred true")
	w.over()
}
