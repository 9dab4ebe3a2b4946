package luabind

import (
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// scale walks everything that a VM holds and adds up its approximate size.
type scale struct {
	total int
	seen  map[unsafe.Pointer]struct{} // of tables, functions, states, userdata and long strings
	rest  []lua.LValue                // not yet looked at
}

// longString is the length from which a string that several places hold is counted once.
const longString = 256

// held is what the VM holds.
func (v *vm) held() int {
	s := &scale{seen: map[unsafe.Pointer]struct{}{}}
	s.add(v.main.G.Registry)
	s.add(v.main.G.Global)
	s.add(v.main)
	for _, m := range v.modules {
		s.add(m)
	}
	for _, list := range v.events {
		for _, f := range list {
			s.add(f)
		}
	}
	for t := v.mem.running; t != nil; t = t.next {
		s.add(t.l)
		for _, l := range t.states {
			s.add(l)
		}
	}
	for _, p := range v.mem.kept {
		if t := p.Value(); t != nil {
			s.add(t)
		}
	}
	for _, p := range v.mem.callbacks {
		if f := p.Value(); f != nil {
			s.add(f)
		}
	}
	for len(s.rest) > 0 {
		x := s.rest[len(s.rest)-1]
		s.rest = s.rest[:len(s.rest)-1]
		s.open(x)
	}
	return s.total
}

// first reports whether p is seen for the first time.
func (s *scale) first(p unsafe.Pointer) bool {
	if _, seen := s.seen[p]; seen || p == nil {
		return false
	}
	s.seen[p] = struct{}{}
	return true
}

// add weighs a value; its contents are weighed later.
func (s *scale) add(x lua.LValue) {
	switch x := x.(type) {
	case nil:
	case lua.LString:
		if len(x) < longString || s.first(unsafe.Pointer(unsafe.StringData(string(x)))) {
			s.total += valueSize + len(x)
		}
	case lua.LNumber:
		s.total += 8
	case *lua.LTable:
		if s.first(unsafe.Pointer(x)) {
			s.rest = append(s.rest, x)
		}
	case *lua.LFunction:
		if s.first(unsafe.Pointer(x)) {
			s.rest = append(s.rest, x)
		}
	case *lua.LState:
		if s.first(unsafe.Pointer(x)) {
			s.rest = append(s.rest, x)
		}
	case *matches:
		s.add(lua.LString(x.s))
	case *lua.LUserData:
		s.total += tableSize
		if t, ok := x.Value.(*task); ok && s.first(unsafe.Pointer(t)) {
			for _, e := range t.results {
				s.add(e)
			}
		}
	}
}

// open weighs the contents of a value.
func (s *scale) open(x lua.LValue) {
	switch x := x.(type) {
	case *lua.LTable:
		t := insideOf(x)
		s.total += tableSize + valueSize*(cap(t.array)+2*cap(t.keys)) + entrySize/2*(len(t.dict)+len(t.strdict)+len(t.k2i))
		for _, e := range t.array {
			s.add(e)
		}
		for k, e := range t.strdict {
			s.total += len(k)
			s.add(e)
		}
		for k, e := range t.dict {
			s.add(k)
			s.add(e)
		}
		s.add(x.Metatable)
	case *lua.LFunction:
		s.total += functionSize + valueSize*len(x.Upvalues)
		for _, u := range x.Upvalues {
			if u != nil && s.first(unsafe.Pointer(u)) {
				s.total += upvalueSize
				s.add(u.Value())
			}
		}
	case *lua.LState:
		r := registryOf(x)
		s.total += threadSize + valueSize*cap(r.array)
		for _, e := range r.array[:min(r.top, len(r.array))] {
			s.add(e)
		}
	}
}
