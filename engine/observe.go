package engine

// Observing: who remembers what came and went, and why. Without Config.Observe it costs nothing.

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Observer is shown everything that happens on one lane, in order. It is called with the lane's
// token held, must not block, and keeps nothing of what it is shown.
type Observer interface {
	// Message is called for each message that belongs to a lane: before one that was received is
	// processed, and after one was handed to its transport, or was refused by it. Those that cannot
	// be read and have no consequences, and keep-alives, are not shown.
	Message(m *Observed)
	// Step is called for what determines what is sent for a request, and for what was found out
	// about it.
	Step(s *ObservedStep)
}

// Observed is a message as an Observer sees it, as it is on the wire.
type Observed struct {
	Bytes []byte // the whole message
	// As the caller chose it; nil if it has not been looked for: of one sent
	CallID  []byte
	At      lane.Time        // when the lane began the work it belongs to
	Sent    bool             // it was sent, not received
	Err     error            // of a message that was to be sent: why it was not
	Kind    transport.Kind   // what it came or went by
	Peer    netip.AddrPort   // where it comes from, or goes to
	Local   *transport.Local // the listener it came to, or leaves from; nil if there is none
	LocalIP netip.Addr       // the address of this machine, if the listener is on all of them
	// Mark is set by an observer who wants to know it again: of a message that was received.
	Mark uint64
	// Origin says which parts of one that was sent are parts of one that was received, whose Mark
	// it has. It is a guess, which nearly always is right; nil: it is not known.
	Origin *message.Origin
}

// ObservedStep is one step as an Observer sees it.
type ObservedStep struct {
	At       lane.Time // when the lane began the work it belongs to
	CallID   []byte    // of the request, as its caller chose it
	CSeq     uint32    // of the request
	Function string    // "relay", "auth.require"; "branch failed" for what happened by itself
	Place    string    // the line of the script, "route.lua:23"; "" for none
	Answer   string    // what came of it: "false", "2 targets"; or what it is about; "" for nothing
	// Decides: what is sent for the request from now on is sent because of it, until the next one
	// that decides. One with an Answer is told again when it is known.
	Decides bool
}

// Observed reports whether there is somebody to tell steps.
func (r *Request) Observed() bool { return r.unit.observer != nil || r.rare().report != nil }

// Shown reports whether steps are told with what came of them: there is more than a report, which
// takes the places of decisions alone.
func (r *Request) Shown() bool { return r.unit.observer != nil }

// Observe tells the observer a step of the request, whose time, Call-ID and CSeq are filled in;
// nothing if there is none.
func (r *Request) Observe(step ObservedStep) {
	if r.rare().report != nil && step.Decides && step.Place != "" {
		r.rare().report.Place = step.Place
	}
	o := r.unit.observer
	if o == nil || r.ctx.Req == nil {
		return
	}
	cseq, _ := r.ctx.Req.CSeq()
	s := &r.unit.step
	*s = step
	s.At, s.CallID, s.CSeq = r.unit.lane.Now(), r.ctx.Req.CallID(), cseq.Number
	o.Step(s)
	*s = ObservedStep{}
}

// note tells the observer what happened to a request by itself.
func (u *unit) note(m *message.Message, what, about string) {
	cseq, _ := m.CSeq()
	s := &u.step
	*s = ObservedStep{At: u.lane.Now(), CallID: m.CallID(), CSeq: cseq.Number, Function: what, Answer: about}
	u.observer.Step(s)
	*s = ObservedStep{}
}

// received shows the observer a message.
func (u *unit) received(p *packet) {
	o := &u.observed
	o.Bytes, o.CallID, o.Origin, o.Mark, o.At = p.msg.Original(), p.msg.CallID(), nil, 0, u.lane.Now()
	o.Sent, o.Err = false, nil
	o.Kind, o.Peer, o.Local, o.LocalIP = p.from.Kind, p.from.Source, p.from.Local, p.from.LocalIP
	u.observer.Message(o)
	p.msg.SetMark(o.Mark)
	o.Bytes, o.CallID = nil, nil
}

// observedWire is a wire whose messages are shown to the observer of a lane.
type observedWire struct {
	transport.Wire
	u *unit
}

// Known are the listeners that peers may name.
func (w *observedWire) Known() []*transport.Local { return transport.Known(w.Wire) }

// Send sends as the wire does.
func (w *observedWire) Send(to *transport.Peer, b []byte, f transport.Failed) error {
	peer := transport.Remote(w.Wire, to) // before its connection may end
	err := w.Wire.Send(to, b, f)
	o := &w.u.observed
	o.Bytes, o.CallID, o.Origin, o.Mark, o.At = b, nil, w.u.origin.Of(b), 0, w.u.lane.Now()
	o.Sent, o.Err = true, err
	o.Kind, o.Peer, o.Local, o.LocalIP = to.Kind, peer, to.Local, to.LocalIP
	if o.Local == nil {
		o.Local = w.Choose(to)
	}
	w.u.observer.Message(o)
	w.u.origin.Forget()
	o.Bytes, o.Origin, o.Err = nil, nil, nil
	return err
}

// TraceParent is the W3C Trace Context of what is asked in the course of the request, "" for none.
func (r *Request) TraceParent() string {
	f := r.unit.e.config.TraceParent
	if f == nil || r.ctx.Req == nil {
		return ""
	}
	return f(r.ctx.Req.CallID())
}

// Observed reports whether Config.Observe or Config.Reporter is set.
func (e *Engine) Observed() bool { return e.config.Observe != nil || e.config.Reporter != nil }

// Revealed returns the Call-ID behind one that was hidden from a side of its dialog; ok is false
// for all others.
func (e *Engine) Revealed(callID []byte) (revealed []byte, ok bool) { return e.veil.CallID(callID) }
