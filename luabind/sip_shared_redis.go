package luabind

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind/dict"
	lua "github.com/yuin/gopher-lua"
)

// Dictionaries of sip.shared that several servers have in common.

// commonDict is the dictionary of sip.shared(name, { redis = true }), or one that the script has
// opened so before; nil for one of this process.
func (c *Call) commonDict(name string, o *sharedOptions) *dict.Common {
	g := c.vm.gen
	if !o.Redis {
		if o.Stale != 0 {
			c.Raise("stale belongs to redis = true")
		}
		if d, ok := g.common.Load(name); ok {
			return d.(*dict.Common)
		}
		return nil
	}
	if o.Durable {
		c.Raise("redis and durable exclude each other: Redis keeps the dictionary")
	}
	d, err := g.router.shared.Common(name, dict.RemoteOptions{Capacity: o.Capacity, Bytes: o.Bytes, TTL: o.TTL, Stale: o.Stale})
	if err == nil {
		g.common.Store(name, d)
		return d
	}
	if !errors.Is(err, dict.ErrNoShared) {
		c.Raise("%v; give values keys, not dictionaries", err)
	}
	if c.vm.background && c.vm.loading { // once, not for each lane
		c.vm.log(nil).Warn("a dictionary of the script is to be shared by servers, and this process has it alone: there is no --redis", "list", name)
	}
	return nil
}

// commonType declares dictionaries that servers have in common.
var commonType = &ObjectType{
	Name: "redis_dictionary",
	Doc: "The result of sip.shared with redis = true: a dictionary that all servers with the same --redis have in common. Each call is atomic across all of them, " +
		"and waits. get returns a value that was read before without asking Redis, unless it was changed since; such a value is at most 2 s old, or as old as stale says while " +
		"Redis is away. While Redis is away everything else returns nil, err; after an error of what changes something it is not known whether the change was made.",
	Example: "local calls = sip.shared(\"calls\", { redis = true })\nlocal n, err = calls:incr(req.from.uri.aor, 1, 0, 60)",
	Methods: commonMethods(),
	kind: &kind{
		variable: "dict",
		hint:     dictType.kind.hint,
		set:      dictType.kind.set,
		text:     func(_ *lua.LState, self any) string { return "sip.shared: " + self.(*dict.Common).Name },
	},
}

// do does something with a dictionary, with the lane lent.
func (c *Call) do(d *dict.Common, op *dict.Op) (err error) {
	c.Await(func(ctx context.Context) { err = d.Do(ctx, op) })
	return err
}

func commonMethods() []Function {
	d, key := self[*dict.Common](), keyArg
	const open = `sip.shared("calls", { redis = true })`
	store := func(name, doc string, w dict.When) Function {
		return Try4(Function{Name: name, Waits: true, Doc: doc, Raises: fmt.Sprintf("for nil, and a value larger than %d MiB", dict.MaxValue>>20),
			Example: fmt.Sprintf("local stored, err = %s:%s(\"alice\", 1, 60)", open, name)},
			d, key, valueArg, ttlArg, ReturnsBool("whether it was stored"), func(c *Call, d *dict.Common, key string, value any, ttl time.Duration) (bool, error) {
				tooLarge(c, key, value)
				op := dict.Op{Kind: dict.OpPut, Key: key, Value: value, TTL: ttl, When: w}
				err := c.do(d, &op)
				return op.Done, err
			})
	}
	return []Function{
		Func3(Function{Name: "get", Waits: true,
			Doc: "The value of a key, or nil. With load, a missing key is filled with the result of load(key), which runs once at a time in each server: a value and, optionally, " +
				"its ttl; nil, err stores nothing.",
			Example: "local route, err = sip.shared(\"routes\", { redis = true }):get(\"alice\", function(key) return \"sip:\" .. key .. \"@192.0.2.7\", 60 end)"},
			d, key, loadArg, returnsSome(Result{Type: Any, OrNil: true}, Result{Name: "err", Type: String, OrNil: true, Doc: "of Redis or of load"}), commonGet),
		store("set", "Stores a value.", dict.Always),
		store("add", "Stores a value if the key has none.", dict.IfAbsent),
		store("replace", "Stores a value if the key has one.", dict.IfPresent),
		Func4(Function{Name: "update", Waits: true,
			Doc: "Replaces a value by what fn(value) returns; nil removes the key. If the key was changed since, fn is called again with what it then holds. " +
				"Without ttl a key keeps its time.",
			Raises:  fmt.Sprintf("for a value larger than %d MiB", dict.MaxValue>>20),
			Example: "local list, err = sip.shared(\"queues\", { redis = true }):update(\"sales\", function(list)\n  list = list or {}\n  list[#list + 1] = req.call_id\n  return list\nend)"},
			d, key, functionArg("fn", "function(value)", "may not wait"), ttlArg, returnsSome(Result{Type: Any, OrNil: true, Doc: "the new value"}, failure), commonUpdate),
		Try2(Function{Name: "delete", Waits: true, Doc: "Removes a key.", Example: open + `:delete("alice")`}, d, key, ReturnsBool("whether there was one"),
			func(c *Call, d *dict.Common, key string) (bool, error) {
				op := dict.Op{Kind: dict.OpRemove, Key: key}
				err := c.do(d, &op)
				return op.Done, err
			}),
		Try5(Function{Name: "incr", Waits: true, Doc: "Adds to a number; a missing key starts at init. nil, err also if the value is not a number.",
			Example: "local n, err = " + open + `:incr("alice", 1, 0, 60)`},
			d, key, NumberArg("by", "").Default(1, "1"), NumberArg("init", "").Default(0, "0"), ttlArg, ReturnsNumber("the new number"), commonIncr),
		Try2(Function{Name: "ttl", Waits: true, Doc: "The remaining lifetime of a key.", Example: "local left, err = " + open + `:ttl("alice")`}, d, key,
			returnsLua(Seconds, "math.huge for ever; nil if there is no such key").orNil(), commonTTL),
		Try1(Function{Name: "keys", Waits: true, Doc: "All keys, in no particular order. A key that is set or removed meanwhile may be missing or listed.",
			Example: "local keys, err = " + open + `:keys()`}, d, ReturnsStrings(""),
			func(c *Call, d *dict.Common) ([]string, error) {
				op := dict.Op{Kind: dict.OpKeys}
				err := c.do(d, &op)
				return op.Keys, err
			}),
		Act1(Function{Name: "flush", Waits: true, Doc: "Removes all keys, some at a time.", Example: open + `:flush()`}, d,
			func(c *Call, d *dict.Common) error { return c.do(d, &dict.Op{Kind: dict.OpFlush}) }),
	}
}

func commonIncr(c *Call, d *dict.Common, key string, by, init float64, ttl time.Duration) (float64, error) {
	op := dict.Op{Kind: dict.OpIncr, Key: key, By: by, Init: init, TTL: ttl}
	if err := c.do(d, &op); err != nil {
		return 0, err
	}
	if !op.Done {
		return 0, fmt.Errorf("the value of %q is not a number", key)
	}
	return op.Number, nil
}

func commonTTL(c *Call, d *dict.Common, key string) (lua.LValue, error) {
	op := dict.Op{Kind: dict.OpLeft, Key: key}
	err := c.do(d, &op)
	switch {
	case err != nil || !op.Done:
		return lua.LNil, err
	case op.Forever:
		return lua.LNumber(math.MaxFloat64), nil // math.huge of this interpreter
	}
	return lua.LNumber(op.Left.Seconds()), nil
}

// find is the value of a key, nil for none.
func (c *Call) find(d *dict.Common, key string) (any, error) {
	if value, known := d.Peek(key); known {
		return value, nil
	}
	op := dict.Op{Kind: dict.OpGet, Key: key}
	err := c.do(d, &op)
	return op.Value, err
}

// commonGet is dict:get(key [, load]).
func commonGet(c *Call, d *dict.Common, key string, load *lua.LFunction) int {
	c.mustWait() // whether it has to, or not
	value, err := c.find(d, key)
	switch {
	case err != nil:
		return c.Fail(err)
	case value != nil:
		return c.vm.pushValue(c.l, value)
	case load == nil:
		return c.PushNil()
	}
	w := lane.NewWaiter()
	v := c.vm
	ld, mine := d.Want(key, v.current, func() { v.wake(w) })
	switch {
	case mine:
		c.fillCommon(d, key, ld, load)
	case ld.Owner == any(v.current):
		c.Raise("the load of %q asks for that key itself", key)
	default:
		v.park(w)
	}
	return v.pushLoaded(c.l, ld)
}

// fillCommon calls load and stores its result, unless somebody has stored another: that is newer.
// However it ends, those who wait learn of it.
func (c *Call) fillCommon(d *dict.Common, key string, ld *dict.Load, load *lua.LFunction) {
	x := loaded{failure: "the load failed", ttl: -1}
	defer func() { d.Finish(key, ld, x.value, x.failure) }()
	x.call(c.l, key, load)
	if x.value == nil {
		return
	}
	mine := x.value
	x.value = nil
	op := dict.Op{Kind: dict.OpPut, Key: key, Value: mine, TTL: x.ttl, When: dict.IfAbsent}
	if err := c.do(d, &op); err != nil {
		x.failure = err.Error()
		return
	}
	if !op.Done {
		theirs, err := c.find(d, key)
		if err != nil {
			x.failure = err.Error()
			return
		}
		if theirs != nil {
			mine = theirs
		}
	}
	x.value = mine
}

func commonUpdate(c *Call, d *dict.Common, key string, f *lua.LFunction, ttl time.Duration) int {
	c.mustWait()
	value, err := c.find(d, key)
	if err != nil {
		return c.Fail(err)
	}
	held := ""
	if value != nil {
		held = dict.Encode(value)
	}
	for range mostUpdates {
		result, next := c.updated(key, f, value)
		op := dict.Op{Kind: dict.OpSwap, Key: key, Value: next, Held: held, TTL: ttl}
		if err := c.do(d, &op); err != nil {
			return c.Fail(err)
		}
		if op.Done {
			c.l.Push(result)
			return 1
		}
		value, held = op.Value, op.Held
	}
	return c.Fail(fmt.Errorf("%q changed %d times meanwhile", key, mostUpdates))
}
