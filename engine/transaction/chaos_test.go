package transaction

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// One layer, anything in any order: requests of every kind on few branches, responses to whatever
// was sent, answers, releases, cancels, a wire that fails now and then. Nothing panics, no final
// response is followed by another, and when everything is answered and time has passed nothing is
// left.

type chaos struct {
	*rig
	rng     *rand.Rand
	servers []*Server
	clients []*Client
	out     []sent
}

func (c *chaos) Request(s *Server) {
	if s.Method() != message.MethodAck { // whose Server is the layer's again when this returns
		c.servers = append(c.servers, s)
	}
	c.poke(s)
}
func (c *chaos) Cancelled(s *Server, _ *message.Message) { c.poke(s) }
func (c *chaos) Stray(*Arrival)                          {}
func (c *chaos) Response(x *Client, res *message.Message) {
	if c.rng.IntN(4) == 0 {
		x.Cancel(nil)
	}
	if len(c.servers) > 0 && c.rng.IntN(2) == 0 {
		s := c.servers[c.rng.IntN(len(c.servers))]
		c.respond(s, func() error { return s.Respond(res) }, res.Status())
	}
}
func (c *chaos) Failed(*Client, error) { c.start() }

// start begins a client transaction now and then.
func (c *chaos) start() {
	if c.rng.IntN(3) > 0 {
		return
	}
	method := []string{"INVITE", "INVITE", "OPTIONS", "FROB"}[c.rng.IntN(4)]
	to := peerOf(transport.UDP + transport.Kind(c.rng.IntN(2)))
	if x, err := c.layer.Send(parse(c.t, req{method: method, callID: "out"}.String()), to, "-x", c); err == nil {
		c.clients = append(c.clients, x)
	}
}

// respond checks that ErrState follows the rules and nothing else does.
func (c *chaos) respond(s *Server, f func() error, code int) {
	before := s.Answered()
	err := f()
	if before == 0 || s.Stateless {
		return
	}
	late2xx := s.Method() == message.MethodInvite && before/100 == 2 && code/100 == 2 && s.State() != Terminated
	if err == nil && !late2xx {
		c.t.Errorf("%d sent after %d in %v", code, before, s.State())
	}
}

// poke does something to a server transaction.
func (c *chaos) poke(s *Server) {
	code := []int{100, 180, 183, 200, 202, 302, 404, 408, 487, 503}[c.rng.IntN(10)]
	switch c.rng.IntN(8) {
	case 0:
		s.Release()
	case 1:
		if c.rng.IntN(4) == 0 {
			s.Forget()
		}
	case 2, 3, 4:
		c.respond(s, func() error { return s.Reply(code, "", nil, nil) }, code)
	case 5:
		c.start()
	}
}

func (c *chaos) step() {
	c.wire.fail = nil
	if c.rng.IntN(10) == 0 {
		c.wire.fail = errWire
	}
	c.out = append(c.out, c.take()...)
	if len(c.out) > 50 {
		c.out = c.out[len(c.out)-50:]
	}
	kind := transport.UDP + transport.Kind(c.rng.IntN(2))
	via := fmt.Sprintf("SIP/2.0/%s 198.51.100.7;branch=%s%d", kind.Via(), []string{cookie, "old"}[c.rng.IntN(2)], c.rng.IntN(5))
	switch c.rng.IntN(12) {
	case 0, 1, 2:
		method := []string{"INVITE", "INVITE", "OPTIONS", "BYE", "FROB"}[c.rng.IntN(5)]
		c.receive(req{method: method, via: via}.String(), kind)
	case 3, 4:
		to := "<sip:bob@example.com>"
		if len(c.out) > 0 && c.rng.IntN(2) == 0 {
			to = string(mustParse(c.out[c.rng.IntN(len(c.out))].text).Header(headerTo))
		}
		c.receive(req{method: "ACK", via: via, to: to}.String(), kind)
	case 5:
		c.receive(req{method: "CANCEL", via: via}.String(), kind)
	case 6, 7:
		if len(c.out) > 0 {
			s := c.out[c.rng.IntN(len(c.out))]
			if m := mustParse(s.text); m.IsRequest() {
				c.receive(respond(s.text, []int{100, 180, 200, 200, 404, 487}[c.rng.IntN(6)], "b"), s.to.Kind)
			}
			if s.f != nil && c.rng.IntN(6) == 0 {
				s.f.SendFailed(errWire)
				c.settle()
			}
		}
	case 8:
		if len(c.servers) > 0 {
			c.do(func() { c.poke(c.servers[c.rng.IntN(len(c.servers))]) })
		}
	case 9:
		if len(c.clients) > 0 {
			x := c.clients[c.rng.IntN(len(c.clients))]
			c.do(func() {
				if x.Cancel(nil); c.rng.IntN(6) == 0 {
					x.Abandon()
				}
			})
		}
	case 10:
		c.do(c.start)
	case 11:
		c.advance(time.Duration(c.rng.Int64N(int64(9 * time.Second))))
	}
}

// finish answers and cancels everything, and lets time pass.
func (c *chaos) finish() {
	c.wire.fail = nil
	c.user.onRequest = nil
	c.layer.user = c.user
	c.do(func() {
		for _, s := range c.servers {
			if s.Reply(480, "", nil, nil) == ErrReleased {
				s.Forget()
			}
		}
		for _, x := range c.clients {
			x.Abandon()
			x.Cancel(nil)
		}
	})
	c.advance(5 * time.Minute)
	c.empty()
}

func TestChaos(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		c := &chaos{rig: newRig(t, Options{Max: 30}), rng: rand.New(rand.NewPCG(seed, 2))}
		c.layer.user = c
		c.posting = seed%4 == 0
		for range 400 {
			c.step()
		}
		c.finish()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
