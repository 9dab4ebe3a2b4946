package luabind

import (
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"

	"github.com/sipscript/sipscript/engine/lane"
	lua "github.com/yuin/gopher-lua"
)

// math and table, and the random numbers of a VM.

// randomSource is the VM's own; it belongs to the lane.
type randomSource struct {
	r      *mathrand.Rand
	seeded bool // by Options.Seed: everything random is the same in each run
}

func newRandom(seed uint64, l *lane.Lane) *randomSource {
	var key [32]byte
	if seed == 0 {
		rand.Read(key[:])
	} else {
		binary.LittleEndian.PutUint64(key[:], seed)
		if l != nil {
			binary.LittleEndian.PutUint64(key[8:], uint64(l.ID())+1)
		}
	}
	return &randomSource{r: mathrand.New(mathrand.NewChaCha8(key)), seeded: seed != 0}
}

// read fills b with bytes nobody can guess, or, in a simulation, with the same ones each time.
func (s *randomSource) read(b []byte) {
	if !s.seeded {
		rand.Read(b)
		return
	}
	for i := range b {
		b[i] = byte(s.r.Uint32())
	}
}

func (v *vm) openMath() {
	l := v.main
	l.Push(l.NewFunction(lua.OpenMath))
	l.Call(0, 1)
	lib := l.Get(-1).(*lua.LTable)
	l.Pop(1)
	lib.ForEach(func(name, f lua.LValue) {
		if f, ok := f.(*lua.LFunction); ok {
			lib.RawSet(name, l.NewFunction(readsNumbers(f.GFunction)))
		}
	})
	// As Lua 5.1 has it; the interpreter's is the operator %
	lib.RawSetString("mod", lib.RawGetString("fmod"))
	lib.RawSetString("randomseed", l.NewFunction(func(l *lua.LState) int {
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], uint64(int64(intArg(l, 1))))
		v.random.r = mathrand.New(mathrand.NewChaCha8(key))
		return 0
	}))
	lib.RawSetString("random", l.NewFunction(func(l *lua.LState) int {
		if l.GetTop() == 0 {
			l.Push(lua.LNumber(v.random.r.Float64()))
			return 1
		}
		lo, hi := int64(1), int64(intArg(l, 1))
		if l.GetTop() > 1 {
			lo, hi = hi, int64(intArg(l, 2))
		}
		if lo > hi || hi-lo+1 <= 0 { // more whole numbers than exist
			raise(l, "math.random: the range from %d to %d is empty", lo, hi)
		}
		l.Push(lua.LNumber(lo + v.random.r.Int64N(hi-lo+1)))
		return 1
	}))
	hastenMath(lib)
}

func (v *vm) openTable() {
	l := v.main
	l.Push(l.NewFunction(lua.OpenTable))
	l.Call(0, 1)
	lib := l.Get(-1).(*lua.LTable)
	l.Pop(1)
	lib.RawSetString("concat", l.NewFunction(tableConcat))
	lib.RawSetString("unpack", l.NewFunction(baseUnpack))
	lib.RawSetString("insert", l.NewFunction(v.tableInsert(lib.RawGetString("insert").(*lua.LFunction).GFunction)))
	lib.RawSetString("sort", l.NewFunction(v.tableSort(lib.RawGetString("sort").(*lua.LFunction).GFunction)))
	hastenTable(lib)
}

// tableConcat is table.concat, its result bounded.
func tableConcat(l *lua.LState) int {
	t := l.CheckTable(1)
	sep, ok := textOf(l.Get(2))
	if !ok && l.Get(2) != lua.LNil {
		raise(l, "table.concat: the separator must be a string, not %s", describe(l.Get(2)))
	}
	from, to := optIntArg(l, 3, 1), optIntArg(l, 4, t.Len())
	var b []byte
	for i := from; i <= to; i++ {
		s, ok := textOf(t.RawGetInt(i))
		if !ok {
			raise(l, "table.concat: item %d is %s, not text", i, describe(t.RawGetInt(i)))
		}
		b = append(b, s...)
		if i != to {
			b = append(b, sep...)
		}
		tooLong(l, "table.concat", len(b))
	}
	spends(l, len(b))
	l.Push(lua.LString(b))
	return 1
}

// shortList is how long a list is that is sorted here. The interpreter sorts it in the same way.
const shortList = 12

// tableSort is table.sort(list [, less]).
func (v *vm) tableSort(sort lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		t, ok := l.Get(1).(*lua.LTable)
		less, ok2 := l.Get(2).(*lua.LFunction)
		if !ok || !ok2 || len(insideOf(t).array) > shortList {
			return sort(l)
		}
		list := insideOf(t).array
		for i := 1; i < len(list); i++ {
			for j := i; j > 0 && !falsy(v.call2(l, less, list[j], list[j-1])); j-- {
				list[j], list[j-1] = list[j-1], list[j]
			}
		}
		return 0
	}
}

// tableInsert is table.insert(t, [place,] value).
func (v *vm) tableInsert(insert lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		if t, ok := l.Get(1).(*lua.LTable); ok {
			v.mayAssign(l, t, lua.LString("insert"))
			place := lua.LValue(lua.LNumber(len(insideOf(t).array) + 1))
			if l.GetTop() > 2 {
				place = l.Get(2)
			}
			v.grows(l, t, place)
		}
		return insert(l)
	}
}

// rawSet is rawset(t, key, value).
func (v *vm) rawSet(set lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		if t, ok := l.Get(1).(*lua.LTable); ok {
			v.mayAssign(l, t, l.Get(2))
			v.grows(l, t, l.Get(2))
		}
		return set(l)
	}
}

// maxText bounds the text that one library call makes. Joining with ".." is bounded by the budget.
const maxText = 16 << 20

func tooLong(l *lua.LState, function string, n int) {
	if n > maxText || n < 0 {
		raise(l, "%s: the result would be longer than %d MB", function, maxText>>20)
	}
}
