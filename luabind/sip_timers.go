package luabind

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// sip.every and sip.after.

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
