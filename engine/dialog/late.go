package dialog

// A 2xx that comes after the INVITE was refused, or given up for lost.

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// mostLate bounds what a lane remembers of INVITEs that are over.
const mostLate = 10_000

// late is an INVITE whose transaction is over: a 2xx to it belongs to nothing else. It belongs to
// the lane.
type late struct {
	leg   *Leg
	i     *engine.Invitation
	timer lane.Timer
}

// linger remembers a leg to whose INVITE nothing final came, or over a reliable transport a
// refusal, for as long as a 2xx may come all the same: a proxy that forks sends on each (RFC 3261
// §16.7 step 5), and each is owed an ACK (§13.2.2.4). The leg itself has ended.
func (l *Leg) linger(i *engine.Invitation) {
	all := l.agent.late[l.lane.ID()]
	if len(all) >= mostLate {
		return
	}
	x := &late{leg: l, i: i}
	all[l.tag] = x
	l.lane.After(64*l.agent.t1, &x.timer, x)
}

// Expire forgets it.
func (x *late) Expire(*lane.Timer) { delete(x.leg.agent.late[x.leg.lane.ID()], x.leg.tag) }

// stray takes a response that belongs to no transaction.
func (a *Agent) stray(m *message.Message, _ netip.AddrPort) bool {
	cs, err := m.CSeq()
	if err != nil || cs.Method != message.MethodInvite || m.Status()/100 != 2 {
		return false
	}
	id := a.eng.LaneOfOwn(engine.Dialog{CallID: string(m.CallID()), Local: string(m.FromTag()), Remote: string(m.ToTag())}).ID()
	if x := a.late[id][string(m.FromTag())]; x != nil && x.leg.callID == string(m.CallID()) && x.i.CSeq() == cs.Number {
		x.leg.another(x.i, m)
		return true
	}
	l := a.tables[id][string(m.FromTag())]
	if l == nil || l.callID != string(m.CallID()) || !l.s.opened || cs.Number > l.seq || l.out != nil && l.out.CSeq() == cs.Number {
		return false
	}
	if l.remoteTag != string(m.ToTag()) { // the leg has left the lane of its INVITE
		l.another(nil, m)
		return true
	}
	l.acceptedLate(m, cs.Number, nil)
	return true
}

// acceptedLate acknowledges a 2xx within the dialog that has come again, or after a refusal. The
// latter is a session that nobody agreed to: a leg that is joined negotiates.
func (l *Leg) acceptedLate(m *message.Message, number uint32, credentials []engine.HeaderEdit) {
	if l.acknowledgeAgain(number) || l.out != nil && l.out.CSeq() == number {
		return
	}
	s := &engine.SendSpec{Method: "ACK", From: l.local, To: l.remote, CallID: l.callID, CSeq: number, Target: l.way(), Headers: credentials}
	if sdp, ok := descriptionOf(m); ok && sdp != nil && !l.outOffer {
		s.Body, s.ContentType = l.origin.write(rejected(sdp), l.agent.own), sdpType
	}
	if ack, err := l.agent.eng.Acknowledge(l.lane, s); err == nil {
		l.keep(ack, number)
	}
	if b := l.bridge; b != nil && l.s.phase == up && l.s.out == outNone && b.asks == nil && b.ours == nil {
		b.disagree()
		b.later()
	}
}
