package dialog

// What relays the media of two legs: a description of one party passes it on its way to the other,
// and may take a while. What waits for it is bridge_show.go's, and the hunt's.

import (
	"bytes"
	"errors"
	"slices"

	"github.com/sipscript/sipscript/engine"
)

// Media is what relays the media of a leg's party. Its methods are called on the leg's lane, and
// must not block.
type Media interface {
	// Far is that of a leg that is dialled for this one, and has none of its own.
	Far() Media
	// Between begins what relays the media of two parties, one of whose legs has this Media. It
	// asks nothing yet.
	Between(x, y *Leg) Relay
}

// Relay is what relays the media of the parties of two legs. Its methods are called on their lane,
// and must not block.
type Relay interface {
	// Show makes of a description what the other party is told. then is called once, on the lane;
	// it may be before Show returns. The next description is shown when it has been.
	Show(s Shown, then func(text []byte, err error))
	// End says that no party sends media there any more. Nothing is shown afterwards.
	End()
}

// Shown is a description of one party that the other is told of.
type Shown struct {
	From, To *Leg   // whose party said it, and whose is told
	Answer   bool   // to the offer of To's party; otherwise it is an offer
	Text     []byte // the description
}

// ErrRelay is the error of a description that too much waits before, or whose relay has ended.
var ErrRelay = errors.New("the relay of media has ended, or is overloaded")

// mostShown bounds what waits for one relay.
const mostShown = 16

// relay is a Relay with what waits for it. It belongs to the legs' lane.
type relay struct {
	r     Relay
	x, y  *Leg
	uses  int // whoever may tell a party of it, or has
	busy  bool
	queue []*showing
	// The answer that was shown last, since the last offer: a 183 and the 200 say the same.
	last *showing
}

// showing is a description that is to be shown, or was.
type showing struct {
	Shown
	told []byte
	then func(text []byte, err error)
}

// Media is what relays the media of the leg's party; nil for nothing.
func (l *Leg) Media() Media {
	if l.rare == nil {
		return nil
	}
	return l.rare.media
}

// Relay is what the party's media go to now; nil for nothing.
func (l *Leg) Relay() Relay {
	if r := l.relay(); r != nil {
		return r.r
	}
	return nil
}

// Target is who was called; nil for a caller.
func (l *Leg) Target() *engine.Target { return l.target }

// relayed has the media of the leg's party relayed.
func (l *Leg) relayed(m Media) {
	if m != nil {
		l.more().media = m
	}
}

// relay is what the party's media go to now; nil for nothing.
func (l *Leg) relay() *relay {
	if l.rare == nil {
		return nil
	}
	return l.rare.relay
}

// between is what relays the media of two legs; nil for nothing. Whoever has it uses it, until it
// is left.
func between(x, y *Leg) *relay {
	if x == nil || y == nil {
		return nil
	}
	for _, l := range [...]*Leg{x, y} {
		if r := l.relay(); r != nil && (r.x == x && r.y == y || r.x == y && r.y == x) {
			r.uses++
			return r
		}
	}
	m := x.Media()
	if m == nil {
		m = y.Media()
	}
	if m == nil {
		return nil
	}
	return &relay{r: m.Between(x, y), x: x, y: y, uses: 1}
}

// goes has the leg's party send its media there from now on; r may be nil.
func (l *Leg) goes(r *relay) {
	was := l.relay()
	if was == r {
		return
	}
	if r != nil {
		r.uses++
	}
	l.more().relay = r
	was.leave()
}

// leave is told by who used it.
func (r *relay) leave() {
	if r == nil {
		return
	}
	if r.uses--; r.uses > 0 {
		return
	}
	r.r.End()
	queue := r.queue
	r.queue = nil
	for _, s := range queue {
		s.then(nil, ErrRelay)
	}
}

// show has a description pass, and then told what became of it: in the order of the calls, at once
// if r is nil.
func (r *relay) show(s Shown, then func(text []byte, err error)) {
	switch {
	case r == nil:
		then(s.Text, nil)
	case r.uses <= 0 || len(r.queue) >= mostShown:
		then(nil, ErrRelay)
	default:
		r.queue = append(r.queue, &showing{Shown: s, then: then})
		r.next()
	}
}

// next shows what waits.
func (r *relay) next() {
	for !r.busy && len(r.queue) > 0 {
		s := r.queue[0]
		r.queue = slices.Delete(r.queue, 0, 1)
		if last := r.last; s.Answer && last != nil && last.From == s.From && bytes.Equal(last.Text, s.Text) {
			s.then(last.told, nil)
			continue
		}
		r.busy = true
		r.r.Show(s.Shown, func(text []byte, err error) { r.shown(s, text, err) })
	}
}

func (r *relay) shown(s *showing, text []byte, err error) {
	r.busy, r.last = false, nil
	if err == nil && media(text) != media(s.Text) {
		err = errors.New("the relay's description has another number of media")
	}
	if err == nil && s.Answer {
		s.told, r.last = text, s
	}
	then := s.then
	s.then = nil
	if r.uses <= 0 && err == nil {
		text, err = nil, ErrRelay
	}
	then(text, err)
	r.next()
}
