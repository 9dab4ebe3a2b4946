package dialog

// INVITEs that take the place of a dialog (RFC 3891).

import (
	"slices"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// mostGone bounds the dialogs that a lane remembers after their end.
const mostGone = 256

// gone are the dialogs of a lane that have ended, the last ones. It belongs to the lane.
type gone struct {
	list []dialogID
	next int
}

func (g *gone) add(d dialogID) {
	if len(g.list) < mostGone {
		g.list = append(g.list, d)
		return
	}
	g.list[g.next] = d
	g.next = (g.next + 1) % mostGone
}

// has reports whether one of them is meant, by either side.
func (g *gone) has(d dialogID) bool {
	d.early = false
	back := dialogID{callID: d.callID, to: d.from, from: d.to}
	return slices.Contains(g.list, d) || slices.Contains(g.list, back)
}

// mostRang bounds the early dialogs of an INVITE that are remembered.
const mostRang = 16

// rings notes an early dialog of our INVITE.
func (l *Leg) rings(tag string) {
	if tag != "" && len(l.rang) < mostRang && !slices.Contains(l.rang, tag) {
		l.rang = append(l.rang, tag)
	}
}

// Settles has INVITEs that take the place of a leg come to its lane.
func (a *Agent) Settles(l *lane.Lane, replaces string) bool {
	d, ok := parseReplaces(unfolded(replaces))
	if !ok {
		return false
	}
	x, code := a.find(l, d)
	return x != nil || code != 481
}

// Dialog is the value of a Replaces header that names the dialog of the leg for its party; "" if it
// was not answered.
func (l *Leg) Dialog() string {
	if l.s.phase != up {
		return ""
	}
	return l.dialog().String()
}

// Replaced is the leg whose place an INVITE is to take, and Replace would let it; or the code that
// refuses it (RFC 3891 §3): 400, 481 for a dialog that is none of ours, or rings here, 486 for one
// that was answered where only an early one is meant, 603 for one that has ended, or talks to
// nobody. nil and 0: it has no Replaces.
func (a *Agent) Replaced(r *engine.Request) (*Leg, int) {
	m := r.Message()
	i := m.FindName("Replaces", 0)
	if i < 0 || r.Method() != message.MethodInvite {
		return nil, 0
	}
	d, ok := parseReplaces(unfolded(string(m.Value(i))))
	if !ok || m.FindName("Replaces", i+1) >= 0 || m.FindName("Join", 0) >= 0 {
		return nil, 400
	}
	return a.find(r.Lane(), d)
}

// find is Replaced of a dialog.
func (a *Agent) find(home *lane.Lane, d dialogID) (*Leg, int) {
	t := a.tables[home.ID()]
	l := t[d.to]
	if l == nil || l.callID != d.callID {
		// As the party of our peer names it: it was to go there
		if o := t[d.from]; o != nil && o.callID == d.callID && o.remoteTag == d.to && o.s.phase == up && o.Peer() != nil && !d.early {
			return o.Peer().replaceable()
		}
		if a.gone[home.ID()].has(d) {
			return nil, 603
		}
		return nil, 481
	}
	switch {
	case l.s.phase == calling && slices.Contains(l.rang, d.from) && l.hunt != nil:
		return l, 0
	case l.s.phase == calling || l.s.phase == ringing || l.remoteTag != d.from:
		return nil, 481
	case l.s.phase == up && d.early:
		return nil, 486
	}
	return l.replaceable()
}

// replaceable is the leg, if it talks to somebody.
func (l *Leg) replaceable() (*Leg, int) {
	if p := l.Peer(); l.s.phase != up || p == nil || p.s.phase != up || p.hunt != nil || l.hunt != nil {
		return nil, 603
	}
	return l, 0
}

// taking is an INVITE that takes the place of a leg. It belongs to the lane.
type taking struct {
	agent *Agent
	leg   *Leg // of the INVITE
	from  *Leg // whose place it takes
	peer  *Leg // whom it is to talk to
	o     BridgeOptions
}

// Replace takes the INVITE of a request as a leg that takes the place of another one, which
// Replaced has named. If that was answered, its peer is asked for a new session; when it agrees the
// INVITE is answered, and the other leg ended; if not, the INVITE is refused, and the two talk
// again. The legs belong to the agent from then on. If the other leg rings, the INVITE is answered
// in its place: the Dial that called it is done with the new leg.
func (a *Agent) Replace(r *engine.Request, from *Leg, o AcceptOptions, b BridgeOptions) (*Leg, error) {
	if l, code := a.Replaced(r); l == nil || l != from || code != 0 || l.lane != r.Lane() {
		return nil, ErrState
	}
	l, err := a.accept(r, o)
	if err != nil {
		return nil, err
	}
	if from.s.phase == calling {
		l.picksUp(from.hunt)
		return l, nil
	}
	x := &taking{agent: a, leg: l, from: from, peer: from.Peer(), o: b}
	l.more().takes = x
	m := &moving{agent: a}
	for _, leg := range [...]*Leg{l, from, x.peer} {
		m.take(leg)
	}
	from.bridge.finish(nil, WhyMoved)
	x.peer.holds = heldNot // the two agree on a session of their own
	if err := a.Bridge(l, x.peer, b, x.parted); err != nil {
		x.parted(nil, WhyMedia)
	}
	return l, nil
}

// replaced is told that the leg was answered: whose place it takes is ended.
func (l *Leg) replaced() {
	if l.rare == nil || l.rare.takes == nil {
		return
	}
	x := l.rare.takes
	l.rare.takes = nil
	l.agent.tell(Event{Kind: EventMoved, Leg: x.peer, Far: l})
	x.from.hangUp(480, WhyReplaced, "")
}

// parted is told that the new leg and its peer are not joined any more.
func (x *taking) parted(_ *Leg, why string) {
	l := x.leg
	waits := l.rare.takes == x // it was not answered
	if !waits && (why == WhyMoved || why == WhyParted) {
		return
	}
	l.rare.takes = nil
	// Its peer has gone: nobody waits for the one whose place it is
	if why == WhyMoved || why == WhyParted {
		if why == WhyParted {
			l.hangUp(480, WhyHangUp, "")
		}
		x.from.hangUp(480, WhyHangUp, "")
		return
	}
	code := 480
	if why == WhyMedia {
		code = 488
	}
	l.hangUp(code, WhyHangUp, "")
	if waits && x.peer.s.phase == up && x.from.s.phase == up && x.from.bridge == nil {
		x.agent.join(x.from, x.peer, x.o)
		return
	}
	x.peer.hangUp(480, WhyHangUp, "")
	x.from.hangUp(480, WhyHangUp, "")
}

// picksUp answers a caller in the place of those who ring: with nobody's media, until the bridge
// negotiates.
func (l *Leg) picksUp(h *hunt) {
	var sdp []byte
	switch {
	case l.inOffer:
		sdp = held(l.remoteSDP)
	case h.a != nil && h.a.remoteSDP != nil:
		sdp = held(h.a.remoteSDP)
	default:
		l.code, l.headers, l.why = 488, nil, WhyRejected
		l.feed(evRefuse)
		return
	}
	l.follows(h.a)
	l.accept(sdp)
	if l.s.phase != up || h.done == nil {
		l.hangUp(480, WhyHangUp, "")
		return
	}
	if h.a != nil && h.shown != nil { // what the caller hears is of another dialog
		h.a.stale = true
	}
	h.finish(l, nil)
}
