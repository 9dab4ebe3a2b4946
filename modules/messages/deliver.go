package messages

// Messages go out to users who registered.

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/registrar"
)

const (
	// settle is how long after a registration its messages are sent: the device has its 200 by
	// then.
	settle = 500 * time.Millisecond
	// mostRuns bounds the users who are delivered to at a time, mostWaiting those who wait for it.
	// Whoever finds no room is served when they register again.
	mostRuns    = 64
	mostWaiting = 100_000
	batch       = 32 // messages of a user that are read at once
	// callTime bounds a call of the store.
	callTime = 10 * time.Second
	// claimTime is how long a claim of another process lasts that does not end it: longer than one
	// message can take.
	claimTime = 2 * time.Minute
	sweepTime = time.Minute
	sweepMost = 1000 // messages whose time is over, in one sweep
)

// locator is where users are registered.
type locator interface {
	Waits() (lookup, update bool)
	Lookup(ctx context.Context, uri *message.URI, now time.Time) ([]*registrar.Binding, error)
	Follow(f func(*registrar.Event)) (stop func())
}

// deliverer sends messages. Everything except what is atomic belongs to the engine's background
// lane.
type deliverer struct {
	of      *Messages
	engine  *engine.Engine
	where   locator // nil: there is no registrar
	stopped atomic.Bool
	stops   []func()

	runs    map[string]*run // by user: those that wait for settle, for a place, and for answers
	active  int             // that have a place
	waiting []*run          // for a place, the first that came first
	timer   lane.Timer      // of the sweep
}

func newDeliverer(s *Messages, e *engine.Engine) *deliverer {
	return &deliverer{of: s, engine: e, runs: map[string]*run{}}
}

// stop ends it: nothing begins any more.
func (d *deliverer) stop() {
	if !d.stopped.Swap(true) {
		for _, stop := range d.stops {
			stop()
		}
	}
}

// changed is what the registrar reports.
func (d *deliverer) changed(e *registrar.Event) {
	if (e.Kind == registrar.Bound || e.Kind == registrar.Refreshed) && d.of.store.May(e.AOR) {
		d.soon(e.AOR)
	}
}

// soon delivers to a user. It may be called from anywhere.
func (d *deliverer) soon(aor string) {
	if d == nil || d.stopped.Load() || d.where == nil {
		return
	}
	d.engine.Background().Post(lane.Func(func(l *lane.Lane) { d.enqueue(l, aor) }))
}

func (d *deliverer) enqueue(l *lane.Lane, aor string) {
	if r := d.runs[aor]; r != nil {
		r.again = r.again || r.devices != nil // else it will find the device
		return
	}
	if len(d.runs) < mostWaiting {
		r := &run{d: d, aor: aor}
		d.runs[aor] = r
		l.After(settle, &r.timer, r)
	}
}

// over is called at the end of a run that had a place.
func (d *deliverer) over(l *lane.Lane, r *run) {
	delete(d.runs, r.aor)
	d.active--
	if d.stopped.Load() {
		return
	}
	if r.again {
		d.enqueue(l, r.aor)
	}
	if len(d.waiting) > 0 {
		next := d.waiting[0]
		d.waiting = d.waiting[1:]
		d.active++
		d.engine.Background().Return(next)
	}
}

// call calls the store, with the lane lent if it waits.
func (d *deliverer) call(l *lane.Lane, f func(ctx context.Context) error) (err error) {
	bounded := func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTime)
		defer cancel()
		err = f(ctx)
	}
	if d.of.store.Waits() {
		l.Await(bounded)
	} else {
		bounded()
	}
	if err != nil {
		d.engine.Log().Warn("messages are kept, but can't be delivered now", "error", err)
	}
	return err
}

// Do begins, on the background lane: users may have registered with an earlier process that could
// not deliver any more.
func (d *deliverer) Do(l *lane.Lane) {
	l.After(sweepTime, &d.timer, d)
	var all []string
	_ = d.call(l, func(ctx context.Context) error {
		return d.of.store.Users(ctx, func(aor string) bool {
			all = append(all, aor)
			return len(all) < mostWaiting
		})
	})
	for _, aor := range all {
		d.enqueue(l, aor)
	}
}

// Expire removes what is over.
func (d *deliverer) Expire(*lane.Timer) {
	if d.stopped.Load() {
		return
	}
	d.engine.Background().Post(lane.Func(func(l *lane.Lane) {
		d.sweep(l)
		if !d.stopped.Load() {
			l.After(sweepTime, &d.timer, d)
		}
	}))
}

func (d *deliverer) sweep(l *lane.Lane) {
	var over []*Message
	_ = d.call(l, func(ctx context.Context) (err error) {
		over, err = d.of.store.Overdue(ctx, d.engine.Clock().Wall(), sweepMost)
		return err
	})
	for _, m := range over {
		d.fail(l, m, "expired")
	}
}

// fail gives a message up.
func (d *deliverer) fail(l *lane.Lane, m *Message, why string) {
	policy := d.of.policy()
	err := d.call(l, func(ctx context.Context) error {
		err := d.of.store.Remove(ctx, m)
		if env, cpim := openEnvelope(m.ContentType, m.Body); err == nil && cpim && policy.Receipts {
			d.of.receipt(ctx, d.engine, &policy, m, &env, outcomeError)
		}
		return err
	})
	if err == nil {
		d.of.figures.failed.Add(1)
		d.of.script.Emit(Event{Kind: EventFailed, Message: m, Why: why})
	}
}

// run delivers to one user: message after message, each to all devices.
type run struct {
	d     *deliverer
	aor   string
	again bool // the user registered again meanwhile
	timer lane.Timer

	claimed bool
	devices []*device
	left    []*Message
	more    bool // the store may have more than left

	current *Message
	open    int // requests without an outcome
	taken   bool
	refused int // the code of a device that refused it for good
}

// device is one binding of the user.
type device struct {
	target *engine.Target
	silent bool // it did not answer: it gets no more this time
}

// Expire begins, when there is a place.
func (r *run) Expire(*lane.Timer) {
	if r.d.active >= mostRuns {
		r.d.waiting = append(r.d.waiting, r)
		return
	}
	r.d.active++
	r.d.engine.Background().Return(r)
}

// Do goes on, on the background lane: with the next message, or to the end.
func (r *run) Do(l *lane.Lane) {
	if !r.ready(l) || !r.next(l) {
		if r.claimed {
			_ = r.d.call(l, func(ctx context.Context) error { return r.d.of.store.Release(ctx, r.aor) })
		}
		r.d.over(l, r)
	}
}

// ready finds the devices, once, and the messages. It reports whether there are both.
func (r *run) ready(l *lane.Lane) bool {
	if r.d.stopped.Load() {
		return false
	}
	if len(r.left) > 0 {
		return true
	}
	if r.devices != nil && !r.more {
		return false
	}
	err := r.d.call(l, func(ctx context.Context) (err error) {
		r.left, err = r.d.of.store.Pending(ctx, r.aor, batch)
		return err
	})
	r.more = len(r.left) == batch
	if err != nil || len(r.left) == 0 {
		return false
	}
	return r.devices != nil || r.find(l)
}

// claim makes sure that no other process delivers to the user, for longer than one message takes.
func (r *run) claim(l *lane.Lane) bool {
	_ = r.d.call(l, func(ctx context.Context) (err error) {
		r.claimed, err = r.d.of.store.Claim(ctx, r.aor, claimTime)
		return err
	})
	return r.claimed
}

// find finds the devices.
func (r *run) find(l *lane.Lane) bool {
	uri, err := message.ParseURI([]byte(r.aor))
	if err != nil {
		return false
	}
	var bindings []*registrar.Binding
	look := func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTime)
		defer cancel()
		bindings, err = r.d.where.Lookup(ctx, &uri, r.d.engine.Clock().Wall())
	}
	if waits, _ := r.d.where.Waits(); waits {
		l.Await(look)
	} else {
		look()
	}
	if err != nil {
		r.d.engine.Log().Warn("messages are kept, but can't be delivered now", "error", err)
	}
	r.devices = make([]*device, 0, len(bindings))
	for _, b := range bindings {
		r.devices = append(r.devices, &device{target: b.Target()})
	}
	return len(r.devices) > 0
}

// next sends the next message. It reports whether something was sent, whose outcomes lead on.
func (r *run) next(l *lane.Lane) bool {
	now := r.d.engine.Clock().Wall()
	for len(r.left) > 0 && now.After(r.left[0].Expires) {
		m := r.left[0]
		r.left = r.left[1:]
		r.d.fail(l, m, "expired")
	}
	if len(r.left) == 0 {
		return r.more && r.ready(l) && r.next(l)
	}
	if !r.claim(l) {
		return false
	}
	r.current, r.left = r.left[0], r.left[1:]
	r.open, r.taken, r.refused = 1, false, 0 // one until all are sent
	for _, v := range r.devices {
		if v.silent {
			continue
		}
		r.open++
		if err := r.d.engine.SendAsync(spec(r.current, v.target), func(res *engine.Response, err error) { r.answered(v, res, err) }); err != nil {
			r.open--
			v.silent = true
		}
	}
	if r.open == 1 {
		return false
	}
	r.settle(l)
	return true
}

// spec is the request that delivers a message. Call-ID, CSeq and the tag of From are the sender's:
// by them a device knows a message that it had already.
func spec(m *Message, target *engine.Target) *engine.SendSpec {
	return &engine.SendSpec{Method: "MESSAGE", URI: target.URI, Target: target, From: m.From, To: m.To, Headers: m.Headers, Body: m.Body,
		ContentType: m.ContentType, CallID: m.CallID, CSeq: m.CSeq}
}

// answered is called on the lane of the Call-ID.
func (r *run) answered(v *device, res *engine.Response, err error) {
	code := 0
	if err == nil {
		code = res.Message().Status()
	}
	r.d.engine.Background().Return(lane.Func(func(l *lane.Lane) {
		switch {
		case code/100 == 2:
			r.taken = true
		case permanent(code):
			r.refused = code
		default:
			v.silent = true
		}
		r.settle(l)
	}))
}

// permanent reports whether a device will never take this message.
func permanent(code int) bool {
	switch code {
	case 405, 406, 413, 415, 416, 420, 488, 493, 501, 513, 603, 604, 606:
		return true
	}
	return false
}

// settle counts one outcome, and goes on after the last.
func (r *run) settle(l *lane.Lane) {
	if r.open--; r.open > 0 {
		return
	}
	m := r.current
	switch {
	case r.taken:
		if r.d.call(l, func(ctx context.Context) error { return r.d.of.store.Remove(ctx, m) }) != nil {
			r.left, r.more = nil, false // it would come again and again
			break
		}
		r.d.of.figures.delivered.Add(1)
		r.d.of.script.Emit(Event{Kind: EventDelivered, Message: m})
	case r.refused != 0 && !r.silence(): // all devices refused it
		r.d.fail(l, m, "refused")
	case r.refused != 0: // a device that was silent may take it another time; others come first
		r.more = false
	default: // nobody is there
		r.left, r.more = nil, false
	}
	r.Do(l)
}

// silence reports whether a device did not answer: it may take the message another time.
func (r *run) silence() bool {
	for _, v := range r.devices {
		if v.silent {
			return true
		}
	}
	return false
}
