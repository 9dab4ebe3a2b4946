package dialog

// What a caller hears while others ring.

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
)

// progress is a provisional answer of somebody who is called.
func (h *hunt) progress(l *Leg, res *message.Message) {
	code := res.Status()
	if code < 180 || code > 189 {
		return
	}
	l.agent.tell(Event{Kind: EventRinging, Leg: l})
	h.moving(l, Rings, code)
	a := h.a
	if a == nil || a.s.phase != ringing || h.o.Early == EarlyNone {
		return
	}
	sdp, ok := descriptionOf(res)
	tag := string(res.ToTag())
	if h.o.Early == EarlyEach && ok && sdp != nil && tag != "" && a.inOffer && l.outOffer && a.rel != relAlways {
		h.showEach(l, tag, code, sdp)
		return
	}
	if (h.o.Early == EarlyFirst || h.o.Early == EarlyEach) && ok && sdp != nil && tag != "" && a.inOffer && l.outOffer && (h.shown == nil || h.shown == l && h.shownTag == tag) {
		h.shown, h.shownTag = l, tag
		if !bytes.Equal(h.earlySDP, sdp) {
			h.earlySDP = clone(sdp)
		}
		h.earlyRelay(l).show(Shown{From: l, To: a, Answer: true, Text: h.earlySDP}, func(sdp []byte, err error) {
			switch {
			case h.done == nil || h.shown != l || h.shownTag != tag:
			case err != nil:
				h.onlyRings()
			default:
				_ = a.Ring(code, sdp)
			}
		})
		return
	}
	if h.rang && code != 180 || h.shown != nil || h.each != nil || h.early != nil && sdp != nil {
		return
	}
	h.rang = true
	_ = a.Ring(180, nil)
}

// onlyRings tells the caller that somebody rings, whose media it cannot hear.
func (h *hunt) onlyRings() {
	if !h.rang && h.a.early == nil {
		h.rang = true
		_ = h.a.Ring(180, nil)
	}
}

// earlyRelay is what relays the media of one who is called and has got the caller's offer; nil for
// nothing.
func (h *hunt) earlyRelay(l *Leg) *relay {
	if l.answers != h.a {
		return nil
	}
	return l.relay()
}
