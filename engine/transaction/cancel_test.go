package transaction

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// CANCEL in all orders, on both sides (§9).

const reason = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"

// checkCancel checks that a CANCEL is what §9.1 says: the INVITE's Request-URI, topmost Via, Route,
// From, To, Call-ID and CSeq number, to the same peer.
func checkCancel(t *testing.T, inv, cancel sent) {
	t.Helper()
	i, c := mustParse(inv.text), mustParse(cancel.text)
	if string(i.RequestURI()) != string(c.RequestURI()) || inv.to.Addr != cancel.to.Addr || inv.to.Local != cancel.to.Local {
		t.Error("goes elsewhere")
	}
	vias := c.Elements(message.HeaderVia)
	n := 0
	for ; vias.Next(); n++ {
	}
	if n != 1 || string(i.Header(message.HeaderVia)) != string(c.Header(message.HeaderVia)) {
		t.Errorf("%d Via:\n%s", n, cancel.text)
	}
	for _, id := range []message.HeaderID{message.HeaderFrom, message.HeaderTo, message.HeaderCallID, message.HeaderRoute} {
		if string(i.Header(id)) != string(c.Header(id)) {
			t.Errorf("%v: %q", id, c.Header(id))
		}
	}
	if cs, err := c.CSeq(); err != nil || cs.Number != 1 || cs.Method != message.MethodCancel {
		t.Error(cs, err)
	}
	if c.Find(message.HeaderRequire, 0) >= 0 || len(c.Body()) != 0 {
		t.Error("has what a CANCEL must not have")
	}
}

var routed = req{extra: "Route: <sip:p1.example.com;lr>\r\nRequire: 100rel\r\n", body: "v=0"}

// Before any provisional the CANCEL waits for one (§9.1), and INVITEs go on being sent.
func TestCancelBefore1xx(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		var o ownerLog
		c := r.send(routed, kind, &o)
		inv := r.take()[0]
		headers := []byte(reason)
		r.do(func() { c.Cancel(headers); c.Cancel(nil) })
		clear(headers) // the caller's again
		r.advance(600 * time.Millisecond)
		if kind == transport.UDP {
			r.took("INVITE sip:bob@example.com SIP/2.0")
		}
		r.receive(respond(inv.text, 100, ""), kind)
		cancel := r.took("CANCEL sip:bob@example.com SIP/2.0")[0]
		checkCancel(t, inv, cancel)
		if !strings.Contains(cancel.text, reason) {
			t.Error(cancel.text)
		}
		r.receive(respond(inv.text, 180, "b"), kind)
		r.receive(respond(cancel.text, 200, "b"), kind)
		r.receive(respond(inv.text, 487, "b"), kind)
		r.took("ACK sip:bob@example.com SIP/2.0")
		if !slices.Equal(o.codes, []int{100, 180, 487}) {
			t.Error(o.codes)
		}
		r.advance(33 * time.Second)
		r.took()
		r.empty()
		if len(o.errs) != 0 || len(r.user.strays) != 0 {
			t.Error(o.errs, r.user.strays)
		}
	}
}

func TestCancelAfter1xx(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(routed, transport.UDP, &o)
	inv := r.take()[0]
	r.receive(respond(inv.text, 180, "b"))
	r.do(func() { c.Cancel([]byte(reason)); c.Cancel(nil) })
	checkCancel(t, inv, r.took("CANCEL sip:bob@example.com SIP/2.0")[0])
	r.advance(1600 * time.Millisecond) // Timer E of the CANCEL
	cancel := r.took("CANCEL sip:bob@example.com SIP/2.0", "CANCEL sip:bob@example.com SIP/2.0")[0]
	r.receive(respond(cancel.text, 200, "b"))
	r.receive(respond(inv.text, 487, "b"))
	r.took("ACK sip:bob@example.com SIP/2.0")
	r.advance(33 * time.Second)
	r.empty()
}

// A CANCEL sent from within the owner's callback of the provisional.
func TestCancelInCallback(t *testing.T) {
	r := newRig(t, Options{})
	o := &ownerLog{onResponse: func(c *Client, code int) {
		if code == 180 {
			c.Cancel(nil)
		}
	}}
	r.send(routed, transport.UDP, o)
	inv := r.take()[0]
	r.receive(respond(inv.text, 180, "b"))
	r.took("CANCEL sip:bob@example.com SIP/2.0")
}

// A 2xx that crosses the CANCEL is the owner's as every 2xx (Trap 1).
func TestCancelCrosses200(t *testing.T) {
	for _, first := range []string{"waiting", "sent"} {
		r := newRig(t, Options{})
		var o ownerLog
		c := r.send(routed, transport.UDP, &o)
		inv := r.take()[0]
		if first == "sent" {
			r.receive(respond(inv.text, 180, "b"))
		}
		r.do(func() { c.Cancel(nil) })
		sentNow := r.take()
		r.receive(respond(inv.text, 200, "b"))
		r.receive(respond(inv.text, 200, "b"))
		if first == "sent" {
			r.receive(respond(sentNow[0].text, 481, "b"))
		} else if len(sentNow) != 0 {
			t.Error("sent before a provisional")
		}
		r.advance(40 * time.Second)
		r.took()
		if n := len(o.codes); n < 2 || o.codes[n-1] != 200 || o.codes[n-2] != 200 || len(o.errs) != 0 {
			t.Error(first, o.codes, o.errs)
		}
		r.empty()
	}
}

// A final that crosses the waiting CANCEL makes it needless.
func TestCancelCrossesFinal(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(routed, transport.UDP, &o)
	inv := r.take()[0]
	r.do(func() { c.Cancel(nil) })
	r.receive(respond(inv.text, 487, "b"))
	r.took("ACK sip:bob@example.com SIP/2.0")
	r.do(func() { c.Cancel(nil) })
	r.took()
	r.advance(33 * time.Second)
	r.empty()
}

func TestCancelOfOtherMethod(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{method: "OPTIONS"}, transport.UDP, &o)
	r.receive(respond(r.take()[0].text, 100, ""))
	r.do(func() { c.Cancel(nil) })
	r.took()
}

// When no final response follows the CANCEL within 64*T1 the INVITE counts as cancelled (§9.1).
func TestCancelGivesUp(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		var o ownerLog
		c := r.send(routed, kind, &o)
		inv := r.take()[0]
		r.receive(respond(inv.text, 180, "b"), kind)
		r.advance(time.Minute)
		r.do(func() { c.Cancel(nil) })
		cancel := r.take()[0]
		r.receive(respond(cancel.text, 200, "b"), kind)
		r.advance(31900 * time.Millisecond)
		if len(o.errs) != 0 {
			t.Error("too soon")
		}
		r.receive(respond(inv.text, 180, "b"), kind) // doesn't start the wait again
		r.advance(110 * time.Millisecond)
		if len(o.errs) != 1 || !errors.Is(o.errs[0], ErrTimeout) {
			t.Error(o.errs)
		}
		r.empty()
	}
}

// A CANCEL that can't be sent leaves the INVITE its bound.
func TestCancelFailsToSend(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(routed, transport.UDP, &o)
	r.receive(respond(r.take()[0].text, 180, "b"))
	r.wire.fail = errWire
	r.do(func() { c.Cancel(nil) })
	r.wire.fail = nil
	r.advance(33 * time.Second)
	if len(o.errs) != 1 {
		t.Error(o.errs)
	}
	r.empty()
}

// The server side: 200 at once with the tag of our own responses, the user is told once,
// retransmissions are answered.
func TestServerCancel(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		s := r.arrive(req{}, kind)
		r.reply(s, 180)
		ringing := r.take()[0]
		r.receive(req{method: "CANCEL"}.String(), kind)
		ok := r.took("SIP/2.0 200 OK")[0]
		m := mustParse(ok.text)
		if cs, _ := m.CSeq(); cs.Method != message.MethodCancel || string(m.ToTag()) != string(mustParse(ringing.text).ToTag()) || len(m.ToTag()) == 0 {
			t.Error(ok.text)
		}
		if ok.to.Addr != ringing.to.Addr {
			t.Error(ok.to, ringing.to)
		}
		if kind == transport.UDP {
			r.receive(req{method: "CANCEL"}.String())
			r.took("SIP/2.0 200 OK")
		}
		if len(r.user.cancelled) != 1 || r.user.cancelled[0] != s || s.State() != Proceeding {
			t.Error(len(r.user.cancelled), s.State())
		}
		r.reply(s, 487)
		res := r.took("SIP/2.0 487 Request Terminated")[0]
		r.receive(ackOf(req{}, res.text).String(), kind)
		r.advance(33 * time.Second)
		r.took()
		r.empty()
	}
}

// A CANCEL that comes after the final response has no effect but its 200 (§9.2).
func TestServerCancelAfterFinal(t *testing.T) {
	for _, code := range []int{200, 486} {
		r := newRig(t, Options{})
		s := r.arrive(req{})
		r.reply(s, code)
		r.take()
		r.receive(req{method: "CANCEL"}.String())
		r.took("SIP/2.0 200 OK")
		if len(r.user.cancelled) != 0 || s.Answered() != code {
			t.Error(code, len(r.user.cancelled))
		}
		r.advance(40 * time.Second)
		r.empty()
	}
}

// A CANCEL that matches nothing is the user's, who may answer it without a transaction.
func TestServerCancelUnmatched(t *testing.T) {
	for _, branch := range []string{"z9hG4bKother", "old"} {
		r := newRig(t, Options{})
		r.arrive(req{})
		c := r.arrive(req{method: "CANCEL", branch: branch})
		if !c.Stateless || c.Method() != message.MethodCancel || r.events[EventUnmatchedCancel] != 1 {
			t.Error(c.Stateless)
		}
		if err := r.reply(c, 481); err != nil {
			t.Error(err)
		}
		res := r.took("SIP/2.0 481 Call/Transaction Does Not Exist")[0]
		if res.to.Addr != mustAddr("198.51.100.7:5062") {
			t.Error(res.to)
		}
		if err := r.reply(c, 481); !errors.Is(err, ErrState) {
			t.Error(err)
		}
		if s, _ := r.layer.Counts(); s != 1 {
			t.Error("kept")
		}
	}
}
