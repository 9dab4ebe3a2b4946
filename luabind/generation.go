package luabind

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind/metric"
	lua "github.com/yuin/gopher-lua"
)

// generation is one compiled script with its modules and its VMs. It is built on one goroutine
// while the previous generation serves, then swapped in. It is closed when it has been replaced and
// no transaction that began with it is left.
type generation struct {
	router  *Router
	number  uint64
	loading context.Context // ends the load of the file
	loaded  time.Time       // when it took over
	program *program
	modules []*openModule
	byName  map[string]*openModule
	vms     []*vm // by lane
	back    *vm   // the background VM
	ctx     context.Context
	cancel  context.CancelFunc

	events    map[string]bool // declared
	listening map[string]bool // with handlers; set when the VMs have been built

	metrics *metric.Group // that it declared
	common  sync.Map      // *dict.Common by name: dictionaries it opened with redis = true
	started atomic.Int64  // timers and tasks of all VMs
	retired atomic.Bool
	beside  atomic.Bool       // it is on trial, and hears no events
	said    map[string]uint64 // hashes of how the file configured modules
	winding sync.Once
	once    sync.Once
}

// openModule is one module of a generation.
type openModule struct {
	name      string
	module    Module
	functions []Function
}

// build makes a new generation up to the point where it could serve. On an error everything that
// was opened is closed again.
func (r *Router) build(ctx context.Context, number uint64, beside bool) (*generation, error) {
	p, err := r.opts.open()
	if err != nil {
		return nil, err
	}
	defer p.close()
	g := &generation{router: r, number: number, loading: ctx, program: p, byName: map[string]*openModule{}, metrics: r.metrics.Group()}
	g.beside.Store(beside)
	g.metrics.Beside = beside
	g.said = map[string]uint64{}
	g.events = map[string]bool{}
	for _, e := range coreEvents() {
		g.events[e.Name] = true
	}
	g.ctx, g.cancel = context.WithCancel(r.ctx)
	if err := g.open(); err != nil {
		g.close()
		r.mu.Lock()
		r.tried = p.paths
		r.mu.Unlock()
		return nil, err
	}
	if err := g.settle(); err != nil {
		g.close()
		return nil, err
	}
	g.listening = map[string]bool{}
	for name := range g.back.events {
		g.listening[name] = true
	}
	return g, nil
}

// settle lets the modules check what the file said.
func (g *generation) settle() error {
	for _, m := range g.modules {
		if s, ok := m.module.(Settler); ok {
			if err := s.Settle(); err != nil {
				return fmt.Errorf("module %s: %w", m.name, err)
			}
		}
	}
	return nil
}

func (g *generation) open() error {
	for _, o := range g.router.opts.Modules {
		if err := g.openModule(o); err != nil {
			return fmt.Errorf("module %s: %w", o.Name(), err)
		}
	}
	var err error
	for _, l := range g.router.lanes {
		v := newVM(g, l, false)
		g.vms = append(g.vms, v)
		v.figures = g.router.figures[len(g.vms)-1]
		if err = v.load(); err != nil {
			return err
		}
	}
	g.back = newVM(g, g.router.background, true)
	g.back.figures = g.router.figures[len(g.vms)]
	return g.back.load()
}

func (g *generation) openModule(o Opener) error {
	name := o.Name()
	if g.byName[name] != nil {
		return errors.New("is there twice")
	}
	log := g.router.opts.Log.With("module", name)
	m, err := o.Open(&Host{router: g.router, gen: g, module: name, log: log, ctx: g.ctx})
	if m != nil {
		om := &openModule{name: name, module: m}
		g.modules = append(g.modules, om)
		g.byName[name] = om
	}
	if err != nil {
		return err
	}
	if m == nil {
		return errors.New("its Open returned neither a module nor an error")
	}
	g.byName[name].functions = m.Functions()
	if s, ok := m.(EventSource); ok {
		for _, e := range s.Events() {
			g.events[e.Name] = true
		}
	}
	return nil
}

// activate tells the modules that the generation goes into service.
func (g *generation) activate() error {
	for _, m := range g.modules {
		if a, ok := m.module.(Activator); ok {
			if err := a.Activate(); err != nil {
				return fmt.Errorf("module %s: %w", m.name, err)
			}
		}
	}
	return nil
}

// retire is called when another generation serves.
func (g *generation) retire() {
	g.retired.Store(true)
	g.closeIfIdle()
}

// closeIfIdle ends what a retired generation started for itself when no request and no transaction
// of it is left, and closes it when that has ended.
func (g *generation) closeIfIdle() {
	if !g.retired.Load() {
		return
	}
	for _, v := range g.all() {
		if v.refs.Load() != 0 {
			return
		}
	}
	g.wind()
	for _, v := range g.all() {
		if v.tasks.Load() != 0 {
			return
		}
	}
	g.close()
}

// wind ends the timers and tasks of all VMs.
func (g *generation) wind() {
	g.winding.Do(func() {
		g.cancel()
		for _, v := range g.all() {
			if v.lane != nil && v.tasks.Load() != 0 {
				v.lane.Return(lane.Func(func(*lane.Lane) { v.endTasks() }))
			}
		}
	})
}

// endTask is called when a timer or a task is over.
func (v *vm) endTask() {
	if v.tasks.Add(-1) == 0 && v.gen.retired.Load() {
		v.gen.closeIfIdle()
	}
}

func (g *generation) all() []*vm {
	if g.back == nil {
		return g.vms
	}
	return append(g.vms[:len(g.vms):len(g.vms)], g.back)
}

// close closes the modules, the last opened first.
func (g *generation) close() {
	g.once.Do(func() {
		g.cancel()
		g.router.left(g)
		g.metrics.Leave()
		for _, v := range g.all() {
			g.router.dog.remove(v)
		}
		for i := len(g.modules) - 1; i >= 0; i-- {
			m := g.modules[i]
			if err := m.module.Close(); err != nil {
				g.router.opts.Log.Error("closing a module failed", "module", m.name, "error", err)
			}
		}
	})
}

// begin and end enclose what keeps the VM's generation open: a handler that runs, a timer or a task
// that will run, a transaction with callbacks.
func (v *vm) begin() { v.refs.Add(1) }

func (v *vm) end() {
	if v.refs.Add(-1) == 0 && v.gen.retired.Load() {
		v.gen.closeIfIdle()
	}
}

// pin keeps a generation open for a transaction with callbacks. The engine drops the callbacks with
// the transaction; the garbage collector tells us. Therefore only the callbacks may refer to it,
// and nothing that a script can keep may refer to them.
type pin struct {
	vm  *vm
	o   *reqObj
	req *engine.Request // of o, which has it only while a handler runs
}

// pinned is what the callbacks of o hold on to.
func (o *reqObj) pinned() *pin {
	p := &pin{vm: o.vm, o: o, req: o.req}
	o.vm.begin()
	runtime.AddCleanup(p, func(v *vm) { v.end() }, o.vm)
	return p
}

// emit calls the handlers of an event, each as a piece of work of the background lane.
func (g *generation) emit(name string, args []any) bool {
	if !g.hears(name) {
		return true
	}
	return g.back.lane.Post(lane.Func(func(*lane.Lane) { g.back.fire(name, args) }))
}

// hears reports whether the generation has a handler for an event, and serves.
func (g *generation) hears(name string) bool {
	if !g.events[name] {
		panic(fmt.Sprintf("luabind: event %q was not declared", name))
	}
	return g.listening[name] && !g.retired.Load() && !g.beside.Load()
}

// fire runs on the background lane.
func (v *vm) fire(name string, args []any) {
	in := make([]lua.LValue, len(args))
	for i, a := range args {
		lv, err := toLua(v, a)
		if err != nil {
			v.log(nil).Error("an event's argument can't be given to a script", "event", name, "error", err)
			return
		}
		in[i] = lv
	}
	for _, f := range v.events[name] {
		v.task("on "+name, f, in...)
	}
}

// task posts a call of f that belongs to no request.
func (v *vm) task(what string, f *lua.LFunction, args ...lua.LValue) {
	v.begin()
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer v.end()
		v.runTask(what, f, nil, args...)
	}))
	if !posted {
		v.end()
		v.log(nil).Error("the lane is overloaded: a script's function was not called", "function", what)
	}
}

func (v *vm) runTask(what string, f *lua.LFunction, out *[]lua.LValue, args ...lua.LValue) *ScriptError {
	v.handlers.Add(1)
	err := v.invoke(nil, f, out, args...)
	if err != nil {
		v.report(nil, what, err)
	}
	return err
}

// log is the logger for what the VM does, with the request's identity inside handlers.
func (v *vm) log(req requestLog) *slog.Logger {
	if isNilRequest(req) {
		return v.gen.router.opts.Log
	}
	m := req.Message()
	return v.gen.router.opts.Log.With("call_id", string(m.CallID()), "method", string(m.MethodText()))
}
