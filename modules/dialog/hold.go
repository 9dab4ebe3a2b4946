package dialog

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
	"github.com/sipscript/sipscript/modules/sdp/body"
)

// Hold and resume, by third-party call control (RFC 3725): the caller is asked for an offer, by an
// INVITE without one; the callee gets it, and its answer is in the caller's ACK. So both negotiate
// as usual, with their own versions of their descriptions. For hold the media are inactive both
// ways. If the callee refuses, the caller's media are inactive, as it has to get an answer.

const (
	holdPatience = 10 * time.Second // for each party; the first repeats its 2xx for 32 s
	mostTries    = 3                // that may meet a negotiation of the party's own
	leastPause   = 2100 * time.Millisecond
	morePause    = 1900 // ms at most in addition (§14.1)
)

// Hold puts both parties on hold. It returns at once; done is called on the call's lane, with nil
// when they are. false: the server is overloaded, and done is not called.
func (c *Call) Hold(done func(error)) bool { return c.begin(func() { c.hold(true, done) }) }

// Resume ends what Hold began; see there.
func (c *Call) Resume(done func(error)) bool { return c.begin(func() { c.hold(false, done) }) }

func (c *Call) hold(on bool, done func(error)) {
	c.do(func(a *asking, _ *View, _ *track.Leg) {
		a.hold = on
		a.askCaller()
	}, done)
}

// askCaller asks the caller for an offer.
func (a *asking) askCaller() {
	s := a.request("INVITE", false)
	s.Timeout = holdPatience
	if err := a.c.d.engine.Load().Reinvite(s, a.callerSaid); err != nil {
		a.finish(err)
	}
}

// again asks once more after a 491 (§14.1).
func (a *asking) again(res *engine.Response, err error, ask func()) bool {
	if err != nil || res.Code() != 491 || a.tries >= mostTries {
		return false
	}
	a.tries++
	a.after(leastPause+time.Duration(a.c.d.engine.Load().Random(nil)%morePause)*time.Millisecond, ask)
	return true
}

func (a *asking) callerSaid(i *engine.Reinvitation, res *engine.Response, err error) {
	switch ok := err == nil && res.Code() < 300; {
	case a.over && ok: // too late
		i.Ack(sdpType, inactive(descriptionOf(res), true))
	case a.over:
	case !ok:
		if !a.again(res, err, a.askCaller) {
			a.refused(track.Caller, res, err)
		}
	default:
		a.c.target(a.tag, false, res)
		offer := descriptionOf(res)
		if offer == nil {
			i.Ack("", nil)
			a.finish(ErrNoOffer)
			return
		}
		a.caller, a.offered = i, offer
		a.askCallee()
	}
}

// askCallee passes the caller's offer to the callee.
func (a *asking) askCallee() {
	offer := a.offered
	if a.hold {
		offer = inactive(a.offered, false)
	}
	a.pass(track.Caller, false, offer, func(text []byte, err error) {
		switch {
		case a.over:
		case err != nil:
			a.leave(err)
		default:
			a.offer = a.c.show(track.Caller, text)
			a.offerCallee()
		}
	})
}

// offerCallee sends the callee the offer.
func (a *asking) offerCallee() {
	s := a.request("INVITE", true)
	s.Timeout = holdPatience
	s.ContentType, s.Body = sdpType, a.offer
	err := a.c.d.engine.Load().Reinvite(s, a.calleeSaid)
	if err != nil {
		a.leave(err)
	}
}

func (a *asking) calleeSaid(i *engine.Reinvitation, res *engine.Response, err error) {
	ok := err == nil && res.Code() < 300
	if ok {
		i.Ack("", nil)
	}
	switch {
	case a.over:
	case !ok:
		if a.again(res, err, a.offerCallee) {
			return
		}
		a.leave(nil)
		a.refused(track.Callee, res, err)
	default:
		a.c.target(a.tag, true, res)
		answer := descriptionOf(res)
		if answer == nil {
			a.leave(ErrNoOffer)
			return
		}
		if a.hold {
			answer = inactive(answer, false)
		}
		a.pass(track.Callee, true, answer, a.answered)
	}
}

// answered gives the caller the callee's answer.
func (a *asking) answered(text []byte, err error) {
	switch {
	case a.over:
		return
	case err != nil:
		a.leave(err)
		return
	}
	a.caller.Ack(sdpType, a.c.show(track.Callee, text))
	a.caller = nil
	c := a.c
	c.mu.Lock()
	c.t.Held = a.hold
	c.mu.Unlock()
	if c.sessionTimer != nil { // nobody refreshes it any more (RFC 4028 §10)
		c.sessionExpires(0)
	}
	a.finish(nil)
}

// leave gives the caller the answer that it waits for, by which its media are inactive, and
// finishes if there is an error.
func (a *asking) leave(err error) {
	if a.caller != nil {
		a.caller.Ack(sdpType, inactive(a.offered, true))
		a.caller = nil
	}
	if err != nil {
		a.finish(err)
	}
}

// target notes the Contact of a party's 2xx: an INVITE refreshes it (§12.2.1.2).
func (c *Call) target(tag string, callee bool, res *engine.Response) {
	uri := contactOf(res)
	if uri == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.t.Leg(tag)
	if l == nil {
		return
	}
	if callee {
		l.B.URI = uri
	} else {
		c.t.A.URI = uri
	}
}

const sdpType = "application/sdp"

// descriptionOf is the description in an answer, nil for none with media.
func descriptionOf(res *engine.Response) []byte { return description(res.Message()) }

func description(m *message.Message) []byte {
	f, err := body.Of(m)
	if err != nil || f == nil || f.Session.Media() == 0 {
		return nil
	}
	return f.Session.Bytes()
}

// inactive is a description with all media inactive; nowhere: and nobody's address, for an answer
// to whoever wrote it.
func inactive(text []byte, nowhere bool) []byte {
	var s body.Session
	if s.Reset(append([]byte(nil), text...)) != nil {
		return text
	}
	for n := range s.Media() {
		_ = s.Medium(n).SetDirection("inactive")
	}
	if nowhere {
		_ = s.SetAddress(netip.IPv4Unspecified())
	}
	return s.Bytes()
}
