package luabind

import (
	"errors"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Time and tasks: now, sleep, every, after, spawn, on.

func sipTime() []Function {
	return []Function{
		Func0(Function{Name: "now", Doc: "The time of day in seconds since 1970, with fractions.", Example: `req.vars.began = sip.now()`},
			ReturnsNumber("seconds"), func(c *Call) float64 { return float64(c.vm.clock.Wall().UnixMicro()) / 1e6 }),
		Act1(Function{Name: "sleep", Waits: true, Doc: "Waits; other calls carry on. nil, err if the request was over first.", Example: `sip.sleep(0.5)`},
			SecondsArg("s", ""), sipSleep),
		sipEvery(),
		sipAfter(),
		sipSpawn(),
		Do3(Function{Name: "on", Where: AtLoad, Why: "handlers run once in the process, not in the handler's VM",
			Doc:    "Calls a function at each event with that name: start, stop, and those of modules. It runs in its own VM, once per process, and may wait.",
			Raises: "for an event that no module has", Example: `sip.on("start", function(why) sip.log.info("serving after %s", why) end)`},
			TextArg("event", "").Described(func(p *Param) { p.Event = true }),
			handlerArg("fn", "function(...)", "its arguments are listed with the event"), OptionsArg(onOptions{}), sipOn),
	}
}

// sipSleep is sip.sleep(s).
func sipSleep(c *Call, d time.Duration) error {
	v := c.vm
	err := v.sleep(d)
	switch {
	case err == errReplaced:
		v.current.halted, v.current.replaced = true, true // past any pcall
		raise(c.l, "%v", err)
	case errors.Is(err, engine.ErrRequestOver):
		return engine.ErrRequestOver
	}
	return err
}

func (v *vm) sleep(d time.Duration) error {
	req := v.request()
	s := v.suspend()
	defer v.resume(s)
	if req != nil {
		return req.Sleep(d)
	}
	w := &sleeper{w: lane.NewWaiter(), l: v.lane}
	v.lane.After(d, &w.timer, w)
	if v.over {
		v.lane.StopTimer(&w.timer)
		return errReplaced
	}
	v.sleepers[w] = struct{}{}
	v.lane.Park(w.w)
	delete(v.sleepers, w)
	if v.over {
		return errReplaced
	}
	return nil
}

// sleeper wakes a script of no request.
type sleeper struct {
	timer lane.Timer
	w     *lane.Waiter
	l     *lane.Lane
}

func (s *sleeper) Expire(*lane.Timer) { s.l.Wake(s.w) }

func (v *vm) park(w *lane.Waiter) {
	v.lent(func() { v.lane.Park(w) })
}

// onOptions are those of sip.on.
type onOptions struct {
	Ready bool `lua:"ready" default:"false" doc:"of start only: the server is not ready before the function has ended"`
}

func sipOn(c *Call, name string, f *lua.LFunction, opts onOptions) {
	v := c.vm
	if !v.gen.events[name] {
		known := sortedKeys(v.gen.events)
		c.Raise("there is no event %q%s; the events are: %s", name, suggest(name, known), strings.Join(known, ", "))
	}
	if opts.Ready && name != "start" {
		c.Raise("option ready belongs to the event start")
	}
	if !v.background {
		return
	}
	v.events[name] = append(v.events[name], f)
	if opts.Ready {
		v.needed = append(v.needed, f)
	}
}
