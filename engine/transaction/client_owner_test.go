package transaction

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// What the owner of a client transaction does and is told when something fails.

var errWire = errors.New("no route to host")

// A transport error at once is Send's result, and the owner hears nothing.
func TestSendFailsAtOnce(t *testing.T) {
	r := newRig(t, Options{})
	r.wire.fail = errWire
	var o ownerLog
	r.do(func() {
		c, err := r.layer.Send(parse(t, req{}.String()), peerOf(transport.UDP), "", &o)
		if c != nil || !errors.Is(err, errWire) {
			t.Error(c, err)
		}
		if _, err := r.layer.Send(parse(t, req{}.String()), peerOf(transport.WSS), "", &o); !errors.Is(err, ErrNoListener) {
			t.Error(err)
		}
		for _, method := range []string{"ACK", "CANCEL"} {
			if _, err := r.layer.Send(parse(t, req{method: method}.String()), peerOf(transport.UDP), "", &o); !errors.Is(err, ErrMethod) {
				t.Error(method, err)
			}
		}
		if _, err := r.layer.Send(parse(t, respond(req{}.String(), 200, "x")), peerOf(transport.UDP), "", &o); err == nil {
			t.Error("sent a response")
		}
	})
	if len(o.errs) != 0 {
		t.Error(o.errs)
	}
	r.empty()
}

// errRefused is what comes later when a connection can't be made.
var errRefused = fmt.Errorf("%w: %w", transport.ErrNotConnected, errWire)

// An error on retransmission, or one that comes later and from elsewhere, ends the transaction
// (§17.1.4).
func TestTransportErrorLater(t *testing.T) {
	r := newRig(t, Options{})
	var o, p ownerLog
	r.send(req{}, transport.UDP, &o)
	r.wire.fail = errWire
	r.advance(600 * time.Millisecond)
	if len(o.errs) != 1 || !errors.Is(o.errs[0], errWire) {
		t.Error(o.errs)
	}
	r.empty()
	r.wire.fail = nil
	r.take()
	r.send(req{method: "OPTIONS"}, transport.TCP, &p)
	f := r.take()[0].f
	f.SendFailed(errRefused)
	r.settle()
	if len(p.errs) != 1 || !errors.Is(p.errs[0], errWire) {
		t.Error(p.errs)
	}
	f.SendFailed(errRefused) // too late to matter
	r.settle()
	if len(p.errs) != 1 || r.events[EventTransportError] != 2 {
		t.Error(p.errs, r.events)
	}
	r.empty()
}

// An error that comes later is told though the lane is full.
func TestTransportErrorOnFullLane(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	r.send(req{method: "OPTIONS"}, transport.TCP, &o)
	f := r.take()[0].f
	s := r.arrive(req{method: "OPTIONS"})
	r.reply(s, 200)
	g := r.take()[0].f
	r.do(func() {
		for r.lane.Post(lane.Func(func(*lane.Lane) {})) {
		}
		f.SendFailed(errRefused)
		g.SendFailed(errWire)
	})
	r.settle()
	if len(o.errs) != 1 || !errors.Is(o.errs[0], errWire) || s.State() != Terminated {
		t.Error(o.errs, s.State())
	}
	r.empty()
}

// An error after the final response ends the transaction in silence: the owner has its outcome.
func TestTransportErrorInCompleted(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	r.wire.fail = errWire
	r.receive(respond(inv.text, 486, "b"))
	if !slices.Equal(o.codes, []int{486}) || len(o.errs) != 0 {
		t.Error(o.codes, o.errs)
	}
	r.empty()
}

func TestAbandon(t *testing.T) {
	r := newRig(t, Options{})
	var o ownerLog
	c := r.send(req{}, transport.UDP, &o)
	inv := r.take()[0]
	r.do(c.Abandon)
	r.receive(respond(inv.text, 180, "b"))
	r.receive(respond(inv.text, 200, "b"))
	if len(r.user.strays) != 1 || len(o.codes) != 0 {
		t.Error("a 2xx nobody owns is a stray", r.user.strays, o.codes)
	}
	c = r.send(req{}, transport.UDP, &o)
	inv = r.take()[0]
	r.do(c.Abandon)
	r.receive(respond(inv.text, 404, "b"))
	r.took("ACK sip:bob@example.com SIP/2.0")
	if len(r.user.strays) != 1 {
		t.Error(r.user.strays)
	}
	c = r.send(req{}, transport.UDP, &o)
	r.do(c.Abandon)
	r.advance(40 * time.Second)
	if len(o.errs) != 0 {
		t.Error(o.errs)
	}
	r.empty()
}

// Whatever an owner does in its callback finds the layer in order.
func TestOwnerSendsAnewWhenToldOfFailure(t *testing.T) {
	r := newRig(t, Options{})
	next := &ownerLog{}
	o := &retrier{r: r, next: next}
	r.send(req{}, transport.UDP, o)
	r.advance(70 * time.Second)
	if o.failed != 1 || len(next.errs) != 1 {
		t.Error(o.failed, next.errs)
	}
	r.empty()
}

type retrier struct {
	ownerLog
	r      *rig
	next   Owner
	failed int
}

func (o *retrier) Failed(*Client, error) {
	o.failed++
	if _, err := o.r.layer.Send(parse(o.r.t, req{}.String()), peerOf(transport.UDP), "", o.next); err != nil {
		o.r.t.Error(err)
	}
}

// A transaction keeps the timers it began with.
func TestSetTimers(t *testing.T) {
	r := newRig(t, Options{Timers: Timers{T1: 100 * time.Millisecond}})
	var o, p ownerLog
	r.send(req{}, transport.UDP, &o)
	r.do(func() { r.layer.SetTimers(Timers{}) })
	r.send(req{}, transport.UDP, &p)
	r.advance(6410 * time.Millisecond)
	if len(o.errs) != 1 || len(p.errs) != 0 {
		t.Error(o.errs, p.errs)
	}
}

func TestTimerDefaults(t *testing.T) {
	d := Timers{D: time.Second}.resolved()
	if d != (Timers{500 * time.Millisecond, 4 * time.Second, 5 * time.Second, 32 * time.Second, 200 * time.Millisecond}) {
		t.Error(d)
	}
	if d.reachT2() != 3500*time.Millisecond {
		t.Error(d.reachT2())
	}
}
