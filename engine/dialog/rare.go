package dialog

// What few legs have, or have for a while: a leg has room for it only when it comes.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// rare is the part of a leg that most legs do without. It belongs to the lane.
type rare struct {
	said   []string // the Reason of the party's CANCEL or BYE, or of its refusal
	passed []string // that of the party it talks to, which it gets when it is ended
	// Session-ID (RFC 7989): the UUID of the party, and that of whom it talks to.
	session, others string

	ask   *ask      // what we ask of the party
	refer *Referral // what it asks of us

	takes    *taking      // whose place it takes when it is answered
	refers   []*sentRefer // what it is asked to do by REFER
	notes    int          // NOTIFYs to it that have no answer
	former   int          // transfers under way of whom it talked to, which end it or have it back
	byeWaits bool         // for those

	upIn     *engine.Incoming // its UPDATE that has no answer
	upEarly  *early           // the early dialog that it is in
	upReach  engine.Reach
	upBefore []byte // the description that holds if it is refused
	upOut    bool   // ours that has none

	ear *ear // what its owner hears of the party

	followers []Follower // who follow it, one of a type

	extras       []*extra // dialogs of other user agents
	remoteBefore []byte   // the peer's description that holds if its INVITE is refused

	flow *flowWatch // whose end ends the leg

	media Media  // what relays the party's media; nil for nothing
	relay *relay // that it was told of last

	timer   *session
	noTimer bool // its owner wants none

	earlies []*early  // dialogs of an INVITE of ours that has no final answer
	rel     *reliable // our provisional response that waits for its PRACK, or the last one
}

// more makes room.
func (l *Leg) more() *rare {
	if l.rare == nil {
		l.rare = &rare{}
	}
	return l.rare
}

// endRare ends what is under way as the leg ends.
func (l *Leg) endRare() {
	x := l.rare
	if x == nil {
		return
	}
	l.forgetReliable()
	l.watchFlow()
	if x.timer != nil {
		l.lane.StopTimer(&x.timer.timer)
	}
	switch r := x.refer; {
	case r == nil:
	case r.opened && l.s.bye: // a BYE will be sent, and this comes before it
		r.said = true
		r.notify(503, "", func() {})
	default:
		r.said = true
		r.refuse(481)
	}
	for len(x.refers) > 0 { // end drops each
		code := 487
		if x.refers[0].passes != nil {
			code = 503
		}
		x.refers[0].end(proxy.NewResponse(code, engine.CauseCancelled, nil))
	}
	if x.upIn != nil {
		in := x.upIn
		x.upIn = nil
		_ = in.Answer(487, "", l.tag, nil)
	}
	l.goes(nil)
	if x.ear != nil {
		x.ear.tell(Heard{}, WhyOver)
	}
	if x.ask != nil {
		res := l.refusal
		if res == nil {
			res = proxy.NewResponse(487, engine.CauseCancelled, nil)
		}
		x.ask.finish(res)
	}
}

const (
	mostReasons   = 4   // values of Reason that are passed
	longestReason = 256 // bytes of one
)

// heardReason keeps why a party leaves (RFC 3326), or refuses (RFC 6432), for whom it talks to.
func (l *Leg) heardReason(m *message.Message) {
	if m == nil {
		return
	}
	var values []string
	for i := m.FindName("Reason", 0); i >= 0 && len(values) < mostReasons; i = m.FindName("Reason", i+1) {
		if v := unfolded(string(m.Value(i))); v != "" && len(v) <= longestReason {
			values = append(values, v)
		}
	}
	headers := []engine.HeaderEdit{{Name: "Reason", Values: values}}
	if values != nil && sendable(headers) != nil {
		l.more().said = values
	}
}

// passReason has another leg end for the reason for which this one has.
func (l *Leg) passReason(to *Leg) {
	if l != nil && to != nil && l.rare != nil && l.rare.said != nil {
		to.more().passed = l.rare.said
	}
}

// nobody is the UUID of a party that has none, or is not known yet (RFC 7989 §5).
const nobody = "00000000000000000000000000000000"

// heardSession keeps the UUID by which a party names its end of the session, and tells whom it
// talks to.
func (l *Leg) heardSession(m *message.Message) {
	id := sessionIn(m)
	if id == "" {
		return
	}
	l.more().session = id
	if p := l.partner(); p != nil {
		p.more().others = id
	}
}

// partner is the leg whose party this one's talks to, or will.
func (l *Leg) partner() *Leg {
	switch {
	case l.bridge != nil:
		return l.bridge.other(l)
	case l.hunt != nil && l.hunt.a != l:
		return l.hunt.a
	}
	return nil
}

// passSession tells each of two legs the other's UUID.
func (l *Leg) passSession(to *Leg) {
	if l != nil && l.rare != nil && l.rare.session != "" {
		to.more().others = l.rare.session
	}
}

// sessionIn is the UUID of a message's sender: 32 hexadecimal digits, the first in Session-ID (RFC
// 7989 §5); "" for none.
func sessionIn(m *message.Message) string {
	v := m.HeaderName("Session-ID")
	if v == nil {
		return ""
	}
	id, _, _ := strings.Cut(string(v), ";")
	id = strings.ToLower(strings.TrimSpace(id))
	if len(id) != len(nobody) || id == nobody || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}

// sessionID is the Session-ID of what is sent to the party: whom it talks to, and itself. Nothing
// is made up for a party that has none.
func (l *Leg) sessionID(headers []engine.HeaderEdit) []engine.HeaderEdit {
	if l.rare == nil || l.rare.others == "" {
		return headers
	}
	remote := l.rare.session
	if remote == "" {
		remote = nobody
	}
	return append(headers, engine.HeaderEdit{Name: "Session-ID", Values: []string{l.rare.others + ";remote=" + remote}})
}
