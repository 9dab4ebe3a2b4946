package transaction

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// What the user does with server transactions, and what the layer answers without one.

// An INVITE's server transaction outlives a transport error (RFC 6026 §7.1), another's does not
// (Figure 8).
func TestServerTransportError(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{})
	r.wire.fail = errWire
	if err := r.reply(s, 486); !errors.Is(err, errWire) || s.State() != Completed {
		t.Error(err, s.State())
	}
	r.wire.fail = nil
	r.advance(600 * time.Millisecond)
	f := r.took("SIP/2.0 486 Busy Here")[0].f
	f.SendFailed(errWire)
	r.settle()
	if s.State() != Completed {
		t.Error(s.State())
	}
	r.advance(33 * time.Second)
	f.SendFailed(errWire)
	r.settle()

	s = r.arrive(req{method: "OPTIONS"})
	r.wire.fail = errWire
	if err := r.reply(s, 200); !errors.Is(err, errWire) || s.State() != Terminated {
		t.Error(err, s.State())
	}
	r.wire.fail = nil
	s = r.arrive(req{method: "OPTIONS"})
	r.take()
	r.reply(s, 200)
	r.take()[0].f.SendFailed(errWire)
	r.settle()
	r.empty()
}

func TestForget(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{})
	r.do(s.Forget)
	r.empty()
	if err := r.reply(s, 200); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	r.arrive(req{}) // new again
	r.took()
}

// A request let go of before it is answered still gets its 100, and responses that come whole.
func TestRelease(t *testing.T) {
	for method, wait := range map[string]time.Duration{"INVITE": 204 * time.Millisecond, "OPTIONS": 3504 * time.Millisecond} {
		t.Run(method, func(t *testing.T) {
			r := newRig(t, Options{})
			s := r.arrive(req{method: method})
			ok := respond(render(s.Req), 200, "b")
			r.do(s.Release)
			r.do(s.Release)
			if s.Req != nil {
				t.Error("kept")
			}
			if err := r.reply(s, 500); !errors.Is(err, ErrReleased) {
				t.Error(err)
			}
			r.advance(wait)
			r.took("SIP/2.0 100 Trying")
			r.do(func() {
				if err := s.Respond(parse(t, ok)); err != nil {
					t.Error(err)
				}
			})
			r.took("SIP/2.0 200 OK")
			r.advance(time.Minute)
			r.empty()
		})
	}
}

// Req stays readable for who holds it, whatever comes in afterwards.
func TestReqIsDetached(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{body: "v=0"})
	held := s.Req
	before := render(held)
	r.reply(s, 404)
	for i := range 20 {
		r.arrive(req{branch: "z9hG4bKx" + string(rune('a'+i)), body: strings.Repeat("x", 900)})
	}
	if got := render(held); got != before || !strings.Contains(got, ";rport=5062;received=198.51.100.7") {
		t.Errorf("%s\n%s", before, got)
	}
}

// Beyond Max a new request is answered 503 and nothing is kept; what belongs to a transaction goes
// on.
func TestMax(t *testing.T) {
	r := newRig(t, Options{Max: 2, ServerHeader: "test"})
	r.user.onRequest = func(s *Server) { s.Reply(486, "", []byte("X: y\r\n"), nil) }
	for _, b := range []string{"z9hG4bK1", "z9hG4bK2", "z9hG4bK3"} {
		r.receive(req{branch: b}.String())
	}
	all := r.took("SIP/2.0 486 Busy Here", "SIP/2.0 486 Busy Here", "SIP/2.0 503 Service Unavailable")
	if m := mustParse(all[2].text); string(m.HeaderName("Retry-After")) == "" || string(m.HeaderName("Server")) != "test" {
		t.Error(all[2].text)
	}
	if m := mustParse(all[0].text); string(m.HeaderName("X")) != "y" || string(m.HeaderName("Server")) != "test" {
		t.Error(all[0].text)
	}
	r.receive(req{branch: "z9hG4bK1"}.String())
	r.took("SIP/2.0 486 Busy Here")
	r.receive(ackOf(req{branch: "z9hG4bK1"}, all[0].text).String())
	if servers, _ := r.layer.Counts(); servers != 2 || len(r.user.requests) != 2 || r.events[EventOverload] != 1 {
		t.Error(servers, len(r.user.requests), r.events)
	}
}

// A stateless answer's To tag is the same for each retransmission (§8.2.7), and unlike for another
// request.
func TestStatelessReply(t *testing.T) {
	r := newRig(t, Options{})
	var tags []string
	for _, q := range []req{{}, {}, {branch: "z9hG4bKother"}, {callID: "other"}, {cseq: 2}} {
		a := &Arrival{Msg: parse(t, q.String()), Kind: transport.UDP, Source: mustAddr("198.51.100.7:9"), Local: r.wire.locals[0]}
		r.do(func() {
			if err := r.layer.Reply(a, 400, "Bad Thing", nil); err != nil {
				t.Error(err)
			}
		})
		res := r.took("SIP/2.0 400 Bad Thing")[0]
		tags = append(tags, string(mustParse(res.text).ToTag()))
	}
	if tags[0] != tags[1] || len(tags[0]) != 16 {
		t.Error(tags)
	}
	slices.Sort(tags)
	if len(slices.Compact(tags)) != 4 {
		t.Error(tags)
	}
	r.do(func() {
		r.layer.Reply(&Arrival{Msg: parse(t, req{method: "ACK"}.String()), Kind: transport.UDP}, 400, "", nil)
	})
	r.took()
	r.empty()
}

// An in-dialog request keeps its To tag in what is replied here.
func TestReplyKeepsToTag(t *testing.T) {
	r := newRig(t, Options{})
	s := r.arrive(req{method: "BYE", to: "<sip:bob@example.com>;tag=b1"})
	r.reply(s, 481)
	if m := mustParse(r.take()[0].text); string(m.ToTag()) != "b1" {
		t.Error(string(m.ToTag()))
	}
}
