package luabind

import (
	"fmt"
	"math"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// sip.shared, the Lua side.

type sharedOptions struct {
	Capacity int            `lua:"capacity" min:"1" max:"100000000" doc:"values kept; the least recently used goes first"`
	Bytes    int            `lua:"bytes" min:"1024" max:"268435456" doc:"about how many bytes the values and keys may have together"`
	TTL      *time.Duration `lua:"ttl" doc:"seconds a value lives, unless said otherwise; 0 for ever"`
}

// sipShared is sip.shared(name [, {capacity=, ttl=}]) -> dict.
func (v *vm) sipShared(l *lua.LState) int {
	name, ok := l.Get(1).(lua.LString)
	if !ok || name == "" {
		raise(l, "sip.shared: the name must be a string, not %s", describe(l.Get(1)))
	}
	var opts sharedOptions
	switch t := l.Get(2).(type) {
	case *lua.LNilType:
	case *lua.LTable:
		if err := decodeTable(v, t, &opts); err != nil {
			raise(l, "sip.shared: %v", err)
		}
	default:
		raise(l, "sip.shared: argument 2 must be a table of options, not %s", describe(t))
	}
	ttl := time.Duration(0)
	if opts.TTL != nil {
		ttl = *opts.TTL
	}
	d := v.gen.router.shared.open(string(name), opts.Capacity, opts.Bytes, ttl, opts.TTL != nil)
	if d == nil {
		raise(l, "sip.shared: more than %d dictionaries; give values keys, not dictionaries", maxDicts)
	}
	l.Push(&lua.LUserData{Value: d, Metatable: v.kinds.dict})
	return 1
}

func (v *vm) dictMetatable() *lua.LTable {
	methods := v.functions(map[string]lua.LGFunction{
		"get": v.dictGet, "set": v.dictSet(always, "set"), "add": v.dictSet(ifAbsent, "add"), "replace": v.dictSet(ifPresent, "replace"),
		"delete": v.dictDelete, "incr": v.dictIncr, "ttl": v.dictTTL, "keys": v.dictKeys, "flush": v.dictFlush,
	})
	mt := v.metatable(func(l *lua.LState) int {
		name, _ := l.Get(2).(lua.LString)
		f := methods[string(name)]
		if f == nil {
			raise(l, "a shared dictionary has no field '%s'%s: values are read with dict:get(key)", l.Get(2).String(),
				suggest(string(name), sortedKeys(methods)))
		}
		l.Push(f)
		return 1
	}, func(l *lua.LState) int {
		raise(l, "a shared dictionary is written with dict:set(key, value)")
		return 0
	})
	mt.RawSetString("__tostring", v.main.NewFunction(func(l *lua.LState) int {
		l.Push(lua.LString("sip.shared: " + l.Get(1).(*lua.LUserData).Value.(*dict).name))
		return 1
	}))
	return mt
}

// dictArgs are the dictionary and the key.
func dictArgs(l *lua.LState, method string) (*dict, string) {
	d := dictArg(l, method)
	key, ok := textOf(l.Get(2))
	if !ok {
		raise(l, "dict:%s: the key must be a string, not %s", method, describe(l.Get(2)))
	}
	return d, key
}

func dictArg(l *lua.LState, method string) *dict {
	if ud, ok := l.Get(1).(*lua.LUserData); ok {
		if d, ok := ud.Value.(*dict); ok {
			return d
		}
	}
	raise(l, "dict:%s: a dictionary of sip.shared is expected before the ':', not %s", method, describe(l.Get(1)))
	return nil
}

// ttlArg is a number of seconds, 0 for ever, or the dictionary's default (below 0) where nothing is given.
func ttlArg(l *lua.LState, n int, method string) time.Duration {
	if l.Get(n) == lua.LNil {
		return -1
	}
	d, ok := seconds(l.Get(n))
	if !ok {
		raise(l, "dict:%s: ttl must be a number of seconds, not %s", method, describe(l.Get(n)))
	}
	return d
}

func (v *vm) pushValue(l *lua.LState, value any) int {
	lv, err := toLua(v, value)
	if err != nil {
		raise(l, "dict: %v", err)
	}
	l.Push(lv)
	return 1
}

// dictSet is dict:set, add or replace(key, value [, ttl]): whether it stored.
func (v *vm) dictSet(w when, method string) lua.LGFunction {
	return func(l *lua.LState) int {
		d, key := dictArgs(l, method)
		value, err := toGo(l.Get(3))
		if err != nil {
			raise(l, "dict:%s: %v", method, err)
		}
		if value == nil {
			raise(l, "dict:%s: the value is nil; dict:delete(key) removes one", method)
		}
		tooLarge(l, "dict:"+method, key, value)
		l.Push(lua.LBool(d.put(key, value, v.clock.Now(), ttlArg(l, 4, method), w)))
		return 1
	}
}

// dictDelete is dict:delete(key): whether there was one.
func (v *vm) dictDelete(l *lua.LState) int {
	d, key := dictArgs(l, "delete")
	l.Push(lua.LBool(d.remove(key, v.clock.Now())))
	return 1
}

// dictIncr is dict:incr(key [, by [, init [, ttl]]]): the new number, or nil, err where the value is no number.
func (v *vm) dictIncr(l *lua.LState) int {
	d, key := dictArgs(l, "incr")
	number := func(n int, what string, def float64) float64 {
		switch x := l.Get(n).(type) {
		case *lua.LNilType:
			return def
		case lua.LNumber:
			return float64(x)
		}
		raise(l, "dict:incr: %s must be a number, not %s", what, describe(l.Get(n)))
		return 0
	}
	n, ok := d.incr(key, number(3, "by", 1), number(4, "init", 0), v.clock.Now(), ttlArg(l, 5, "incr"))
	if !ok {
		return failText(l, fmt.Sprintf("the value of %q is not a number", key))
	}
	l.Push(lua.LNumber(n))
	return 1
}

// dictTTL is dict:ttl(key): the seconds left, math.huge for ever, nil for none.
func (v *vm) dictTTL(l *lua.LState) int {
	d, key := dictArgs(l, "ttl")
	switch left, forever, present := d.left(key, v.clock.Now()); {
	case !present:
		l.Push(lua.LNil)
	case forever:
		l.Push(lua.LNumber(math.MaxFloat64)) // math.huge of this interpreter
	default:
		l.Push(lua.LNumber(left.Seconds()))
	}
	return 1
}

// dictKeys is dict:keys(): a list in no order.
func (v *vm) dictKeys(l *lua.LState) int {
	t := l.NewTable()
	for _, key := range dictArg(l, "keys").keys(v.clock.Now()) {
		t.Append(lua.LString(key))
	}
	l.Push(t)
	return 1
}

func (v *vm) dictFlush(l *lua.LState) int {
	dictArg(l, "flush").flush()
	return 0
}

// dictGet is dict:get(key [, load]): the value or nil; with load, what load(key) returns fills a missing key.
func (v *vm) dictGet(l *lua.LState) int {
	d, key := dictArgs(l, "get")
	switch f := l.Get(3).(type) {
	case *lua.LNilType:
		value, ok := d.get(key, v.clock.Now())
		if !ok {
			l.Push(lua.LNil)
			return 1
		}
		return v.pushValue(l, value)
	case *lua.LFunction:
		return v.dictLoad(l, d, key, f)
	}
	raise(l, "dict:get: argument 2 must be a function, not %s", describe(l.Get(3)))
	return 0
}

// dictLoad fills a missing key, once at a time over all lanes.
func (v *vm) dictLoad(l *lua.LState, d *dict, key string, f *lua.LFunction) int {
	v.mustWait(l, "dict:get(key, load)")
	w := lane.NewWaiter()
	value, load, mine := d.want(key, v.clock.Now(), v.current, func() { v.wake(w) })
	switch {
	case load == nil:
		return v.pushValue(l, value)
	case mine:
		return v.fill(l, d, key, load, f)
	case load.owner == any(v.current):
		raise(l, "dict:get: the load of %q asks for that key itself", key)
	}
	v.park(w)
	return v.pushLoaded(l, load)
}

// wake wakes a waiter of this VM's lane from any goroutine.
func (v *vm) wake(w *lane.Waiter) {
	work := lane.Func(func(l *lane.Lane) { l.Wake(w) })
	if v.lane.Post(work) {
		return
	}
	go func() { // the lane is overloaded: the waiter must not be lost. Ends when the lane takes it, or the process stops.
		for v.gen.router.ctx.Err() == nil && !v.lane.Post(work) {
			time.Sleep(time.Millisecond)
		}
	}()
}

// fill has the load filled and pushes its outcome.
func (v *vm) fill(l *lua.LState, d *dict, key string, ld *load, f *lua.LFunction) int {
	v.runLoad(l, d, key, ld, f)
	return v.pushLoaded(l, ld)
}

// pushLoaded pushes what a finished load brought.
func (v *vm) pushLoaded(l *lua.LState, ld *load) int {
	if ld.value == nil {
		return failText(l, ld.err)
	}
	return v.pushValue(l, ld.value)
}

// runLoad calls load(key) -> value [, ttl] | nil, err. However that ends, those who wait learn of it.
func (v *vm) runLoad(l *lua.LState, d *dict, key string, ld *load, f *lua.LFunction) {
	var value any
	failure, ttl := "the load failed", time.Duration(-1)
	defer func() { d.finish(key, ld, value, failure, v.clock.Now(), ttl) }()
	top := l.GetTop()
	l.Push(f)
	l.Push(lua.LString(key))
	l.Call(1, 2)
	result, extra := l.Get(top+1), l.Get(top+2)
	l.SetTop(top)
	if result == lua.LNil {
		failure = "nothing was loaded"
		if s, ok := extra.(lua.LString); ok {
			failure = string(s)
		}
		return
	}
	if extra != lua.LNil {
		x, ok := seconds(extra)
		if !ok {
			raise(l, "dict:get: the second result of load must be a ttl in seconds, not %s", describe(extra))
		}
		ttl = x
	}
	stored, err := toGo(result)
	if err != nil {
		failure = err.Error()
		raise(l, "dict:get: the result of load: %v", err)
	}
	tooLarge(l, "dict:get", key, stored)
	value = stored
}

// tooLarge raises where a value is.
func tooLarge(l *lua.LState, method, key string, value any) {
	if sizeOf(value)+int64(len(key)) > maxValue {
		raise(l, "%s: the value is larger than %d MiB", method, maxValue>>20)
	}
}
