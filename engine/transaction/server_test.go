package transaction

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Server transactions: every path of their machines, over UDP and over TCP.

// arrive brings a request in and returns its transaction.
func (r *rig) arrive(q req, from ...any) *Server {
	r.t.Helper()
	n := len(r.user.requests)
	r.receive(q.String(), from...)
	if len(r.user.requests) != n+1 {
		r.t.Fatalf("%d new requests", len(r.user.requests)-n)
	}
	return r.user.requests[n]
}

// reply replies, with the token.
func (r *rig) reply(s *Server, code int) (err error) {
	r.do(func() { err = s.Reply(code, "", nil, nil) })
	return err
}

// ackOf is the ACK to the non-2xx final res, as the peer whose INVITE was q sends it.
func ackOf(q req, res string) req {
	q.method, q.to = "ACK", string(mustParse(res).Header(headerTo))
	return q
}

func TestInviteServerTrying(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		s := r.arrive(req{extra: "Timestamp: 54\r\n"}, kind)
		r.advance(196 * time.Millisecond)
		r.took()
		r.advance(10 * time.Millisecond)
		trying := r.took("SIP/2.0 100 Trying")[0]
		if m := mustParse(trying.text); len(m.ToTag()) != 0 || string(m.HeaderName("Timestamp")) != "54" {
			t.Error(trying.text)
		}
		r.receive(req{}.String(), kind) // the last provisional again (§17.2.1)
		r.took("SIP/2.0 100 Trying")
		r.reply(s, 180)
		r.receive(req{}.String(), kind)
		r.took("SIP/2.0 180 Ringing", "SIP/2.0 180 Ringing")
		r.advance(10 * time.Minute)
		r.took()
		if len(r.user.requests) != 1 || r.events[EventRetransmissionIn] != 2 {
			t.Error(len(r.user.requests), r.events)
		}
	}
}

func TestInviteServerAnsweredInTimeSendsNoTrying(t *testing.T) {
	r := newRig(t, Options{})
	r.user.onRequest = func(s *Server) { s.Reply(180, "", nil, nil) }
	r.arrive(req{})
	r.advance(time.Second)
	r.took("SIP/2.0 180 Ringing")
}

// Timer G doubles up to T2, Timer H ends it (§17.2.1). Over TCP only H runs.
func TestInviteServerRefusedUnacknowledged(t *testing.T) {
	for kind, want := range map[transport.Kind][]int64{
		transport.UDP: {0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500},
		transport.TCP: {0},
	} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			r := newRig(t, Options{})
			s := r.arrive(req{}, kind)
			if err := r.reply(s, 486); err != nil {
				t.Fatal(err)
			}
			r.advance(31900 * time.Millisecond)
			if s.State() != Completed || s.Answered() != 486 || s.Req != nil {
				t.Error(s.State(), s.Answered(), s.Req)
			}
			r.advance(110 * time.Millisecond)
			near(t, times(r.take(), "SIP/2.0 486", 0), want...)
			r.empty()
		})
	}
}

// The ACK stops Timer G; Timer I absorbs its retransmissions: T4 over UDP, nothing over TCP.
func TestInviteServerRefusedAcknowledged(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		s := r.arrive(req{}, kind)
		r.reply(s, 486)
		res := r.take()[0].text
		r.receive(req{}.String(), kind) // retransmitted: answered at once
		r.took("SIP/2.0 486 Busy Here")
		ack := ackOf(req{}, res).String()
		r.receive(ack, kind)
		if kind == transport.UDP {
			if s.State() != Confirmed {
				t.Error(s.State())
			}
			r.receive(ack)
			r.receive(req{}.String())
			r.advance(4900 * time.Millisecond)
			if s.State() != Confirmed {
				t.Error(s.State())
			}
			r.advance(110 * time.Millisecond)
		}
		r.took()
		r.empty()
		if len(r.user.requests) != 1 {
			t.Error("an ACK of a non-2xx came through")
		}
	}
}

// In Accepted INVITEs are absorbed, ACKs and further 2xx go through, until Timer L (RFC 6026 §7.1).
func TestInviteServerAccepted(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		s := r.arrive(req{}, kind)
		ok := respond(render(s.Req), 200, "b1")
		other := respond(render(s.Req), 200, "b2")
		r.do(func() {
			if err := s.Respond(parse(t, ok)); err != nil {
				t.Error(err)
			}
		})
		r.took("SIP/2.0 200 OK")
		if s.State() != Accepted || s.Req != nil || s.last != nil {
			t.Error(s.State(), "keeps what it doesn't need")
		}
		r.receive(req{}.String(), kind)
		r.took()
		r.do(func() {
			for _, text := range []string{ok, other} {
				if err := s.Respond(parse(t, text)); err != nil {
					t.Error(err)
				}
			}
			if err := s.Respond(parse(t, strings.Replace(ok, "200 OK", "486 No", 1))); !errors.Is(err, ErrState) {
				t.Error(err)
			}
			if err := s.Reply(180, "", nil, nil); !errors.Is(err, ErrState) {
				t.Error(err)
			}
		})
		r.took("SIP/2.0 200 OK", "SIP/2.0 200 OK")
		// The ACK of a 2xx has a branch of its own; some senders give it the INVITE's.
		for _, branch := range []string{"z9hG4bKack", "z9hG4bKpeer1"} {
			a := r.arrive(req{method: "ACK", branch: branch}, kind)
			if !a.Stateless || a.State() != Terminated || a.Method() != methodAck {
				t.Error("ACK", branch)
			}
			if err := r.reply(a, 500); err != nil {
				t.Error(err)
			}
		}
		r.took() // an ACK is never answered
		r.advance(31900 * time.Millisecond)
		if s.State() != Accepted {
			t.Error(s.State())
		}
		r.advance(110 * time.Millisecond)
		r.empty()
	}
}

// Timer J: 64*T1 over UDP, nothing over TCP (§17.2.2).
func TestNonInviteServer(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{method: "OPTIONS"})
	r.receive(req{method: "OPTIONS"}.String()) // Trying: absorbed
	r.took()
	r.reply(s, 200)
	r.receive(req{method: "OPTIONS"}.String())
	r.took("SIP/2.0 200 OK", "SIP/2.0 200 OK")
	r.advance(31900 * time.Millisecond)
	r.receive(req{method: "OPTIONS"}.String())
	r.took("SIP/2.0 200 OK")
	if err := r.reply(s, 200); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	r.advance(110 * time.Millisecond)
	r.empty()
	if len(r.user.requests) != 1 {
		t.Error(len(r.user.requests))
	}

	s = r.arrive(req{method: "OPTIONS"}, transport.TCP)
	r.reply(s, 200)
	r.took("SIP/2.0 200 OK")
	r.empty()
	if s.State() != Terminated || s.Answered() != 200 {
		t.Error(s.State())
	}
}

// RFC 4320 §4.1: a request other than INVITE is answered 100 when the client's Timer E has reached
// T2, not before over UDP, and with no other provisional at all.
func TestNonInviteServerProvisional(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		r := newRig(t, Options{})
		s := r.arrive(req{method: "OPTIONS"}, kind)
		if err := r.reply(s, 183); !errors.Is(err, ErrProvisional) {
			t.Error(err)
		}
		r.advance(3490 * time.Millisecond)
		r.took()
		r.advance(20 * time.Millisecond)
		r.took("SIP/2.0 100 Trying")
		r.receive(req{method: "OPTIONS"}.String(), kind)
		r.took("SIP/2.0 100 Trying")
		r.advance(time.Minute)
		r.took()
		r.reply(s, 200)
		r.took("SIP/2.0 200 OK")
	}
	r := newRig(t, Options{})
	s := r.arrive(req{method: "OPTIONS"})
	if err := r.reply(s, 100); err != nil {
		t.Error(err)
	}
	r.took()
	r.advance(4 * time.Second)
	r.took("SIP/2.0 100 Trying") // when its time had come
}

func TestNonInviteServerEarly100OverTCP(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{method: "OPTIONS"}, transport.TCP)
	r.reply(s, 100)
	r.advance(4 * time.Second)
	r.took("SIP/2.0 100 Trying")
}

// RFC 4320 §4.2: a request other than INVITE is not answered 408: its sender has given up as well.
func TestNonInviteServerNo408(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{method: "OPTIONS"})
	r.advance(4 * time.Second)
	r.took("SIP/2.0 100 Trying")
	if err := r.reply(s, 408); err != nil || s.Answered() != 408 || s.State() != Completed {
		t.Error(err, s.Answered(), s.State())
	}
	r.receive(req{method: "OPTIONS"}.String())
	r.took()
	r.advance(33 * time.Second)
	r.empty()
	s = r.arrive(req{})
	r.reply(s, 408)
	r.took("SIP/2.0 408 Request Timeout")
}
