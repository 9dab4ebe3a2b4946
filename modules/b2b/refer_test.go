package b2b_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

func with(name, value string) []proxy.HeaderEdit {
	return []proxy.HeaderEdit{{Name: name, Values: []string{value}}}
}

// notify has a phone tell what became of a REFER.
func notify(refer *phone.Incoming, code int, state string) *phone.Outgoing {
	cs, _ := refer.Msg.CSeq()
	return refer.Dialog().Send(phone.Spec{Method: "NOTIFY", Contact: true, Headers: append(with("Event", fmt.Sprint("refer;id=", cs.Number)), with("Subscription-State", state)...),
		Body: fmt.Appendf(nil, "SIP/2.0 %d What\r\n", code), ContentType: "message/sipfrag"})
}

// REFERs pass where the file, or the bridge, says so: the other party gets them, and its NOTIFYs go
// back.
func TestReferPass(t *testing.T) {
	for _, c := range []struct {
		name, says, bridge string
		passes             bool
	}{
		{"by the file", `b2b.configure({ refer = "pass" })`, "a:bridge(b)", true},
		{"by the file, of a joined pair", `b2b.configure({ refer = "pass" })`, "a:join(b)", true},
		{"by the bridge", "", `a:bridge(b, { refer = "pass" })`, true},
		{"by the pair", "", `a:join(b, { refer = "pass" })`, true},
		{"but not with this bridge", `b2b.configure({ refer = "pass" })`, `a:bridge(b, { refer = "refuse" })`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.says+"\n"+route+"local b = a:dial(bob) "+c.bridge+" end")
			o := w.calls()
			w.answer(w.Came(w.bob, "INVITE"))
			w.Answered(o, 200)
			r := o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: with("Refer-To", "<"+carolURI+">")})
			if !c.passes {
				w.Answered(r, 603)
				w.m.EndCalls()
				w.settle()
				w.over()
				return
			}
			refer := w.Came(w.bob, "REFER")
			w.Reply(refer, 202)
			w.Answered(r, 202)
			n := notify(refer, 200, "terminated;reason=noresource")
			got := w.Came(w.alice, "NOTIFY")
			w.Reply(got, 200)
			w.Answered(n, 200)
			if !strings.HasPrefix(string(got.Msg.Body()), "SIP/2.0 200") {
				t.Errorf("%s", got.Msg.Body())
			}
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.settle()
			w.over()
		})
	}
}

// A script sends a REFER, and waits for what the party tells.
func TestReferByScript(t *testing.T) {
	for _, c := range []struct {
		name, call string
		code       int    // of the REFER's answer
		notify     int    // what the party tells; 0: nothing
		log, to    string // what is logged, and the Refer-To
	}{
		{"succeeds", "b:refer(carol, { headers = { ['Referred-By'] = '<sip:us@example.com>' } })", 202, 200, "true nil answered", "<" + carolURI + ">"},
		{"fails", "b:refer(carol)", 202, 486, "nil 486 answered", "<" + carolURI + ">"},
		{"is refused", "b:refer(carol)", 603, 0, "nil 603 answered", "<" + carolURI + ">"},
		{"is forgotten", "b:refer(carol, { timeout = 3 })", 202, 0, "nil 408 answered", "<" + carolURI + ">"},
		{"with Replaces", "b:refer(a)", 202, 200, "true nil answered", "<sip:alice@example.com?Replaces="},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+"local b = a:dial(bob) a:bridge(b, { timeout = 1 }) local ok, res = "+c.call+" sip.log.warn('%s %s %s', ok, res and res.code, b.state) a:hang_up() b:hang_up() end")
			o := w.calls()
			w.answer(w.Came(w.bob, "INVITE"))
			w.Answered(o, 200)
			refer := w.Came(w.bob, "REFER")
			if got := string(refer.Msg.HeaderName("Refer-To")); !strings.HasPrefix(got, c.to) || strings.Contains(c.name, "Replaces") != strings.Contains(got, strings.Split(o.CallID(), "@")[0]) {
				t.Errorf("Refer-To: %s", got)
			}
			w.Reply(refer, c.code)
			if c.notify != 0 {
				w.Answered(notify(refer, c.notify, "terminated"), 200)
			}
			w.settle()
			w.logged(c.log)
			w.over()
		})
	}
}

// What cannot be called raises.
func TestReferByScriptRaises(t *testing.T) {
	w := newWorld(t, route+`local b = a:dial(bob) a:bridge(b, { timeout = 1 })
  for _, f in ipairs { function() b:refer("tel") end, function() b:refer("tel:1") end, function() b:refer(1) end, function() b:refer(carol, { headers = { ["Via"] = "x" } }) end } do
    sip.log.warn("%s", select(2, pcall(f)))
  end
  sip.log.warn("%s %s", b:refer(b)) end`)
	o := w.calls()
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(o, 200)
	w.settle()
	w.logged("not a URI that can be called", "busy", "option headers")
	w.over()
}

// A program sends one.
func TestReferFromOutside(t *testing.T) {
	w := controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	_, a, _ := w.talking(x)
	order := x.order("refer", fields{"leg": a, "to": carolURI})
	refer := w.Came(w.alice, "REFER")
	w.Reply(refer, 202)
	w.Answered(notify(refer, 503, "terminated"), 200)
	if m := x.answer(order)["result"].(fields); m["agreed"] != nil || m["response"].(fields)["code"] != 503.0 {
		t.Errorf("%v", m)
	}
	order = x.order("refer", fields{"leg": a, "other": "bob"})
	refer = w.Came(w.alice, "REFER")
	if !strings.Contains(string(refer.Msg.HeaderName("Refer-To")), bobURI+"?Replaces=") {
		t.Errorf("%s", refer.Msg.HeaderName("Refer-To"))
	}
	w.Reply(refer, 603)
	if m := x.answer(order)["result"].(fields); m["response"].(fields)["code"] != 603.0 {
		t.Errorf("%v", m)
	}
	x.refused("bad-option", "refer", fields{"leg": a})
	x.refused("bad-option", "refer", fields{"leg": a, "to": "what"})
	w.m.EndCalls()
	w.settle()
	w.over()
}

// A script, and a program, send a party requests within its call.
func TestSend(t *testing.T) {
	w := newWorld(t, route+`local b = a:dial(bob) a:bridge(b, { timeout = 1 })
  sip.log.warn("sent %s", a:send({ method = "MESSAGE", body = "x", headers = { Subject = "s" } }).code)
  sip.log.warn("own %s", select(2, a:send({ method = "BYE" })))
  sip.log.warn("%s", select(2, pcall(a.send, a, { method = "A B" }))) end`)
	o := w.calls()
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(o, 200)
	in := w.Came(w.alice, "MESSAGE")
	if string(in.Msg.Body()) != "x" || string(in.Msg.HeaderName("Content-Type")) != "text/plain" || string(in.Msg.HeaderName("Subject")) != "s" {
		t.Errorf("%s", in.Msg.Original())
	}
	w.Reply(in, 202)
	w.settle()
	w.logged("sent 202", "own legs send requests with that method by themselves", "option method must be")
	w.over()

	w = controlled(t, "")
	x := w.serving(fields{"apps": []string{"ivr"}})
	_, a, _ := w.talking(x)
	order := x.order("send", fields{"leg": a, "method": "INFO", "body": "{}", "type": "application/json"})
	w.Reply(w.Came(w.alice, "INFO"), 200)
	if m := x.answer(order)["result"].(fields); m["response"].(fields)["code"] != 200.0 {
		t.Errorf("%v", m)
	}
	x.refused("failed", "send", fields{"leg": a, "method": "BYE"})
	w.m.EndCalls()
	w.settle()
	w.over()
}
