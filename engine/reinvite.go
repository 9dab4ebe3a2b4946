package engine

// INVITEs of this server's own within dialogs that pass it: third-party call control for hold, and
// for what ends it.

import (
	"errors"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Reinvitation is an INVITE of [Engine.Reinvite]. It belongs to the lane of its Call-ID.
type Reinvitation struct {
	o    *outgoing
	then func(*Reinvitation, *Response, error)
	res  *Response // its 2xx; nil before
	ack  []byte    // that was sent for it; nil before
	to   transport.Peer
}

// Reinvite sends an INVITE within a dialog that passes this server, in the name of one of its
// parties: From and To of s have their tags, and its CSeq number is higher than all that the
// recipient has seen. then is called on the lane of the Call-ID, with the final response, or with
// an error; after [ErrNoAnswer] the INVITE has been cancelled, and then is called once more if it
// is accepted all the same. Whoever gets a 2xx has to call Ack within 64*T1 (RFC 3261 §13.3.1.4).
func (e *Engine) Reinvite(s *SendSpec, then func(*Reinvitation, *Response, error)) error {
	if s.Method != "INVITE" || !tagged(s.From) || !tagged(s.To) {
		return misuse("reinvite: an INVITE whose From and To have tags is wanted")
	}
	o, home, err := e.outgoing(s, true)
	if err != nil {
		return err
	}
	i := &Reinvitation{o: o, then: then}
	o.invite = i
	o.then = func(res *Response, err error) { then(i, res, err) }
	if !home.lane.Post(lane.Func(func(*lane.Lane) { o.start(home) })) {
		return errors.New("send: the server is overloaded")
	}
	return nil
}

func tagged(value string) bool {
	a, err := message.ParseAddress([]byte(value))
	return err == nil && len(a.Tag()) > 0
}

// accepted takes a 2xx. One that comes again gets its ACK again (§13.2.2.4).
func (i *Reinvitation) accepted(res *message.Message) {
	o := i.o
	switch {
	case i.ack != nil:
		i.acknowledge()
	case i.res == nil:
		o.ended = true
		o.unit.lane.StopTimer(&o.timer)
		i.to = *o.client.To()
		i.res = proxy.KeepResponse(res, o.target, o.client)
		i.then(i, i.res, nil)
	}
}

// Ack acknowledges the 2xx, with a description or with none, where its Contact says (§12.2.1.2:
// an INVITE refreshes the target). A second call does nothing.
func (i *Reinvitation) Ack(contentType string, body []byte) {
	if i.res == nil || i.ack != nil {
		return
	}
	o, was := i.o, &i.o.msg
	cs, err := was.CSeq()
	if err != nil {
		return
	}
	target := *o.target
	if uri := proxy.ContactURI(i.res.Message()); uri != "" {
		target.URI = uri
	}
	i.ack = message.AppendRequest(nil, &message.RequestSpec{Method: "ACK", URI: target.URI, From: string(was.Header(message.HeaderFrom)),
		To: string(was.Header(message.HeaderTo)), CallID: string(was.CallID()), CSeq: cs.Number, Routes: target.Path,
		Headers: proxy.AppendLines(nil, credentialsIn(was)), ContentType: contentType, Body: body})
	if target.URI == o.target.URI || len(target.Path) > 0 || target.Flow != 0 || target.Received != "" {
		i.acknowledge() // the same next hop
		return
	}
	o.unit.core.Locate(&target, target.URI, func(peers []transport.Peer, err error) {
		if err == nil && len(peers) > 0 {
			to := peers[0]
			if _, err := o.unit.core.Socket(&to, &target); err == nil {
				i.to = to
			}
		}
		i.acknowledge()
	})
}

// acknowledge sends the ACK.
func (i *Reinvitation) acknowledge() {
	var ack message.Message
	e, core := i.o.e, i.o.unit.core
	if ack.Parse(i.ack, &e.config.Limits) != nil {
		return
	}
	to := i.to
	_ = core.Layer.Forward(&ack, &to, string(core.Layer.AppendBranch(nil)))
}

// Ask has begin called on the lane of a Call-ID, and waits until that calls done, on that lane. l
// is the lane whose token the caller holds, and is lent in the meantime. It reports false, and
// begins nothing, if the server is overloaded.
func (e *Engine) Ask(l *lane.Lane, callID string, begin func(done func())) bool {
	return e.AskOn(l, e.laneOf([]byte(callID)), begin)
}

// AskOn is Ask for a lane: home is where begin is called.
func (e *Engine) AskOn(l, home *lane.Lane, begin func(done func())) bool {
	if home == l {
		w := lane.NewWaiter()
		begin(func() { home.Wake(w) })
		l.Park(w)
		return true
	}
	m := e.config.Meter
	there := make(chan struct{})
	done := func() {
		if m != nil {
			m.Add(1) // whoever waits takes it
		}
		close(there)
	}
	if !home.Post(lane.Func(func(*lane.Lane) { begin(done) })) {
		return false
	}
	l.Await(func() {
		if m != nil {
			m.Add(-1)
		}
		<-there
	})
	return true
}

// Elsewhere counts, in a simulation, work that other goroutines have: time stands still as long as
// there is some. It is nil outside of one.
func (e *Engine) Elsewhere() func(delta int) {
	if m := e.config.Meter; m != nil {
		return m.Add
	}
	return nil
}

// Aside has work run on a goroutine of its own, and then what follows from it on a lane; not once
// that has stopped. Whoever calls it bounds how often, and for how long.
func (e *Engine) Aside(home *lane.Lane, work, then func()) {
	m := e.config.Meter
	if m != nil {
		m.Add(1)
	}
	go func() {
		work()
		home.Return(lane.Func(func(*lane.Lane) { then() }))
		if m != nil {
			m.Add(-1)
		}
	}()
}
