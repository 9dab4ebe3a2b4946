package b2b_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
)

// A script holds a party, takes it back, and is told when the party refuses.
func TestHold(t *testing.T) {
	w := newWorld(t, route+`
  local b = a:dial(bob)
  sip.log.warn("before %s", a:hold())
  a:bridge(b, { timeout = 5 })
  local ok, res = a:hold()
  sip.log.warn("held %s %s", ok, res)
  ok, res = a:resume()
  sip.log.warn("back %s %s", ok, res)
  ok, res = b:hold()
  sip.log.warn("refused %s %s", ok, res.code)
  a:bridge(b)
  ok, res = a:hold()
  sip.log.warn("over %s %s", ok, res)
  end`)
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	w.Run(6 * time.Second)
	held := w.Came(w.alice, "INVITE")
	if !bytes.Contains(held.Msg.Body(), []byte("a=inactive")) {
		t.Errorf("hold without a peer:\n%s", held.Msg.Body())
	}
	w.answer(held)
	back := w.Came(w.alice, "INVITE")
	if bytes.Contains(back.Msg.Body(), []byte("a=inactive")) {
		t.Errorf("resume:\n%s", back.Msg.Body())
	}
	w.answer(back)
	w.Reply(w.Came(w.bob, "INVITE"), 488)
	w.Run(5 * time.Second)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.over()
	for _, want := range []string{"before nil", "held true nil", "back true nil", "refused nil 488", "over nil the leg is not"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("the log has no %q:\n%s", want, w.Log())
		}
	}
}

// A script says which leg has no session timer (RFC 4028); else each has one with who knows them.
func TestSessionTimer(t *testing.T) {
	for _, c := range []struct {
		name, take, dial string
		caller, callee   bool
	}{{"both", "", "", true, true}, {"not the caller's", ", { session_timer = false }", "", false, true}, {"not the callee's", "", ", { session_timer = false }", true, false}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "function route(req) local a = b2b.incoming(req"+c.take+") local b = a:dial(bob"+c.dial+") a:join(b) end")
			o := w.alice.Invite("sip:someone@example.com", phone.Spec{Media: own, Headers: []proxy.HeaderEdit{{Name: "Supported", Values: []string{"timer"}}}})
			in := w.Came(w.bob, "INVITE")
			if got := in.Msg.HeaderName("Session-Expires") != nil; got != c.callee {
				t.Errorf("the callee is offered a timer: %v", got)
			}
			w.answer(in)
			if got := w.Answered(o, 200).HeaderName("Session-Expires") != nil; got != c.caller {
				t.Errorf("the caller is given a timer: %v", got)
			}
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.over()
		})
	}
	t.Run("nonsense", func(t *testing.T) {
		w := newWorld(t, "function route(req) b2b.incoming(req, { session_timer = 'x' }) end")
		w.calls()
		w.over()
		if !strings.Contains(w.Log(), "session_timer must be true or false") {
			t.Errorf("the log:\n%s", w.Log())
		}
	})
}

// A script reads a number that is keyed in, and a message; it is told that nothing came, and that
// the party has left.
func TestWait(t *testing.T) {
	w := newWorld(t, route+`
  a:answer('v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n')
  sip.sleep(3)
  local pin = ""
  while true do
    local what, key = a:wait("dtmf", { timeout = 5 })
    if key == "#" or not what then break end
    pin = pin .. key
  end
  sip.log.warn("pin %s", pin)
  sip.log.warn("message %s %s %s", a:wait({ "dtmf", "MESSAGE" }))
  sip.log.warn("late %s %s", a:wait("INFO", { timeout = 2 }))
  sip.log.warn("wrong %s %s", pcall(function() a:wait("BYE") end))
  sip.log.warn("none %s %s", pcall(function() a:wait({}) end))
  sip.log.warn("left %s %s", a:wait("INFO"))
  sip.log.warn("over %s %s", a:wait("INFO"))
  end`)
	o := w.calls()
	w.Answered(o, 200)
	for _, key := range []string{"1", "2", "*", "0"} {
		w.Answered(o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte(key), ContentType: "application/dtmf"}), 200)
	}
	w.Run(4 * time.Second)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "INFO", Body: []byte("Signal=#\r\n"), ContentType: "application/dtmf-relay"}), 200)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "MESSAGE", Body: []byte("hello"), ContentType: "text/plain"}), 200)
	w.Run(3 * time.Second)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.over()
	for _, want := range []string{"pin 12*0", "message MESSAGE hello text/plain", "late nil timeout", `not for BYE`, "wait for something", "left nil ended", "over nil ended"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("the log has no %q:\n%s", want, w.Log())
		}
	}
}
