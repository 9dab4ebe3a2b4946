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

func (v *vm) sipTime() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"now": v.sipNow, "sleep": v.sipSleep, "every": v.sipEvery, "after": v.sipAfter, "spawn": v.sipSpawn, "on": v.sipOn}
}

// sipNow is sip.now(): the time of day in seconds since 1970, with fractions.
func (v *vm) sipNow(l *lua.LState) int {
	l.Push(lua.LNumber(float64(v.clock.Wall().UnixMicro()) / 1e6))
	return 1
}

func secondsArg(l *lua.LState, n int, what string) time.Duration {
	d, ok := seconds(l.Get(n))
	if !ok {
		raise(l, "%s: argument %d must be a number of seconds, 0 or more, not %s", what, n, describe(l.Get(n)))
	}
	return d
}

func functionArg(l *lua.LState, n int, what string) *lua.LFunction {
	f, ok := l.Get(n).(*lua.LFunction)
	if !ok {
		raise(l, "%s: argument %d must be a function, not %s", what, n, describe(l.Get(n)))
	}
	return f
}

// sipSleep is sip.sleep(s): true, or nil, err when the request was over first.
func (v *vm) sipSleep(l *lua.LState) int {
	d := secondsArg(l, 1, "sip.sleep")
	v.mustWait(l, "sip.sleep")
	if err := v.sleep(d); err != nil {
		if err == errReplaced {
			v.current.halted, v.current.replaced = true, true // past any pcall
			raise(l, "%v", err)
		}
		if errors.Is(err, engine.ErrRequestOver) {
			return failText(l, engine.ErrRequestOver.Error())
		}
		return failText(l, err.Error())
	}
	l.Push(lua.LTrue)
	return 1
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

// sipOn is sip.on(event, fn).
func (v *vm) sipOn(l *lua.LState) int {
	name := plainText(l, "sip.on: the event", l.Get(1))
	f := functionArg(l, 2, "sip.on")
	if !v.gen.events[name] {
		known := sortedKeys(v.gen.events)
		raise(l, "sip.on: there is no event %q%s; the events are: %s", name, suggest(name, known), strings.Join(known, ", "))
	}
	if !v.loading {
		raise(l, "sip.on can only be called while the file runs: handlers run once in the process, not in the handler's VM")
	}
	if v.background {
		v.events[name] = append(v.events[name], f)
	}
	return 0
}
