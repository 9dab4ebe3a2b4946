package luabind

import (
	"errors"
	"fmt"
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
		raise(l, "%s: argument %d must be a number of seconds, not negative, not %s", what, n, describe(l.Get(n)))
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
		if errors.Is(err, engine.ErrOver) {
			return failText(l, engine.ErrOver.Error())
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
	v.lane.Park(w.w)
	return nil
}

// sleeper wakes a script of no request.
type sleeper struct {
	timer lane.Timer
	w     *lane.Waiter
	l     *lane.Lane
}

func (s *sleeper) Expire(*lane.Timer) { s.l.Wake(s.w) }

// ticker is one sip.every. It belongs to the background lane.
type ticker struct {
	timer   lane.Timer
	v       *vm
	f       *lua.LFunction
	every   time.Duration
	jitter  time.Duration
	running bool
}

type everyOptions struct {
	Jitter time.Duration `lua:"jitter" doc:"seconds: each pause is longer by up to that much"`
}

// sipEvery is sip.every(s, fn [, {jitter=}]). A call that still runs when the next is due makes that one be left out.
func (v *vm) sipEvery(l *lua.LState) int {
	d := secondsArg(l, 1, "sip.every")
	f := functionArg(l, 2, "sip.every")
	var opts everyOptions
	if t, ok := l.Get(3).(*lua.LTable); ok {
		if err := decodeTable(v, t, &opts); err != nil {
			raise(l, "sip.every: %v", err)
		}
	} else if l.Get(3) != lua.LNil {
		raise(l, "sip.every: argument 3 must be a table of options, not %s", describe(l.Get(3)))
	}
	if d <= 0 {
		raise(l, "sip.every: the interval must be above 0")
	}
	if !v.loading {
		raise(l, "sip.every can only be called while the file runs: it runs once in the process, not in the handler's VM")
	}
	if v.background {
		t := &ticker{v: v, f: f, every: max(d, time.Millisecond), jitter: opts.Jitter}
		v.starts = append(v.starts, func() {
			v.begin()
			t.arm()
		})
	}
	return 0
}

func (t *ticker) arm() {
	d := t.every
	if t.jitter > 0 {
		d += time.Duration(t.v.random.r.Int64N(int64(t.jitter)))
	}
	t.v.lane.After(d, &t.timer, t)
}

// Expire posts the call: what a timer's owner does may not wait.
func (t *ticker) Expire(*lane.Timer) {
	v := t.v
	if v.gen.retired.Load() {
		v.end()
		return
	}
	t.arm()
	if t.running {
		return
	}
	t.running = v.lane.Post(lane.Func(func(*lane.Lane) {
		defer func() { t.running = false }()
		v.runTask("every", t.f, nil)
	}))
}

// delayed is one sip.after.
type delayed struct {
	timer lane.Timer
	v     *vm
	f     *lua.LFunction
}

func (d *delayed) Expire(*lane.Timer) {
	d.v.task("after", d.f)
	d.v.end()
}

// sipAfter is sip.after(s, fn).
func (v *vm) sipAfter(l *lua.LState) int {
	wait := secondsArg(l, 1, "sip.after")
	d := &delayed{v: v, f: functionArg(l, 2, "sip.after")}
	v.callback(d.f)
	v.startHere(l, "sip.after", func() {
		v.begin()
		v.lane.After(wait, &d.timer, d)
	})
	return 0
}

// startHere does f now in a handler; at file level when the VM serves, in the background VM only.
func (v *vm) startHere(l *lua.LState, what string, f func()) {
	switch {
	case !v.loading && v.lane == nil:
		raise(l, "%s is not possible without an engine", what)
	case !v.loading:
		f()
	case v.background:
		v.starts = append(v.starts, f)
	}
}

// task is what sip.spawn returns.
type task struct {
	v       *vm
	done    bool
	results []lua.LValue
	err     *ScriptError
	waiters []*lane.Waiter
}

// sipSpawn is sip.spawn(fn) -> task.
func (v *vm) sipSpawn(l *lua.LState) int {
	f := functionArg(l, 1, "sip.spawn")
	t := &task{v: v}
	v.callback(f)
	v.startHere(l, "sip.spawn", func() { t.start(f) })
	l.Push(&lua.LUserData{Value: t, Metatable: v.kinds.task})
	return 1
}

func (t *task) start(f *lua.LFunction) {
	v := t.v
	v.begin()
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer v.end()
		defer t.finish()
		t.err = v.runTask("spawn", f, &t.results)
	}))
	if !posted {
		t.err = &ScriptError{Text: "the lane is overloaded: the task was not run"}
		t.finish()
		v.end()
	}
}

func (t *task) finish() {
	t.done = true
	for _, w := range t.waiters {
		t.v.lane.Wake(w)
	}
	t.waiters = nil
}

// taskWait is task:wait(): what the function returned, or nil, err.
func (v *vm) taskWait(l *lua.LState) int {
	ud, ok := l.Get(1).(*lua.LUserData)
	var t *task
	if ok {
		t, ok = ud.Value.(*task)
	}
	if !ok {
		raise(l, "task:wait: a task of sip.spawn is expected, not %s", describe(l.Get(1)))
	}
	v.mustWait(l, "task:wait")
	if !t.done {
		w := lane.NewWaiter()
		t.waiters = append(t.waiters, w)
		v.park(w)
	}
	if t.err != nil {
		return failText(l, t.err.Text)
	}
	for _, x := range t.results {
		l.Push(x)
	}
	return len(t.results)
}

func (v *vm) park(w *lane.Waiter) {
	v.lent(func() { v.lane.Park(w) })
}

// sipOn is sip.on(event, fn).
func (v *vm) sipOn(l *lua.LState) int {
	name := plainText(l, "sip.on: the event", l.Get(1))
	f := functionArg(l, 2, "sip.on")
	if !v.gen.events[name] {
		known := sortedKeys(v.gen.events)
		raise(l, "sip.on: there is no event %q%s; known are: %s", name, suggest(name, known), strings.Join(known, ", "))
	}
	if !v.loading {
		raise(l, "sip.on can only be called while the file runs: handlers run once in the process, not in the handler's VM")
	}
	if v.background {
		v.events[name] = append(v.events[name], f)
	}
	return 0
}

func (v *vm) taskMetatable() *lua.LTable {
	wait := v.main.NewFunction(v.taskWait)
	mt := v.metatable(func(l *lua.LState) int {
		if l.Get(2) != lua.LString("wait") {
			raise(l, "a task has no field '%s'; it has wait", l.Get(2).String())
		}
		l.Push(wait)
		return 1
	}, nil)
	mt.RawSetString("__tostring", v.main.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LString(fmt.Sprintf("task: %p", l.Get(1).(*lua.LUserData).Value)))
		return 1
	}))
	return mt
}
