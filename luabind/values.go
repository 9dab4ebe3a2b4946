package luabind

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/sipscript/sipscript/engine"
	lua "github.com/yuin/gopher-lua"
)

// Values between Go and Lua. No Lua value leaves its VM: what goes from one VM to another is copied
// into Go and back.

// maxDepth bounds how deep a table may be nested that is copied or encoded.
const maxDepth = 64

// maxValues bounds how many values one copied table may hold, the nested ones included.
const maxValues = 100_000

type copier struct {
	count int
	path  [maxDepth]*lua.LTable // the tables being copied, to find cycles
	funcs *vm                   // not nil: functions are copied as its *Func
}

// toGo copies a value: nil, string, float64, bool; a table whose keys are 1 … n becomes []any, any
// other map[string]any. An empty table is a map.
func toGo(v lua.LValue) (any, error) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LBool:
		return bool(v), nil
	case *lua.LNilType:
		return nil, nil
	}
	return new(copier).value(v, 0)
}

func (c *copier) value(v lua.LValue, depth int) (any, error) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LBool:
		return bool(v), nil
	case *lua.LTable:
		return c.table(v, depth)
	case *lua.LFunction:
		if c.funcs != nil {
			return &Func{vm: c.funcs, f: v}, nil
		}
	case *lua.LUserData:
		if u, ok := v.Value.(*uriObj); ok && !u.dead() {
			return nil, fmt.Errorf("a uri cannot be stored: use tostring(%s)", u.name())
		}
	}
	return nil, fmt.Errorf("%s cannot be stored: only a string, number, boolean or plain table can", describe(v))
}

func (c *copier) table(t *lua.LTable, depth int) (any, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("the table is nested more than %d deep", maxDepth)
	}
	for _, outer := range c.path[:depth] {
		if outer == t {
			return nil, errors.New("the table contains itself")
		}
	}
	if t.Metatable != nil && t.Metatable != lua.LNil {
		return nil, errors.New("a table with a metatable cannot be stored")
	}
	c.path[depth] = t
	list, named := []any(nil), map[string]any(nil)
	n := t.Len()
	var err error
	t.ForEach(func(k, v lua.LValue) {
		if err != nil {
			return
		}
		if c.count++; c.count > maxValues {
			err = fmt.Errorf("the table has more than %d values", maxValues)
			return
		}
		var item any
		if item, err = c.value(v, depth+1); err != nil {
			return
		}
		switch k := k.(type) {
		case lua.LNumber:
			i := int(k)
			if lua.LNumber(i) != k || i < 1 || i > n {
				err = fmt.Errorf("a key of a stored table must be a string, or the keys 1 to n: %v is neither", k)
				return
			}
			if list == nil {
				list = make([]any, n)
			}
			list[i-1] = item
		case lua.LString:
			if named == nil {
				named = map[string]any{}
			}
			named[string(k)] = item
		default:
			err = fmt.Errorf("a key of a stored table must be a string or a number, not %s", describe(k))
		}
	})
	switch {
	case err != nil:
		return nil, err
	case list != nil && named != nil:
		return nil, errors.New("a stored table is either a list or has named fields: this one is both")
	case list != nil:
		return list, nil
	case named == nil:
		named = map[string]any{}
	}
	return named, nil
}

// toLua makes a value of one VM out of a Go value.
func toLua(v *vm, x any) (lua.LValue, error) {
	switch x := x.(type) {
	case nil:
		return lua.LNil, nil
	case string:
		return lua.LString(x), nil
	case []byte:
		return lua.LString(x), nil
	case bool:
		return lua.LBool(x), nil
	case float64:
		return lua.LNumber(x), nil
	case int:
		return lua.LNumber(x), nil
	case int64:
		return lua.LNumber(x), nil
	case uint64:
		return lua.LNumber(x), nil
	case uint32:
		return lua.LNumber(x), nil
	case int32:
		return lua.LNumber(x), nil
	case uint16:
		return lua.LNumber(x), nil
	case time.Duration:
		return lua.LNumber(x.Seconds()), nil
	case error:
		return lua.LString(x.Error()), nil
	case Object:
		return v.object(x), nil
	case *engine.Request: // the one whose handler runs
		if t := v.current; t != nil && t.req != nil && t.req.req == x {
			return &t.req.ud, nil
		}
	case Held:
		return x.value(), nil
	case URIText:
		if u, err := v.newURI(string(x)); err == nil {
			return u, nil
		}
		return lua.LString(x), nil
	case []string:
		t := v.main.CreateTable(len(x), 0)
		for _, s := range x {
			t.Append(lua.LString(s))
		}
		return t, nil
	case []any:
		return listToLua(v, x)
	case map[string]any:
		return mapToLua(v, x)
	case map[string]string:
		t := v.main.CreateTable(0, len(x))
		for _, k := range sortedKeys(x) {
			t.RawSetString(k, lua.LString(x[k]))
		}
		return t, nil
	}
	return nil, fmt.Errorf("a %T cannot be passed to a script", x)
}

func listToLua(v *vm, list []any) (lua.LValue, error) {
	v.spendHere(tableSize + 2*valueSize*len(list))
	t := v.main.CreateTable(len(list), 0)
	for i, e := range list {
		lv, err := toLua(v, e)
		if err != nil {
			return nil, err
		}
		t.RawSetInt(i+1, lv)
	}
	return t, nil
}

func mapToLua(v *vm, m map[string]any) (lua.LValue, error) {
	v.spendHere(tableSize + entrySize*len(m))
	t := v.main.CreateTable(0, len(m))
	for _, k := range sortedKeys(m) {
		lv, err := toLua(v, m[k])
		if err != nil {
			return nil, err
		}
		t.RawSetString(k, lv)
	}
	return t, nil
}

// sortedKeys makes pairs() go round a table in the same order each time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// stringList reads a list of strings, or one string.
func stringList(v lua.LValue) ([]string, error) {
	switch v := v.(type) {
	case lua.LString:
		return []string{string(v)}, nil
	case lua.LNumber:
		return []string{v.String()}, nil
	case *lua.LTable:
		n := v.Len()
		list := make([]string, 0, n)
		for i := 1; i <= n; i++ {
			s, ok := textOf(v.RawGetInt(i))
			if !ok {
				return nil, fmt.Errorf("item %d must be a string, not %s", i, describe(v.RawGetInt(i)))
			}
			list = append(list, s)
		}
		if k, extra := strayKey(v, n); extra {
			return nil, fmt.Errorf("expected a list, found the key %q", k)
		}
		return list, nil
	}
	return nil, fmt.Errorf("expected a string or a list of strings, not %s", describe(v))
}

// strayKey finds a key of t that is not one of 1 … n.
func strayKey(t *lua.LTable, n int) (key string, found bool) {
	t.ForEach(func(k, _ lua.LValue) {
		if i, ok := k.(lua.LNumber); ok && i >= 1 && int(i) <= n && i == lua.LNumber(math.Trunc(float64(i))) {
			return
		}
		key, found = k.String(), true
	})
	return
}

// textOf is the text of what a script uses as text: strings, numbers, uris, addresses.
func textOf(v lua.LValue) (string, bool) {
	switch v := v.(type) {
	case lua.LString:
		return string(v), true
	case lua.LNumber:
		return v.String(), true
	case *lua.LUserData:
		switch o := v.Value.(type) {
		case *uriObj:
			return string(o.bytesOrNil()), !o.dead()
		case *addrObj:
			return o.text(), !o.dead()
		}
	}
	return "", false
}

// uriTextOf is textOf where a uri is wanted: for an address it is the uri alone.
func uriTextOf(v lua.LValue) (string, bool) {
	if ud, ok := v.(*lua.LUserData); ok {
		if o, ok := ud.Value.(*addrObj); ok {
			return string(o.a.URI), !o.dead()
		}
	}
	return textOf(v)
}

// isDead reports whether v is a uri or an address of a request whose handlers have ended.
func isDead(v lua.LValue) bool {
	if ud, ok := v.(*lua.LUserData); ok {
		switch o := ud.Value.(type) {
		case *uriObj:
			return o.dead()
		case *addrObj:
			return o.dead()
		}
	}
	return false
}

// describe says what a value is, for error messages.
func describe(v lua.LValue) string {
	switch v := v.(type) {
	case *lua.LNilType:
		return "nil"
	case lua.LString:
		if len(v) <= 40 {
			return fmt.Sprintf("the string %q", string(v))
		}
		return "a string"
	case lua.LNumber:
		return "the number " + v.String()
	case lua.LBool:
		return v.String()
	case *lua.LTable:
		return "a table"
	case *lua.LFunction:
		return "a function"
	case *lua.LUserData:
		if isDead(v) {
			return "an object of a request that is over: keep tostring(x) of what is needed later"
		}
		switch o := v.Value.(type) {
		case *reqObj:
			return "the request"
		case *resObj:
			return "a response"
		case *uriObj:
			return "a uri"
		case *addrObj:
			return "an address"
		case *branchObj:
			return "a branch"
		case *paramsObj:
			return "parameters"
		case Object:
			return "a " + o.ObjectType().Name
		}
		return "an object"
	}
	return "a " + v.Type().String()
}
