package control

// The hub: sessions, and what each lane tells them.

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
)

// Options of New. All but Log are required. The functions that take a leg, and Find, are called
// with the token of its lane.
type Options struct {
	Agent  *dialog.Agent              // of the legs
	ID     func(l *dialog.Leg) string // names a leg for good
	LaneOf func(id string) *lane.Lane // where the leg with an id would be; nil: nowhere
	// At has f called with the token of the lane where the leg with an id is, or where there would
	// be one: the token of here is held, which LaneOf was. It may have gone on to another.
	At func(here *lane.Lane, id string, f func(at *lane.Lane))
	// Find is that leg, if it has not ended, or nil.
	Find  func(home *lane.Lane, id string) *dialog.Leg
	Owned func(l *dialog.Leg) bool // a script has it, which would end it
	Log   *slog.Logger             // default: none
}

// Hub leads what becomes of calls to sessions, and their orders to calls.
type Hub struct {
	o      Options
	times  times
	most   limits
	orders map[string]*Order // never changed after Attach
	eng    atomic.Pointer[engine.Engine]
	places []place // one a lane, which belongs to the holder of its token
	next   atomic.Uint64
	shots  atomic.Uint64 // how often a session was told which legs there are

	mu       sync.Mutex                 // guards changes of what follows
	ending   bool                       // guarded by mu: no session begins
	conns    map[*Conn]struct{}         // guarded by mu: those that are open
	sessions atomic.Pointer[[]*Session] // swapped as a whole
	stats    stats
}

// stats count for metrics.
type stats struct{ orders, refused, told, slow, resumed, begun atomic.Uint64 }

// place is what a lane knows.
type place struct {
	grips    map[*dialog.Leg]*grip
	watching []*Session
}

// New makes a Hub without sessions. It knows the orders hello, bye, list, leg, claim and give_back.
func New(o Options) *Hub {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hub{o: o, times: usualTimes(), most: usualLimits(), orders: map[string]*Order{}, conns: map[*Conn]struct{}{}}
	h.sessions.Store(&[]*Session{})
	h.Handle(ownOrders()...)
	return h
}

// Handle adds orders. It is called before Attach.
func (h *Hub) Handle(orders ...Order) {
	for _, o := range orders {
		h.orders[o.Name] = &o
	}
}

// Attach makes it serve the calls of an engine.
func (h *Hub) Attach(e *engine.Engine) {
	h.places = make([]place, len(e.Lanes()))
	for i := range h.places {
		h.places[i].grips = map[*dialog.Leg]*grip{}
	}
	h.mu.Lock()
	h.ending = false
	h.mu.Unlock()
	h.eng.Store(e)
}

func (h *Hub) place(l *dialog.Leg) *place { return &h.places[l.Lane().ID()] }

// eachLane has f run on each lane, which it returns from at once. It is never refused.
func (h *Hub) eachLane(f func(l *lane.Lane, p *place)) {
	e := h.eng.Load()
	if e == nil {
		return
	}
	for _, l := range e.Lanes() {
		l.Return(lane.Func(func(l *lane.Lane) { f(l, &h.places[l.ID()]) }))
	}
}

// Began tells that there is a leg. The token of its lane is held, as in Told.
func (h *Hub) Began(l *dialog.Leg) {
	if h.silent(l) {
		return
	}
	h.tell(l, nil, eventText("began", map[string]any{"leg": h.info(l)}))
}

// Told tells what has become of a leg.
func (h *Hub) Told(e dialog.Event) {
	if h.silent(e.Leg) {
		return
	}
	about := map[string]any{"leg": h.info(e.Leg)}
	if e.Kind == dialog.EventTransfer {
		h.moving(e, about)
		return
	}
	if e.Far != nil {
		about["other"] = h.info(e.Far)
	}
	if e.Why != "" {
		about["why"] = e.Why
	}
	h.tell(e.Leg, e.Far, eventText("b2b."+e.Kind, about))
	if e.Kind == dialog.EventEnded {
		if g := h.place(e.Leg).grips[e.Leg]; g != nil {
			g.ended(e.Why)
		}
	}
}

// moving tells how far a transfer is.
func (h *Hub) moving(e dialog.Event, about map[string]any) {
	about["state"] = e.Why
	if e.Far != nil {
		about["to"] = h.info(e.Far)
	}
	if e.Code != 0 {
		about["code"] = e.Code
	}
	h.tell(e.Leg, e.Far, eventText("transfer", about))
}

// Expiring tells that a leg will be ended.
func (h *Hub) Expiring(l *dialog.Leg, left time.Duration) {
	if !h.silent(l) {
		h.tell(l, nil, eventText("b2b.expiring", map[string]any{"leg": h.info(l), "seconds": seconds(left)}))
	}
}

// Watched reports whether there is a session.
func (h *Hub) Watched() bool { return len(*h.sessions.Load()) > 0 }

// silent reports whether nobody would hear of a leg: then nothing is made for it.
func (h *Hub) silent(l *dialog.Leg) bool {
	if h.eng.Load() == nil {
		return true
	}
	p := h.place(l)
	return len(p.watching) == 0 && len(p.grips) == 0
}

// tell leads an event to those who watch all, and the masters of its legs.
func (h *Hub) tell(l, far *dialog.Leg, text []byte) {
	p := h.place(l)
	mine, other := p.master(l), p.master(far)
	for _, s := range p.watching {
		if s.all || s == mine || s == other {
			s.push(text)
			h.stats.told.Add(1)
		}
	}
}

// master is whose orders a leg obeys; nil: nobody's.
func (p *place) master(l *dialog.Leg) *Session {
	if g := p.grips[l]; g != nil {
		return g.master
	}
	return nil
}

// watch adds a session to those that a lane tells. It may be there already.
func (p *place) watch(s *Session) {
	if !slices.Contains(p.watching, s) {
		p.watching = append(p.watching, s)
	}
}

// pick is the session that gets a leg which is handed to an app, in turns; nil: none is connected.
func (h *Hub) pick(app string) *Session {
	var list []*Session
	for _, s := range *h.sessions.Load() {
		if s.takes(app) {
			list = append(list, s)
		}
	}
	if list == nil {
		return nil
	}
	return list[h.next.Add(1)%uint64(len(list))]
}

// begin makes a session, or says why not. Those that are lost and have no leg make room.
func (h *Hub) begin(s *Session) (Code, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ending {
		return Overload, "the server ends"
	}
	list := slices.Clone(*h.sessions.Load())
	if len(list) >= mostSessions {
		i := slices.IndexFunc(list, (*Session).makesRoom)
		if i < 0 {
			return Full, "there are as many sessions as there may be"
		}
		defer list[i].unsettled()
		list = slices.Delete(list, i, i+1)
	}
	list = append(list, s)
	h.sessions.Store(&list)
	h.stats.begun.Add(1)
	return "", ""
}

// forget takes a session out; false: it was taken out before.
func (h *Hub) forget(s *Session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := slices.Clone(*h.sessions.Load())
	i := slices.Index(list, s)
	if i < 0 {
		return false
	}
	list = slices.Delete(list, i, i+1)
	h.sessions.Store(&list)
	return true
}

// find is the session with a token, if it is an operator's.
func (h *Hub) find(token, operator string) *Session {
	for _, s := range *h.sessions.Load() {
		if same(s.token, token) && s.operator == operator {
			return s
		}
	}
	return nil
}

// Shutdown tells all clients that the server has begun to end.
func (h *Hub) Shutdown() {
	for _, s := range *h.sessions.Load() {
		s.push(eventText("shutdown", map[string]any{}))
	}
}

// Close ends all connections. There are no new ones then.
func (h *Hub) Close() {
	h.mu.Lock()
	h.ending = true
	all := slices.Collect(maps.Keys(h.conns))
	h.mu.Unlock()
	for _, c := range all {
		c.end(ReasonShutdown)
		if s := c.of(); s != nil {
			s.leave(c)
		}
	}
}

// Figures are those of the hub, for metrics.
type Figures struct {
	Sessions  int    // with those whose connection was lost
	Connected int    // sessions with a connection
	Legs      int    // whose master is a session
	Begun     uint64 // sessions
	Resumed   uint64 // sessions
	Slow      uint64 // clients that were dropped because they did not read
	Orders    uint64 // that were carried out
	Refused   uint64 // orders
	Events    uint64 // that clients were told
}

// Figures are the figures now.
func (h *Hub) Figures() (f Figures) {
	for _, s := range *h.sessions.Load() {
		f.Sessions++
		f.Legs += int(s.legs.Load())
		if !s.lost.Load() {
			f.Connected++
		}
	}
	c := &h.stats
	f.Begun, f.Resumed, f.Slow, f.Orders, f.Refused, f.Events = c.begun.Load(), c.resumed.Load(), c.slow.Load(), c.orders.Load(), c.refused.Load(), c.told.Load()
	return f
}
