package dialog

// Answers to INVITEs of ours.

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// Progress is told the answers to our INVITE that are no failure.
func (l *Leg) Progress(i *engine.Invitation, res *message.Message) {
	l.heardSession(res)
	if res.Status() < 200 {
		if i == l.out && l.hunt != nil && l.s.phase == calling && l.rely(i, res) {
			l.rings(string(res.ToTag()))
			l.hunt.progress(l, res)
		}
		return
	}
	waits := i == l.out && (l.s.out == outSent || l.s.out == outCancelled)
	switch other := l.remoteTag != string(res.ToTag()); {
	case waits && (!l.s.opened || !other):
		l.accepted(i, res)
	case !l.s.opened || other: // before a dialog: it was refused, and accepted all the same
		l.another(i, res)
		if waits {
			l.misled()
		}
	default:
		l.acceptedLate(res, i.CSeq(), i.Credentials())
	}
}

// accepted takes the first 2xx.
func (l *Leg) accepted(i *engine.Invitation, res *message.Message) {
	l.lane.StopTimer(&l.patience)
	reach, good := reachable(i.Reach(res))
	switch {
	case !l.s.opened:
		l.remoteTag = string(res.ToTag())
		l.remote = tagged(l.remoteName, l.remoteTag)
		l.reach = reach
		l.watchFlow()
		l.opens(res)
	case good:
		l.move(reach)
	}
	l.count(i.CSeq())
	l.saidBefore = nil
	l.agreedTimer(res)
	sdp, ok := descriptionOf(res)
	if d := l.earlyOf(l.remoteTag); d != nil && !l.s.opened && d.sdp != nil {
		l.remoteSDP = d.sdp // the answer was there before (RFC 3262 §5)
	} else if ok && sdp != nil {
		l.remoteSDP = clone(sdp)
	}
	if l.rare != nil {
		l.rare.earlies = nil
	}
	if !l.s.opened && !good { // §12.1.1: there must be a Contact
		l.reach.URI, l.reach.Routes = uriIn(l.remote), nil
	}
	l.feed(evAccepted)
}

// opens takes from the 2xx that makes the dialog what holds for all of it.
func (l *Leg) opens(res *message.Message) {
	l.heardAllow(res)
	if d := l.earlyOf(l.remoteTag); d != nil {
		l.peerSeq = d.peerSeq
	}
}

// extra is a dialog that another user agent has made of the same INVITE (§13.2.2.4).
type extra struct {
	tag string
	ack *engine.Acknowledgement
}

// mostExtras bounds them.
const mostExtras = 16

// another acknowledges the 2xx of a second user agent, and ends its dialog. i is nil for an INVITE
// that is over.
func (l *Leg) another(i *engine.Invitation, res *message.Message) {
	tag := string(res.ToTag())
	all := &l.more().extras
	for _, x := range *all {
		if x.tag == tag {
			if x.ack != nil {
				x.ack.Again()
			}
			return
		}
	}
	if len(*all) >= mostExtras {
		return
	}
	cs, err := res.CSeq()
	if err != nil {
		return
	}
	var reach engine.Reach
	var credentials []engine.HeaderEdit
	if i == nil {
		reach = l.agent.eng.ReachOf(l.lane, res)
	} else {
		reach, credentials = i.Reach(res), i.Credentials()
	}
	reach, good := reachable(reach)
	if !good {
		reach.URI, reach.Routes = uriIn(l.remoteName), nil
	}
	target := reach.Target()
	to := tagged(l.remoteName, tag)
	s := &engine.SendSpec{Method: "ACK", From: l.local, To: to, CallID: l.callID, CSeq: cs.Number, Target: target, Headers: credentials}
	if sdp, ok := descriptionOf(res); ok && sdp != nil && !l.outOffer {
		var o origin
		s.Body, s.ContentType = o.write(rejected(sdp), l.agent.own), sdpType
	}
	x := &extra{tag: tag}
	x.ack, _ = l.agent.eng.Acknowledge(l.lane, s)
	*all = append(*all, x)
	bye := &engine.SendSpec{Method: "BYE", URI: reach.URI, From: l.local, To: to, CallID: l.callID, CSeq: cs.Number + 1, Target: target}
	_ = l.agent.eng.SendAsync(bye, func(*engine.Response, error) {})
}

// Refused is told the failure of our INVITE.
func (l *Leg) Refused(i *engine.Invitation, res *engine.Response, err error) {
	if i != l.out {
		return
	}
	if err == nil && res.Code() == 422 && l.again422(i, res.Message()) {
		return
	}
	l.lane.StopTimer(&l.patience)
	l.count(i.CSeq())
	e := evRefused
	if l.s.opened && (err != nil || res.Code() == 408 || res.Code() == 481) {
		e = evLost
	}
	if err != nil {
		res = failure(err)
	}
	if !l.s.opened && (err == nil && i.Reliable() || isTimeout(err)) {
		l.linger(i)
	}
	if err == nil {
		l.heardReason(res.Message())
		l.heardSession(res.Message())
	}
	l.unsay()
	l.refusal = res
	l.feed(e)
	l.refusal = nil
	if l.s.out == outNone && l.out == i {
		l.out = nil
	}
}

// unsay takes back the offer of an INVITE that was refused: the session is what it was (RFC 3261
// §14.1).
func (l *Leg) unsay() {
	if l.s.opened && l.outOffer {
		l.said = l.saidBefore
	}
	l.saidBefore = nil
}
