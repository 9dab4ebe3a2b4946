package control

// Orders: how they are declared, and carried out.

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
)

// Where is what an order is about.
type Where uint8

// The values of Where.
const (
	OnLeg    Where = iota // a leg whose master the session is
	OnAnyLeg              // a leg
	OnLane                // a lane, any: its leg is made there
	Apart                 // none: it is not called on a lane
)

// Order is an order that clients may give. Name, Doc, Result and Begin are required.
type Order struct {
	Name   string // as a script calls it
	Doc    string // one sentence
	Result string // what its result is
	Where  Where  // what it is about
	// Asks: it changes nothing, and is for those who may only read.
	Asks    bool
	Planned bool // it is refused: "not-here"
	// Long: it may be answered much later. A session has so many of these at a time, and no more.
	Long bool
	// Options is a value of the struct that it takes, with the defaults; nil: none.
	Options any
	// IfEnded is its result for a leg that has ended; nil: it is refused.
	IfEnded any
	// Read makes the options of a message, or says what is wrong with them.
	Read func(object map[string]json.RawMessage) (options any, err error)
	// Begin is called with them, and with the token of the lane, but for Apart.
	Begin func(t *Turn, options any)
}

// OrderOf declares an order by its options: a value with the defaults, of a struct with the tags of
// options. check, if it is not nil, says what is wrong with them beside that.
func OrderOf[T any](o Order, defaults T, check func(o *T) error, begin func(t *Turn, o *T)) Order {
	o.Options = defaults
	o.Read = func(object map[string]json.RawMessage) (any, error) {
		options := defaults
		if err := decode(object, &options); err != nil {
			return nil, err
		}
		if check != nil {
			if err := check(&options); err != nil {
				return nil, err
			}
		}
		return &options, nil
	}
	o.Begin = func(t *Turn, options any) { begin(t, options.(*T)) }
	return o
}

// Turn is an order that is carried out. Done or Refuse is called once, now or later.
type Turn struct {
	Lane *lane.Lane  // whose token is held when it begins
	Leg  *dialog.Leg // that it is about; nil for none

	hub     *Hub
	session *Session
	conn    *Conn
	message message
	grip    *grip // of Leg
	held    bool
	over    bool
}

// Done answers it.
func (t *Turn) Done(result any) {
	if t.finish() {
		t.session.answer(t.message.ref, tail(map[string]any{"ref": t.message.ref, "result": result}))
	}
}

// Refuse refuses it. about, which may be "", is for people.
func (t *Turn) Refuse(code Code, about string) {
	if t.finish() {
		t.hub.stats.refused.Add(1)
		t.hub.o.Log.Info("an order to calls was refused", "operator", t.session.operator, "source", t.conn.by.Source, "order", t.message.order, "leg", t.message.leg, "refused", code)
		t.session.answer(t.message.ref, tail(refusal(t.message.ref, code, about)))
	}
}

func (t *Turn) finish() bool {
	if t.over {
		return false
	}
	t.over = true
	if t.held {
		t.grip.busy--
	}
	return true
}

// Hold keeps the leg with its master until the order is answered.
func (t *Turn) Hold() {
	if t.grip != nil && !t.held {
		t.held = true
		t.grip.busy++
	}
}

// Own makes the session the master of a leg that the order has made. One that may no longer give
// orders, or is over, gets none.
func (t *Turn) Own(l *dialog.Leg) {
	if t.hub.grip(l).take(t.session); t.session.demoted.Load() || t.session.gone.Load() {
		t.session.unsettled()
	}
}

// Name is the id for a leg for which the client chose one: each operator has ids of its own. An
// error says what is wrong with it.
func (t *Turn) Name(id string) (string, error) {
	if id == "" {
		return "", nil
	}
	if id = t.session.own(id); len(id) > mostID {
		return "", fmt.Errorf("with the operator's name in front the id has more than %d bytes", mostID)
	}
	return id, nil
}

// Room reports whether the session may be the master of so many more legs.
func (t *Turn) Room(legs int) bool { return t.session.legs.Load()+int64(legs) <= t.hub.most.legs }

// full is the whole id of what a client calls a leg: its operator's own, if there is one.
func (t *Turn) full(id string) string {
	if strings.Contains(id, "/") {
		return id
	}
	own := t.session.own(id)
	if _, ended := t.session.whyEnded(own); ended || t.hub.o.LaneOf(own) != nil {
		return own
	}
	return id
}

// Leave has a leg go on when its master is gone: it ends by itself.
func (t *Turn) Leave(l *dialog.Leg) { t.hub.Leave(l) }

// Take makes the session the master of a leg of another lane, whose token is held.
func (t *Turn) Take(l *dialog.Leg) {
	if t.Own(l); t.session.gone.Load() { // its legs have been looked after
		l.HangUp("")
	}
}

// There has f look at another leg that the order names, on the leg's lane, if the session is its
// master too; then goes on afterwards, on the lane of the order's own leg. The order is refused if
// f says why, or there is no such leg; about is for people. The leg is held until then.
func (t *Turn) There(id, about string, f func(l *dialog.Leg) Code, then func()) {
	t.Hold()
	t.there(t.full(id), func(l *dialog.Leg, code Code, why string) {
		if l != nil {
			code, why = f(l), ""
		}
		t.back(code, cmp.Or(about, why), then)
	})
}

// With goes on with another leg that the order names, whose master the session must be too, when it
// is on the lane of the order's own: it comes there.
func (t *Turn) With(id string, then func(other *dialog.Leg)) {
	id = t.full(id)
	here := func() {
		if l, code, about := t.find(t.Lane, id); code != "" {
			t.Refuse(code, about)
		} else {
			then(l)
		}
	}
	if t.hub.o.Find(t.Lane, id) != nil {
		here()
		return
	}
	t.Hold()
	t.there(id, func(l *dialog.Leg, code Code, about string) {
		if l == nil {
			t.back(code, about, nil)
			return
		}
		t.hub.o.Agent.BringSoon(l, t.Lane, func(err error) { t.back(staying(err), "", here) })
	})
}

// staying is why a leg cannot come.
func staying(err error) Code {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, dialog.ErrPinned):
		return OtherLane
	case errors.Is(err, dialog.ErrState):
		return BadState
	}
	return Busy
}

// there calls f with another leg of the session's, or with why there is none, on the leg's lane.
func (t *Turn) there(id string, f func(l *dialog.Leg, code Code, about string)) {
	home := t.hub.o.LaneOf(id)
	if home == nil {
		f(nil, t.missing(id), t.why(id))
		return
	}
	home.Return(lane.Func(func(*lane.Lane) {
		t.hub.o.At(home, id, func(at *lane.Lane) { f(t.find(at, id)) })
	}))
}

// back goes on with an order on the lane of its leg, whatever lane's token is held; or refuses it.
func (t *Turn) back(code Code, about string, then func()) {
	t.Lane.Return(lane.Func(func(*lane.Lane) {
		switch {
		case code != "":
			t.Refuse(code, about)
		case t.hub.place(t.Leg).master(t.Leg) != t.session: // it was ended meanwhile
			t.Refuse(NotMaster, "")
		default:
			then()
		}
	}))
}

// Info describes a leg of the lane.
func (t *Turn) Info(l *dialog.Leg) Info { return t.hub.info(l) }

// find is a leg of the lane whose token is held, if the session is its master.
func (t *Turn) find(home *lane.Lane, id string) (*dialog.Leg, Code, string) {
	if home == nil {
		return nil, t.missing(id), t.why(id)
	}
	l := t.hub.o.Find(home, id)
	if l == nil {
		return nil, t.missing(id), t.why(id)
	}
	if t.hub.place(l).master(l) != t.session && t.hub.orders[t.message.order].Where == OnLeg {
		return nil, NotMaster, ""
	}
	return l, "", ""
}

func (t *Turn) missing(id string) Code {
	if _, ended := t.session.whyEnded(id); ended {
		return Ended
	}
	return NoLeg
}

func (t *Turn) why(id string) string {
	why, _ := t.session.whyEnded(id)
	return why
}

// carryOut begins an order that has not come before.
func (c *Conn) carryOut(s *Session, m message, o *Order) {
	t := &Turn{hub: c.hub, session: s, conn: c, message: m}
	if m.leg != "" {
		m.leg = t.full(m.leg)
		t.message.leg = m.leg
	}
	switch {
	case o == nil:
		t.Refuse(UnknownOrder, "")
		return
	case o.Planned:
		t.Refuse(NotHere, "")
		return
	case !o.Asks && !c.acts():
		t.Refuse(MayNotAct, "")
		return
	}
	about := o.Where == OnLeg || o.Where == OnAnyLeg
	options, err := o.Read(m.options)
	switch {
	case err != nil:
		t.Refuse(BadOption, err.Error())
		return
	case about != (m.leg != ""):
		t.Refuse(BadOption, map[bool]string{true: "option leg is required", false: "it takes no leg"}[about])
		return
	case o.Where == Apart:
		t.begin(o, options)
		return
	}
	e := c.hub.eng.Load()
	home := e.Lanes()[e.Random(nil)%uint64(len(e.Lanes()))]
	if about {
		home = c.hub.o.LaneOf(m.leg)
	}
	if home == nil {
		t.onLeg(o, nil, options)
		return
	}
	c.queued.Add(1)
	if !home.Post(lane.Func(func(*lane.Lane) {
		c.taken()
		if about {
			c.hub.o.At(home, m.leg, func(at *lane.Lane) { t.on(o, at, options) })
			return
		}
		t.on(o, home, options)
	})) {
		c.taken()
		t.Refuse(Overload, "")
	}
}

// on begins an order on a lane.
func (t *Turn) on(o *Order, home *lane.Lane, options any) {
	s := t.session
	t.Lane = home
	switch {
	case s.gone.Load(): // nobody would end what it begins
		t.Refuse(NoSession, "")
	case !o.Asks && s.demoted.Load():
		t.Refuse(MayNotAct, "")
	case t.message.leg != "":
		t.onLeg(o, home, options)
	case s.legs.Load() >= t.hub.most.legs:
		t.Refuse(Full, "")
	default:
		t.begin(o, options)
	}
}

// onLeg begins an order about a leg.
func (t *Turn) onLeg(o *Order, home *lane.Lane, options any) {
	l, code, about := t.find(home, t.message.leg)
	switch {
	case code == Ended && o.IfEnded != nil:
		t.Done(o.IfEnded)
	case code != "":
		t.Refuse(code, about)
	default:
		t.Leg, t.grip = l, t.hub.place(l).grips[l]
		t.begin(o, options)
	}
}

// begin has it carried out, and notes that.
func (t *Turn) begin(o *Order, options any) {
	t.hub.stats.orders.Add(1)
	if !o.Asks {
		t.hub.o.Log.Info("an operator gave an order to calls", "operator", t.session.operator, "source", t.conn.by.Source, "order", o.Name, "leg", t.message.leg)
	}
	o.Begin(t, options)
}
