package luabind

import (
	"math"
	"strconv"

	"github.com/sipscript/sipscript/luabind/pattern"
	lua "github.com/yuin/gopher-lua"
)

// Tables in the executor. The interpreter keeps the order of a table's keys in keys, and where each
// is in k2i. The executor fills keys alone as long as no key was removed: k2i is made when it is
// needed (index). Whoever has the interpreter put something into a script's table calls index
// first.

// field is the value of a table under a text. nil: the interpreter must look (at the metatable).
func (v *vm) field(t *table, key string) lua.LValue {
	if isNil(t.metatable) {
		if x, ok := t.strdict[key]; ok {
			return x
		}
		return lua.LNil
	}
	x := v.lookUp(t, key)
	if x == nil && (t.metatable == lua.LValue(v.kinds.plain) || t.metatable == lua.LValue(v.kinds.watched)) { // there is nothing more to look at
		return lua.LNil
	}
	return x
}

// index is the value of a table under a key, or nil where the interpreter must look.
func (v *vm) index(obj, key lua.LValue) lua.LValue {
	x, ok := obj.(*lua.LTable)
	if !ok {
		return nil
	}
	t := insideOf(x)
	switch key := key.(type) {
	case lua.LNumber:
		i := int(key)
		if lua.LNumber(i) != key || i <= 0 || i >= lua.MaxArrayIndex {
			return nil
		}
		if i <= len(t.array) {
			if x := t.array[i-1]; !isNil(x) {
				return x
			}
		}
	case lua.LString:
		if x, ok := t.strdict[string(key)]; ok {
			return x
		}
	default:
		return nil
	}
	if isNil(t.metatable) {
		return lua.LNil
	}
	return nil
}

// method is what obj:name is, or nil where the interpreter must look.
func (v *vm) method(obj lua.LValue, name string) lua.LValue {
	switch x := obj.(type) {
	case lua.LString:
		return v.lookUp(insideOf(v.kinds.text), name)
	case *lua.LTable:
		if f, ok := insideOf(x).strdict[name]; ok {
			return f
		}
	case *lua.LUserData:
		if k := boundTo(x); k != nil {
			if f := k.members[name].method; f != nil {
				return f
			}
		}
	}
	return nil
}

// assign sets t[key], unless the interpreter must.
func (v *vm) assign(l *lua.LState, t *table, key, value lua.LValue) bool {
	switch k := key.(type) {
	case lua.LNumber:
		i := int(k)
		if !isNil(t.metatable) || lua.LNumber(i) != k || i < 1 || i > len(t.array)+1 || i >= lua.MaxArrayIndex {
			return false
		}
		if i <= len(t.array) {
			t.array[i-1] = value
			return true
		}
		if isNil(value) {
			return false
		}
		if len(t.array) == cap(t.array) {
			v.spend(l, 2*valueSize*(cap(t.array)+2))
			array := make([]lua.LValue, len(t.array), max(4, 2*cap(t.array)))
			copy(array, t.array)
			t.array = array
		}
		t.array = append(t.array, value)
		return true
	case lua.LString:
		return v.assignText(l, t, key, value)
	}
	return false
}

// assignText is assign for a key that is a text.
func (v *vm) assignText(l *lua.LState, t *table, key, value lua.LValue) bool {
	if !isNil(t.metatable) || isNil(value) {
		return false
	}
	if t.strdict == nil {
		t.strdict = map[string]lua.LValue{}
	}
	before := len(t.strdict)
	t.strdict[text(key)] = value
	if len(t.strdict) == before {
		return true
	}
	v.spend(l, entrySize)
	if t.k2i == nil && len(t.keys) == before+len(t.dict) {
		t.keys = append(t.keys, key)
		return true
	}
	t.index()
	if _, ok := t.k2i[key]; !ok {
		t.k2i[key] = len(t.keys)
		t.keys = append(t.keys, key)
	}
	return true
}

// index makes k2i, if it is not there.
func (t *table) index() {
	if t.k2i != nil || t.keys == nil && len(t.strdict) == 0 {
		return
	}
	t.k2i = make(map[lua.LValue]int, len(t.keys)+1)
	for i, k := range t.keys {
		t.k2i[k] = i
	}
	if t.keys == nil {
		t.keys = []lua.LValue{}
	}
}

// newTable is a table with room for so many values in a list, and so many under names.
func newTable(list, names int) *lua.LTable {
	x := &lua.LTable{Metatable: lua.LNil}
	t := insideOf(x)
	if list > 0 {
		t.array = make([]lua.LValue, 0, list)
	}
	if names > 0 {
		t.strdict = make(map[string]lua.LValue, names)
		t.keys = make([]lua.LValue, 0, names)
	}
	return x
}

// next is the key after one in a table's order, and its value; nil at the end. ok is whether the
// key is in the table.
func (v *vm) next(x *lua.LTable, key lua.LValue) (k, value lua.LValue, ok bool) {
	t := insideOf(x)
	i := 0 // in keys
	switch n, isNumber := key.(lua.LNumber); {
	case isNil(key), isNumber && n >= 1 && n <= lua.LNumber(len(t.array)) && n == lua.LNumber(math.Trunc(float64(n))):
		for at := int(n); at < len(t.array); at++ {
			if x := t.array[at]; !isNil(x) {
				return v.boxes.number(lua.LNumber(at + 1)), x, true
			}
		}
	default:
		if i = v.place(t, key); i < 0 {
			return lua.LNil, lua.LNil, false
		}
		i++
	}
	for ; i < len(t.keys); i++ {
		if x := x.RawGetH(t.keys[i]); !isNil(x) {
			v.walked.table, v.walked.at = t, i
			return t.keys[i], x, true
		}
	}
	v.walked.table = nil
	return lua.LNil, lua.LNil, true
}

// place is where a key is in the order, or -1.
func (v *vm) place(t *table, key lua.LValue) int {
	if w := &v.walked; w.table == t && w.at < len(t.keys) && t.keys[w.at] == key {
		return w.at
	}
	t.index()
	if i, ok := t.k2i[key]; ok {
		return i
	}
	return -1
}

// walked is where next has been last.
type walked struct {
	table *table
	at    int
}

// iterate does a step of a loop over next or ipairs: regs are the function, its two arguments and
// the results, of which n are wanted.
func (v *vm) iterate(l *lua.LState, regs []lua.LValue, n int) bool {
	f, ok := regs[0].(*lua.LFunction)
	if !ok {
		return false
	}
	x, ok := regs[1].(*lua.LTable)
	if !ok || n > 2 {
		return v.iterateMatches(l, f, regs, n)
	}
	k, value := lua.LNil, lua.LNil
	switch f {
	case v.kinds.next:
		if k, value, ok = v.next(x, regs[2]); !ok {
			return false
		}
	case v.kinds.ipairs:
		i, ok := regs[2].(lua.LNumber)
		if !ok {
			return false
		}
		if array := insideOf(x).array; i >= 0 && int(i) < len(array) && !isNil(array[int(i)]) {
			k, value = v.boxes.number(i+1), array[int(i)]
		}
	default:
		return false
	}
	regs[3] = k
	if n > 1 {
		regs[4] = value
	}
	return true
}

// iterateMatches is iterate over what gmatch found.
func (v *vm) iterateMatches(l *lua.LState, f *lua.LFunction, regs []lua.LValue, n int) bool {
	if len(f.Upvalues) != 1 || len(regs) < 3+n {
		return false
	}
	g, ok := f.Upvalues[0].Value().(*matches)
	if !ok {
		return false
	}
	before := *g
	from, to, err := g.next(v)
	found := 0
	if err == nil && from != pattern.NoMatch {
		found = v.captures(l, regs[3:], g.s, from, to)
	}
	if err != nil || found < 0 {
		*g = before
		return false
	}
	for i := n; i < found; i++ {
		regs[3+i] = nil
	}
	for i := found; i < n; i++ {
		regs[3+i] = lua.LNil
	}
	return true
}

// longConcat is the length from which the interpreter joins texts.
const longConcat = 4096

// concat joins texts and whole numbers, or returns nil where the interpreter must.
func (v *vm) concat(l *lua.LState, t *thread, list []lua.LValue) lua.LValue {
	b := v.scratch[:0]
	for _, x := range list {
		switch x := x.(type) {
		case lua.LString:
			if len(x)+len(b) > longConcat {
				return nil
			}
			b = append(b, x...)
		case lua.LNumber:
			i := int64(x)
			if lua.LNumber(i) != x {
				return nil
			}
			b = strconv.AppendInt(b, i, 10)
		default:
			return nil
		}
	}
	v.scratch = b
	v.spend(l, valueSize+len(b))
	t.steps += len(b) / bytesAStep
	return newText(b)
}
