package luabind

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Names of libraries, which handlers can't change: what they stand for is looked up once for each
// place in a script.

// known is what a constant of a program stands for in a table. Addresses hold nothing in memory: an
// old one can at most say that a handler may change what lies there now.
type known struct {
	table, at uintptr    // of the table, and of the constant's text
	n         int        // of its bytes
	value     lua.LValue // nil: a handler may change it
	key       string     // the constant, with a value
}

// manyKnown is how many a VM has at a time, a power of two.
const manyKnown = 256

// lookUp is what is in a table of names, or nil. key is a constant of a program: it is known by
// where it lies.
func (v *vm) lookUp(t *table, key string) lua.LValue {
	table, at := uintptr(unsafe.Pointer(t)), uintptr(unsafe.Pointer(unsafe.StringData(key)))
	k := &v.known[(at>>3^table>>6)%manyKnown]
	if k.table != table || k.at != at || k.n != len(key) {
		if !v.loading {
			*k = known{table: table, at: at, n: len(key)}
			if v.settled(t, key) {
				k.value, k.key = t.strdict[key], key
			}
		}
	} else if k.value != nil {
		return k.value
	}
	if x, ok := t.strdict[key]; ok {
		return x
	}
	return nil
}

// settled reports whether no handler can change what is in a table under a name.
func (v *vm) settled(t *table, key string) bool {
	x := (*lua.LTable)(unsafe.Pointer(t))
	if x == v.main.G.Global {
		return v.library[key]
	}
	return v.frozen[x] != "" || x == v.kinds.text
}
