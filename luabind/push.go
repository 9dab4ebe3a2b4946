package luabind

import (
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Results of a Call.

// Push pushes a Go value: nil, string, []byte, bool, numbers, time.Duration (as seconds), error
// (its text), []string, []any, map[string]any, map[string]string, an [Object]. Anything else
// panics: it is a mistake of the module. It returns 1.
func (c *Call) Push(v any) int {
	lv, err := toLua(c.vm, v)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", c.fn.full, err))
	}
	c.l.Push(lv)
	return 1
}

// PushNil pushes nil and returns 1.
func (c *Call) PushNil() int { c.l.Push(lua.LNil); return 1 }

// PushBool pushes a boolean and returns 1.
func (c *Call) PushBool(b bool) int { c.l.Push(lua.LBool(b)); return 1 }

// PushNumber pushes a number and returns 1.
func (c *Call) PushNumber(f float64) int {
	switch f { // a number as a value of Lua is an allocation
	case 1:
		c.l.Push(one)
	case -1:
		c.l.Push(minusOne)
	default:
		c.l.Push(lua.LNumber(f))
	}
	return 1
}

var one, minusOne lua.LValue = lua.LNumber(1), lua.LNumber(-1)

// PushString pushes a string and returns 1.
func (c *Call) PushString(s string) int { c.l.Push(lua.LString(s)); return 1 }

// PushText pushes s, or nil if it is empty, and returns 1.
func (c *Call) PushText(s string) int {
	if s == "" {
		return c.PushNil()
	}
	return c.PushString(s)
}

// PushSeconds pushes a duration as seconds and returns 1.
func (c *Call) PushSeconds(d time.Duration) int { return c.PushNumber(d.Seconds()) }

// PushURI pushes text as an independent uri object, which the script may change, and returns 1.
// Text that is not a URI is pushed as a string.
func (c *Call) PushURI(text string) int {
	if u, err := c.vm.newURI(text); err == nil {
		c.l.Push(u)
		return 1
	}
	return c.PushString(text)
}

// PushStrings pushes a list of strings and returns 1.
func (c *Call) PushStrings(list []string) int {
	t := c.l.CreateTable(len(list), 0)
	for _, s := range list {
		t.Append(lua.LString(s))
	}
	c.l.Push(t)
	return 1
}

// PushObject pushes an object, or nil for a nil one, and returns 1.
func (c *Call) PushObject(o Object) int {
	if o == nil {
		return c.PushNil()
	}
	c.l.Push(c.vm.object(o))
	return 1
}

// PushList pushes a plain list of objects and returns 1.
func PushList[T Object](c *Call, list []T) int {
	t := c.l.CreateTable(len(list), 0)
	if len(list) > 0 {
		mt := c.vm.typeOf(list[0].ObjectType())
		block := make([]lua.LUserData, len(list))
		for i, o := range list {
			block[i] = lua.LUserData{Value: o, Metatable: mt}
			t.RawSetInt(i+1, &block[i])
		}
	}
	c.l.Push(t)
	return 1
}
