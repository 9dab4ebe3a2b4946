package spec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/pattern"
)

// This file is the assertions: t.equal, t.match, t.ok, t.raises, t.fail.

func assertions() []luabind.Function {
	message := luabind.TextArg("message", "put in front of the failure").Optional()
	return []luabind.Function{
		luabind.Do3(luabind.Function{Name: "equal", Example: `t.equal({ 1, 2 }, { 1, 2 }, "the list")`, Doc: "Fails unless got and want are equal; tables are compared by their contents, a uri by its text."},
			valueArg("got"), valueArg("want"), message, func(c *luabind.Call, got, want any, message string) {
				if !reflect.DeepEqual(got, want) {
					c.Raise("%sgot %s, want %s", remark(message), show(got), show(want))
				}
			}),
		luabind.Do3(luabind.Function{Name: "match", Example: `t.match("sip:bob@example.com", "^sip:")`, Doc: "Fails unless the Lua pattern matches somewhere in the text."},
			valueArg("text"), luabind.TextArg("pattern", "a Lua pattern"), message, match),
		luabind.Do2(luabind.Function{Name: "ok", Example: `t.ok(bob.contact, "a contact")`, Doc: "Fails if value is nil or false."}, truthArg, message, func(c *luabind.Call, what, message string) {
			if what != "" {
				c.Raise("%sgot %s", remark(message), what)
			}
		}),
		luabind.Do2(luabind.Function{Name: "raises", Example: `t.raises(function() error("no way") end, "no way")`, Doc: "Fails unless fn raises an error in which the Lua pattern matches.", Waits: true},
			luabind.FuncArg("fn", "function()", "").Described(func(p *luabind.Param) { p.Runs = luabind.Anywhere }),
			luabind.TextArg("pattern", "a Lua pattern").Optional(), raises),
		luabind.Do1(luabind.Function{Name: "fail", Example: `if bob.name ~= "bob" then t.fail("not bob") end`, Doc: "Fails the test."}, luabind.TextArg("message", "").Default("the test says so", ""),
			func(c *luabind.Call, message string) { c.Raise("%s", message) }),
	}
}

// valueArg is a value as Go has it; a uri is its text.
func valueArg(name string) luabind.Arg[any] {
	return luabind.ArgOf(func(c *luabind.Call, n int) any {
		if c.Kind(n) == luabind.URIType {
			return c.URIText(n)
		}
		return c.Value(n)
	}, luabind.Param{Name: name, Type: luabind.Any})
}

// truthArg is "" for a value that is true, otherwise "nil" or "false".
var truthArg = luabind.ArgOf(func(c *luabind.Call, n int) string {
	switch {
	case c.IsNil(n):
		return "nil"
	case c.Kind(n) == luabind.Boolean && !c.Bool(n):
		return "false"
	}
	return ""
}, luabind.Param{Name: "value", Type: luabind.Any})

// remark is a message put in front of the failure.
func remark(message string) string {
	if message == "" {
		return ""
	}
	return message + ": "
}

func match(c *luabind.Call, value any, want, message string) {
	if value == nil {
		c.Raise("%sgot nil, want text that matches %q", remark(message), want)
	}
	text := fmt.Sprint(value)
	matches, err := pattern.Match(text, want)
	if err != nil {
		c.Raise("the pattern %q: %v", want, err)
	}
	if !matches {
		c.Raise("%sgot %q, want text that matches %q", remark(message), text, want)
	}
}

func raises(c *luabind.Call, fn *luabind.Func, want string) {
	_, err := fn.Call()
	if err == nil {
		c.Raise("the function raised nothing")
	}
	text := textOf(err)
	matches, perr := pattern.Match(text, want)
	if perr != nil {
		c.Raise("the pattern %q: %v", want, perr)
	}
	if !matches {
		c.Raise("the function raised %q, which does not match %q", text, want)
	}
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
