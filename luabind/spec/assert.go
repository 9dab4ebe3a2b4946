package spec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// This file is the assertions: t.equal, t.match, t.ok, t.raises, t.fail.

func assertions() []luabind.Function {
	arg := func(name string, t luabind.Type, optional bool) luabind.Param {
		return luabind.Param{Name: name, Type: t, Optional: optional}
	}
	message := arg("message", luabind.String, true)
	return []luabind.Function{
		{Name: "equal", Doc: "Fails unless got and want are equal; tables are compared by what they hold, a uri by its text.",
			Params: []luabind.Param{arg("got", luabind.Any, false), arg("want", luabind.Any, false), message}, Call: equal},
		{Name: "match", Doc: "Fails unless the Lua pattern matches somewhere in the text.",
			Params: []luabind.Param{arg("text", luabind.Any, false), arg("pattern", luabind.String, false), message}, Call: match},
		{Name: "ok", Doc: "Fails if value is nil or false.", Params: []luabind.Param{arg("value", luabind.Any, false), message}, Call: ok},
		{Name: "raises", Doc: "Fails unless fn raises an error in which the Lua pattern matches.",
			Params: []luabind.Param{arg("fn", luabind.FunctionType, false), arg("pattern", luabind.String, true)}, Waits: true, Call: raises},
		{Name: "fail", Doc: "Fails the test.", Params: []luabind.Param{message}, Call: fail},
	}
}

// value is argument n as Go has it; a uri is its text.
func value(c *luabind.Call, n int) any {
	if c.Kind(n) == luabind.URIType {
		return c.URIText(n)
	}
	return c.Value(n)
}

// remark is argument n, for the front of a failure.
func remark(c *luabind.Call, n int) string {
	if c.IsNil(n) {
		return ""
	}
	return c.String(n) + ": "
}

func equal(c *luabind.Call) int {
	got, want := value(c, 1), value(c, 2)
	if !reflect.DeepEqual(got, want) {
		c.Raise("%sgot %s, want %s", remark(c, 3), show(got), show(want))
	}
	return 0
}

func match(c *luabind.Call) int {
	if c.IsNil(1) {
		c.Raise("%sgot nil, want text that matches %q", remark(c, 3), c.String(2))
	}
	text := fmt.Sprint(value(c, 1))
	matches, err := luabind.Match(text, c.String(2))
	if err != nil {
		c.Raise("the pattern %q: %v", c.String(2), err)
	}
	if !matches {
		c.Raise("%sgot %q, want text that matches %q", remark(c, 3), text, c.String(2))
	}
	return 0
}

func ok(c *luabind.Call) int {
	if c.IsNil(1) || c.Kind(1) == luabind.Boolean && !c.Bool(1) {
		what := "nil"
		if !c.IsNil(1) {
			what = "false"
		}
		c.Raise("%sgot %s", remark(c, 2), what)
	}
	return 0
}

func raises(c *luabind.Call) int {
	pattern := c.OptString(2, "")
	_, err := c.Func(1).Call()
	if err == nil {
		c.Raise("the function raised nothing")
	}
	text := textOf(err)
	matches, perr := luabind.Match(text, pattern)
	if perr != nil {
		c.Raise("the pattern %q: %v", pattern, perr)
	}
	if !matches {
		c.Raise("the function raised %q, which does not match %q", text, pattern)
	}
	return 0
}

func fail(c *luabind.Call) int {
	c.Raise("%s", c.OptString(1, "the test says so"))
	return 0
}

// show is a value as a script would write it.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = show(x)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case map[string]any:
		parts := make([]string, 0, len(v))
		for _, k := range sortedKeys(v) {
			parts = append(parts, k+" = "+show(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}
