package luabind

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Tasks: sip.spawn, and what timers (sip.every, sip.after) and tasks have in common. They are
// bounded, and end with their generation: when it has been replaced and its last request and
// transaction are gone, timers are stopped and sleeping tasks ended.

// How many timers of sip.after and tasks of sip.spawn may be waiting or running at a time.
const (
	requestTasks    = 100    // of one request, including what its tasks started
	laneTasks       = 10_000 // of one VM
	generationTasks = 50_000
)

// errReplaced ends a task whose generation is over.
var errReplaced = errors.New("the script was replaced, so what it had started on its own ends")

// quota counts what one request started. It belongs to the lane.
type quota struct{ n int }

// admission is the place of one timer or task in the counts.
type admission struct {
	v     *vm
	quota *quota // nil: it belongs to no request
}

// admit counts one more timer or task, or raises an error.
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

// quota is that of the request whose handler, or whose task, runs; nil if there is none.
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

// task is the result of sip.spawn.
type task struct {
	v       *vm
	place   admission
	done    bool
	results []lua.LValue
	err     *ScriptError
	waiters []*lane.Waiter
}

// sipSpawn declares sip.spawn.
func sipSpawn() Function {
	return Func1(Function{Name: "spawn", Doc: "Runs a function concurrently with the caller, on the same lane. At file level it runs once per process, when the script goes into service.",
		Raises:  fmt.Sprintf("beyond %d timers and tasks of one request at a time", requestTasks),
		Example: `local task = sip.spawn(function() return sip.send({ method = "OPTIONS", uri = "sip:bob@192.0.2.7" }) end)`},
		handlerArg("fn", "function()", "it may wait"), returnsLua(ObjectOf, "").of(taskType), func(c *Call, f *lua.LFunction) lua.LValue {
			v := c.vm
			t := &task{v: v}
			v.callback(f)
			if !v.loading {
				t.place = v.admit(c.l, "sip.spawn")
			}
			v.startHere(c.l, "sip.spawn", func() { t.start(f) })
			return &lua.LUserData{Value: t, Metatable: v.kinds.task}
		})
}

// taskType declares tasks.
var taskType = &ObjectType{
	Name:    "task",
	Doc:     "A task started by sip.spawn.",
	Example: "local task = sip.spawn(function() return 1 end)\nlocal one = task:wait()",
	Methods: []Function{Func1(Function{Name: "wait", Waits: true, Doc: "Waits until the function has ended.",
		Example: `sip.spawn(function() return 1 end):wait()`},
		self[*task](), returnsSome(Result{Name: "...", Type: Any, OrNil: true, Doc: "what the function returned; nil, err if it raised an error"}), taskWait)},
	kind: &kind{
		text: func(_ *lua.LState, self any) string { return fmt.Sprintf("task: %p", self) },
	},
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

// taskWait is task:wait().
func taskWait(c *Call, t *task) int {
	if !t.done {
		w := lane.NewWaiter()
		t.waiters = append(t.waiters, w)
		c.vm.park(w)
	}
	if t.err != nil {
		return failText(c.l, t.err.Text)
	}
	for _, x := range t.results {
		c.l.Push(x)
	}
	return len(t.results)
}
