package dialog

import (
	"slices"
	"strconv"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// feed makes a step of the machine and carries it out. What is told comes last, when the leg is in
// order, for whoever is told may do anything. It returns what the step said.
func (l *Leg) feed(e event) action {
	to, do := step(l.s, e)
	l.s = to
	l.depth++
	if do&(doAnswer|doRefuse|doTerminated) != 0 {
		l.settle(do)
	}
	if do&doStop != 0 {
		l.lane.StopTimer(&l.timer)
		if l.in != nil {
			l.in.Acknowledged()
			l.in = nil
		}
	}
	if do&doCancel != 0 && l.out != nil {
		l.lane.After(cancelTime*l.agent.t1, &l.patience, (*patience)(l))
		l.out.Cancel(l.headers...)
	}
	if do&doAck != 0 {
		l.acknowledge()
	}
	if do&doBye != 0 {
		l.sendBye()
	}
	if do&doTell != 0 {
		l.told(e)
	}
	if do&doEnd != 0 {
		l.end(e)
	}
	l.depth--
	if l.unsent { // no ACK of it will come
		l.unsent = false
		l.setWhy(WhyMedia)
		l.feed(evUnacked)
	}
	l.remove()
	return do
}

// settle sends the final answer to the peer's INVITE.
func (l *Leg) settle(do action) {
	in := l.in
	if in == nil {
		return
	}
	l.forgetReliable()
	switch {
	case do&doAnswer != 0:
		sdp := l.answer
		l.answer = nil
		o := l.answerOptions(sdp)
		o.Headers = l.timed(o.Headers)
		if in.Answer(200, "", l.tag, o) != nil && in.Answered() == 0 {
			l.unsent = in.Answer(500, "", l.tag, nil) == nil
		}
		if r := l.inReach; r != nil { // §12.2.2: once it was accepted
			l.move(*r)
		}
		if l.rare != nil {
			l.rare.remoteBefore = nil
		}
		l.repeatLater()
		return
	case do&doRefuse != 0:
		code := l.code
		if code < 300 {
			code = 480
		}
		if in.Answer(code, l.reason, l.tag, &engine.ReplyOptions{Headers: l.sessionID(l.headers)}) != nil && in.Answered() == 0 {
			_ = in.Answer(code, "", l.tag, nil) // what can be sent: there must be a final answer
		}
	default:
		_ = in.Answer(487, "", l.tag, nil)
	}
	if l.inReach != nil { // within a dialog: the session is what it was (RFC 3261 §14.1)
		l.remoteSDP, l.rare.remoteBefore = l.rare.remoteBefore, nil
	}
	l.in, l.inReach = nil, nil
}

// move takes over where the party is from now on; its route set stays (§12.2).
func (l *Leg) move(to engine.Reach) {
	if to.URI == "" {
		return
	}
	before, routes := l.reach, l.reach.Routes
	if l.reach = to; len(routes) > 0 {
		l.reach.Flow, l.reach.At, l.reach.Only = 0, "", false
	}
	l.reach.Routes = routes
	if l.reach.URI != before.URI || l.reach.At != before.At || l.reach.Socket != before.Socket {
		l.changed()
	}
	l.watchFlow()
}

// repeatLater begins to repeat the 2xx until its ACK comes (§13.3.1.4), whatever the transport.
func (l *Leg) repeatLater() {
	l.interval = l.agent.t1
	l.deadline = l.lane.Now().Add(64 * l.agent.t1)
	l.lane.After(l.interval, &l.timer, (*repeater)(l))
}

// repeater is the Leg as its timer sees it.
type repeater Leg

// Expire repeats the 2xx, or gives up.
func (r *repeater) Expire(*lane.Timer) {
	l := (*Leg)(r)
	now := l.lane.Now()
	if now >= l.deadline {
		l.setWhy(WhyNoAck)
		l.feed(evUnacked)
		return
	}
	if l.in != nil {
		l.in.Repeat()
	}
	l.interval = min(2*l.interval, l.agent.t2)
	wait := l.interval
	if left := l.deadline.Sub(now); wait > left {
		wait = left
	}
	l.lane.After(wait, &l.timer, r)
}

// sendBye sends the BYE, after the last NOTIFY. That it is not answered changes nothing.
func (l *Leg) sendBye() {
	l.byes++
	if !l.lastNotices() {
		l.bye()
	}
}

func (l *Leg) bye() {
	s := l.within("BYE")
	if len(l.headers) == 1 && l.headers[0].Name == "Reason" {
		s.Headers = append(s.Headers, l.headers[0])
	}
	then := func(*engine.Response, error) {
		l.byes--
		l.remove()
	}
	if err := l.send(s, then); err != nil {
		then(nil, err)
	}
}

// within is a request of ours within the dialog, with the next number.
func (l *Leg) within(method string) *engine.SendSpec {
	l.next()
	return &engine.SendSpec{Method: method, URI: l.reach.URI, From: l.local, To: l.remote, CallID: l.callID, KnownAs: l.reach.CallID, CSeq: l.seq, NextCSeq: l.next, Target: l.way(), Headers: l.sessionID(nil)}
}

// next is the next number.
func (l *Leg) next() uint32 {
	l.count(l.seq + 1)
	return l.seq
}

// way is the target of requests within the dialog.
func (l *Leg) way() *engine.Target { return l.wayTo(l.reach) }

// wayTo is that of a dialog that is reached so.
func (l *Leg) wayTo(reach engine.Reach) *engine.Target {
	t := reach.Target()
	if l.target != nil {
		t.Credentials = l.target.Credentials
	}
	return strictly(t)
}

// strictly has a request to t go by way of a strict router, if the first of its route set is one
// (§12.2.1.1).
func strictly(t *engine.Target) *engine.Target {
	if len(t.Path) > 0 && !loose(t.Path[0]) {
		path := append([]string(nil), t.Path[1:]...)
		t.URI, t.Path = uriIn(t.Path[0]), append(path, "<"+t.URI+">")
	}
	return t
}

// loose reports whether a Route entry is that of a loose router.
func loose(route string) bool {
	a, err := message.ParseAddress([]byte(route))
	if err != nil {
		return true
	}
	u, err := message.ParseURI(a.URI)
	return err != nil || u.Params.Has("lr")
}

// send sends one of those, but not INVITE.
func (l *Leg) send(s *engine.SendSpec, then func(*engine.Response, error)) error {
	l.sends++
	err := l.agent.eng.SendAsync(s, func(res *engine.Response, err error) {
		l.sends--
		if err == nil { // a challenge has taken a number
			if cs, bad := res.Message().CSeq(); bad == nil {
				l.count(cs.Number)
			}
		}
		then(res, err)
	})
	if err != nil {
		l.sends--
	}
	return err
}

// acknowledge sends the ACK of the 2xx that has come. An offer that nobody answered gets the answer
// that takes nothing of it (RFC 3261 §13.2.2.4).
func (l *Leg) acknowledge() {
	if l.out == nil {
		return
	}
	s := &engine.SendSpec{Method: "ACK", From: l.local, To: l.remote, CallID: l.callID, CSeq: l.out.CSeq(), Target: l.way(), Headers: l.sessionID(l.out.Credentials())}
	switch {
	case l.outOffer:
	case l.answer != nil:
		s.Body, s.ContentType = l.say(l.answer), sdpType
	case l.remoteSDP != nil:
		s.Body, s.ContentType = l.say(rejected(l.remoteSDP)), sdpType
	}
	l.answer = nil
	if ack, err := l.agent.eng.Acknowledge(l.lane, s); err == nil {
		l.keep(ack, s.CSeq)
	}
	l.out = nil
}

// sentAck is the ACK of a 2xx.
type sentAck struct {
	seq uint32
	at  lane.Time
	ack *engine.Acknowledgement
}

// mostAcks bounds those that a leg keeps: more than one for as long as their 2xx may come again.
const mostAcks = 8

// keep keeps an ACK for the 2xx that come again, and forgets those whose time is over.
func (l *Leg) keep(ack *engine.Acknowledgement, seq uint32) {
	if len(l.acks) >= mostAcks {
		l.acks = slices.Delete(l.acks, 0, 1)
	}
	l.acks = append(l.acks, sentAck{seq, l.lane.Now(), ack})
	l.forgetAcks()
}

// forgetAcks forgets those whose time is over, now and later: a call may be long.
func (l *Leg) forgetAcks() {
	now := l.lane.Now()
	l.acks = slices.DeleteFunc(l.acks, func(a sentAck) bool { return now >= a.at.Add(acceptedTime*l.agent.t1) })
	if len(l.acks) == 0 {
		l.acks = nil
		return
	}
	if l.s.phase == over {
		return
	}
	l.lane.After(l.acks[0].at.Add(acceptedTime*l.agent.t1).Sub(now), &l.limit, (*limiter)(l))
}

// acknowledgeAgain answers a 2xx that has come again (§13.2.2.4), and reports whether there was an
// ACK of it.
func (l *Leg) acknowledgeAgain(seq uint32) (known bool) {
	for _, a := range l.acks {
		if a.seq == seq {
			a.ack.Again()
			known = true
		}
	}
	return known
}

// setWhy says why the leg ends, unless that is known.
func (l *Leg) setWhy(why string) {
	if l.why == "" {
		l.why = why
	}
}

// end tells those who wait for it, and then the owner, that the leg has ended.
func (l *Leg) end(e event) {
	switch e {
	case evCancel:
		l.setWhy(WhyCancelled)
	case evBye:
		l.setWhy(WhyBye)
	case evUnacked:
		l.setWhy(WhyNoAck)
	case evRefused, evRefuse:
		l.setWhy(WhyRejected)
	case evLost:
		l.setWhy(WhyLost)
	}
	l.lane.StopTimer(&l.limit)
	l.agent.ended.Add(1)
	l.endRare()
	if h := l.hunt; h != nil {
		h.ended(l)
	}
	if b := l.bridge; b != nil {
		b.ended(l)
	}
	l.agent.tell(Event{Kind: EventEnded, Leg: l, Why: l.why, Code: l.codeOf(e)})
	if f := l.OnEnd; f != nil {
		l.OnEnd = nil
		f(l, l.why)
	}
	l.met, l.answers = nil, nil
}

// retryAfter is the header of a 500 to an INVITE that came too early (§14.2).
func (l *Leg) retryAfter() []engine.HeaderEdit {
	return []engine.HeaderEdit{{Name: "Retry-After", Values: []string{strconv.Itoa(int(l.agent.eng.Random(l.lane) % 11))}}}
}
