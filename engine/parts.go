package engine

// Parts: what exists on an engine beside its router.

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Part exists on an engine beside the router, independently of scripts: a module such as the
// registrar. An engine knows those in Config.Parts, and those of a Router that is a [PartsOwner].
//
// What a Part does beyond Attach is found by type assertion: it may be an [Interceptor], a
// [Drainer], a [Detacher], a [Caller], a [Settler]. The life of a Part on an engine:
//
//  1. Attach, in New: sockets are bound, nothing is received yet, and the router has not started.
//  2. Intercept, for each new request.
//  3. Drain, once, when new dialogs have begun to be refused.
//  4. Detach, once, when no request is left. Lanes and sockets still work. After a failed New
//     it follows on an Attach that succeeded.
//
// An engine never closes a Part: its owner does, after the engine.
type Part interface {
	// Attach's error ends New. A Part that is attached to a second engine leaves the first.
	Attach(e *Engine) error
}

// PartsOwner is a Router that brings its own parts: luabind's brings the modules of its script. A
// Router that wraps another passes on Parts, as it does Start and Stop.
type PartsOwner interface {
	Parts() []Part
}

// Drainer is a Part with something out there that brings new calls here: it takes that back.
type Drainer interface {
	// Drain returns when that is done or ctx ends, which is soon. Its error is logged.
	Drain(ctx context.Context) error
}

// Detacher is a Part with something to say at the end: a last NOTIFY.
type Detacher interface {
	// Detach returns when that is sent or ctx ends, which is soon. Its error is logged.
	Detach(ctx context.Context, e *Engine) error
}

// Caller is a Part with calls of its own, which no Record-Route tells of (package engine/dialog).
type Caller interface {
	// Calls is how many there are: a drain waits for them, as Config.DrainCalls says.
	Calls() int
	// EndCalls begins to end them. The drain waits for the answers.
	EndCalls()
}

// ownCalls is how many calls the parts have.
func (e *Engine) ownCalls() (n int) {
	for _, p := range e.parts {
		if c, ok := p.(Caller); ok {
			n += c.Calls()
		}
	}
	return n
}

// endOwnCalls ends them.
func (e *Engine) endOwnCalls() {
	for _, p := range e.parts {
		if c, ok := p.(Caller); ok {
			c.EndCalls()
		}
	}
}

const (
	leaveTime  = 2 * time.Second // for all Drains together, or Config.Drain if that is less
	detachTime = time.Second     // for all Detaches together
)

// attach attaches all parts. Those that were attached are detached by close.
func (e *Engine) attach() error {
	parts := slices.Clone(e.config.Parts)
	if o, ok := e.config.Router.(PartsOwner); ok {
		for _, p := range o.Parts() {
			if !slices.Contains(parts, p) {
				parts = append(parts, p)
			}
		}
	}
	e.interceptors = slices.Clone(e.config.Interceptors)
	for _, p := range parts {
		if err := p.Attach(e); err != nil {
			return err
		}
		e.parts = append(e.parts, p)
		if i, ok := p.(Interceptor); ok && !slices.Contains(e.interceptors, i) {
			e.interceptors = append(e.interceptors, i)
		}
		if s, ok := p.(Settler); ok && !slices.Contains(e.settlers, s) {
			e.settlers = append(e.settlers, s)
		}
	}
	return nil
}

// leave makes the parts undo what brings calls here, once; not if there is no time for it.
func (e *Engine) leave(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	e.left.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, min(leaveTime, e.config.Drain))
		defer cancel()
		for _, p := range e.parts {
			if d, ok := p.(Drainer); ok {
				if err := d.Drain(ctx); err != nil {
					e.log.Warn("not everything that brings calls here could be undone", "error", err)
				}
			}
		}
	})
}

// detach lets the parts send what they have left to send, the last attached first.
func (e *Engine) detach() error {
	ctx, cancel := context.WithTimeout(context.Background(), detachTime)
	defer cancel()
	var errs []error
	for _, p := range slices.Backward(e.parts) {
		if d, ok := p.(Detacher); ok {
			errs = append(errs, d.Detach(ctx, e))
		}
	}
	return errors.Join(errs...)
}
