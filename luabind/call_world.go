package luabind

// Where a call is made, and how it waits.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Lane is the lane the script runs on, nil at file level.
func (c *Call) Lane() *lane.Lane { return c.vm.lane }

// Now is the time of day, at file level too.
func (c *Call) Now() time.Time { return c.vm.clock.Wall() }

// AtLoad reports whether the file is still running.
func (c *Call) AtLoad() bool { return c.vm.loading }

// Background reports whether the call is in the VM that runs once in the process.
func (c *Call) Background() bool { return c.vm.background }

// VM identifies the VM: what a module keeps for each VM (a *Func) is keyed by it.
func (c *Call) VM() any { return c.vm }

// Context ends when the request handled by the script is over or, outside of requests, when the
// generation is closed or the process stops.
func (c *Call) Context() context.Context { return c.vm.context() }

// Await lends the lane while f runs, on this goroutine. f may block; it must not touch c, the
// request, or anything else of the lane. It raises an error at file level.
func (c *Call) Await(f func(ctx context.Context)) {
	c.mustWait()
	ctx := c.Context()
	c.vm.lent(func() { c.vm.lane.Await(func() { f(ctx) }) })
}

// Lend has f run with the call's lane, which f lends while it waits for something that a lane
// brings: [engine.Engine.Ask]. It raises an error at file level.
func (c *Call) Lend(f func(l *lane.Lane)) {
	c.mustWait()
	c.vm.lent(func() { f(c.vm.lane) })
}

// TraceParent is the W3C Trace Context of what the script asks in the course of the request that it
// handles; "" for none.
func (c *Call) TraceParent() string {
	if req := c.vm.request(); req != nil {
		return req.TraceParent()
	}
	return ""
}

// Drop forgets the arguments, which have been read: a long wait need not hold them.
func (c *Call) Drop() { c.l.SetTop(0) }

// AwaitIf is Await if f may block; otherwise f runs with the lane held.
func (c *Call) AwaitIf(blocks bool, f func(ctx context.Context)) {
	if blocks {
		c.Await(f)
		return
	}
	f(context.Background())
}

// Park lends the lane until w is woken (see [lane.Lane.Park]). It raises at file level.
func (c *Call) Park(w *lane.Waiter) {
	c.mustWait()
	c.vm.park(w)
}

func (c *Call) mustWait() { c.vm.mustWait(c.l, c.fn.full) }

// want raises the error that argument n is not what the function takes.
func (c *Call) want(n int, what string) {
	c.Raise("argument %d must be %s, not %s", c.position(n), what, describe(c.l.Get(n)))
}

// position is the number that argument n has for the script's author.
func (c *Call) position(n int) int {
	if c.fn.method {
		return n - 1
	}
	return n
}

// seconds reads a number of seconds, from 0 to some 290 years.
func seconds(v lua.LValue) (time.Duration, bool) {
	f, ok := v.(lua.LNumber)
	if !ok || !(f >= 0) || f > 9e9 {
		return 0, false
	}
	return time.Duration(float64(f) * float64(time.Second)), true
}

// anyObject is argument n if it is an object of a module.
func (c *Call) anyObject(n int) (Object, bool) {
	if ud, ok := c.l.Get(n).(*lua.LUserData); ok {
		o, ok := ud.Value.(Object)
		return o, ok
	}
	return nil, false
}
