package luabind

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// Names of libraries, which handlers can't change, and of globals and tables that they seldom do:
// what they stand for is looked up once for each name, and again after a handler has assigned one.

// known is what a constant of a program stands for in a table. Addresses hold nothing in memory: an
// old one can at most say that a handler may change what lies there now.
type known struct {
	table, at uintptr    // of the table, and of the constant's text
	n         int        // of its bytes
	since     uint64     // what settled said; 0: the table is to be asked each time
	value     lua.LValue // otherwise, nil for nothing
	key       string     // and the constant
}

// manyKnown is how many a VM has at a time, a power of two.
const (
	knownBits = 9
	manyKnown = 1 << knownBits
)

// settledFor is the time of what no handler can change.
const settledFor = ^uint64(0)

// lookUp is what is in a table of names, or nil. key is a constant of a program: it is known by
// where it lies.
func (v *vm) lookUp(t *table, key string) lua.LValue {
	table, at := uintptr(unsafe.Pointer(t)), uintptr(unsafe.Pointer(unsafe.StringData(key)))
	k := &v.known[uint64(at^table<<3)*0x9e3779b97f4a7c15>>(64-knownBits)]
	same := k.table == table && k.at == at && k.n == len(key)
	if same && (k.since == settledFor || k.since == v.assigned) {
		return k.value
	}
	x, ok := t.strdict[key]
	if !ok {
		x = nil
	}
	if (!same || k.since != 0) && !v.loading {
		*k = known{table: table, at: at, n: len(key)}
		if since := v.settled(t, key); since != 0 {
			k.since, k.value, k.key = since, x, key
		}
	}
	return x
}

// settled is until when what is in a table under a name is there: settledFor, the present number of
// assignments, or 0 if it may change at any time.
func (v *vm) settled(t *table, key string) uint64 {
	x := (*lua.LTable)(unsafe.Pointer(t))
	switch {
	case x == v.main.G.Global:
		if v.library[key] {
			return settledFor
		}
		return v.assigned
	case v.frozen[x] != "" || x == v.kinds.text:
		return settledFor
	case v.watched[x]:
		return v.assigned
	}
	return 0
}

// shareTexts has equal texts among a program's constants be one, so that a name is known wherever
// it stands.
func shareTexts(p *lua.FunctionProto) { sharedTexts{}.in(p) }

type sharedTexts map[lua.LString]lua.LValue

func (s sharedTexts) in(p *lua.FunctionProto) {
	for i, k := range p.Constants {
		text, ok := k.(lua.LString)
		if !ok {
			continue
		}
		if same, ok := s[text]; ok {
			p.Constants[i] = same
		} else {
			s[text] = k
		}
	}
	for _, f := range p.FunctionPrototypes {
		s.in(f)
	}
}
