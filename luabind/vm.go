package luabind

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind/pattern"
	lua "github.com/yuin/gopher-lua"
)

// vm is one Lua VM of a script generation: that of a lane, or the background one. While it is built
// it belongs to the building goroutine; from the moment it serves, to the holder of its lane's
// token. Fields without a note follow that rule.
type vm struct {
	gen        *generation
	lane       *lane.Lane // nil while the file runs without an engine
	main       *lua.LState
	background bool
	loading    bool // the file runs: nothing may wait, globals may be declared

	current *thread     // the script that runs now
	co      *lua.LState // the coroutine it is in, or nil
	// continued was put aside, and is about to call its function of Go again.
	continued *aside
	free      []*thread
	spare     []*lua.LState // for pcall

	types   map[*ObjectType]*lua.LTable
	options map[reflect.Type][]optionField
	kinds   objectKinds
	modules map[string]lua.LValue // what require returned
	route   *lua.LFunction
	sites   map[scriptLine]string       // texts of places that were told
	own     string                      // the name of the text of Extend
	events  map[string][]*lua.LFunction // background VM: the handlers of sip.on
	// What the file started (sip.every, sip.after, sip.spawn), for when the VM goes into service
	needed  []*lua.LFunction // those of start that the server waits for to be ready
	starts  []func()
	globals map[string]bool // declared with the value nil
	loose   bool            // handlers may assign any global: see Include
	// Option tags, in lower case; never changed once the file has run
	supported []string
	missing   missing // for error messages
	random    *randomSource
	matcher   pattern.Matcher
	key       []byte // of a metric's series, used again
	plain     bool   // tests only: the loop of the interpreter runs the scripts
	boxes     boxes  // of the executor, as the next two are
	scratch   []byte // for the text that is being made
	walked    walked
	// What functions of Go have as their upvalue that the executor may call itself
	unyielding []*lua.Upvalue

	serial  uint64
	waits   uint64 // that ended: if the number is the same as before, the lane was not lent
	sampled bool   // the next call is measured
	// watch is the serial of the turn that runs now, 0 between scripts; stop is the serial of the
	// turn to stop. The watchdog reads one, writes the other.
	watch atomic.Uint64
	stop  atomic.Uint64
	kill  atomic.Uint64 // the serial of the turn to stop without grace
	// refs count what keeps the generation open; see begin.
	refs atomic.Int64

	// What sip.after and sip.spawn started here and has not ended, and the sleepers that belong to
	// no request.
	started    int
	timers     map[*delayed]struct{}
	sleepers   map[*sleeper]struct{}
	fileTimers []stopper // of the background VM, in the order of the file
	filePlaces int       // how many timers the file has begun, in each VM
	heir       *quota    // of the task that is about to run
	over       bool      // the generation is over: nothing is started any more
	tasks      atomic.Int64

	mem ledger
	// What a handler cannot change: the tables of libraries and modules, with their names, and the
	// names of existing globals.
	frozen  map[*lua.LTable]string
	library map[string]bool
	// Tables that handlers may change, and seldom do; how many times they changed those and the
	// globals, from 1
	watched  map[*lua.LTable]bool
	assigned uint64
	known    [manyKnown]known
	*figures
	clock lane.Clock
}

// threadRegistry is how many values the stack of a thread has at first. It grows, and threads are
// used again.
const threadRegistry = 48

// stateOptions are those of all Lua states. A RegistrySize below 128 falls back to the library's
// default, which costs 100 kB for each thread.
func stateOptions() lua.Options {
	return lua.Options{RegistrySize: 128, RegistryMaxSize: 65536, CallStackSize: 200, MinimizeStackMemory: true, SkipOpenLibs: true}
}

// thread is what one script call runs on: a Lua thread and its place in the VM. It is its own
// context.Context: the interpreter calls Done before each instruction.
type thread struct {
	vm    *vm
	l     *lua.LState
	turn  uint64 // the serial of its present or last turn
	req   *reqObj
	depth int // nested pcalls, coroutines and callbacks
	uses  int
	// Of the present turn: its instructions, at how many of them the clock is looked at, when that
	// was first and when the script last breathed; the instructions since its time was over, and
	// whether it was stopped.
	steps, due      int
	since, breathed time.Duration
	grace           int
	halted          bool
	// quota is that of the request which started the task that runs; replaced says that it was
	// ended with its generation.
	quota    *quota
	replaced bool
	watch    stopwatch
	frame    any // of Call.Running
	// Quit may end the script by returning; it has; the text of the last one
	mayQuit, gone bool
	quit          string
	handler       *Handler // that is Go, nil for none
	route         bool     // it runs route, which can be put aside
	aside         *aside   // it was
	// The list of running calls, and the states that pcall has functions run on.
	next, prev *thread
	states     []*lua.LState
	ends       []Ender // what ends with the handler
}

const (
	maxIdleThreads = 64 // kept for each VM
	// Then a thread is dropped, and with it a stack that some deep call made large
	maxThreadUses = 4096
	maxNesting    = 100 // nested pcalls, coroutines and callbacks of one script
)

func (v *vm) thread() *thread {
	if n := len(v.free); n > 0 {
		t := v.free[n-1]
		v.free = v.free[:n-1]
		return t
	}
	l, _ := v.main.NewThread()
	t := &thread{vm: v, l: l}
	t.adopt(l)
	return t
}

// saved is the state that a script must find again after others ran on its VM.
type saved struct {
	current *thread
	co      *lua.LState
	waits   uint64
}

func (v *vm) state() saved { return saved{v.current, v.co, v.waits} }

// enter makes t the running script. A script called by another, as a callback of what that did,
// runs on the caller's budget: otherwise a script that keeps calling something that calls back
// would begin a new turn each time and never be stopped.
func (v *vm) enter(t *thread) saved {
	s := v.state()
	v.current, v.co = t, nil
	v.main.G.CurrentThread = t.l
	if s.current == nil {
		v.turn(t)
		return s
	}
	t.turn, t.grace, t.halted = s.current.turn, 0, false
	t.steps, t.due, t.since, t.breathed = s.current.steps, s.current.due, s.current.since, s.current.breathed
	v.watch.Store(t.turn)
	return s
}

// suspend is called before the token is lent; resume, with its result, when it is back.
func (v *vm) suspend() saved {
	s := v.state()
	if s.current != nil && s.current.watch.on {
		s.current.watch.pause(v.clock)
	}
	v.current, v.co = nil, nil
	v.watch.Store(0)
	v.gen.router.stats.suspended.Add(1)
	return s
}

func (v *vm) resume(s saved) {
	v.gen.router.stats.suspended.Add(-1)
	v.waits++
	v.restore(s)
	if s.current != nil && s.current.watch.on {
		s.current.watch.start(v.clock)
	}
}

// lent runs a wait that lends the lane as one of the request the script handles, if it handles one:
// whatever else arrives for that request in the meantime is not part of the waiting callback.
func (v *vm) lent(wait func()) {
	req := v.request()
	s := v.suspend()
	defer v.resume(s)
	if req == nil {
		wait()
		return
	}
	req.Suspend(wait)
}

// restore continues the previous turn, unless the lane has been lent in the meantime.
func (v *vm) restore(s saved) {
	v.current, v.co = s.current, s.co
	if s.current == nil {
		v.watch.Store(0)
		return
	}
	v.main.G.CurrentThread = s.current.l
	if s.co != nil {
		v.main.G.CurrentThread = s.co
	}
	if v.waits != s.waits {
		v.turn(s.current)
		return
	}
	v.watch.Store(s.current.turn)
}

// turn begins a new turn of t: the budget is counted from here.
func (v *vm) turn(t *thread) {
	v.serial++
	t.turn = v.serial
	t.steps, t.due, t.since, t.grace, t.halted = 0, checkEvery, 0, 0, false
	v.watch.Store(v.serial)
}

// invoke calls fn with args on a thread of its own, as a handler of the request o (nil outside of
// requests). fn's results are appended to out, unless that is nil.
func (v *vm) invoke(o *reqObj, fn *lua.LFunction, out *[]lua.LValue, args ...lua.LValue) *ScriptError {
	t, s, refused := v.begun(o)
	if refused != nil {
		return refused
	}
	l := t.l
	l.Push(fn)
	for _, a := range args {
		l.Push(a)
	}
	nret := 0
	if out != nil {
		nret = lua.MultRet
	}
	return v.ended(t, s, l.PCall(len(args), nret, nil), out)
}

// begun takes a thread for a call, and makes it the one that runs. The state is what runs now.
func (v *vm) begun(o *reqObj) (t *thread, s saved, refused *ScriptError) {
	depth := 0
	if outer := v.current; outer != nil { // which did something that calls back, without waiting
		if depth = outer.depth + 1; depth > maxNesting {
			return nil, s, &ScriptError{Text: fmt.Sprintf("%s: stack overflow (callbacks %d deep)", position(outer.l), maxNesting)}
		}
	}
	t = v.thread()
	t.req, t.depth, t.route = o, depth, false
	t.quota, t.replaced, v.heir = v.heir, false, nil
	t.frame, t.quit, t.mayQuit, t.gone = nil, "", false, false
	if o != nil {
		o.active++
	}
	if v.sampled {
		v.sampled = false
		t.watch = stopwatch{on: true}
		t.watch.start(v.clock)
	}
	s = v.enter(t)
	v.enroll(t)
	return t, s, nil
}

// ended is what follows a call of the thread: s runs again. The results are appended to out, unless
// that is nil.
func (v *vm) ended(t *thread, s saved, err error, out *[]lua.LValue) *ScriptError {
	l, o := t.l, t.req
	stopped := t.stopped()
	if t.hasGone(); err != nil && t.quitBy(err) {
		err = nil
	}
	v.leave(t)
	v.restore(s)
	if t.ends != nil {
		t.end(err != nil || stopped || t.replaced)
	}
	t.req = nil
	if t.watch.on {
		t.watch.on = false
		t.watch.pause(v.clock)
		v.note(t.watch.spent)
	}
	if o != nil {
		if o.active--; o.active == 0 {
			o.req = nil
		}
	}
	if t.replaced {
		return &ScriptError{Text: errReplaced.Error(), replaced: true}
	}
	if err != nil || stopped {
		return v.failed(err, stopped)
	}
	if out != nil {
		for i := 1; i <= l.GetTop(); i++ {
			*out = append(*out, l.Get(i))
		}
	}
	l.SetTop(0)
	v.walked = walked{}
	if t.uses++; t.uses < maxThreadUses && len(v.free) < maxIdleThreads {
		v.free = append(v.free, t)
	}
	return nil
}

// context is that of the running script's waits.
func (v *vm) context() context.Context {
	if t := v.current; t != nil && t.req != nil {
		return t.req.req.Context()
	}
	return v.gen.ctx
}

// mustWait raises an error if nothing may wait.
func (v *vm) mustWait(l *lua.LState, what string) {
	if v.loading {
		raise(l, "%s waits, which is not possible while the file runs: call it in a handler", what)
	}
	if v.lane == nil {
		raise(l, "%s waits, which is not possible without an engine", what)
	}
}

// request is the request whose handler runs, or nil.
func (v *vm) request() *engine.Request {
	if t := v.current; t != nil && t.req != nil {
		return t.req.req
	}
	return nil
}

// bind makes the Lua function of a declared one.
func (v *vm) bind(f Function, full string, method bool) *lua.LFunction {
	if v.steps(&f) {
		f.Call = v.stepping(f, strings.TrimPrefix(full, "req:"))
	}
	if v.observes(&f, full) {
		f.Call = v.observing(f, full)
	}
	b := &boundFunction{Function: f, full: full, method: method}
	if b.Where == Anywhere && !b.Waits {
		return v.direct(func(l *lua.LState) int { return b.run(v, l) }, b.Quits)
	}
	return v.main.NewFunction(func(l *lua.LState) int {
		if a := v.continued; a != nil {
			v.continued = nil
			return a.finish()
		}
		switch {
		case b.Where == AtLoad && !v.loading && b.Why != "":
			raise(l, "%s can only be called while the file runs: %s", b.full, b.Why)
		case b.Where == AtLoad && !v.loading:
			raise(l, "%s can only be called while the file runs, not in a handler", b.full)
		case b.Where == InHandler && v.loading:
			raise(l, "%s can only be called in a handler, not while the file runs", b.full)
		case b.Waits:
			v.mustWait(l, b.full)
		}
		return b.run(v, l)
	})
}

// run calls the function with the Call of the last time, unless that is still in use: by a script
// that waits in it, or because it raised.
func (b *boundFunction) run(v *vm, l *lua.LState) int {
	c := b.spare
	if c == nil || c.busy {
		c = &Call{vm: v, fn: b}
		b.spare = c
	}
	if c.l != l { // a write to the heap costs more than the check
		c.l = l
	}
	c.busy, c.used = true, 0
	n := b.Call(c)
	c.busy = false
	return n
}

// raise raises an error in the script, the position in the file before it.
func raise(l *lua.LState, format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	if at := position(l); at != "" {
		format = at + ": " + format
	}
	l.Error(lua.LString(format), 0)
}
