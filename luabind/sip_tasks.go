package luabind

import (
	"errors"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Timers and tasks: sip.every, sip.after, sip.spawn. They are bounded, and end with their generation: when it has been replaced and its last
// request and transaction are gone, timers are stopped and tasks that sleep are ended.

// How many timers of sip.after and tasks of sip.spawn may be waiting or running at a time.
const (
	requestTasks    = 100    // of one request, with what its tasks started
	laneTasks       = 10_000 // of one VM
	generationTasks = 50_000
)

// errReplaced ends a task whose generation is over.
var errReplaced = errors.New("the script was replaced, and what it had begun for itself ends")

// quota counts what one request started. It belongs to the lane.
type quota struct{ n int }

// admission is the place of one timer or task in the counts.
type admission struct {
	v     *vm
	quota *quota // nil: it belongs to no request
}

// admit counts one more timer or task, or raises.
func (v *vm) admit(l *lua.LState, what string) admission {
	a := admission{v, v.quota()}
	switch {
	case v.over:
		raise(l, "%s: %v", what, errReplaced)
	case a.quota != nil && a.quota.n >= requestTasks:
		raise(l, "%s: more than %d timers and tasks of one request at a time", what, requestTasks)
	case v.started >= laneTasks:
		raise(l, "%s: more than %d timers and tasks of one lane at a time", what, laneTasks)
	case v.gen.started.Load() >= generationTasks:
		raise(l, "%s: more than %d timers and tasks at a time", what, generationTasks)
	}
	if a.quota != nil {
		a.quota.n++
	}
	v.started++
	v.gen.started.Add(1)
	v.tasks.Add(1)
	return a
}

// leave is called when the timer or task is over, on its lane.
func (a admission) leave() {
	if a.quota != nil {
		a.quota.n--
	}
	a.v.started--
	a.v.gen.started.Add(-1)
	a.v.endTask()
}

// quota is that of the request whose handler, or whose task, runs; nil where there is none.
func (v *vm) quota() *quota {
	t := v.current
	switch {
	case t == nil:
		return nil
	case t.req == nil:
		return t.quota
	case t.req.quota == nil:
		t.req.quota = &quota{}
	}
	return t.req.quota
}

// endTasks stops the timers and ends what sleeps. It runs on the lane, when the generation is over.
func (v *vm) endTasks() {
	v.over = true
	for s := range v.sleepers {
		v.lane.StopTimer(&s.timer)
		v.lane.Wake(s.w)
	}
	for _, t := range v.fileTimers {
		t.stop()
	}
	for t := range v.timers {
		t.stop()
	}
}

// timer is what sip.after and sip.every return: one in this VM, or one that the file began, which is in the background VM and known by its place.
type timer struct {
	stopper
	v     *vm
	place int
}

// stopper is a timer that can be stopped, on its lane.
type stopper interface{ stop() }

// timerCancel is timer:cancel().
func (v *vm) timerCancel(l *lua.LState) int {
	ud, ok := l.Get(1).(*lua.LUserData)
	var t *timer
	if ok {
		t, ok = ud.Value.(*timer)
	}
	switch {
	case !ok:
		raise(l, "timer:cancel: a timer of sip.after or sip.every is expected, not %s", describe(l.Get(1)))
	case t.stopper != nil:
		t.stop()
	case !v.loading: // while the file runs, the background VM runs it too
		back := v.gen.back
		back.lane.Return(lane.Func(func(*lane.Lane) {
			if t.place < len(back.fileTimers) {
				back.fileTimers[t.place].stop()
			}
		}))
	}
	return 0
}

// pushTimer pushes the object of a timer; s is nil in the VMs that only read what the file says.
func (v *vm) pushTimer(l *lua.LState, s stopper) int {
	t := &timer{stopper: s, v: v}
	if v.loading {
		t.place = v.filePlaces
		v.filePlaces++
		if v.background {
			v.fileTimers = append(v.fileTimers, s)
		}
	}
	l.Push(&lua.LUserData{Value: t, Metatable: v.kinds.timer})
	return 1
}

// ticker is one sip.every. It belongs to the background lane.
type ticker struct {
	timer   lane.Timer
	v       *vm
	f       *lua.LFunction
	every   time.Duration
	jitter  time.Duration
	begun   bool // the VM serves
	running bool
	over    bool
}

// stop ends it, after a call that runs.
func (t *ticker) stop() {
	if t.over {
		return
	}
	if t.over = true; t.begun {
		t.v.lane.StopTimer(&t.timer)
		t.v.endTask()
	}
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
	t := &ticker{v: v, f: f, every: max(d, time.Millisecond), jitter: opts.Jitter}
	v.startHere(l, "sip.every", func() {
		if !t.over {
			t.begun = true
			v.tasks.Add(1)
			t.arm()
		}
	})
	if !v.background {
		return v.pushTimer(l, nil)
	}
	return v.pushTimer(l, t)
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
		t.stop()
		return
	}
	t.arm()
	if t.running {
		return
	}
	t.running = true
	v.tasks.Add(1)
	if !v.lane.Post(lane.Func(func(*lane.Lane) {
		defer v.endTask()
		if t.running = !t.over; t.running {
			v.runTask("every", t.f, nil)
			t.running = false
		}
	})) {
		t.running = false
		v.endTask()
	}
}

// delayed is one sip.after.
type delayed struct {
	timer lane.Timer
	v     *vm
	f     *lua.LFunction
	place admission
	begun bool // the VM serves
	over  bool
}

// stop ends it, unless its function was called.
func (d *delayed) stop() {
	if d.over {
		return
	}
	d.over = true
	if d.begun {
		d.v.lane.StopTimer(&d.timer)
		delete(d.v.timers, d)
		d.place.leave()
	}
}

func (d *delayed) Expire(*lane.Timer) {
	d.over = true
	v := d.v
	delete(v.timers, d)
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer d.place.leave()
		v.runOf(d.place.quota, "after", d.f, nil)
	}))
	if !posted {
		d.place.leave()
		v.log(nil).Error("the lane is overloaded: a script's function was not called", "function", "after")
	}
}

// runOf is runTask for what a request started.
func (v *vm) runOf(q *quota, what string, f *lua.LFunction, out *[]lua.LValue) *ScriptError {
	v.heir = q
	return v.runTask(what, f, out)
}

// sipAfter is sip.after(s, fn).
func (v *vm) sipAfter(l *lua.LState) int {
	wait := secondsArg(l, 1, "sip.after")
	d := &delayed{v: v, f: functionArg(l, 2, "sip.after")}
	v.callback(d.f)
	if !v.loading {
		d.place = v.admit(l, "sip.after")
	}
	v.startHere(l, "sip.after", func() {
		if d.over {
			return
		}
		if d.place.v == nil { // of the file
			d.place = v.admit(v.main, "sip.after")
		}
		d.begun = true
		v.timers[d] = struct{}{}
		v.lane.After(wait, &d.timer, d)
	})
	if v.loading && !v.background {
		return v.pushTimer(l, nil)
	}
	return v.pushTimer(l, d)
}

// startHere does f now in a handler; at file level when the VM serves, in the background VM only.
func (v *vm) startHere(l *lua.LState, what string, f func()) {
	switch {
	case !v.loading && v.lane == nil:
		raise(l, "%s is not possible without an engine", what)
	case !v.loading:
		f()
	case v.background:
		if len(v.starts) >= laneTasks {
			raise(l, "%s: more than %d timers and tasks of one lane at a time", what, laneTasks)
		}
		v.starts = append(v.starts, f)
	}
}

// task is what sip.spawn returns.
type task struct {
	v       *vm
	place   admission
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
	if !v.loading {
		t.place = v.admit(l, "sip.spawn")
	}
	v.startHere(l, "sip.spawn", func() { t.start(f) })
	l.Push(&lua.LUserData{Value: t, Metatable: v.kinds.task})
	return 1
}

func (t *task) start(f *lua.LFunction) {
	v := t.v
	if t.place.v == nil { // of the file
		t.place = v.admit(v.main, "sip.spawn")
	}
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer t.place.leave()
		defer t.finish()
		t.err = v.runOf(t.place.quota, "spawn", f, &t.results)
	}))
	if !posted {
		t.err = &ScriptError{Text: "the lane is overloaded: the task was not run"}
		t.finish()
		t.place.leave()
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

// oneMethod is the metatable of objects that have one method.
func (v *vm) oneMethod(kind, name string, f lua.LGFunction) *lua.LTable {
	method := v.main.NewFunction(f)
	mt := v.metatable(func(l *lua.LState) int {
		if l.Get(2) != lua.LString(name) {
			raise(l, "a %s has no field '%s'; it has %s", kind, l.Get(2).String(), name)
		}
		l.Push(method)
		return 1
	}, nil)
	mt.RawSetString("__tostring", v.main.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LString(fmt.Sprintf("%s: %p", kind, l.Get(1).(*lua.LUserData).Value)))
		return 1
	}))
	return mt
}
