package transaction

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// ICMP errors and lost connections: which transactions they end.

var errICMP = errors.New("port unreachable")

// unreachable brings an ICMP error that quotes a datagram.
func (r *rig) unreachable(to string, quoted string) {
	r.t.Helper()
	r.do(func() {
		if q, ok := ParseQuoted([]byte(quoted)); ok {
			r.layer.Unreachable(mustAddr(to), &q, errICMP)
		}
	})
}

func TestUnreachable(t *testing.T) {
	const there = "203.0.113.9:5070"
	first := func(n int) func(string) string { return func(text string) string { return text[:min(n, len(text))] } }
	for _, row := range []struct {
		name   string
		to     string
		before int // a response that came before
		quote  func(text string) string
		ends   bool
	}{
		{"its own", there, 0, first(548), true},
		{"whole", there, 0, first(1 << 16), true},
		{"mapped address", "[::ffff:203.0.113.9]:5070", 0, first(548), true},
		{"another port", "203.0.113.9:5071", 0, first(548), false},
		{"another address", "203.0.113.8:5070", 0, first(548), false},
		{"another branch", there, 0, func(s string) string { return strings.Replace(s, ";branch=z9hG4bK", ";branch=z9hG4bK0", 1) }, false},
		{"a branch without the cookie", there, 0, func(s string) string { return strings.Replace(s, ";branch=z9hG4bK", ";branch=", 1) }, false},
		{"a branch cut off", there, 0, func(s string) string { return s[:strings.Index(s, ";branch=")+12] }, false},
		{"no Via", there, 0, func(s string) string { return strings.Replace(s, "Via", "X", 1) }, false},
		{"a Via that is not ours", there, 0, func(s string) string { return strings.Replace(s, "SIP/2.0/UDP ", "SIP / 2.0 / UDP ", 1) }, false},
		{"a response", there, 0, func(s string) string { return "SIP/2.0 200 OK\r\n" + s[strings.Index(s, "Via"):] }, false},
		{"junk", there, 0, func(string) string { return "junk" }, false},
		{"of its CANCEL", there, 0, func(s string) string { return strings.Replace(s, strings.Fields(s)[0], "CANCEL", 1) }, false},
		{"nothing quoted", there, 0, first(0), true},
		{"nothing quoted, another port", "203.0.113.9:5071", 0, first(0), false},
		{"after a 100", there, 100, first(548), false},
		{"after a 180", there, 180, first(548), false},
		{"after a 100, nothing quoted", there, 100, first(0), false},
		{"after a final response", there, 486, first(548), false},
	} {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			if row.before == 180 && method == "MESSAGE" {
				continue
			}
			t.Run(row.name+" "+method, func(t *testing.T) {
				r := newRig(t, Options{})
				var o ownerLog
				c := r.send(req{method: method}, transport.UDP, &o)
				text := r.take()[0].text
				if row.before != 0 {
					r.receive(respond(text, row.before, "b"))
				}
				state := c.State()
				r.unreachable(row.to, row.quote(text))
				if ended := len(o.errs) == 1 && errors.Is(o.errs[0], errICMP) && c.State() == Terminated; ended != row.ends {
					t.Errorf("ended: %v; %v", ended, o.errs)
				}
				if !row.ends && c.State() != state {
					t.Errorf("%v became %v", state, c.State())
				}
			})
		}
	}
}

// The error of a datagram to one peer, quoted short, ends all that waits there, and is looked for
// now and then only.
func TestUnreachableWithoutAQuotation(t *testing.T) {
	r := newRig(t, Options{})
	var a, b, late ownerLog
	r.send(req{}, transport.UDP, &a)
	r.send(req{method: "MESSAGE"}, transport.UDP, &b)
	tcp := r.send(req{method: "OPTIONS"}, transport.TCP, &ownerLog{})
	r.take()
	r.unreachable("203.0.113.9:5070", "")
	if len(a.errs) != 1 || len(b.errs) != 1 || tcp.State() != Trying {
		t.Error(a.errs, b.errs, tcp.State())
	}
	r.send(req{}, transport.UDP, &late)
	r.unreachable("203.0.113.9:5070", "")
	if len(late.errs) != 0 {
		t.Error("searched at once again")
	}
	r.advance(searchPause)
	r.unreachable("203.0.113.9:5070", "")
	if len(late.errs) != 1 {
		t.Error(late.errs)
	}
}

func TestParseQuotedFindsTheCallID(t *testing.T) {
	for _, name := range []string{"Call-ID", "i", "CALL-ID "} {
		text := fmt.Sprintf("OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bKx;rport\r\nX: y\r\n%s: c1@h \r\nFrom: <sip", name)
		for i := range len(text) {
			if q, _ := ParseQuoted([]byte(text[:i])); q.CallID != nil && string(q.CallID) != "c1@h" {
				t.Errorf("cut at %d: %q", i, q.CallID)
			}
		}
		if q, _ := ParseQuoted([]byte(text)); string(q.CallID) != "c1@h" || string(q.Branch) != "z9hG4bKx" {
			t.Errorf("%q %q", q.CallID, q.Branch)
		}
	}
}

// loser is an owner that is told of lost connections.
type loser struct {
	ownerLog
	lost []error
}

func (o *loser) Lost(_ *Client, err error) { o.lost = append(o.lost, err) }

// flows has the wire give each message on a stream a connection.
func (r *rig) flows(last transport.FlowID) { r.wire.flow = last }

func (r *rig) closed(id transport.FlowID) { r.do(func() { r.layer.FlowClosed(id) }) }

func TestFlowClosed(t *testing.T) {
	for _, method := range []string{"INVITE", "MESSAGE"} {
		t.Run(method, func(t *testing.T) {
			r := newRig(t, Options{})
			var o loser
			r.flows(7)
			c := r.send(req{method: method}, transport.TCP, &o)
			text := r.take()[0].text
			if !r.layer.WaitsOnStreams() {
				t.Error("nothing waits")
			}
			r.closed(8) // another's
			r.flows(9)
			r.closed(7)
			if again := r.take(); len(again) != 1 || again[0].text != text || again[0].to.Flow != 9 {
				t.Fatal("not sent by a new connection", again)
			}
			r.closed(7)
			if len(o.errs) != 0 {
				t.Error(o.errs)
			}
			r.closed(9)
			if len(o.errs) != 1 || !errors.Is(o.errs[0], ErrLost) || c.State() != Terminated || r.layer.WaitsOnStreams() {
				t.Error(o.errs, c.State())
			}
			r.empty()
		})
	}
}

// A message that was taken and not written, on a connection that was lost: told twice, sent again
// once.
func TestFlowClosedAndSendFailed(t *testing.T) {
	for _, closedFirst := range []bool{true, false} {
		r := newRig(t, Options{})
		var o loser
		r.flows(7)
		r.send(req{}, transport.TCP, &o)
		f := r.take()[0].f
		r.flows(9)
		if closedFirst {
			r.closed(7)
		}
		f.SendFailed(errWire)
		r.settle()
		r.closed(7)
		again := r.take()
		if len(again) != 1 || len(o.errs) != 0 {
			t.Fatal(closedFirst, again, o.errs)
		}
		again[0].f.SendFailed(errWire)
		r.settle()
		if len(o.errs) != 1 {
			t.Error(closedFirst, o.errs)
		}
		r.empty()
	}
}

// A request that is not to be sent any more is not sent by a new connection either, and no empty
// message in its place.
func TestFlowClosedOfAQuietRequest(t *testing.T) {
	for name, lose := range map[string]func(r *rig, f transport.Failed){
		"closed":      func(r *rig, _ transport.Failed) { r.closed(7) },
		"not written": func(r *rig, f transport.Failed) { f.SendFailed(errWire); r.settle() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Options{})
			var o loser
			r.flows(7)
			c := r.send(req{method: "MESSAGE"}, transport.TCP, &o)
			f := r.take()[0].f
			r.do(c.Quiet)
			r.flows(9)
			lose(r, f)
			if again := r.take(); len(again) != 0 {
				t.Errorf("sent %q", again[0].text)
			}
			if c.State() != Terminated || len(o.errs) != 1 {
				t.Error(c.State(), o.errs)
			}
			r.empty()
		})
	}
}

// Whoever answered provisionally may have a final answer still, on another connection.
func TestFlowClosedAfterAProvisional(t *testing.T) {
	r := newRig(t, Options{})
	var o loser
	r.flows(7)
	c := r.send(req{}, transport.TCP, &o)
	text := r.take()[0].text
	r.receive(respond(text, 180, "b"))
	r.closed(7)
	if len(o.lost) != 1 || len(o.errs) != 0 || len(r.take()) != 0 || c.State() != Proceeding {
		t.Error(o.lost, o.errs, c.State())
	}
	r.receive(respond(text, 200, "b"))
	if len(o.codes) != 2 || o.codes[1] != 200 {
		t.Error(o.codes)
	}
	r.advance(40 * time.Second)
	r.empty()

	var p loser
	r.flows(10)
	r.send(req{method: "MESSAGE"}, transport.TCP, &p)
	r.receive(respond(r.take()[0].text, 100, ""))
	if r.closed(10); len(p.errs) != 1 {
		t.Error(p.errs)
	}
	r.empty()
}

// A flow that nothing replaces is its user's to watch; and what was answered waits on nothing.
func TestFlowClosedConcernsOthers(t *testing.T) {
	r := newRig(t, Options{})
	var o loser
	r.do(func() {
		to := *peerOf(transport.TCP)
		to.Flow, to.FlowOnly = 7, true
		if _, err := r.layer.Send(parse(t, req{}.String()), &to, "", &o); err != nil {
			t.Fatal(err)
		}
	})
	r.take()
	if r.closed(7); r.layer.WaitsOnStreams() || len(o.errs)+len(o.lost) != 0 {
		t.Error(o.errs, o.lost)
	}
	var p loser
	r.flows(8)
	r.send(req{method: "OPTIONS"}, transport.TCP, &p)
	r.receive(respond(r.take()[0].text, 200, "b"))
	if r.closed(8); r.layer.WaitsOnStreams() || len(p.errs) != 0 || len(r.take()) != 0 {
		t.Error(p.errs)
	}
}

// Where the transport must be asked, it is asked once a request was not answered in time.
func TestDoubt(t *testing.T) {
	r := newRig(t, Options{})
	var asked []netip.AddrPort
	r.layer.doubt = doubter(func(to *transport.Peer) { asked = append(asked, to.Addr) })
	r.send(req{}, transport.UDP, &ownerLog{})
	r.advance(400 * time.Millisecond)
	if len(asked) != 0 {
		t.Error("asked before", asked)
	}
	r.advance(200 * time.Millisecond)
	if len(asked) != 1 || asked[0] != mustAddr("203.0.113.9:5070") {
		t.Error(asked)
	}
}

type doubter func(to *transport.Peer)

func (d doubter) Doubt(to *transport.Peer) { d(to) }
