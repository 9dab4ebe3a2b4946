package registrar

// This file ties the registrar to the engine: REGISTER requests as a router has them, and the
// sweep.

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Save processes the REGISTER req and answers it, with headers added to the answer whatever its
// code. It takes the request's decision. ok reports whether it was accepted; err says why not: a
// refusal, the store's error, engine.ErrRequestOver when the request is over already, or an
// *engine.MisuseError. Where the store waits, the lane is lent meanwhile.
func (r *Registrar) Save(req *engine.Request, headers []engine.HeaderEdit) (ok bool, err error) {
	return r.save(req, headers, func(f func(context.Context)) error {
		_, err := engine.Await(req, func(ctx context.Context) (struct{}, error) { f(ctx); return struct{}{}, nil })
		return err
	})
}

// save is Save; lend lends the lane while a function runs.
func (r *Registrar) save(req *engine.Request, headers []engine.HeaderEdit, lend func(func(context.Context)) error) (ok bool, err error) {
	job, err := r.take(req)
	if err != nil {
		return false, err
	}
	if _, waits := r.Waits(); waits {
		return job.detached().saveLent(req, headers, lend)
	}
	res := job.run(context.Background())
	return answer(req, &res, headers)
}

// saveLent is apart from save so that a job stays on the stack where nothing waits.
func (j job) saveLent(req *engine.Request, headers []engine.HeaderEdit, lend func(func(context.Context)) error) (ok bool, err error) {
	var res Result
	if err := lend(func(ctx context.Context) { res = j.run(ctx) }); err != nil {
		return false, err
	}
	return answer(req, &res, headers)
}

// job is a REGISTER to process.
type job struct {
	registrar *Registrar
	engine    *engine.Engine
	message   *message.Message
	from      Origin
	now       time.Time
}

// take checks that req can be saved, and collects what that needs.
func (r *Registrar) take(req *engine.Request) (j job, err error) {
	m := req.Message()
	switch {
	case m.Method() != message.MethodRegister:
		return j, &engine.MisuseError{Text: "the request is " + string(m.MethodText()) + ", not REGISTER"}
	case req.Decided():
		return j, &engine.MisuseError{Text: "this request has been decided already; return after the first decision"}
	case req.Over():
		return j, engine.ErrRequestOver
	}
	e, source := req.Engine(), req.Source()
	from := Origin{Source: source.Addr, Transport: source.Transport, Flow: req.Flow(), Socket: req.ReceivedOn().Name, Stands: e.FlowOpen, Left: e.FlowLeft, Moved: e.PlaceLeft, Supports: req.Supports}
	return job{registrar: r, engine: e, message: m, from: from, now: e.Clock().Wall()}, nil
}

// detached is the job with its own index of the message: others may read the request while its lane
// is lent.
func (j job) detached() job {
	own := new(message.Message)
	j.message.CopyTo(own)
	j.message = own
	return j
}

func (j *job) run(ctx context.Context) Result {
	return j.registrar.Process(ctx, j.message, &j.from, j.engine, j.now)
}

func answer(req *engine.Request, res *Result, headers []engine.HeaderEdit) (ok bool, err error) {
	sent, err := req.Reply(res.Code, res.Reason, &engine.ReplyOptions{Headers: append(res.Headers, headers...)})
	switch {
	case err != nil:
		return false, err
	case !sent:
		return false, engine.ErrRequestOver
	}
	return res.Code == 200, res.Err
}

// saveOptions are the options of save and subscribe.
type saveOptions struct {
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}, added to the answer"`
}

// sweepEvery is how often an engine's background lane sweeps the store.
const sweepEvery = time.Second

// Attach sweeps the store every second on the background lane of e, until the engine stops or
// another one is attached. A store that is shared learns which node e is. Attaching the same engine
// again does nothing. It makes a Registrar an engine.Part.
func (r *Registrar) Attach(e *engine.Engine) error {
	old := r.sweeper.Load()
	if old != nil && old.engine == e {
		return nil
	}
	s := &sweeper{engine: e, service: r.service}
	if r.sweeper.CompareAndSwap(old, s) {
		if base := userBases[r.policy.Domains]; base != engine.AliasAddresses {
			e.Domains().SetUserBase(base)
		}
		r.gruus.Store(newGRUUs(e.Key("gruu")))
		r.flows.attach(e, r)
		if n := newNode(e); n != nil {
			r.node.Store(n)
			if shared, ok := r.store.(Shared); ok {
				shared.Join(n, r.changedElsewhere)
			}
		}
		e.Background().Post(s)
	}
	return nil
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

// Expire sweeps once, and starts the timer again unless another engine took over.
func (s *sweeper) Expire(*lane.Timer) {
	if s.service.sweeper.Load() != s {
		return
	}
	s.service.flows.sweep(s.lane.Now())
	now := s.engine.Clock().Wall()
	if _, waits := s.service.store.Waits(); waits {
		s.lane.Await(func() { s.sweep(now) })
	} else {
		s.sweep(now)
	}
	s.lane.After(sweepEvery, &s.timer, s)
}

// sweep sweeps; a store that is unavailable is reported once, not every second.
func (s *sweeper) sweep(now time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := s.service.sweep(ctx, now)
	if err != nil && !s.failing.Swap(true) {
		s.engine.Log().Error("expired bindings cannot be removed", "error", err)
	}
	if err == nil {
		s.failing.Store(false)
	}
}
