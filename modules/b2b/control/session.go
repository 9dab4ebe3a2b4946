package control

// A session: what it has said and heard, whether a connection stands or not.

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// Session is a client's, over one connection or several.
type Session struct {
	hub      *Hub
	token    string // its secret name
	name     string // as others know it
	operator string // whose token began it
	apps     []string
	all      bool // it hears of all legs, not of its own alone
	keep     time.Duration

	lost, gone atomic.Bool  // conn is nil; and it is over
	demoted    atomic.Bool  // its client may only read
	legs       atomic.Int64 // of which it is the master
	expiry     lane.Timer   // of the first lane
	listing    atomic.Bool  // a list of all legs is being made for it

	mu       sync.Mutex // guards what follows
	conn     *Conn
	kept     [][]byte // messages, from first on
	first    uint64
	bytes    int
	answers  map[string]*answer
	answered []string          // their references, the oldest first
	open     int               // orders that may be answered much later, and are not
	ends     map[string]string // why legs of its own have ended
	ended    []string          // their ids, the oldest first
}

// answer is what an order came to.
type answer struct {
	sum  [sha256.Size]byte // of the order
	long bool
	text []byte // nil: it has not come to anything yet
}

// same compares secrets.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// own is the id of a leg that the operator's clients call id. A name of an operator has no blanks,
// and an id that is chosen no slash.
func (s *Session) own(id string) string { return s.operator + "/" + id }

// takes reports whether it may get a leg that is handed to an app, now.
func (s *Session) takes(app string) bool {
	if !slices.Contains(s.apps, app) || s.legs.Load() >= s.hub.most.legs {
		return false
	}
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	return c != nil && c.acts()
}

// push says something: now, or when its client is back.
func (s *Session) push(body []byte) {
	s.mu.Lock()
	s.append(body)
	c := s.conn
	slow := c != nil && c.next < s.first
	if slow {
		s.conn = nil
		s.lost.Store(true)
	}
	s.mu.Unlock()
	switch {
	case slow:
		s.hub.stats.slow.Add(1)
		c.end(ReasonSlow)
		s.unsettled()
	case c != nil:
		c.wake()
	}
}

// append numbers a message and keeps it. mu is held.
func (s *Session) append(body []byte) {
	text := append(strconv.AppendUint([]byte(`{"seq":`), s.first+uint64(len(s.kept)), 10), ',')
	text = append(text, body...)
	s.kept = append(s.kept, text)
	s.bytes += len(text)
	for len(s.kept) > mostKept || s.bytes > mostBytes {
		s.bytes -= len(s.kept[0])
		s.kept[0] = nil
		s.kept = s.kept[1:]
		s.first++
	}
}

// ask notes an order: it is to be carried out, or refused, or came before. before is its answer
// then, if there is one.
func (s *Session) ask(ref string, sum [sha256.Size]byte, long bool) (code Code, again bool, before []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone.Load() {
		return NoSession, false, nil
	}
	if a := s.answers[ref]; a != nil {
		if a.sum != sum {
			return RefReused, false, nil
		}
		return "", true, a.text
	}
	if long {
		if s.open >= mostOrders {
			return Full, false, nil
		}
		s.open++
	}
	s.answers[ref] = &answer{sum: sum, long: long}
	return "", false, nil
}

// answer says what an order came to, and remembers it.
func (s *Session) answer(ref string, text []byte) {
	s.mu.Lock()
	if a := s.answers[ref]; a != nil && a.text == nil {
		if a.text = text; a.long {
			s.open--
		}
		if s.answered = append(s.answered, ref); len(s.answered) > mostAnswers {
			delete(s.answers, s.answered[0])
			s.answered = s.answered[1:]
		}
	}
	s.mu.Unlock()
	s.push(text)
}

// noteEnd remembers why a leg of its own has ended.
func (s *Session) noteEnd(id, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.ends[id]; !known {
		if s.ended = append(s.ended, id); len(s.ended) > mostEnded {
			delete(s.ends, s.ended[0])
			s.ended = s.ended[1:]
		}
	}
	s.ends[id] = why
}

// whyEnded is why a leg of its own has ended, if it has.
func (s *Session) whyEnded(id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	why, ok := s.ends[id]
	return why, ok
}

// join gives the session a connection, which hears from what comes after seen on. all: nothing is
// lost; else what is kept is dropped, and a snapshot is due.
func (s *Session) join(c *Conn, seen uint64) (old *Conn, lost uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.first + uint64(len(s.kept))
	if s.gone.Load() || seen >= end {
		return nil, 0, false
	}
	old, s.conn = s.conn, c
	s.lost.Store(false)
	if c.next = seen + 1; c.next < s.first {
		lost = s.first - c.next
		s.first, s.kept, s.bytes = end, nil, 0
		c.next = end
		s.append(eventText("resync", map[string]any{"lost": lost}))
	}
	return old, lost, true
}

// leave is told of the end of a connection.
func (s *Session) leave(c *Conn) {
	s.mu.Lock()
	mine := s.conn == c
	if mine {
		s.conn = nil
		s.lost.Store(true)
	}
	s.mu.Unlock()
	if mine {
		s.unsettled()
	}
}

// over ends the session, unless it has a connection again.
func (s *Session) over() {
	s.mu.Lock()
	if s.conn != nil || s.gone.Load() {
		s.mu.Unlock()
		return
	}
	s.gone.Store(true)
	s.kept, s.answers = nil, map[string]*answer{}
	s.mu.Unlock()
	s.hub.forget(s)
	s.unsettled()
}

// makesRoom ends the session if it has neither a connection nor a leg, and reports whether it has.
func (s *Session) makesRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil || s.legs.Load() > 0 {
		return false
	}
	s.gone.Store(true)
	return true
}

// unsettled has its legs brought in order, and the time run in which it may come back.
func (s *Session) unsettled() {
	s.hub.eachLane(func(l *lane.Lane, p *place) {
		s.hub.settle(p, s)
		p.offer(s)
		if l.ID() != 0 {
			return
		}
		if l.StopTimer(&s.expiry); s.lost.Load() && !s.gone.Load() {
			l.After(s.keep, &s.expiry, (*expirer)(s))
		}
	})
}

// expirer is the Session as the timer sees it that ends it.
type expirer Session

// Expire ends the session: its client did not come back.
func (x *expirer) Expire(*lane.Timer) {
	s := (*Session)(x)
	s.hub.o.Log.Info("a session of call control is over", "operator", s.operator, "client", s.name)
	s.over()
}

// snapshot tells the session of each leg there is, lane by lane. From the step on in which a lane
// does, the session hears of everything there: nothing is lost between, and nothing told twice.
func (s *Session) snapshot() {
	h := s.hub
	h.shots.Add(1)
	others := newBudget(int64(h.most.listed), mostOthers)
	var left, number, out atomic.Int64
	left.Store(int64(len(h.places)))
	h.eachLane(func(l *lane.Lane, p *place) {
		if s.gone.Load() {
			return
		}
		p.watch(s)
		list := []json.RawMessage{}
		for leg := range h.o.Agent.All(l) {
			mine := p.master(leg) == s
			if !mine && !s.all {
				continue
			}
			if !mine && others.spent() {
				out.Add(1)
				continue
			}
			text := h.listed(leg)
			if !mine && !others.take(len(text)) {
				out.Add(1)
				continue
			}
			list = append(list, text)
		}
		number.Add(int64(len(list)))
		for piece := range slices.Chunk(list, mostInPiece) {
			s.push(eventText("legs", map[string]any{"legs": piece}))
		}
		if left.Add(-1) == 0 {
			s.push(eventText("synced", map[string]any{"legs": number.Load(), "left_out": out.Load()}))
		}
		p.offer(s)
	})
}
