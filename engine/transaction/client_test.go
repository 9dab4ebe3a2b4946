package transaction

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Client transactions: every path of their machines, over UDP and over TCP.

// times are when messages with this start line's first word left, in milliseconds from from.
func times(all []sent, word string, from time.Duration) (ms []int64) {
	for _, s := range all {
		if strings.HasPrefix(s.text, word) {
			ms = append(ms, (s.at - from).Milliseconds())
		}
	}
	return ms
}

// near compares times, of which each may be late by the wheel's tick for each step before it.
func near(t *testing.T, got []int64, want ...int64) {
	t.Helper()
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && got[i] >= want[i] && got[i] <= want[i]+4*int64(i+1)
	}
	if !ok {
		t.Errorf("at %v ms, want %v", got, want)
	}
}

func TestInviteClientUnanswered(t *testing.T) {
	for kind, want := range map[transport.Kind][]int64{
		transport.UDP: {0, 500, 1500, 3500, 7500, 15500, 31500}, // Timer A doubles (§17.1.1.2)
		transport.TCP: {0},
	} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			r := newRig(t, Options{})
			var o ownerLog
			c := r.send(req{}, kind, &o)
			r.advance(31990 * time.Millisecond)
			if c.State() != Calling || len(o.errs) != 0 {
				t.Errorf("%v: %v %v before Timer B", kind, c.State(), o.errs)
			}
			r.advance(20 * time.Millisecond)
			near(t, times(r.take(), "INVITE", 0), want...)
			if len(o.errs) != 1 || !errors.Is(o.errs[0], ErrTimeout) || c.State() != Terminated || r.events[EventTimeout] != 1 {
				t.Errorf("%v: %v %v", kind, o.errs, c.State())
			}
			r.empty()
		})
	}
}

func TestNonInviteClientUnanswered(t *testing.T) {
	for kind, want := range map[transport.Kind][]int64{
		// Timer E, up to T2 (§17.1.2.2)
		transport.UDP: {0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500},
		transport.TCP: {0},
	} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			r := newRig(t, Options{})
			var o ownerLog
			r.send(req{method: "OPTIONS"}, kind, &o)
			r.advance(32010 * time.Millisecond)
			near(t, times(r.take(), "OPTIONS", 0), want...)
			if len(o.errs) != 1 || !errors.Is(o.errs[0], ErrTimeout) {
				t.Errorf("%v: %v", kind, o.errs)
			}
			r.empty()
		})
	}
}

// In Proceeding Timer E goes on at T2, and Timer F ends it all (§17.1.2.2).
func TestNonInviteClientProceeding(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{method: "OPTIONS"}, transport.UDP, &o)
	first := r.take()[0]
	r.advance(600 * time.Millisecond)
	r.receive(respond(first.text, 100, ""))
	if c.State() != Proceeding {
		t.Fatal(c.State())
	}
	r.advance(32 * time.Second)
	near(t, times(r.take(), "OPTIONS", 0), 500, 1500, 5500, 9500, 13500, 17500, 21500, 25500, 29500)
	if len(o.errs) != 1 || !slices.Equal(o.codes, []int{100}) {
		t.Error(o.errs, o.codes)
	}
	r.empty()
}

func TestInviteClientProvisionalStopsRetransmission(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	r.receive(respond(inv.text, 100, ""))
	r.do(func() {
		if r.lane.Timers() != 0 {
			t.Error("a timer runs in Proceeding")
		}
	})
	r.receive(respond(inv.text, 180, "b"))
	r.receive(respond(inv.text, 180, "b"))
	r.advance(5 * time.Minute) // Timer C is the proxy's
	r.took()
	if c.State() != Proceeding || !slices.Equal(o.codes, []int{100, 180, 180}) || len(o.errs) != 0 {
		t.Fatal(c.State(), o.codes, o.errs)
	}
}

// Every 2xx is the owner's for 64*T1 (Timer M, RFC 6026 §7.2), over any transport; other responses
// are not.
func TestInviteClientAccepted(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		var o ownerLog
		c := r.send(req{}, kind, &o)
		inv := r.take()[0]
		r.receive(respond(inv.text, 180, "b"), kind)
		r.receive(respond(inv.text, 200, "b"), kind)
		r.receive(respond(inv.text, 200, "b"), kind)
		r.receive(respond(inv.text, 180, "b2"), kind)
		r.receive(respond(inv.text, 487, "b"), kind)
		if c.State() != Accepted {
			t.Error(c.State())
		}
		r.advance(31900 * time.Millisecond)
		r.receive(respond(inv.text, 200, "b2"), kind) // another fork downstream
		if !slices.Equal(o.codes, []int{180, 200, 200, 200}) {
			t.Error(o.codes)
		}
		r.advance(200 * time.Millisecond)
		r.empty()
		r.receive(respond(inv.text, 200, "b3"), kind)
		if len(o.codes) != 4 || len(r.user.strays) != 1 {
			t.Error("a 2xx after Timer M is a stray")
		}
		r.took() // the ACK of a 2xx is the user agent's
	}
}

// Timer D: 32 s over UDP, nothing over TCP (§17.1.1.2).
func TestInviteClientTimerD(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	r.receive(respond(inv.text, 404, "b"))
	r.advance(31900 * time.Millisecond)
	if c.State() != Completed {
		t.Error(c.State())
	}
	r.advance(110 * time.Millisecond)
	r.empty()

	var p ownerLog
	p.onResponse = func(c *Client, _ int) {
		if c.State() != Terminated {
			t.Error("TCP:", c.State())
		}
	}
	r.take()
	r.send(req{}, transport.TCP, &p)
	inv = r.take()[0]
	r.receive(respond(inv.text, 404, "b"), transport.TCP)
	r.took("ACK sip:bob@example.com SIP/2.0")
	r.empty()
	r.receive(respond(inv.text, 404, "b"), transport.TCP)
	if !slices.Equal(p.codes, []int{404}) || len(r.user.strays) != 1 {
		t.Error(p.codes, r.user.strays)
	}
}

// A 2xx after a non-2xx is the owner's: a 2xx always wins.
func TestInviteClient2xxInCompleted(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	r.receive(respond(inv.text, 408, "p"))
	r.receive(respond(inv.text, 200, "b"))
	if !slices.Equal(o.codes, []int{408, 200}) {
		t.Error(o.codes)
	}
	r.took("ACK sip:bob@example.com SIP/2.0")
}

func TestNonInviteClientCompleted(t *testing.T) {
	for _, code := range []int{200, 404} {
		r := newRig(t, Options{})
		var o ownerLog
		r.send(req{method: "MESSAGE"}, transport.UDP, &o)
		m := r.take()[0]
		r.receive(respond(m.text, code, "b"))
		r.receive(respond(m.text, code, "b"))
		r.advance(10 * time.Second)
		r.took()
		if !slices.Equal(o.codes, []int{code}) || r.events[EventRetransmissionIn] != 1 {
			t.Error(o.codes, r.events)
		}
		r.empty()
	}
}

// A response matches by branch and CSeq method (§17.1.3), without regard to case; what does not
// match is a stray, and what isn't ours at all is dropped (§18.1.2).
func TestResponseMatching(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	res := respond(inv.text, 180, "b")
	r.receive(strings.Replace(res, c.Branch(), strings.ToUpper(c.Branch()), 1))
	if len(o.codes) != 1 {
		t.Error("case of the branch")
	}
	r.receive(strings.Replace(res, "CSeq: 1 INVITE", "CSeq: 1 BYE", 1))
	r.receive(strings.Replace(res, c.Branch(), "z9hG4bKother", 1))
	r.receive(strings.Replace(res, c.Branch(), "z9hG4bK", 1))
	r.receive(strings.Replace(res, c.Branch(), "1", 1))
	if len(r.user.strays) != 4 || r.events[EventStray] != 4 || len(o.codes) != 1 {
		t.Error(len(r.user.strays), o.codes)
	}
	foreign := strings.Replace(res, c.Branch(), "z9hG4bKother", 1)
	r.receive(strings.Replace(foreign, "192.0.2.1:5060", "192.0.2.66:5060", 1))
	r.receive(strings.Replace(foreign, "192.0.2.1:5060", "192.0.2.1:5099", 1))
	if len(r.user.strays) != 4 || r.events[EventForeign] != 2 {
		t.Error("foreign", len(r.user.strays), r.events)
	}
	r.receive(strings.Replace(foreign, "192.0.2.1:5060", "192.0.2.1", 1)) // 5060 is the default
	if len(r.user.strays) != 5 {
		t.Error("default port")
	}
}

func TestExtensionMethodMatchesByText(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	r.send(req{method: "FROB"}, transport.UDP, &o)
	m := r.take()[0]
	res := respond(m.text, 200, "b")
	r.receive(strings.Replace(res, "1 FROB", "1 frob", 1))
	if len(o.codes) != 0 {
		t.Error("methods have case (§7.1)")
	}
	r.receive(res)
	if len(o.codes) != 1 {
		t.Error(o.codes)
	}
}
