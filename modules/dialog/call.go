package dialog

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/modules/dialog/limits"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Call is one call. It may be used from any goroutine; after its end it stays as it was.
type Call struct {
	d *Dialogs
	// home is the lane of its Call-ID, or where its legs are: see place. nil: another node has it.
	home atomic.Pointer[lane.Lane]

	mu    sync.Mutex
	t     track.Call     // guarded by mu; changed on the lane alone
	vars  map[string]any // guarded by mu
	slots limits.Slots   // guarded by mu
	// When the session is over without a refresh, in nanoseconds since 1970; guarded by mu
	sessionAt int64

	// These are side by side for their size.
	queued    bool // guarded by journal.mu: it is going to be written
	stored    bool // it is in the journal; of its goroutine
	wasStored bool // and was before the line that is being written; likewise

	// These and what follows the settings belong to the lane.
	proven      bool   // pings have been sent since
	proving     bool   // after a restart: it is pinged until both parties have answered
	turned      bool   // we gave the caller its failure: a 2xx must not reach it
	negotiating uint16 // requests of the parties in progress that may change the session

	settings // changed on the lane, with mu held

	req   *engine.Request // the INVITE, until nothing of it is left
	timer lane.Timer
	asks  *asking           // what is asked of the parties; nil: nothing
	due   [timers]lane.Time // 0: not set
}

// settings are the options of a call.
type settings struct {
	maxDuration time.Duration
	flowLost    time.Duration // 0: a lost connection ends nothing
	keepalive   time.Duration // 0: nobody is pinged until there are slots; neverPinged: nor then

	sessionTimer    *SessionTimer // nil for none
	endWithoutMedia bool

	own  bool // it is this server's own (b2b): what follows its legs is in Dialogs.legs
	away bool // and they are on their way to home
}

// View is a copy of what is known of a call.
type View struct {
	track.Call
	Vars map[string]any // nil for none
	Keys []string       // of its limits
}

// View is the call as it is now.
func (c *Call) View() View {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := View{Call: c.t, Vars: maps.Clone(c.vars), Keys: c.slots.Keys()}
	v.Legs = slices.Clone(c.t.Legs)
	return v
}

// ID names the call.
func (c *Call) ID() track.ID { return c.t.ID }

// State is how far the call is.
func (c *Call) State() track.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t.State
}

// Keep keeps a value with the call, in place of the one before: a text, number or truth value; nil
// takes it away. ok is false if it is too large, or the call has too many, or another node has it.
func (c *Call) Keep(key string, value any) (ok bool) {
	if s, is := value.(string); is && len(s) > longestVar || key == "" || len(key) > longestVar || c.Node() != "" {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if value == nil {
		delete(c.vars, key)
		c.d.journal.note(c)
		return true
	}
	if _, there := c.vars[key]; !there && len(c.vars) >= mostVars {
		return false
	}
	if c.vars == nil {
		c.vars = map[string]any{}
	}
	c.vars[key] = value
	c.d.journal.note(c)
	return true
}

// Bounds of what is kept with a call.
const (
	mostVars   = 32
	longestVar = 1024
)

// Limit counts the call by further keys, all or none: full is the key that is full. With a Share it
// waits for that.
func (c *Call) Limit(ctx context.Context, l []limits.Limit) (full string, ok bool) {
	return c.limit(l, func(f func(context.Context)) { f(ctx) })
}

// limit is Limit, and has the call be pinged from then on.
func (c *Call) limit(l []limits.Limit, await func(func(context.Context))) (full string, ok bool) {
	full, ok = c.take(l, await)
	if ok && len(l) > 0 {
		c.post(c.pingSlots)
	}
	return full, ok
}

// take counts here, and then with the other nodes. await calls a function that waits for them.
func (c *Call) take(l []limits.Limit, await func(func(context.Context))) (full string, ok bool) {
	switch {
	case len(l) == 0:
		return "", true
	case c.Node() != "": // which counts it
		return l[0].Key, false
	}
	c.mu.Lock()
	if c.t.State == track.Ended {
		c.mu.Unlock()
		return "", true
	}
	before := c.slots.Len()
	full, ok = c.d.limits.Take(&c.slots, l, false)
	c.mu.Unlock()
	if !ok {
		return full, false
	}
	c.d.journal.note(c)
	if c.d.shared == nil {
		return "", true
	}
	return c.takeShared(l, before, await)
}

// takeShared has the other nodes count what was counted here, after so many slots of before.
func (c *Call) takeShared(l []limits.Limit, before int, await func(func(context.Context))) (full string, ok bool) {
	await(func(ctx context.Context) { full = c.d.shared.take(ctx, c, l) })
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.t.State == track.Ended: // in the meantime: its end has given back what it had here
		c.d.shared.gave(c.t.ID, keysOf(l))
	case full != "":
		c.d.limits.GiveFrom(&c.slots, before)
		c.d.journal.note(c)
		return full, false
	}
	return "", true
}

func keysOf(l []limits.Limit) []string {
	keys := make([]string, len(l))
	for i := range l {
		keys[i] = l[i].Key
	}
	return keys
}

// Extend has the call last d longer than it may now.
func (c *Call) Extend(d time.Duration) {
	c.post(func() {
		c.mu.Lock()
		c.maxDuration += d
		c.mu.Unlock()
		if at := c.due[timerMax]; at != 0 {
			c.set(timerMax, at.Add(d))
		}
		c.d.journal.note(c)
	})
}

// post has f run on the call's lane; not if that is overloaded.
func (c *Call) post(f func()) bool {
	home := c.lane()
	if home == nil { // another node has the call
		return false
	}
	return home.Return(lane.Func(func(at *lane.Lane) { c.run(at, f) }))
}

// lane is where the call is. The token of that lane is held, or it may be another soon.
func (c *Call) lane() *lane.Lane { return c.home.Load() }

// run runs f if the call is on a lane, whose token is held, or has it follow the call.
func (c *Call) run(at *lane.Lane, f func()) {
	home, away := c.place()
	if home == at && !away {
		f()
		return
	}
	// Behind the arrival of its legs, which is in the queue, or about to be
	home.Return(lane.Func(func(at *lane.Lane) { c.run(at, f) }))
}

// place is the lane where the call is, or, away, to which it is on its way.
func (c *Call) place() (home *lane.Lane, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lane(), c.away
}

// goes has the call be on its way to a lane, or there.
func (c *Call) goes(to *lane.Lane, away bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.home.Store(to)
	c.away = away
}

// change applies an event to the call, and tells what it has made of it. It runs on the lane, or
// when no lane works any more.
func (c *Call) change(f func(t *track.Call, at int64) track.Change) track.Change {
	at := c.d.wall()
	c.mu.Lock()
	what := f(&c.t, at)
	if what == track.Over {
		if c.d.shared != nil {
			c.d.shared.gave(c.t.ID, c.slots.Keys())
		}
		c.d.limits.Give(&c.slots)
	}
	c.mu.Unlock()
	c.release(what == track.Over)
	switch what {
	case track.Rang:
		c.d.emit(EventEarly, c)
	case track.Answered:
		c.d.count.answered.Add(1)
		c.answered()
		c.d.emit(EventAnswered, c)
	case track.Over:
		c.d.count.ended.Add(1)
		c.over()
		c.d.emit(EventEnded, c)
	}
	return what
}

// release says that legs are over: gateways that count them have room again. all: the call is over.
func (c *Call) release(all bool) {
	if c.own || !all && len(c.t.Legs) < 2 {
		return
	}
	e := c.d.engine.Load()
	for i := range c.t.Legs {
		if l := &c.t.Legs[i]; l.AnswerAt != 0 && l.State == track.Ended && l.Tag != "" {
			e.CallOver(c.t.CallID, c.t.From, l.Tag)
		}
	}
}

// answered begins what a confirmed call has.
func (c *Call) answered() {
	now := c.lane().Now()
	if c.maxDuration > 0 {
		c.due[timerMax] = now.Add(c.maxDuration)
	}
	if c.keepalive > 0 {
		c.due[timerPing] = now.Add(c.keepalive)
	}
	c.arm()
	c.watchFlows()
	c.d.journal.note(c)
}

// over ends it.
func (c *Call) over() {
	for t := range c.due {
		if timer(t) != timerAck {
			c.due[t] = 0
		}
	}
	c.arm()
	switch a := c.asks; {
	case a == nil:
	case a.refer != nil && c.t.By != track.Server: // it is told all the same
	default:
		a.leave(ErrOver)
	}
	c.d.lingers.put(c)
	c.d.legs.Delete(c)
	c.mediaOver()
	c.d.flows.remove(c)
	c.d.journal.note(c)
	if c.due[timerAck] == 0 {
		c.d.table.remove(c.t.ID)
	}
}
