package engine

// How an engine ends: new dialogs are refused, calls may continue for a while, and what is still
// being retransmitted or awaited is finished.

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
)

// drainLook is how often a drain checks whether it has ended.
const drainLook = 20 * time.Millisecond

// Run serves until ctx ends, then drains: new dialogs are refused with 503, calls may continue for
// Config.DrainCalls, and what is in progress may finish within Config.Drain after that. It returns
// nil as well when a Shutdown elsewhere has ended the engine. It fails as Start does.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.Start(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-e.ended:
		return nil
	}
	e.AwaitCalls(context.Background())
	drain, cancel := context.WithTimeout(context.Background(), e.config.Drain)
	defer cancel()
	err := e.Shutdown(drain)
	if errors.Is(err, ErrStopped) {
		<-e.ended
		return nil
	}
	return err
}

// Drain has new dialogs refused from now on, as AwaitCalls and Shutdown do first.
func (e *Engine) Drain() { e.draining.Store(true) }

// Draining reports whether the engine refuses new dialogs because it is about to stop.
func (e *Engine) Draining() bool { return e.draining.Load() }

// AwaitCalls refuses new dialogs (503, Retry-After), has the parts drain (see Part), and waits
// until no call is in progress, until Config.DrainCalls is over, or ctx ends. It returns how many
// calls are left.
func (e *Engine) AwaitCalls(ctx context.Context) (left int) {
	e.Drain()
	e.leave(ctx)
	if e.config.DrainCalls <= 0 {
		return 0
	}
	limit, cancel := context.WithTimeout(ctx, e.config.DrainCalls)
	defer cancel()
	e.await(limit, func() bool {
		var n, requests atomic.Int64
		e.onLanes(func(u *unit) {
			n.Add(int64(u.calls.inProgress(u.lane.Now())))
			requests.Add(int64(u.core.Contexts())) // one may be a call that is just beginning
		})
		left = int(n.Load()) + e.ownCalls()
		return int64(left)+requests.Load() == 0
	})
	return left
}

// Shutdown refuses new dialogs (503, Retry-After), ends the calls of the parts, lets what is in
// progress finish until ctx ends, answers the requests that still have no answer, and stops. In
// progress are those calls until they are over, requests without a final answer, refusals without
// their ACK, which last at most 64*T1 (§17.2.1), and for T1+T2 after an answer what may have to
// repeat it. An engine is shut down once: ErrStopped.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.stopped.Swap(true) {
		return ErrStopped
	}
	e.Drain()
	e.leave(ctx)
	e.endOwnCalls()
	// In this order: a leg that has ended leaves its last answer behind.
	e.await(ctx, func() bool { return e.ownCalls() == 0 && !e.Busy() })
	if n := e.InProgress(); n > 0 {
		e.log.Warn("some requests had not finished at the end of the drain, and were ended", "requests", n)
		e.EndRequests()
	}
	return e.close(ctx)
}

// await waits until done says so or ctx ends.
func (e *Engine) await(ctx context.Context, done func() bool) {
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}

// Busy reports whether anything is in progress that Shutdown waits for.
func (e *Engine) Busy() bool {
	var busy atomic.Bool
	e.onLanes(func(u *unit) {
		if u.core.Contexts() > 0 || u.layer.Unfinished() {
			busy.Store(true)
		}
	})
	return busy.Load()
}

// EndRequests answers requests in progress with 503, cancels their branches, and ends the waits of
// scripts, as Shutdown does in the end.
func (e *Engine) EndRequests() {
	e.cancel()
	e.onLanes(func(u *unit) { u.core.Each((*proxy.Context).Shutdown) })
}

// InProgress is how many requests have no final answer yet, or a branch that has none.
func (e *Engine) InProgress() int {
	var n atomic.Int64
	e.onLanes(func(u *unit) { n.Add(int64(u.core.Contexts())) })
	return int(n.Load())
}
