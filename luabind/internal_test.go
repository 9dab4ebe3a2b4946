package luabind

import (
	"context"
	"log/slog"
	"runtime"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// newTestVM is a VM of its own, without an engine.
func newTestVM(t testing.TB, source string) *vm {
	t.Helper()
	clock := lane.NewSystem()
	l, back := lane.New(0, lane.Options{Clock: clock}), lane.New(1, lane.Options{Clock: clock})
	r, err := NewRouter(Options{Source: source, Name: "test.lua", Library: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.StartLanes([]*lane.Lane{l}, back, clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop(context.Background()); l.Stop(); back.Stop() })
	return r.slots[0].Load()
}

// value is what a source returns.
func value(t testing.TB, v *vm, source string) lua.LValue {
	t.Helper()
	proto, err := compile(source, "value")
	if err != nil {
		t.Fatal(err)
	}
	var out []lua.LValue
	if err := v.invoke(nil, v.main.NewFunctionFromProto(proto), &out); err != nil {
		t.Fatal(err)
	}
	return out[0]
}

type thing struct{ target engine.Target }

var thingType = &ObjectType{Name: "thing"}

func (*thing) ObjectType() *ObjectType  { return thingType }
func (x *thing) Target() *engine.Target { return &x.target }

// Trap 35: a binding as a table cost 3.25 µs and 7.2 kB, as userdata 0.94 µs and 3.1 kB.
func BenchmarkTargets(b *testing.B) {
	v := newTestVM(b, "")
	x := &thing{engine.Target{URI: "sip:b@10.0.0.9"}}
	for name, lv := range map[string]lua.LValue{
		"object": v.object(x),
		"text":   lua.LString("sip:b@10.0.0.9"),
		"uri":    value(b, v, `return sip.uri("sip:b@10.0.0.9")`),
		"table":  value(b, v, `return {uri = "sip:b@10.0.0.9", q = 0.5, timeout = 5}`),
		"list":   value(b, v, `return {"sip:a@10.0.0.9", "sip:b@10.0.0.9"}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.targets(lv); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	opts := value(b, v, `return {order = "serial", failover = {"5xx", 408}, timeout = 30, ring_timeout = 20}`).(*lua.LTable)
	b.Run("options", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.relayOptions(v.main, &reqObj{vm: v}, opts, "relay", false); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One object as a target costs the slice that is handed to the engine.
func TestTrap35ObjectTargetsAreCheap(t *testing.T) {
	v := newTestVM(t, "")
	lv := lua.LValue(v.object(&thing{}))
	if n := testing.AllocsPerRun(100, func() { v.targets(lv) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// A route that reads a few fields: the request's object, and two for each field of text.
func TestRouteAllocations(t *testing.T) {
	v := newTestVM(t, "f = function() local a = sip.args.x end")
	f := v.main.GetGlobal("f").(*lua.LFunction)
	if n := testing.AllocsPerRun(100, func() { v.invoke(nil, f, nil) }); n > 1 {
		t.Errorf("a call allocates %v times", n)
	}
}

// Trap 24: a thread with default options costs 104 kB.
func TestTrap24ThreadsAreSmall(t *testing.T) {
	v := newTestVM(t, "")
	var before, after runtime.MemStats
	const n = 1000
	keep := make([]*thread, n)
	runtime.ReadMemStats(&before)
	for i := range keep {
		keep[i] = v.thread()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / n; each > 12_000 {
		t.Errorf("a thread costs %d bytes", each)
	}
	runtime.KeepAlive(keep)
}

// Trap 22: memory that grows because the interpreter is never reset.
func TestTrap22MemoryDoesNotGrow(t *testing.T) {
	v := newTestVM(t, `
function ok(n) local t = {} for i = 1, 10 do t[i] = {i, tostring(i)} end return #t end
function fails() local t = {} t.x.y = 1 end
function caught() return pcall(fails) end
function deep(n) if n == 0 then return 0 end return 1 + deep(n - 1) end
function wide() return pcall(deep, 150) end`)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round := func(n int) {
		for range n {
			for _, name := range []string{"ok", "fails", "caught", "wide"} {
				v.invoke(nil, v.main.GetGlobal(name).(*lua.LFunction), nil)
			}
		}
	}
	round(500)
	before := heap()
	round(4_000)
	if after := heap(); after > before+512<<10 {
		t.Errorf("the heap grew from %d to %d kB", before>>10, after>>10)
	}
	if len(v.free) > maxIdleThreads || len(v.spare) > maxIdleThreads {
		t.Errorf("%d threads and %d states are kept", len(v.free), len(v.spare))
	}
}

// Trap 26: an error value can hold the VM alive. What leaves is text.
func TestTrap26ErrorsHoldNoVM(t *testing.T) {
	v := newTestVM(t, `function f() error(setmetatable({message = "m"}, {__tostring = function() return "T" end})) end`)
	err := v.invoke(nil, v.main.GetGlobal("f").(*lua.LFunction), nil)
	if err == nil || err.Text != "m" {
		t.Errorf("%v", err)
	}
}

// Trap 27: no Lua value may cross VMs. What modules and dictionaries get is Go's.
func TestTrap27ValuesAreCopied(t *testing.T) {
	v := newTestVM(t, "")
	x, err := toGo(value(t, v, `return {1, {a = "x"}, true}`))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(x any)
	walk = func(x any) {
		switch x := x.(type) {
		case string, float64, bool:
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			for _, e := range x {
				walk(e)
			}
		default:
			t.Errorf("%T", x)
		}
	}
	walk(x)
}

func TestRegistryOverflowIsAnError(t *testing.T) {
	v := newTestVM(t, `
function f(...) return 1 + f(...) end
function g() local t = {} for i = 1, 7999 do t[i] = i end return f(unpack(t)) end`)
	if err := v.invoke(nil, v.main.GetGlobal("g").(*lua.LFunction), nil); err == nil {
		t.Error("no error")
	}
	if x := value(t, v, "return 5"); x != lua.LNumber(5) {
		t.Error(x)
	}
}
