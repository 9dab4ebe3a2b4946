package registrar

// This file ties the registrar to the engine: REGISTER requests as a router has them, and the sweep.

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Save processes the REGISTER req and answers it, with headers added to the answer whatever its code. It takes the
// request's decision. ok tells whether it was accepted; err says why not: a refusal, the store's error, engine.ErrOver
// when the request is over already, or an *engine.Misuse.
func (r *Registrar) Save(req *engine.Request, headers []engine.HeaderEdit) (ok bool, err error) {
	m := req.Message()
	if m.Method() != message.MethodRegister {
		return false, &engine.Misuse{Text: "the request is " + string(m.MethodText()) + ", not REGISTER"}
	}
	if req.Decided() {
		return false, &engine.Misuse{Text: "the request was decided already"}
	}
	if req.Over() {
		return false, engine.ErrOver
	}
	e, source := req.Engine(), req.Source()
	from := Origin{Source: source.Addr, Transport: source.Transport, Flow: req.Flow(), Socket: req.ReceivedOn().Name}
	now := e.Clock().Wall()
	var res Result
	if r.Waits() {
		res, err = engine.Await(req, func(ctx context.Context) (Result, error) {
			return r.Process(ctx, m, &from, e, now), nil
		})
		if err != nil {
			return false, err
		}
	} else {
		res = r.Process(context.Background(), m, &from, e, now)
	}
	sent, err := req.Reply(res.Code, res.Reason, &engine.ReplyOptions{Headers: append(res.Headers, headers...)})
	switch {
	case err != nil:
		return false, err
	case !sent:
		return false, engine.ErrOver
	}
	return res.Code == 200, res.Err
}

// sweepEvery is how often an engine's background lane sweeps the store.
const sweepEvery = time.Second

// Attach sweeps the store every second on the background lane of e, until the engine stops or another one is attached.
// Attaching the same engine again does nothing.
func (r *Registrar) Attach(e *engine.Engine) {
	old := r.sweeper.Load()
	if old != nil && old.engine == e {
		return
	}
	s := &sweeper{engine: e, service: r.service}
	if r.sweeper.CompareAndSwap(old, s) {
		e.Background().Post(s)
	}
}

// sweeper is the timer of the sweep. It belongs to the lane it runs on.
type sweeper struct {
	engine  *engine.Engine
	service *service
	lane    *lane.Lane
	timer   lane.Timer
	failing atomic.Bool
}

// Do starts the timer.
func (s *sweeper) Do(l *lane.Lane) {
	s.lane = l
	l.After(sweepEvery, &s.timer, s)
}

// Expire sweeps once, and starts the timer anew unless another engine took over.
func (s *sweeper) Expire(*lane.Timer) {
	if s.service.sweeper.Load() != s {
		return
	}
	now := s.engine.Clock().Wall()
	if s.service.store.Waits() {
		s.lane.Await(func() { s.sweep(now) })
	} else {
		s.sweep(now)
	}
	s.lane.After(sweepEvery, &s.timer, s)
}

// sweep sweeps; a store that is away is reported once, not every second.
func (s *sweeper) sweep(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.service.sweep(ctx, now)
	if err != nil && !s.failing.Swap(true) {
		s.engine.Log().Error("expired bindings can't be removed", "error", err)
	}
	if err == nil {
		s.failing.Store(false)
	}
}
