package engine

import (
	"hash/maphash"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// From the socket to the lane.

// packet is a message on its way to its lane. Until it is kept it refers to the reader's buffer.
type packet struct {
	e     *Engine
	msg   message.Message
	from  transaction.Arrival
	bad   *message.Error // a request is answered with this, a response replaced
	age   time.Duration  // how long it waited before it was read
	doubt bool           // it is heard only within a dialog of ours
	kept  bool           // it refers to its own bytes, and ends with its work
	// settle: it is on the lane of the dialog whose place it may take, and not on its own
	settle bool
	// Of a dialog that has moved: its transaction was looked for where that was before, or is
	looked, looks bool
	stops         []wasHome // where it has not been looked for; never written
}

// inbox is the engine as the transport sees it.
type inbox Engine

// Receive parses what arrived and brings it to the lane of its Call-ID.
func (i *inbox) Receive(in *transport.Inbound) {
	e := (*Engine)(i)
	p := e.packets.Get().(*packet)
	p.e = e
	p.from = arrival(in)
	p.from.Msg = &p.msg
	p.bad, p.age, p.doubt, p.settle = nil, in.Age, in.Doubtful, false
	p.looked, p.looks, p.stops = false, false, nil
	err := p.msg.Parse(in.Bytes, &e.config.Limits)
	if err == nil {
		err = p.msg.Validate()
	}
	if err == nil {
		if !e.hears(in, &p.msg) {
			p.release()
			return
		}
		p.msg.SpellVersion()
		in.Accept()
		p.from.Veil = e.veil.Reveal(&p.msg)
	}
	if err != nil && !p.refuse(err) {
		e.badMessages.Add(1)
		e.dropped(reasonOf(err), in.Kind, in.Source, err)
		p.release()
		return
	}
	if err != nil { // it goes to the lane of its call all the same
		p.from.Veil = e.veil.RevealCallID(&p.msg)
	}
	l := e.laneFor(&p.msg)
	if err == nil {
		if to := e.replaces(&p.msg); to != nil && to != l {
			l, p.settle = to, true
		}
	}
	ok := true
	if in.More && len(e.lanes) > 1 {
		// One busy peer must not be confined to one core: what waits behind this message is spread
		// over the lanes' own goroutines.
		in.Carrier.EndRound() // so that what earlier messages had sent is not overtaken
		ok = l.Post(p.Keep())
	} else {
		ok = l.Run(p, in.Carrier)
	}
	if !ok {
		e.refused.Add(1)
		e.dropped("overload", in.Kind, in.Source, nil)
	}
	p.release()
}

func arrival(in *transport.Inbound) transaction.Arrival {
	return transaction.Arrival{Kind: in.Kind, Source: in.Source, Local: in.Local, LocalIP: in.LocalIP, Flow: in.Flow}
}

// refuse records what is wrong with a message, and reports whether it has consequences: a request
// that a response can be made from is answered, a final response ends its transaction; everything
// else is dropped (§16.3, §8.2.7, trap 9).
func (p *packet) refuse(err error) bool {
	bad, ok := err.(*message.Error)
	switch {
	case !ok:
		return false
	case p.msg.IsRequest() && (p.msg.AnyAck() || !p.msg.Answerable()):
		return false
	case p.msg.Status() > 0 && p.msg.Status() < 200:
		return false
	}
	p.bad = bad
	return true
}

// laneOf is the lane of a Call-ID: a keyed hash, so that nobody can target one lane.
func (e *Engine) laneOf(callID []byte) *lane.Lane { return e.lanes[e.laneIndex(callID)] }

// laneFor is the lane of a message that came.
func (e *Engine) laneFor(m *message.Message) *lane.Lane {
	if len(e.lanes) == 1 {
		return e.lanes[0]
	}
	local, remote := tagsOf(m)
	return e.lanes[e.ownIndex(m.CallID(), local, remote)]
}

// ownIndex is laneIndex for a dialog of a user agent on this server, by both its tags.
func (e *Engine) ownIndex(callID, local, remote []byte) int {
	if i, ok := e.homes.findOwn(callID, local, remote); ok {
		return i
	}
	return e.hashed(callID)
}

// dialogIndex is laneIndex for a dialog with these tags: somebody else may have one with its
// Call-ID.
func (e *Engine) dialogIndex(callID, from, to []byte) int {
	if len(e.lanes) == 1 {
		return 0
	}
	if i, ok := e.homes.findFor(callID, from, to); ok {
		return i
	}
	return e.hashed(callID)
}

func (e *Engine) laneIndex(callID []byte) int {
	if len(e.lanes) == 1 {
		return 0
	}
	if i, ok := e.homes.find(callID); ok {
		return i
	}
	return e.hashed(callID)
}

// hashed is the index of the lane that a Call-ID has unless it was given to another.
func (e *Engine) hashed(callID []byte) int {
	return int(maphash.Bytes(e.seed, callID) % uint64(len(e.lanes)))
}

// Do brings the message to the transaction layer.
func (p *packet) Do(l *lane.Lane) {
	p.work(l)
	if p.kept {
		p.release()
	}
}

func (p *packet) work(l *lane.Lane) {
	if p.settle && !p.settles(l) {
		if own := p.e.laneFor(&p.msg); own != l {
			p.goesTo(own)
			return
		}
	}
	if p.e.homes.n.Load() > 0 {
		if to := p.next(l); to != l {
			p.goesTo(to)
			return
		}
	}
	u := l.Local.(*unit)
	u.load.note(l.Now(), p.age+l.Waited())
	if u.observer != nil {
		u.received(p)
	}
	switch {
	case p.doubt && p.msg.IsRequest() && !u.core.Vouched(&p.msg):
		p.e.dropped("unheard", p.from.Kind, p.from.Source, nil)
		return
	case p.bad != nil && !p.msg.IsRequest():
		if u.layer.Spoiled(&p.from) {
			p.e.log.Info("a final response cannot be read; it counts as 502", "call_id", string(p.msg.CallID()),
				"source", p.from.Source.String(), "status", p.msg.Status(), "error", p.bad)
			return
		}
		p.e.badMessages.Add(1)
		p.e.dropped(reasonOf(p.bad), p.from.Kind, p.from.Source, p.bad)
		return
	case p.bad != nil:
		u.count.answer(p.bad.Status)
		_ = u.layer.Reply(&p.from, p.bad.Status, p.bad.Reason, nil)
		return
	}
	if !p.msg.IsRequest() {
		u.count.responses[min(p.msg.Status()/100, 6)].Add(1)
	}
	u.layer.Receive(&p.from)
}

// goesTo has another lane do the work.
func (p *packet) goesTo(own *lane.Lane) {
	if !own.Post(p.Keep()) {
		p.e.refused.Add(1)
		p.e.dropped("overload", p.from.Kind, p.from.Source, nil)
	}
}

// next is the lane that a packet goes to from l: l itself, unless its dialog has gone to another
// while it waited, or not long ago. Then the transaction that it is of may be where the dialog was:
// a request that has come again, for example.
func (p *packet) next(l *lane.Lane) *lane.Lane {
	h, u := &p.e.homes, l.Local.(*unit)
	if !p.looks {
		own := p.e.laneFor(&p.msg)
		if own != l || p.looked || p.bad != nil || p.accepts() {
			return own
		}
		p.looked = true
		if p.stops = h.before(&p.msg, l); p.stops == nil || u.layer.Has(&p.msg) {
			return l
		}
		p.looks = true
	} else if u.layer.Has(&p.msg) {
		return l
	}
	if len(p.stops) > 0 {
		to := p.stops[0].index
		p.stops = p.stops[1:]
		return p.e.lanes[to]
	}
	p.looks = false
	return p.next(l)
}

// accepts reports whether it is a 2xx to an INVITE of ours: the dialog acknowledges it, where that
// is.
func (p *packet) accepts() bool {
	cs, err := p.msg.CSeq()
	return err == nil && p.msg.Status()/100 == 2 && cs.Method == message.MethodInvite
}

// Keep makes a packet that doesn't refer to the reader's buffer. Under load every second message is
// handed over like this, so the copies' storage is used again.
func (p *packet) Keep() lane.Work {
	q := p.e.packets.Get().(*packet)
	q.e, q.from, q.bad, q.age, q.doubt, q.settle, q.kept = p.e, p.from, p.bad, p.age, p.doubt, p.settle, true
	q.looked, q.looks, q.stops = p.looked, p.looks, p.stops
	p.msg.CopyTo(&q.msg)
	q.msg.Detach()
	q.from.Msg = &q.msg
	return q
}

// spareBytes is how much storage a message may have that waits for the next one.
const spareBytes = 16 << 10

// release returns a packet when its work is done: nobody refers to the message any more.
func (p *packet) release() {
	if p.msg.Held() > spareBytes {
		return
	}
	p.msg.Reset()
	p.from, p.kept = transaction.Arrival{}, false
	p.e.packets.Put(p)
}

// Request takes a new request from the transaction layer (§16.3 to §16.5).
func (u *unit) Request(s *transaction.Server) {
	m := s.Req
	u.count.requests[m.Method()].Add(1)
	r := u.newRequest(m.Method())
	// An empty one is none: whoever it goes to may take it for a new request
	r.inDialog = len(m.ToTag()) > 0
	if u.refuses(r, s) {
		return
	}
	r.ctx.Start(u.core, s, (*watcher)(r))
	if u.reports != nil {
		u.begin(r)
	}
	s.User = r
	r.route()
	if r.method == message.MethodAck {
		*r = Request{}
		u.spare = r
	}
}

// newRequest makes a Request. That of an ACK ends with the call that brought it, so its storage
// serves the next one.
func (u *unit) newRequest(method message.Method) *Request {
	r := u.spare
	if method != message.MethodAck || r == nil {
		r = new(Request)
	} else {
		u.spare = nil
	}
	r.unit, r.method = u, method
	return r
}

// refuses answers what the router need not see.
func (u *unit) refuses(r *Request, s *transaction.Server) bool {
	code, reason, headers := u.core.Refuse(s)
	if code == 0 {
		return false
	}
	if r.method != message.MethodAck {
		u.answered(r.method, code)
		_ = s.Reply(code, reason, headers, nil)
	}
	return true
}

// Cancelled takes the caller's CANCEL of an INVITE in progress (§16.10).
func (u *unit) Cancelled(s *transaction.Server, cancel *message.Message) {
	switch x := s.User.(type) {
	case *Request:
		x.ctx.CallerCancelled(cancel)
	case *Incoming:
		if x.cancelled != nil {
			x.cancelled(cancel)
		}
	}
}

// Stray takes a response that belongs to no transaction.
func (u *unit) Stray(a *transaction.Arrival) {
	if !u.e.strays.take(a) && !u.core.Stray(a) {
		u.count.strays.Add(1)
		u.lost(a, transaction.EventStray)
	}
}
