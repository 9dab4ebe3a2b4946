package dialog

// Requests of ours that change a session within its dialog: hold and resume.

import (
	"bytes"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
)

// held says what the party hears: what is said to it has these directions, whatever others say.
type holding uint8

const (
	heldNot  holding = iota
	heldBack         // it hears its peer, and is not heard (RFC 3264 §8.4)
	heldOff          // it hears nobody: it has no peer
)

// mostTries bounds how often one of ours is sent again after a glare.
const mostTries = 5

// ask is a request of ours that is under way. It belongs to the lane.
type ask struct {
	leg    *Leg
	to     holding
	was    holding
	done   func(*engine.Response)
	tries  int
	sent   bool
	before []byte // what the party said last
	timer  lane.Timer
}

// Hold puts the party on hold, by an INVITE of ours: it is not heard by its peer any more; without
// a peer it hears nobody either. Whatever the peer says meanwhile is passed with that direction.
// done is told nil when the party has agreed, or its refusal. A glare is tried again (RFC 3261
// §14.1).
func (l *Leg) Hold(done func(*engine.Response)) error {
	to := heldBack
	if l.bridge == nil {
		to = heldOff
	}
	return l.ask(to, done)
}

// Resume takes it back.
func (l *Leg) Resume(done func(*engine.Response)) error { return l.ask(heldNot, done) }

// Held reports whether it is on hold by Hold.
func (l *Leg) Held() bool { return l.holds != heldNot }

func (l *Leg) ask(to holding, done func(*engine.Response)) error {
	switch {
	case l.s.phase != up:
		return ErrState
	case l.said == nil:
		return ErrNoMedia
	case l.rare != nil && l.rare.ask != nil:
		return ErrBusy
	case l.holds == to:
		done(nil)
		return nil
	}
	x := &ask{leg: l, to: to, done: done}
	l.more().ask = x
	x.try()
	return nil
}

// negotiates reports whether an offer is on its way, in either direction.
func (l *Leg) negotiates() bool {
	b := l.bridge
	return l.s.in != inNone || l.s.out != outNone || l.updates() || b != nil && (b.asks != nil || b.ours != nil || b.shows > 0)
}

// try sends it, or waits until what is under way is over.
func (x *ask) try() {
	l := x.leg
	if l.negotiates() {
		x.wait(nil)
		return
	}
	x.was, l.holds, x.sent, x.before = l.holds, x.to, true, l.remoteSDP
	if !l.offer(l.said) {
		l.holds, x.sent = x.was, false
		x.wait(nil)
	}
}

// wait lets the time of a glare pass (§14.1).
func (x *ask) wait(res *engine.Response) {
	if x.tries++; x.tries > mostTries {
		if res == nil {
			res = proxy.NewResponse(491, "", nil)
		}
		x.finish(res)
		return
	}
	x.leg.lane.After(x.leg.glare(), &x.timer, x)
}

// glare is how long to wait after one: who has chosen the Call-ID waits longer (§14.1).
func (l *Leg) glare() time.Duration {
	if l.target != nil {
		return 2100*time.Millisecond + time.Duration(l.agent.eng.Random(l.lane)%191)*10*time.Millisecond
	}
	return time.Duration(l.agent.eng.Random(l.lane)%200) * 10 * time.Millisecond
}

// Expire tries again.
func (x *ask) Expire(*lane.Timer) { x.try() }

// finish tells who asked.
func (x *ask) finish(res *engine.Response) {
	l := x.leg
	l.lane.StopTimer(&x.timer)
	l.rare.ask = nil
	x.done(res)
}

// asked is the request of ours that an answer to our INVITE belongs to; nil for none.
func (l *Leg) asked() *ask {
	if l.rare == nil || l.rare.ask == nil || !l.rare.ask.sent {
		return nil
	}
	return l.rare.ask
}

// accepted is a 2xx to it. What the party says may be news to its peer.
func (x *ask) accepted() {
	l := x.leg
	x.sent = false
	l.feed(evAck)
	if b := l.bridge; b != nil && b.agreed && !samePlaces(x.before, l.remoteSDP) {
		b.disagree()
		b.later()
	}
	x.finish(nil)
}

// refused is a failure.
func (x *ask) refused(res *engine.Response) {
	l := x.leg
	x.sent, l.holds = false, x.was
	// RFC 4028 §7.3
	if res != nil && res.Code() == 422 && l.s.phase == up && l.rare.timer != nil && leastIn(res.Message()) > l.rare.timer.least {
		l.rare.timer.least = leastIn(res.Message())
		x.wait(res)
		return
	}
	if res != nil && res.Code() == 491 && l.s.phase == up {
		x.wait(res)
		return
	}
	if res == nil {
		res = proxy.NewResponse(500, "", nil)
	}
	x.finish(res)
}

// directed is a description with the directions of a leg that is on hold (RFC 3264 §8.4): what was
// both ways is one way, what came from the party comes no more.
func (h holding) directed(text []byte) []byte {
	if h == heldNot {
		return text
	}
	if h == heldOff {
		return still(text)
	}
	var out []byte
	all, dir, inMedia := "a=sendrecv", "", false
	end := func() {
		if !inMedia {
			return
		}
		if dir == "" {
			dir = all
		}
		switch dir {
		case "a=sendrecv":
			dir = "a=sendonly"
		case "a=recvonly":
			dir = "a=inactive"
		}
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, "\r\n"...)
		}
		out = append(append(out, dir...), "\r\n"...)
	}
	for len(text) > 0 {
		l := text[:lineLen(text)]
		text = text[len(l):]
		switch {
		case isDirection(l):
			d := string(bytes.TrimRight(l, "\r\n \t"))
			if inMedia {
				dir = d
			} else {
				all = d
			}
			continue
		case l[0] == 'm':
			end()
			inMedia, dir = true, ""
		}
		out = append(out, l...)
	}
	end()
	return out
}

// samePlaces reports whether two descriptions have their media go to the same addresses and ports:
// an answer that takes fewer codecs than an offer had is no news.
func samePlaces(a, b []byte) bool {
	next := func(text []byte) (line, rest []byte) {
		for len(text) > 0 {
			l := text[:lineLen(text)]
			text = text[len(l):]
			l = bytes.TrimRight(l, "\r\n \t")
			switch {
			case bytes.HasPrefix(l, []byte("c=")):
				return l, text
			case bytes.HasPrefix(l, []byte("m=")):
				if f := bytes.SplitN(l, []byte(" "), 3); len(f) == 3 {
					l = l[:len(l)-len(f[2])]
				}
				return l, text
			}
		}
		return nil, nil
	}
	for {
		var x, y []byte
		x, a = next(a)
		y, b = next(b)
		if !bytes.Equal(x, y) {
			return false
		}
		if x == nil {
			return true
		}
	}
}
