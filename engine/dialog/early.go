package dialog

// Early dialogs of an INVITE of ours, and what is acknowledged in them (RFC 3262 §4).

import (
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// early is a dialog of an INVITE of ours that has no final answer (RFC 3261 §12.1.2). It belongs to
// the lane.
type early struct {
	tag     string
	reach   engine.Reach
	rseq    uint32 // of the last reliable response that was acknowledged; 0 for none
	sdp     []byte // the answer in one, or the offer that was answered: it is final
	peerSeq int64
}

// mostEarlies bounds them.
const mostEarlies = 16

// earlyOf is the early dialog with a tag; nil for none.
func (l *Leg) earlyOf(tag string) *early {
	if l.rare == nil {
		return nil
	}
	for _, d := range l.rare.earlies {
		if d.tag == tag {
			return d
		}
	}
	return nil
}

// into has a request go to the party of an early dialog.
func (l *Leg) into(s *engine.SendSpec, d *early) {
	s.URI, s.To, s.KnownAs, s.Target = d.reach.URI, tagged(l.remoteName, d.tag), d.reach.CallID, l.wayTo(d.reach)
}

// rely acknowledges a reliable provisional response to our INVITE by a PRACK. It returns false for
// one that was seen, or is out of order: neither is acknowledged, nor processed (RFC 3262 §4).
func (l *Leg) rely(i *engine.Invitation, res *message.Message) (fresh bool) {
	if !hasTag(res, "Require", "100rel") {
		return true
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(res.HeaderName("RSeq"))), 10, 32)
	cs, bad := res.CSeq()
	if err != nil || bad != nil || n == 0 || res.ToTag() == nil {
		return false
	}
	d := l.earlyOf(string(res.ToTag()))
	switch {
	case d != nil && uint32(n) != d.rseq+1:
		return false
	case d == nil:
		reach, good := reachable(i.Reach(res))
		if !good || len(l.more().earlies) >= mostEarlies {
			return false
		}
		d = &early{tag: string(res.ToTag()), reach: reach, peerSeq: -1}
		l.rare.earlies = append(l.rare.earlies, d)
	}
	d.rseq = uint32(n)
	l.heardAllow(res)
	l.count(i.CSeq())
	sdp, _ := descriptionOf(res)
	sdp = clone(sdp)
	switch {
	case sdp != nil && !l.outOffer:
		if l.offersEarly(&earlyOffer{d: d, sdp: sdp, rseq: n, cseq: cs.Number}, res.Status()) {
			return true
		}
		sdp = rejected(sdp) // nobody can answer it
	case sdp != nil && d.sdp == nil:
		d.sdp, sdp = sdp, nil
	default:
		sdp = nil
	}
	l.prack(d, n, cs.Number, sdp)
	return true
}

// hasTag reports whether a header has an option tag.
func hasTag(m *message.Message, header, tag string) bool {
	for e := m.ElementsName(header); e.Next(); {
		if strings.EqualFold(string(e.Value), tag) {
			return true
		}
	}
	return false
}
