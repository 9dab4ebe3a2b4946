package luabind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Values as a console shows them: as one would write them in Lua, tables with their contents, and
// objects with their fields.

const (
	shownDepth   = 5
	shownEntries = 100      // of a table
	shownText    = 16 << 10 // of one value
	shownWidth   = 88       // of a line, as far as it can be had
)

// show is a value as text.
func (v *vm) show(l *lua.LState, x lua.LValue) string {
	s := &shower{vm: v, l: l, open: map[*lua.LTable]bool{}}
	text := s.value(x, 0)
	if ud, ok := x.(*lua.LUserData); ok {
		text += s.fields(ud)
	}
	if len(text) > shownText {
		text = strings.ToValidUTF8(text[:shownText], "") + "…"
	}
	return text
}

// shower writes one value.
type shower struct {
	vm   *vm
	l    *lua.LState
	open map[*lua.LTable]bool // around the present one
	size int                  // written so far
}

// value is a value on a line, or on more if it is a table that is long.
func (s *shower) value(x lua.LValue, depth int) (text string) {
	defer func() { s.size += len(text) }()
	switch x := x.(type) {
	case lua.LString:
		if len(x) > shownText {
			x = x[:shownText]
		}
		return strconv.Quote(string(x))
	case *lua.LTable:
		return s.table(x, depth)
	case *lua.LFunction:
		if x.IsG {
			return "function"
		}
		return fmt.Sprintf("function %s:%d", x.Proto.SourceName, x.Proto.LineDefined)
	case *lua.LUserData:
		text := s.text(x)
		// Its type alone says nothing.
		if t := objectTypeOf(x.Value); depth > 0 && t != nil && text == t.Name {
			return text + " { " + strings.Join(s.parts(x, depth+1), ", ") + " }"
		}
		return text
	}
	return x.String()
}

// text is what tostring makes of an object.
func (s *shower) text(ud *lua.LUserData) string {
	mt, ok := ud.Metatable.(*lua.LTable)
	if !ok {
		return "an object"
	}
	if x, ok := s.call(mt.RawGetString("__tostring"), ud); ok {
		return x.String()
	}
	return "an object"
}

// call calls a function of ours; an error is nobody's business here.
func (s *shower) call(f lua.LValue, args ...lua.LValue) (lua.LValue, bool) {
	if f == lua.LNil {
		return lua.LNil, false
	}
	if err := s.l.CallByParam(lua.P{Fn: f, NRet: 1, Protect: true}, args...); err != nil {
		return lua.LNil, false
	}
	x := s.l.Get(-1)
	s.l.Pop(1)
	return x, true
}

func (s *shower) table(t *lua.LTable, depth int) string {
	if name := s.vm.frozen[t]; name != "" {
		return name + ": " + strings.Join(sortedNames(t), ", ")
	}
	if s.open[t] || depth >= shownDepth || s.size > shownText {
		return "{…}"
	}
	s.open[t] = true
	defer delete(s.open, t)
	parts := s.entries(t, depth)
	if len(parts) == 0 {
		return "{}"
	}
	line := "{ " + strings.Join(parts, ", ") + " }"
	if len(line)+2*depth <= shownWidth && !strings.Contains(line, "\n") {
		return line
	}
	indent := strings.Repeat("  ", depth+1)
	return "{\n" + indent + strings.Join(parts, ",\n"+indent) + "\n" + strings.Repeat("  ", depth) + "}"
}

// entries are the list of a table, then its keys in order.
func (s *shower) entries(t *lua.LTable, depth int) (parts []string) {
	n := t.Len()
	for i := 1; i <= min(n, shownEntries); i++ {
		parts = append(parts, s.value(t.RawGetInt(i), depth+1))
	}
	var keys []lua.LValue
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); !ok || i < 1 || int(i) > n || lua.LNumber(int(i)) != i {
			keys = append(keys, k)
		}
	})
	slices.SortFunc(keys, func(a, b lua.LValue) int {
		if a.Type() != b.Type() {
			return int(a.Type()) - int(b.Type())
		}
		if x, ok := a.(lua.LNumber); ok {
			return int(max(-1, min(1, x-b.(lua.LNumber))))
		}
		return strings.Compare(a.String(), b.String())
	})
	for i, k := range keys {
		if len(parts) >= shownEntries {
			parts = append(parts, fmt.Sprintf("… %d more", len(keys)-i+max(0, n-shownEntries)))
			return parts
		}
		parts = append(parts, s.key(k)+" = "+s.value(t.RawGet(k), depth+1))
	}
	if n > shownEntries {
		parts = append(parts, fmt.Sprintf("… %d more", n-shownEntries))
	}
	return parts
}

// key is a key as a constructor has it.
func (s *shower) key(k lua.LValue) string {
	if name, ok := k.(lua.LString); ok {
		if isName(string(name)) {
			return string(name)
		}
		return "[" + strconv.Quote(string(name)) + "]"
	}
	return "[" + s.value(k, shownDepth) + "]"
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// fields are those of an object that are not nil, one a line.
func (s *shower) fields(ud *lua.LUserData) string {
	var b strings.Builder
	for _, part := range s.parts(ud, 1) {
		b.WriteString("\n  " + part)
	}
	return b.String()
}

// parts are the fields of an object that are not nil.
func (s *shower) parts(ud *lua.LUserData, depth int) (parts []string) {
	t := objectTypeOf(ud.Value)
	mt, ok := ud.Metatable.(*lua.LTable)
	if t == nil || !ok || depth >= shownDepth {
		return nil
	}
	for _, f := range t.Fields {
		x, ok := s.call(mt.RawGetString("__index"), ud, lua.LString(f.Name))
		if list, is := x.(*lua.LTable); !ok || x == lua.LNil || is && sizeOf(list) == 0 {
			continue
		}
		parts = append(parts, f.Name+" = "+s.value(x, depth))
	}
	return parts
}

func sizeOf(t *lua.LTable) (n int) {
	t.ForEach(func(_, _ lua.LValue) { n++ })
	return n
}

// objectTypeOf is the declaration of an object whose fields are worth showing.
func objectTypeOf(x any) *ObjectType {
	switch x := x.(type) {
	case *reqObj:
		return requestType
	case *resObj:
		return responseType
	case *addrObj:
		return addressType
	case *branchObj:
		return branchType
	case Object:
		return x.ObjectType()
	}
	return nil
}

// sortedNames are the keys of a table that are strings.
func sortedNames(t *lua.LTable) (names []string) {
	t.ForEach(func(k, _ lua.LValue) {
		if s, ok := k.(lua.LString); ok {
			names = append(names, string(s))
		}
	})
	slices.Sort(names)
	return names
}
