package registrar

// registrar.wait: until a user is registered.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

func (m *module) wait(c *luabind.Call, uri *message.URI, s time.Duration) (listing, error) {
	q := m.registrar.query(uri, nil)
	if q.never && m.local(uri) {
		return listing{never: true}, nil
	}
	aor := string(q.aor)
	w := &waiting{lane: c.Lane(), ctx: c.Context()}
	w.end = w.lane.Now().Add(s)
	// It listens before it looks: what is bound from here on wakes it.
	defer m.registrar.Watch(aor, func() { w.lane.Post(w) })()
	for {
		w.rung = false
		found, err := m.find(c, aor)
		if err != nil {
			return listing{}, err
		}
		if found = q.choose(found); len(found) > 0 || w.over() {
			return listing{bindings: found}, nil
		}
		w.park(c)
	}
}

// waiting is one wait for a binding. It belongs to its lane.
type waiting struct {
	lane   *lane.Lane
	ctx    context.Context // of the request
	end    lane.Time
	waiter *lane.Waiter
	timer  lane.Timer
	rung   bool // something was bound since the last look
}

// glance is how often a wait checks whether its request is over. A notification would take a
// goroutine of its own, which the lane's clock knows nothing about.
const glance = 200 * time.Millisecond

func (w *waiting) over() bool { return w.ctx.Err() != nil || w.lane.Now() >= w.end }

// park returns when something was bound, or the wait is over.
func (w *waiting) park(c *luabind.Call) {
	if w.rung {
		return
	}
	w.waiter = lane.NewWaiter()
	w.Expire(&w.timer)
	c.Park(w.waiter)
	w.waiter = nil
	w.lane.StopTimer(&w.timer)
}

// Do wakes the script: something was bound.
func (w *waiting) Do(l *lane.Lane) {
	w.rung = true
	if w.waiter != nil {
		l.Wake(w.waiter)
	}
}

// Expire wakes the script when the wait is over.
func (w *waiting) Expire(*lane.Timer) {
	if w.over() {
		w.lane.Wake(w.waiter)
		return
	}
	w.lane.After(min(glance, w.end.Sub(w.lane.Now())), &w.timer, w)
}
