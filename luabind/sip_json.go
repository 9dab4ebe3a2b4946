package luabind

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// sip.json. A table with the keys 1 to n is a list, any other an object; an empty table is {},
// sip.json.empty_list is []. null is sip.json.null, in both directions. A whole number beyond 2^53,
// which a number of Lua cannot hold, is decoded as its digits, a string. A value that cannot be
// encoded is a misuse and raises an error; text that is not JSON gives nil, err.

type jsonNull struct{}
type jsonEmptyList struct{}

func (v *vm) null() lua.LValue      { return v.constant(jsonNull{}, "null") }
func (v *vm) emptyList() lua.LValue { return v.constant(jsonEmptyList{}, "[]") }

// constant is an object that is only itself.
func (v *vm) constant(value any, text string) lua.LValue {
	mt := v.metatable(func(l *lua.LState) int {
		raise(l, "sip.json.%s has no fields", map[string]string{"null": "null", "[]": "empty_list"}[text])
		return 0
	}, nil)
	mt.RawSetString("__tostring", v.main.NewFunction(func(l *lua.LState) int { l.Push(lua.LString(text)); return 1 }))
	ud := &lua.LUserData{Value: value, Metatable: mt}
	if _, ok := value.(jsonNull); ok {
		v.kinds.null = ud
	}
	return ud
}

// jsonArg is any value, as JSON.
var jsonArg = ArgOf(func(c *Call, n int) []byte {
	if c.l.GetTop() < n {
		raise(c.l, "sip.json.encode needs a value")
	}
	b, err := appendJSON(nil, c.l.Get(n), 0)
	if err != nil {
		c.Raise("%v", err)
	}
	return b
}, Param{Name: "value", Type: Any})

func appendJSON(dst []byte, v lua.LValue, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the table is nested more than %d deep, or contains itself", maxDepth)
	}
	if len(dst) > maxText {
		return nil, fmt.Errorf("the text would be longer than %d MB", maxText>>20)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return append(dst, "null"...), nil
	case lua.LBool:
		return strconv.AppendBool(dst, bool(v)), nil
	case lua.LString:
		return appendJSONString(dst, string(v)), nil
	case lua.LNumber:
		f := float64(v)
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0):
			return nil, fmt.Errorf("%v cannot be represented in JSON", f)
		case f == math.Trunc(f) && math.Abs(f) < 1<<53:
			return strconv.AppendInt(dst, int64(f), 10), nil
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
	case *lua.LTable:
		return appendJSONTable(dst, v, depth)
	case *lua.LUserData:
		switch v.Value.(type) {
		case jsonNull:
			return append(dst, "null"...), nil
		case jsonEmptyList:
			return append(dst, "[]"...), nil
		}
		if text, ok := textOf(v); ok {
			return appendJSONString(dst, text), nil
		}
	}
	return nil, fmt.Errorf("%s cannot be represented in JSON", describe(v))
}

func appendJSONString(dst []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.Encode(s)
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

func appendJSONTable(dst []byte, t *lua.LTable, depth int) ([]byte, error) {
	var err error
	if n := t.Len(); n > 0 {
		if k, stray := strayKey(t, n); stray {
			return nil, fmt.Errorf("a table is either a list or an object: this one has 1 to %d and %q", n, k)
		}
		dst = append(dst, '[')
		for i := 1; i <= n; i++ {
			if i > 1 {
				dst = append(dst, ',')
			}
			if dst, err = appendJSON(dst, t.RawGetInt(i), depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	members := map[string]lua.LValue{}
	t.ForEach(func(k, v lua.LValue) {
		name, ok := k.(lua.LString)
		if !ok {
			err = fmt.Errorf("a key of an object must be a string, not %s", describe(k))
			return
		}
		members[string(name)] = v
	})
	if err != nil {
		return nil, err
	}
	dst = append(dst, '{')
	for i, name := range sortedKeys(members) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, name), ':')
		if dst, err = appendJSON(dst, members[name], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func jsonDecode(c *Call, text string) int {
	value, err := c.vm.parseJSON(c.l, text)
	if err != nil {
		return failText(c.l, err.Error())
	}
	c.l.Push(value)
	return 1
}

// parseJSON reads one value and nothing after it.
func (v *vm) parseJSON(l *lua.LState, text string) (lua.LValue, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	value, err := v.decodeJSON(l, d, 0)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = fmt.Errorf("more text after the value, at byte %d", d.InputOffset())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return value, nil
}

// decodeNumber is a number of JSON. Ids of 64 bits are whole numbers that a number of Lua would
// round to those of others; what has a fraction or an exponent is an approximation anyway.
func decodeNumber(text string) (lua.LValue, error) {
	f, err := strconv.ParseFloat(text, 64)
	if (err != nil || math.Abs(f) >= 1<<53) && !strings.ContainsAny(text, ".eE") {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n > 1<<53 || n < -1<<53 {
			return lua.LString(text), nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the number %.40s is too large", text)
	}
	return lua.LNumber(f), nil
}

// decodeJSON reads one value.
func (v *vm) decodeJSON(l *lua.LState, d *json.Decoder, depth int) (lua.LValue, error) {
	token, err := d.Token()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return v.decodeToken(l, d, token, depth)
}

func (v *vm) decodeToken(l *lua.LState, d *json.Decoder, token json.Token, depth int) (lua.LValue, error) {
	switch x := token.(type) {
	case nil:
		return v.kinds.null, nil
	case bool:
		return lua.LBool(x), nil
	case json.Number:
		return decodeNumber(string(x))
	case string:
		return lua.LString(x), nil
	}
	if depth >= maxDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	v.spend(l, tableSize)
	t := l.CreateTable(0, 0)
	l.Push(t) // so that it is weighed
	defer l.Pop(1)
	list := token == json.Delim('[')
	for d.More() {
		v.spend(l, entrySize)
		if list {
			x, err := v.decodeJSON(l, d, depth+1)
			if err != nil {
				return nil, err
			}
			t.Append(x)
			continue
		}
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		x, err := v.decodeJSON(l, d, depth+1)
		if err != nil {
			return nil, err
		}
		t.RawSetString(name.(string), x)
	}
	_, err := d.Token()
	return t, err
}
