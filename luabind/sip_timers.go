package luabind

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// sip.every and sip.after.

// timer is the result of sip.after and sip.every: one in this VM, or one that the file started,
// which is in the background VM and identified by its place.
type timer struct {
	stopper
	v     *vm
	place int
}

// stopper is a timer that can be stopped, on its lane.
type stopper interface{ stop() }

// timerType declares timers.
var timerType = &ObjectType{
	Name:    "timer",
	Doc:     "A timer started by sip.after or sip.every.",
	Example: `local timer = sip.after(30, function() sip.log.info("half a minute") end)`,
	Methods: []Function{Do1(Function{Name: "cancel", Doc: "Stops the timer; a call already in progress continues.",
		Example: `sip.after(30, function() end):cancel()`},
		self[*timer](), timerCancel)},
	kind: &kind{
		text: func(_ *lua.LState, self any) string { return fmt.Sprintf("timer: %p", self) },
	},
}

func timerCancel(c *Call, t *timer) {
	switch {
	case t.stopper != nil:
		t.stop()
	case !c.vm.loading: // while the file runs, the background VM runs it too
		back := c.vm.gen.back
		back.lane.Return(lane.Func(func(*lane.Lane) {
			if t.place < len(back.fileTimers) {
				back.fileTimers[t.place].stop()
			}
		}))
	}
}

// timerObject is the object of a timer; s is nil in the VMs that only read the file's declarations.
func (v *vm) timerObject(s stopper) lua.LValue {
	t := &timer{stopper: s, v: v}
	if v.loading {
		t.place = v.filePlaces
		v.filePlaces++
		if v.background {
			v.fileTimers = append(v.fileTimers, s)
		}
	}
	return &lua.LUserData{Value: t, Metatable: v.kinds.timer}
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
	Jitter time.Duration `lua:"jitter" doc:"each pause is longer by up to this much"`
}

// sipEvery declares sip.every.
func sipEvery() Function {
	return Func3(Function{Name: "every", Where: AtLoad, Why: "it runs once in the process, not in the handler's VM",
		Doc:     "Calls a function repeatedly while the script is in service, once per process. If a call is still running when the next is due, that one is skipped.",
		Example: `sip.every(60, function() sip.log.info("a minute") end, { jitter = 5 })`},
		intervalArg, handlerArg("fn", "function()", "it may wait"), OptionsArg(everyOptions{}), returnsLua(ObjectOf, "").of(timerType),
		func(c *Call, d time.Duration, f *lua.LFunction, opts everyOptions) lua.LValue {
			v := c.vm
			t := &ticker{v: v, f: f, every: max(d, time.Millisecond), jitter: opts.Jitter}
			v.startHere(c.l, "sip.every", func() {
				if !t.over {
					t.begun = true
					v.tasks.Add(1)
					t.arm()
				}
			})
			if !v.background {
				return v.timerObject(nil)
			}
			return v.timerObject(t)
		})
}

var intervalArg = ArgOf(func(c *Call, n int) time.Duration {
	d := c.Seconds(n)
	if d <= 0 {
		c.Raise("the interval must be above 0")
	}
	return d
}, Param{Name: "s", Type: Seconds, Doc: "above 0"})

func (t *ticker) arm() {
	d := t.every
	if t.jitter > 0 {
		d += time.Duration(t.v.random.r.Int64N(int64(t.jitter)))
	}
	t.v.lane.After(d, &t.timer, t)
}

// Expire posts the call: what a timer's owner does must not wait.
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

// sipAfter declares sip.after.
func sipAfter() Function {
	return Func2(Function{Name: "after", Doc: "Calls a function once, after that many seconds, on the lane that asked for it. At file level it runs once per process.",
		Raises:  fmt.Sprintf("beyond %d timers and tasks of one request at a time", requestTasks),
		Example: `local timer = sip.after(30, function() req:cancel("too long") end)`},
		SecondsArg("s", ""), handlerArg("fn", "function()", "it may wait"), returnsLua(ObjectOf, "").of(timerType), after)
}

func after(c *Call, wait time.Duration, f *lua.LFunction) lua.LValue {
	v := c.vm
	d := &delayed{v: v, f: f}
	v.callback(d.f)
	if !v.loading {
		d.place = v.admit(c.l, "sip.after")
	}
	v.startHere(c.l, "sip.after", func() {
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
		return v.timerObject(nil)
	}
	return v.timerObject(d)
}
