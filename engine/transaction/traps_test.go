package transaction

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// What went wrong in other systems, one test for each.

// A CANCEL is answered 200 and no more: the INVITE's answer is the user's, and a 200 that races the
// CANCEL goes out.
func TestTrap01CancelAnswersNothingFor(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{})
	ok := respond(render(s.Req), 200, "b")
	r.receive(req{method: "CANCEL"}.String())
	r.took("SIP/2.0 200 OK")
	r.do(func() {
		if err := s.Respond(parse(t, ok)); err != nil {
			t.Error(err)
		}
	})
	if got := r.took("SIP/2.0 200 OK")[0]; got.text != ok {
		t.Error(got.text)
	}
	r.advance(40 * time.Second)
	r.took()
	r.empty()
}

// The ACK of a non-2xx has one Via, the branch's own; the INVITE's Request-URI and Route, the
// response's To, the same peer.
func TestTrap02AckHasOneVia(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		c := r.send(req{
			via:   "SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKp1, SIP/2.0/UDP 198.51.100.6;branch=z9hG4bKp2\r\nVia: SIP/2.0/TCP 198.51.100.5;branch=z9hG4bKp3",
			extra: "Route: \"A, B\" <sip:p1.example.com;lr>;x=y, <sip:p2.example.com;lr>\r\nRoute: <sip:p3.example.com;lr>\r\n",
			cseq:  4711,
		}, kind, nil)
		inv := r.take()[0]
		r.receive(respond(inv.text, 486, "b1"), kind)
		ack := r.took("ACK sip:bob@example.com SIP/2.0")[0]
		m := mustParse(ack.text)
		vias := m.Elements(message.HeaderVia)
		if !vias.Next() || string(vias.Value) != "SIP/2.0/"+kind.Via()+" 192.0.2.1:5060;branch="+c.Branch()+";rport" || vias.Next() {
			t.Error(ack.text)
		}
		var routes []string
		for e := m.Elements(message.HeaderRoute); e.Next(); {
			routes = append(routes, string(e.Value))
		}
		if !slices.Equal(routes, []string{"\"A, B\" <sip:p1.example.com;lr>;x=y", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>"}) {
			t.Error(routes)
		}
		cs, _ := m.CSeq()
		if string(m.ToTag()) != "b1" || cs.Number != 4711 || cs.Method != message.MethodAck || string(m.CallID()) != "call-1" {
			t.Error(ack.text)
		}
		if ack.to.Addr != inv.to.Addr || ack.to.Local != inv.to.Local || ack.to.Local.Kind != kind {
			t.Error("goes elsewhere")
		}
	}
}

// A retransmitted final is acknowledged again at once, and the owner hears of it once.
func TestTrap03FinalAgainIsAckedAtOnce(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	for i := range 5 {
		r.receive(respond(inv.text, 486, "b"))
		ack := r.took("ACK sip:bob@example.com SIP/2.0")[0]
		if want := time.Duration(i) * 700 * time.Millisecond; ack.at != want {
			t.Error(ack.at, want)
		}
		r.advance(700 * time.Millisecond)
	}
	if len(o.codes) != 1 {
		t.Error(o.codes)
	}
}

// An owner that waits in its callback delays neither its own transaction nor another: Timer B
// fires.
func TestTrap04WaitingUserBlocksNothing(t *testing.T) {
	r := newRig(t, Options{})
	r.posting = true
	first, second := lane.NewWaiter(), lane.NewWaiter()
	slow := &ownerLog{onResponse: func(*Client, int) { r.lane.Park(first) }}
	r.user.onRequest = func(*Server) { r.lane.Park(second) }
	var other ownerLog
	c := r.send(req{}, transport.UDP, slow)
	inv := r.take()[0]
	r.send(req{callID: "call-2"}, transport.UDP, &other)

	var waiting sync.WaitGroup
	waiting.Go(func() { r.receive(respond(inv.text, 200, "b")) })
	waiting.Go(func() { r.receive(req{branch: "z9hG4bKin"}.String()) })
	for parked := false; !parked; {
		r.do(func() { parked = len(slow.codes) == 1 && len(r.user.requests) == 1 })
	}
	r.advance(33 * time.Second)
	r.do(func() {
		if len(other.errs) != 1 || !errors.Is(other.errs[0], ErrTimeout) {
			t.Error("Timer B", other.errs)
		}
		if c.State() != Terminated {
			t.Error("Timer M", c.State())
		}
		if !slices.ContainsFunc(r.wire.sent, func(s sent) bool { return strings.HasPrefix(s.text, "SIP/2.0 100") }) {
			t.Error("no 100")
		}
		r.lane.Wake(first)
		r.lane.Wake(second)
	})
	waiting.Wait()
}

// Timer K is T4, not 64*T1; a server transaction over TCP ends with its final response, not when a
// handler returns.
func TestTrap05TimerK(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{method: "OPTIONS"}, transport.UDP, &o)
	r.receive(respond(r.take()[0].text, 200, "b"))
	r.advance(4990 * time.Millisecond)
	if c.State() != Completed {
		t.Error(c.State())
	}
	r.advance(20 * time.Millisecond)
	r.empty()

	c = r.send(req{method: "OPTIONS"}, transport.TCP, &o)
	r.receive(respond(r.take()[0].text, 200, "b"), transport.TCP)
	if c.State() != Terminated {
		t.Error(c.State())
	}
	r.empty()

	s := r.arrive(req{method: "OPTIONS"}, transport.TCP) // the handler has returned
	if s.State() != Trying {
		t.Error(s.State())
	}
	r.reply(s, 200)
	r.empty()
}

// Max-Forwards is nobody's business here: 0 stays 0.
func TestTrap07MaxForwardsZero(t *testing.T) {
	r := newRig(t, Options{})
	text := strings.Replace(req{}.String(), "Max-Forwards: 70", "Max-Forwards: 0", 1)
	r.receive(text)
	s := r.user.requests[0]
	if n, ok, err := s.Req.MaxForwards(); n != 0 || !ok || err != nil {
		t.Error(n, ok, err)
	}
	r.do(func() { r.layer.Send(s.Req, peerOf(transport.UDP), "", nil) })
	if out := r.take()[0].text; !strings.Contains(out, "\r\nMax-Forwards: 0\r\n") {
		t.Error(out)
	}
}

// What can't be read is answered where it can be, and else dropped and counted.
func TestTrap09BadMessages(t *testing.T) {
	r := newRig(t, Options{})
	bad := func(text string) *Arrival {
		a := &Arrival{Msg: new(message.Message), Kind: transport.UDP, Source: mustAddr("198.51.100.7:5062"), Local: r.wire.locals[0]}
		a.Msg.Parse([]byte(text), &message.Limits{})
		return a
	}
	a := bad(strings.Replace(req{}.String(), "CSeq: 1 INVITE", "CSeq: x INVITE", 1))
	r.do(func() { r.layer.Reply(a, 400, "Bad CSeq", nil) })
	noVia := strings.Replace(req{}.String(), "Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bKpeer1;rport\r\n", "", 1)
	r.do(func() {
		if err := r.layer.Reply(bad(noVia), 400, "", nil); !errors.Is(err, ErrUnreadable) {
			t.Error(err)
		}
		r.layer.Receive(bad(noVia))
		r.layer.Receive(bad(strings.Replace(noVia, "INVITE", "ACK", 2)))
		r.layer.Receive(bad(strings.Replace(noVia, "INVITE", "CANCEL", 2)))
		r.layer.Receive(bad("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP\r\n\r\n"))
		r.layer.Receive(bad("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\r\n"))
	})
	if r.events[EventUnreadable] != 5 || len(r.user.requests) != 0 || len(r.user.strays) != 0 {
		t.Error(r.events, len(r.user.requests))
	}
}

// received= is written without rport too, and the answer leaves from the listener the request came
// to (§18.2.1, §18.2.2).
func TestTrap10AnswerLeavesWhereRequestCame(t *testing.T) {
	r := newRig(t, Options{})
	second := &transport.Local{Index: 9, Kind: transport.UDP, Host: "192.0.2.2", Port: 5060, SentBy: "192.0.2.2:5060"}
	r.wire.locals = append([]*transport.Local{second}, r.wire.locals...)
	s := r.arrive(req{via: "SIP/2.0/UDP host.example.com:5080;branch=z9hG4bK1"}, mustAddr("198.51.100.7:34567"))
	slices.Reverse(r.wire.locals) // another one is the first now
	via, _ := s.Req.TopVia()
	if string(via.Received()) != "198.51.100.7" {
		t.Error(string(s.Req.Header(message.HeaderVia)))
	}
	r.reply(s, 404)
	if got := r.take()[0].to; got.Local != s.ReplyTo().Local || got.Local != second {
		t.Error(got.Local)
	}
}

// Merged requests (§8.2.2.2) are a UAS's business: two branches of a fork upstream are two
// transactions.
func TestTrap29MergedRequestsAreTwo(t *testing.T) {
	r := newRig(t, Options{})
	a := r.arrive(req{branch: "z9hG4bKfork1"})
	b := r.arrive(req{branch: "z9hG4bKfork2"})
	if a == b {
		t.Fatal("one transaction")
	}
	r.advance(300 * time.Millisecond)
	r.took("SIP/2.0 100 Trying", "SIP/2.0 100 Trying")
}
