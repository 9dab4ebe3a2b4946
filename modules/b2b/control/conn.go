package control

// A connection: what comes over it, and what goes.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Asker is who is at the other end.
type Asker struct {
	Name   string      // the operator, as the log has it
	Source string      // the address
	Acts   func() bool // may give orders, now; nil: no
	// OnReread has f called when that may have changed; nil: it never does.
	OnReread func(f func())
}

// Conn is one connection of a client. Receive is called by one goroutine, Next by another.
type Conn struct {
	hub  *Hub
	by   Asker
	told chan struct{} // of capacity 1: there may be something for Next
	done chan struct{} // closed by end

	queued atomic.Int64  // orders that wait for a lane
	fewer  chan struct{} // of capacity 1: they may be fewer

	next uint64 // guarded by the session's mu: the number of the next message

	mu      sync.Mutex // guards what follows
	session *Session
	direct  [][]byte // what is said outside of a session
	reason  string   // "" before the end
}

// Connect begins one. It ends with Close.
func (h *Hub) Connect(by Asker) *Conn {
	c := &Conn{hub: h, by: by, told: make(chan struct{}, 1), done: make(chan struct{}), fewer: make(chan struct{}, 1)}
	if by.OnReread != nil {
		by.OnReread(c.reread)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ending {
		c.end(ReasonShutdown)
	}
	h.conns[c] = struct{}{}
	return c
}

// acts reports whether the client may give orders, now.
func (c *Conn) acts() bool { return c.by.Acts != nil && c.by.Acts() }

// Told is sent to when there may be something for Next.
func (c *Conn) Told() <-chan struct{} { return c.told }

// Done is closed when the connection is to be closed, for Reason, after what Next still has.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Reason is why it is to be closed; "" for not at all.
func (c *Conn) Reason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// Close ends it: the other end has gone. Its session goes on for a while.
func (c *Conn) Close() {
	c.end(ReasonBye)
	c.hub.mu.Lock()
	delete(c.hub.conns, c)
	c.hub.mu.Unlock()
	if s := c.of(); s != nil {
		s.leave(c)
	}
}

// reread looks again whether the client may still give orders: if not, its session is nobody's
// master any longer.
func (c *Conn) reread() {
	s := c.of()
	if s == nil {
		return
	}
	s.mu.Lock()
	mine := s.conn == c
	s.mu.Unlock()
	if may := c.acts(); mine && s.demoted.Swap(!may) == may {
		s.hub.o.Log.Info("what a client of call control may has changed", "operator", s.operator, "source", c.by.Source, "client", s.name, "allowed", may)
		s.unsettled()
	}
}

// room waits until the lanes have taken so many orders that they are not flooded by one client. It
// reports false if the connection ends before that.
func (c *Conn) room(ctx context.Context) bool {
	for c.queued.Load() >= mostQueued {
		select {
		case <-c.fewer:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// taken notes that a lane has taken an order.
func (c *Conn) taken() {
	c.queued.Add(-1)
	select {
	case c.fewer <- struct{}{}:
	default:
	}
}

func (c *Conn) of() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// end asks whoever carries it to close it.
func (c *Conn) end(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
		close(c.done)
	}
}

func (c *Conn) wake() {
	select {
	case c.told <- struct{}{}:
	default:
	}
}

// Next is the next message for the client; nil: there is none now. It is not to be changed.
func (c *Conn) Next() []byte {
	c.mu.Lock()
	s := c.session
	if len(c.direct) > 0 {
		text := c.direct[0]
		c.direct = c.direct[1:]
		c.mu.Unlock()
		return text
	}
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c || c.next >= s.first+uint64(len(s.kept)) {
		return nil
	}
	c.next++
	return s.kept[c.next-1-s.first]
}

// say says something outside of a session. To a client that asks and does not read it says no more.
func (c *Conn) say(object map[string]any) {
	text := append([]byte("{"), tail(object)...)
	c.mu.Lock()
	full := len(c.direct) >= mostDirect
	if !full {
		c.direct = append(c.direct, text)
	}
	c.mu.Unlock()
	if full {
		c.end(ReasonSlow)
	}
	c.wake()
}

// message is what each order has.
type message struct {
	order, ref, leg string
	sum             [sha256.Size]byte
	options         map[string]json.RawMessage // without those above
}

// read takes an order apart.
func read(text []byte) (m message, wrong string) {
	object, ok := readObject(text)
	if !ok {
		return m, "expected one JSON object, with no key twice"
	}
	for name, into := range map[string]*string{"ref": &m.ref, "do": &m.order, "leg": &m.leg} {
		if value, given := object[name]; given && json.Unmarshal(value, into) != nil {
			return m, name + " must be a string"
		}
		delete(object, name)
	}
	m.options, m.sum = object, sha256.Sum256(text)
	switch {
	case m.ref == "" || len(m.ref) > mostName || strings.ContainsFunc(m.ref, func(r rune) bool { return r < ' ' || r == 0xfffd }):
		m.ref, wrong = "", "expected a ref of up to 64 bytes"
	case m.order == "" || len(m.order) > mostName:
		wrong = `expected "do", the name of an order`
	case len(m.leg) > mostID:
		wrong = "leg is not the id of one"
	}
	return m, wrong
}

// Receive takes a message of the client.
func (c *Conn) Receive(text []byte) {
	m, wrong := read(text)
	s := c.of()
	if wrong != "" {
		c.refuse(s, m, BadMessage, wrong)
		return
	}
	if (s == nil) != (m.order == "hello") {
		c.refuse(s, m, HelloFirst, "the first order of a connection, and no other, is hello")
		return
	}
	if s == nil {
		c.hello(m)
		return
	}
	o := c.hub.orders[m.order]
	code, again, before := s.ask(m.ref, m.sum, o != nil && o.Long)
	switch {
	case before != nil:
		s.push(before)
	case again:
	case code != "":
		c.refuse(s, m, code, "")
	default:
		c.carryOut(s, m, o)
	}
}

// refuse refuses what is not remembered.
func (c *Conn) refuse(s *Session, m message, code Code, about string) {
	c.hub.stats.refused.Add(1)
	object := refusal(m.ref, code, about)
	if s == nil {
		c.say(object)
		return
	}
	s.push(tail(object))
}

func refusal(ref string, code Code, about string) map[string]any {
	object := map[string]any{"refused": code}
	if ref != "" {
		object["ref"] = ref
	}
	if about != "" {
		object["about"] = about
	}
	return object
}

// greeting are the options of hello.
type greeting struct {
	Name    string        `lua:"name" doc:"what others see as the master of its legs; default: the operator's name"`
	Apps    []string      `lua:"apps" doc:"names that scripts hand legs over to"`
	Watch   string        `lua:"watch" oneof:"own all" default:"own" doc:"whose legs it hears of"`
	Keep    time.Duration `lua:"keep" min:"1" max:"600" default:"60" doc:"seconds that the session lasts without a connection; its own legs are hung up then"`
	Session string        `lua:"session" doc:"resumes the one that has this token; name, apps, watch and keep stay as they were"`
	Seen    int           `lua:"seen" min:"0" max:"1000000000000" default:"0" doc:"the last seq that was seen of it"`
}

// hello begins a session, or resumes one.
func (c *Conn) hello(m message) {
	o := greeting{Watch: "own", Keep: time.Minute}
	err := decode(m.options, &o)
	h := c.hub
	switch {
	case err != nil:
		c.refuse(nil, m, BadOption, err.Error())
	case len(o.Apps) > mostApps || len(o.Name) > mostName:
		c.refuse(nil, m, BadOption, "a name is too long, or there are more than 16 apps")
	case h.eng.Load() == nil:
		c.refuse(nil, m, Overload, "the server begins")
	case len(o.Apps) > 0 && !c.acts():
		c.refuse(nil, m, MayNotAct, "who may read is no master of legs: leave out apps")
	case o.Session != "":
		c.resume(m, h.find(o.Session, c.by.Name), uint64(o.Seen))
	default:
		c.begin(m, &o)
	}
}

func (c *Conn) begin(m message, o *greeting) {
	s := &Session{hub: c.hub, token: rand.Text(), name: o.Name, operator: c.by.Name, apps: o.Apps, all: o.Watch == "all", keep: o.Keep,
		first: 1, answers: map[string]*answer{}, ends: map[string]string{}}
	s.demoted.Store(!c.acts())
	if s.name == "" {
		s.name = s.operator
	}
	s.conn, c.next = c, 1
	if code, about := c.hub.begin(s); code != "" {
		c.refuse(nil, m, code, about)
		return
	}
	c.enter(s, m, 0, false)
	s.snapshot()
}

func (c *Conn) resume(m message, s *Session, seen uint64) {
	if s == nil {
		c.refuse(nil, m, NoSession, "")
		return
	}
	old, lost, ok := s.join(c, seen)
	if !ok {
		c.refuse(nil, m, NoSession, "it is over, or has not said so much")
		return
	}
	if old != nil {
		old.end(ReasonReplaced)
	}
	c.hub.stats.resumed.Add(1)
	c.enter(s, m, seen, true)
	s.demoted.Store(!c.acts())
	s.unsettled()
	if lost > 0 {
		s.snapshot()
	}
}

// enter has the connection belong to a session, and says so before anything else.
func (c *Conn) enter(s *Session, m message, seen uint64, resumed bool) {
	c.say(map[string]any{"ref": m.ref, "result": map[string]any{"session": s.token, "resumed": resumed, "seen": seen, "keep": seconds(s.keep)}})
	c.mu.Lock()
	c.session = s
	c.mu.Unlock()
	c.wake()
	c.hub.o.Log.Info("a client controls calls", "operator", s.operator, "source", c.by.Source, "client", s.name, "resumed", resumed)
}
