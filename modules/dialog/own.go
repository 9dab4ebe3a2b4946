package dialog

import (
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// What this server asks of the parties of a call, in the name of the other: hold, resume and
// transfer. One thing at a time, and nothing while the parties negotiate themselves.

// Errors of Hold, Resume and Transfer; others are a *RefusedError.
var (
	// ErrOver is the error for a call that was not answered, or has ended.
	ErrOver = errors.New("the call was not answered, or is over")
	// ErrBusy is the error while the parties negotiate, or something else is asked of them.
	ErrBusy = errors.New("the parties are negotiating")
	// ErrLegs is the error for a call that several user agents have answered.
	ErrLegs = errors.New("several user agents have answered the call")
	// ErrNoOffer is the error for a party that offers nothing when it is asked to.
	ErrNoOffer = errors.New("a party made no offer that can be read")
)

// ErrElsewhere is the error for a call that another node has.
var ErrElsewhere = errors.New("another node has the call")

// ErrMedia is the error for a call whose media pass through a relay that can't be asked.
var ErrMedia = errors.New("the media of the call pass through a relay that can't be asked")

// RefusedError is the error of a party that refuses.
type RefusedError struct {
	Who  track.Who // the party
	Code int       // of its answer; 408 for none
}

// Error says so.
func (e *RefusedError) Error() string { return fmt.Sprintf("the %s answered %d", e.Who, e.Code) }

// asking is one thing that is asked of the parties. It belongs to the lane.
type asking struct {
	c     *Call
	tag   string // the callee's
	done  func(error)
	over  bool
	timer lane.Timer
	late  func() // what happens when the timer runs out

	hold    bool // or resume
	tries   int  // that met another negotiation (491)
	refer   *referral
	caller  *engine.Reinvitation // whose 2xx waits for its ACK; nil: none
	offered []byte               // by the caller, in its 2xx
	offer   []byte               // as the callee gets it; nil before
}

// do has begin run on the lane, with what asks, if something can be asked now.
func (c *Call) do(begin func(a *asking, v *View, l *track.Leg), done func(error)) {
	if c.Node() != "" {
		done(ErrElsewhere)
		return
	}
	if c.ofLegs() {
		done(ErrOwn)
		return
	}
	v := c.View()
	var live *track.Leg
	for i := range v.Legs {
		if l := &v.Legs[i]; l.State == track.Confirmed {
			if live != nil {
				done(ErrLegs)
				return
			}
			live = l
		}
	}
	switch {
	case v.State != track.Confirmed || live == nil:
		done(ErrOver)
	case v.Fixed != track.Free, v.Relayed() != "" && c.d.media == nil:
		done(ErrMedia)
	case c.asks != nil || c.negotiating > 0 || !live.Acked:
		done(ErrBusy)
	default:
		a := &asking{c: c, tag: live.Tag, done: done}
		c.asks = a
		begin(a, &v, live)
	}
}

// begin has something begin on the lane. A call of another node has none, and refuses it at once.
func (c *Call) begin(f func()) bool {
	if c.Node() != "" {
		f()
		return true
	}
	return c.post(f)
}

// finish ends it; again, it does nothing.
func (a *asking) finish(err error) {
	if a.over {
		return
	}
	a.over = true
	a.c.lane().StopTimer(&a.timer)
	a.c.asks = nil
	a.c.mu.Lock()
	if l := a.c.t.Leg(a.tag); l != nil {
		l.Invited()
		if f := a.refer; f != nil {
			l.GiveUp(f.toCallee, f.number)
		}
	}
	a.c.mu.Unlock()
	a.c.d.journal.note(a.c)
	a.done(err)
}

// after has f called later, unless it is over by then.
func (a *asking) after(d time.Duration, f func()) {
	a.late = f
	a.c.lane().After(d, &a.timer, a)
}

// Expire is the timer's.
func (a *asking) Expire(*lane.Timer) {
	if !a.over {
		a.late()
	}
}

// request is a request to one of the parties, in the name of the other, with a number of its own.
func (a *asking) request(method string, toCallee bool) *engine.SendSpec {
	c := a.c
	c.mu.Lock()
	l := c.t.Leg(a.tag)
	number := l.Take(toCallee)
	if method == "INVITE" {
		l.Inviting(toCallee, number)
	}
	c.mu.Unlock()
	c.d.journal.note(c)
	v := c.View()
	l = v.Leg(a.tag)
	s := c.within(&v, l, toCallee)
	s.Method, s.CSeq = method, number
	contact, way := l.B.URI, l.B.Reach().Routes
	if toCallee {
		contact, way = v.A.URI, v.A.Reach().Routes
	}
	if b := v.Between; b != nil && b.Hide != nil {
		s.Disguise = &engine.Disguise{Options: *b.Hide, Routes: way}
	}
	s.Headers = []engine.HeaderEdit{{Name: "Contact", Values: []string{"<" + contact + ">"}}}
	return s
}

// refused finishes after an answer that is a failure. One by which the party is gone ends the call
// (§12.2.1.2).
func (a *asking) refused(who track.Who, res *engine.Response, err error) {
	code := 408
	if err == nil {
		code = res.Code()
	}
	c := a.c
	a.finish(&RefusedError{who, code})
	if code == 481 || code == 408 && err == nil {
		c.endLeg(a.tag, track.CauseGone, code)
	}
}

// renumber raises the number of a party's request by what our own have taken.
func (c *Call) renumber(r *engine.Request, own *track.Own, byCaller bool) {
	if own != nil {
		r.Renumber(func(number uint32) uint32 { return own.Extra(byCaller, number) })
	}
}

// interrupts answers requests of the parties that what is asked of them stands against, or is for;
// true: it has.
func (a *asking) interrupts(r *engine.Request, i *inner) bool {
	switch {
	case a == nil || i.tag != a.tag:
		return false
	case a.refer == nil && i.refreshes(): // §14.2
		i.number(r)
		r.End(491, "", nil)
		return true
	}
	return false
}

// contactOf is the remote target that an answer names, "" for none.
func contactOf(res *engine.Response) string {
	m := res.Message()
	contacts := m.Elements(message.HeaderContact)
	if !contacts.Next() {
		return ""
	}
	a, err := message.ParseAddress(contacts.Value)
	if err != nil || a.Star {
		return ""
	}
	u, err := message.ParseURI(a.URI)
	if err != nil || !u.IsSIP() {
		return ""
	}
	return string(a.URI)
}
