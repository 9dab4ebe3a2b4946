package luabind

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// Building a VM and running the file in it.

// newVM creates a VM with its libraries; nothing of the script has run yet.
func newVM(g *generation, l *lane.Lane, background bool) *vm {
	v := &vm{gen: g, lane: l, background: background, loading: true, assigned: 1, clock: g.router.clock}
	v.main = lua.NewState(stateOptions())
	v.main.Options.RegistrySize = threadRegistry // of its threads: NewState takes no less than 128
	v.types, v.options = map[*ObjectType]*lua.LTable{}, map[reflect.Type][]optionField{}
	v.modules = map[string]lua.LValue{}
	v.events = map[string][]*lua.LFunction{}
	v.globals = map[string]bool{}
	v.frozen, v.watched = map[*lua.LTable]string{}, map[*lua.LTable]bool{}
	v.timers, v.sleepers = map[*delayed]struct{}{}, map[*sleeper]struct{}{}
	v.matcher.Breathe = v.matching
	v.random = newRandom(g.router.opts.Seed, l)
	v.openKinds()
	v.openLibraries()
	v.openSIP()
	v.freeze()
	v.strictGlobals()
	return v
}

// load runs the file. Errors are *ScriptErrors.
func (v *vm) load() error {
	v.gen.router.dog.add(v, v.gen.router.opts.loadBudgets())
	defer v.gen.router.dog.remove(v)
	if ctx := v.gen.loading; ctx != nil {
		defer context.AfterFunc(ctx, v.interrupt)()
		if ctx.Err() != nil {
			return fmt.Errorf("%s: the load was stopped: %w", v.gen.program.name, context.Cause(ctx))
		}
	}
	v.main.G.MainThread = v.main
	v.mem.limit = loadMemory * v.gen.router.opts.Memory
	v.mem.room = v.mem.limit
	if err := v.invoke(nil, v.main.NewFunctionFromProto(v.gen.program.main), nil); err != nil {
		if ctx := v.gen.loading; ctx != nil && ctx.Err() != nil {
			return fmt.Errorf("%s: the load was stopped: %w", v.gen.program.name, context.Cause(ctx))
		}
		return err
	}
	switch f := v.main.GetGlobal("route").(type) {
	case *lua.LFunction:
		if v.route == nil {
			v.route = f
		}
	case *lua.LNilType:
		if v.route == nil && !v.gen.router.opts.Library {
			return fmt.Errorf("%s: the script defines no function route(req); it must be a global function, not a local one", v.gen.program.name)
		}
	default:
		if v.route == nil { // otherwise an extension has set it
			return fmt.Errorf("%s: route must be a function, not %s", v.gen.program.name, describe(f))
		}
	}
	v.loading = false
	v.loaded()
	return nil
}

// interrupt ends the file's run at once. It may be called from any goroutine.
func (v *vm) interrupt() {
	if turn := v.watch.Load(); turn != 0 {
		v.stop.Store(turn)
		v.kill.Store(turn)
	}
}

// require is the script's require: "sip", a module, or a Lua file next to the script.
func (v *vm) require(l *lua.LState) int {
	name, ok := l.Get(1).(lua.LString)
	if !ok {
		raise(l, "require: the name must be a string, not %s", describe(l.Get(1)))
	}
	if m, ok := v.modules[string(name)]; ok {
		if m == nil {
			raise(l, "require: %q requires itself, directly or through others", string(name))
		}
		l.Push(m)
		return 1
	}
	if m := v.gen.byName[string(name)]; m != nil {
		t := v.bindModule(m)
		v.modules[string(name)] = t
		l.Push(t)
		return 1
	}
	if !v.loading {
		raise(l, "require: %q was not required while the file ran: move the require to the top of the file", string(name))
	}
	l.Push(v.requireFile(l, string(name)))
	return 1
}

// requireFile runs a Lua file once in this VM.
func (v *vm) requireFile(l *lua.LState, name string) lua.LValue {
	f, err := v.gen.program.require(name)
	if errors.Is(err, errNoFile) {
		raise(l, "require: there is no module %q and no file %s.lua next to the script%s; the modules are: %s", name,
			strings.ReplaceAll(name, ".", "/"), suggest(name, v.gen.moduleNames()), strings.Join(v.gen.moduleNames(), ", "))
	}
	if err != nil {
		raise(l, "require: %v", err)
	}
	v.modules[name] = nil // being loaded
	l.Push(l.NewFunctionFromProto(f.proto))
	l.Push(lua.LString(name))
	defer func() {
		if v.modules[name] == nil {
			delete(v.modules, name)
		}
	}()
	l.Call(1, 1)
	value := l.Get(-1)
	l.Pop(1)
	if value == lua.LNil {
		value = lua.LTrue
	}
	v.modules[name] = value
	return value
}

func (g *generation) moduleNames() []string {
	m := map[string]bool{"sip": true}
	for name := range g.byName {
		m[name] = true
	}
	return sortedKeys(m)
}

// bindModule makes a module's table. Its functions are fixed, and a name it hasn't raises.
func (v *vm) bindModule(m *openModule) *lua.LTable {
	fs := map[string]lua.LValue{}
	for _, f := range m.functions {
		if v.background && f.Where == AtLoad {
			f.Call = v.saying(f, m.name)
		}
		fs[f.Name] = v.bind(f, m.name+"."+f.Name, false)
	}
	return v.namespace(m.name, fs)
}

const noNewNames = "%s can't get new names; keep what is yours in a local"

// namespace makes a table of functions that a script can't add to, and that knows its names. A dot
// in a name makes a table within.
func (v *vm) namespace(name string, members map[string]lua.LValue) *lua.LTable {
	inner := map[string]map[string]lua.LValue{}
	t := v.main.NewTable()
	v.frozen[t] = name
	for k, m := range members {
		if first, rest, nested := strings.Cut(k, "."); nested {
			if inner[first] == nil {
				inner[first] = map[string]lua.LValue{}
			}
			inner[first][rest] = m
			continue
		}
		t.RawSetString(k, m)
	}
	for k, ms := range inner {
		t.RawSetString(k, v.namespace(name+"."+k, ms))
	}
	var known []string
	t.ForEach(func(k, _ lua.LValue) { known = append(known, k.String()) })
	slices.Sort(known)
	t.Metatable = v.metatable(func(l *lua.LState) int {
		key := l.Get(2).String()
		if slices.Contains(known, key) {
			raise(l, "%s.%s is gone: the script set it to nil", name, key)
		}
		raise(l, "%s has no function '%s'%s", name, key, suggest(key, known))
		return 0
	}, func(l *lua.LState) int {
		raise(l, noNewNames, name)
		return 0
	})
	return t
}

// strictGlobals makes a handler's assignment to a global that the file didn't declare an error,
// which names file and line.
func (v *vm) strictGlobals() {
	mt := v.main.NewTable()
	mt.RawSetString("__newindex", v.main.NewFunction(func(l *lua.LState) int {
		t, name := l.CheckTable(1), l.Get(2)
		if v.loading {
			v.globals[name.String()] = true
		} else if !v.loose && !v.globals[name.String()] {
			raise(l, "the global '%s' is not declared: write \"local %s = ...\", or keep it in req.vars or sip.shared", name.String(), name.String())
		}
		t.RawSet(name, l.Get(3))
		return 0
	}))
	mt.RawSetString("__index", v.main.NewFunction(v.globalIndex))
	mt.RawSetString("__metatable", lua.LFalse)
	v.main.G.Global.Metatable = mt
}

// serve is called when the generation goes into service: what the file set up starts, and the
// handlers of "start" are called.
func (v *vm) serve(why string) {
	starts := v.starts
	v.starts = nil
	if len(starts) == 0 && len(v.events["start"]) == 0 {
		return
	}
	v.begin()
	v.gen.router.starting.Add(int64(len(v.needed)))
	ok := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer v.end()
		for _, f := range v.events["start"] {
			if slices.Contains(v.needed, f) {
				v.needTask(f, why)
				continue
			}
			v.task("on start", f, lua.LString(why))
		}
		for _, f := range starts {
			if !v.over {
				f()
			}
		}
	}))
	if !ok {
		v.end()
		v.gen.router.starting.Add(-int64(len(v.needed)))
		v.log(nil).Error("the lane is overloaded: what the script tried to start was not started")
	}
}

// needTask calls a handler of start that the server waits for.
func (v *vm) needTask(f *lua.LFunction, why string) {
	v.begin()
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer v.end()
		defer v.gen.router.started()
		v.runTask("on start", f, nil, lua.LString(why))
	}))
	if !posted {
		v.end()
		v.gen.router.started()
		v.log(nil).Error("the lane is overloaded: a script's function was not called", "function", "on start")
	}
}

// leave is called when another generation serves.
func (g *generation) leave(why string) {
	if len(g.back.events["stop"]) > 0 {
		g.back.fire("stop", []any{why})
	}
}

func (v *vm) stopHandlers() bool { return len(v.events["stop"]) > 0 }

// runStop calls the handlers of "stop" and waits for them until ctx ends.
func (v *vm) runStop(ctx context.Context) error {
	done := make(chan struct{})
	posted := v.lane.Post(lane.Func(func(*lane.Lane) {
		defer close(done)
		for _, f := range v.events["stop"] {
			v.runTask("on stop", f, nil, lua.LString("shutdown"))
		}
	}))
	if !posted {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("luabind: the handlers of \"stop\" did not finish: %w", ctx.Err())
	}
}
