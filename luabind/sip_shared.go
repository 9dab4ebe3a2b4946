package luabind

import (
	"fmt"
	"math"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind/dict"
	lua "github.com/yuin/gopher-lua"
)

// sip.shared, the Lua side.

type sharedOptions struct {
	Redis    bool           `lua:"redis" default:"false" doc:"all servers with the same --redis have it in common: see redis_dictionary"`
	Stale    time.Duration  `lua:"stale" min:"2" max:"86400" default:"2" doc:"with redis: how old a value that was read may be while Redis is away"`
	Durable  bool           `lua:"durable" default:"false" doc:"survives the process, with --data: changes are on disk within 0.1 s. Only while the file loads"`
	Capacity int            `lua:"capacity" min:"1" max:"100000000" doc:"number of values kept; the least recently used is dropped first"`
	Bytes    int            `lua:"bytes" min:"1024" max:"268435456" doc:"approximate total size of values and keys in bytes"`
	TTL      *time.Duration `lua:"ttl" doc:"default time to live of a value in seconds; 0 for ever"`
}

// sipShared declares sip.shared.
func sipShared() Function {
	return Func2(Function{Name: "shared", Doc: "A dictionary that all lanes share and that survives reloads; the same name gives the same dictionary.",
		Raises: fmt.Sprintf("beyond %d dictionaries", dict.MaxDicts), Example: `local calls = sip.shared("calls", { capacity = 10000, ttl = 3600 })`},
		dictNameArg, OptionsArg(sharedOptions{}), returnsLua(ObjectOf, "").of(dictType).variant("redis", commonType), func(c *Call, name string, opts sharedOptions) lua.LValue {
			if d := c.commonDict(name, &opts); d != nil {
				return &lua.LUserData{Value: d, Metatable: c.vm.kinds.common}
			}
			ttl := time.Duration(0)
			if opts.TTL != nil {
				ttl = *opts.TTL
			}
			d := c.vm.gen.router.shared.Open(name, opts.Capacity, opts.Bytes, ttl, opts.TTL != nil)
			if d == nil {
				c.Raise("more than %d dictionaries; give values keys, not dictionaries", dict.MaxDicts)
			}
			if opts.Durable {
				c.vm.keepDict(c, d)
			}
			return &lua.LUserData{Value: d, Metatable: c.vm.kinds.dict}
		})
}

// keepDict has a dictionary survive the process.
func (v *vm) keepDict(c *Call, d *dict.Dict) {
	if !v.loading {
		c.Raise("a durable dictionary is opened while the file loads: its contents are read from disk")
	}
	err := v.gen.router.shared.Durable(d)
	if err == dict.ErrNoKeeper {
		if v.background { // once, not for each lane
			v.log(nil).Warn("a dictionary of the script is to be durable, and ends with the process: there is no --data", "list", d.Name)
		}
		return
	}
	if err != nil {
		c.Raise("%v", err)
	}
}

var dictNameArg = ArgOf(func(c *Call, n int) string {
	name, ok := c.l.Get(n).(lua.LString)
	if !ok || name == "" {
		raise(c.l, "sip.shared: the name must be a string, not %s", describe(c.l.Get(n)))
	}
	return string(name)
}, Param{Name: "name", Type: String})

// dictType declares dictionaries.
var dictType = &ObjectType{
	Name:    "dictionary",
	Doc:     "The result of sip.shared. Values are strings, numbers, booleans and plain tables, which are copied; each call is atomic across all lanes.",
	Example: "local calls = sip.shared(\"calls\")\nlocal n = calls:incr(req.from.uri.aor, 1, 0, 60)",
	Methods: dictMethods(),
	kind: &kind{
		variable: "dict",
		hint:     ": values are read with dict:get(key)",
		set: func(c *Call, _ any, _ string) bool {
			raise(c.l, "a shared dictionary is written with dict:set(key, value)")
			return true
		},
		text: func(_ *lua.LState, self any) string { return "sip.shared: " + self.(*dict.Dict).Name },
	},
}

func dictMethods() []Function {
	d, key := self[*dict.Dict](), keyArg
	store := func(name, doc string, w dict.When) Function {
		return Func4(Function{Name: name, Doc: doc, Raises: fmt.Sprintf("for nil, and a value larger than %d MiB", dict.MaxValue>>20),
			Example: fmt.Sprintf("local stored = sip.shared(\"calls\"):%s(\"alice\", 1, 60)", name)},
			d, key, valueArg, ttlArg, ReturnsBool("whether it was stored"), func(c *Call, d *dict.Dict, key string, value any, ttl time.Duration) bool {
				tooLarge(c, key, value)
				return d.Put(key, value, c.vm.clock.Now(), ttl, w)
			})
	}
	return []Function{
		Func3(Function{Name: "get", WaitsWith: "load",
			Doc: "The value of a key, or nil. With load, a missing key is filled with the result of load(key), which runs once at a time across all lanes: a value and, optionally, its ttl; " +
				"nil, err stores nothing.",
			Example: "local route = sip.shared(\"routes\"):get(\"alice\", function(key) return \"sip:\" .. key .. \"@192.0.2.7\", 60 end)"},
			d, key, loadArg, returnsSome(Result{Type: Any, OrNil: true}, Result{Name: "err", Type: String, OrNil: true, Doc: "of load"}), dictGet),
		store("set", "Stores a value.", dict.Always),
		store("add", "Stores a value if the key has none.", dict.IfAbsent),
		store("replace", "Stores a value if the key has one.", dict.IfPresent),
		Func4(Function{Name: "update",
			Doc: "Replaces a value by what fn(value) returns; nil removes the key. If another lane changes the key meanwhile, fn is called again with what it then holds. " +
				"Without ttl a key keeps its time.",
			Raises:  fmt.Sprintf("for a value larger than %d MiB, and where the key changed %d times meanwhile", dict.MaxValue>>20, mostUpdates),
			Example: "local list = sip.shared(\"queues\"):update(\"sales\", function(list)\n  list = list or {}\n  list[#list + 1] = req.call_id\n  return list\nend)"},
			d, key, functionArg("fn", "function(value)", "may not wait"), ttlArg, returnsSome(Result{Type: Any, OrNil: true, Doc: "the new value"}), dictUpdate),
		Func2(Function{Name: "delete", Doc: "Removes a key.", Example: `sip.shared("calls"):delete("alice")`}, d, key, ReturnsBool("whether there was one"),
			func(c *Call, d *dict.Dict, key string) bool { return d.Remove(key, c.vm.clock.Now()) }),
		Try5(Function{Name: "incr", Doc: "Adds to a number; a missing key starts at init. nil, err if the value is not a number.",
			Example: `local n = sip.shared("calls"):incr("alice", 1, 0, 60)`},
			d, key, NumberArg("by", "").Default(1, "1"), NumberArg("init", "").Default(0, "0"), ttlArg, ReturnsNumber("the new number"),
			func(c *Call, d *dict.Dict, key string, by, init float64, ttl time.Duration) (float64, error) {
				n, ok := d.Incr(key, by, init, c.vm.clock.Now(), ttl)
				if !ok {
					return 0, fmt.Errorf("the value of %q is not a number", key)
				}
				return n, nil
			}),
		Func2(Function{Name: "ttl", Doc: "The remaining lifetime of a key.", Example: `local left = sip.shared("calls"):ttl("alice")`}, d, key,
			returnsLua(Seconds, "math.huge for ever; nil if there is no such key").orNil(), dictTTL),
		Func1(Function{Name: "keys", Doc: "All keys, in no particular order.", Example: `local keys = sip.shared("calls"):keys()`}, d, ReturnsStrings(""),
			func(c *Call, d *dict.Dict) []string { return d.Keys(c.vm.clock.Now()) }),
		Do1(Function{Name: "flush", Doc: "Removes all keys.", Example: `sip.shared("calls"):flush()`}, d, func(_ *Call, d *dict.Dict) { d.Flush() }),
	}
}

var keyArg = ArgOf(func(c *Call, n int) string {
	key, ok := textOf(c.l.Get(n))
	if !ok {
		c.Raise("the key must be a string, not %s", describe(c.l.Get(n)))
	}
	return key
}, Param{Name: "key", Type: String, Or: []Type{Number, URIType}, Doc: "its text counts"})

var valueArg = ArgOf(func(c *Call, n int) any {
	value, err := toGo(c.l.Get(n))
	if err != nil {
		c.Raise("%v", err)
	}
	if value == nil {
		c.Raise("the value is nil; dict:delete(key) removes one")
	}
	return value
}, Param{Name: "value", Type: Any, Doc: "a string, number, boolean or plain table"})

// ttlArg is a number of seconds, 0 for ever, or the dictionary's default (below 0) if nothing is
// given.
var ttlArg = ArgOf(func(c *Call, n int) time.Duration {
	d, ok := seconds(c.l.Get(n))
	if !ok {
		c.Raise("ttl must be a number of seconds, not %s", describe(c.l.Get(n)))
	}
	return d
}, Param{Name: "ttl", Type: Seconds, Doc: "0 for ever"}).Default(-1, "the dictionary's")

var loadArg = functionArg("load", "function(key)", "returns value [, ttl], or nil, err; it may wait").Optional()

func (v *vm) pushValue(l *lua.LState, value any) int {
	lv, err := toLua(v, value)
	if err != nil {
		raise(l, "dict: %v", err)
	}
	l.Push(lv)
	return 1
}

// dictTTL is dict:ttl(key): the seconds left, math.huge for ever, nil for none.
func dictTTL(c *Call, d *dict.Dict, key string) lua.LValue {
	switch left, forever, present := d.Left(key, c.vm.clock.Now()); {
	case !present:
		return lua.LNil
	case forever:
		return lua.LNumber(math.MaxFloat64) // math.huge of this interpreter
	default:
		return lua.LNumber(left.Seconds())
	}
}

// dictGet is dict:get(key [, load]): the value or nil; with load, the result of load(key) fills a
// missing key.
func dictGet(c *Call, d *dict.Dict, key string, load *lua.LFunction) int {
	if load != nil {
		return c.vm.dictLoad(c.l, d, key, load)
	}
	value, ok := d.Get(key, c.vm.clock.Now())
	if !ok {
		return c.PushNil()
	}
	return c.vm.pushValue(c.l, value)
}

// mostUpdates is how often dict:update calls its function: each time but the last, another lane was
// faster.
const mostUpdates = 100

func dictUpdate(c *Call, d *dict.Dict, key string, f *lua.LFunction, ttl time.Duration) int {
	v := c.vm
	for range mostUpdates {
		value, held := d.Look(key, v.clock.Now())
		result, next := c.updated(key, f, value)
		if d.Replace(key, held, next, v.clock.Now(), ttl) {
			c.l.Push(result)
			return 1
		}
	}
	c.Raise("%q changed %d times meanwhile", key, mostUpdates)
	return 0
}

// updated is what the function of an update makes of a value, in Lua and in Go.
func (c *Call) updated(key string, f *lua.LFunction, value any) (result lua.LValue, next any) {
	l, v := c.l, c.vm
	old, err := toLua(v, value)
	if err != nil {
		c.Raise("%v", err)
	}
	waits, top := v.waits, l.GetTop()
	l.Push(f)
	l.Push(old)
	l.Call(1, 1)
	result = l.Get(top + 1)
	l.SetTop(top)
	if v.waits != waits {
		c.Raise("its function waited: do what waits before")
	}
	if next, err = toGo(result); err != nil {
		c.Raise("the result of its function: %v", err)
	}
	tooLarge(c, key, next)
	return result, next
}

// dictLoad fills a missing key, once at a time over all lanes.
func (v *vm) dictLoad(l *lua.LState, d *dict.Dict, key string, f *lua.LFunction) int {
	v.mustWait(l, "dict:get(key, load)")
	w := lane.NewWaiter()
	value, load, mine := d.Want(key, v.clock.Now(), v.current, func() { v.wake(w) })
	switch {
	case load == nil:
		return v.pushValue(l, value)
	case mine:
		return v.fill(l, d, key, load, f)
	case load.Owner == any(v.current):
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
	// The lane is overloaded: the waiter must not be lost. Ends when the lane takes it, or the
	// process stops.
	go func() {
		for v.gen.router.ctx.Err() == nil && !v.lane.Post(work) {
			time.Sleep(time.Millisecond)
		}
	}()
}

// fill has the load filled and pushes its outcome.
func (v *vm) fill(l *lua.LState, d *dict.Dict, key string, ld *dict.Load, f *lua.LFunction) int {
	v.runLoad(l, d, key, ld, f)
	return v.pushLoaded(l, ld)
}

// pushLoaded pushes the result of a finished load.
func (v *vm) pushLoaded(l *lua.LState, ld *dict.Load) int {
	if ld.Value == nil {
		return failText(l, ld.Err)
	}
	return v.pushValue(l, ld.Value)
}

// runLoad calls load(key) -> value [, ttl] | nil, err. However that ends, those who wait learn of
// it.
func (v *vm) runLoad(l *lua.LState, d *dict.Dict, key string, ld *dict.Load, f *lua.LFunction) {
	x := loaded{failure: "the load failed", ttl: -1}
	defer func() { d.Finish(key, ld, x.value, x.failure, v.clock.Now(), x.ttl) }()
	x.call(l, key, f)
}

// loaded is the outcome of a load.
type loaded struct {
	value   any
	failure string
	ttl     time.Duration
}

func (x *loaded) call(l *lua.LState, key string, f *lua.LFunction) {
	top := l.GetTop()
	l.Push(f)
	l.Push(lua.LString(key))
	l.Call(1, 2)
	result, extra := l.Get(top+1), l.Get(top+2)
	l.SetTop(top)
	if result == lua.LNil {
		x.failure = "nothing was loaded"
		if s, ok := extra.(lua.LString); ok {
			x.failure = string(s)
		}
		return
	}
	if extra != lua.LNil {
		ttl, ok := seconds(extra)
		if !ok {
			raise(l, "dict:get: the second result of load must be a ttl in seconds, not %s", describe(extra))
		}
		x.ttl = ttl
	}
	stored, err := toGo(result)
	if err != nil {
		x.failure = err.Error()
		raise(l, "dict:get: the result of load: %v", err)
	}
	tooLargeAt(l, "dict:get", key, stored)
	x.value = stored
}

// tooLarge raises an error for a value that is too large.
func tooLarge(c *Call, key string, value any) { tooLargeAt(c.l, c.fn.full, key, value) }

func tooLargeAt(l *lua.LState, method, key string, value any) {
	if dict.SizeOf(value)+int64(len(key)) > dict.MaxValue {
		raise(l, "%s: the value is larger than %d MiB", method, dict.MaxValue>>20)
	}
}
