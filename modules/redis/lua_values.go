package redis

// Values of scripts as Redis has them, and back.

import (
	"fmt"
	"math"
	"sort"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/sipscript/sipscript/luabind"
)

// word is a value of a script as Redis takes it.
func word(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10), true
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return "", false
}

var wordsArg = luabind.ArgOf(func(c *luabind.Call, n int) []string {
	first := n
	var words []string
	for ; n <= c.Len(); n++ {
		if c.Kind(n) == luabind.URIType {
			words = append(words, c.URIText(n))
			continue
		}
		text, ok := "", false
		if k := c.Kind(n); k == luabind.String || k == luabind.Number {
			text, ok = word(c.Value(n))
		}
		if !ok {
			c.Raise("argument %d must be a string, a number or a uri, not %s", n-first+1, c.Describe(n))
		}
		words = append(words, text)
	}
	if len(words) == 0 {
		c.Raise("needs a command: r:call(\"GET\", key)")
	}
	return words
}, luabind.Param{Name: "word", Type: luabind.String, Or: []luabind.Type{luabind.Number, luabind.URIType}, Rest: true, Doc: "the command and its arguments"})

// mostCommands bounds one pipeline.
const mostCommands = 10_000

var commandsArg = luabind.ArgOf(func(c *luabind.Call, n int) [][]string {
	list, ok := c.Value(n).([]any)
	if !ok || len(list) > mostCommands {
		c.Raise("argument 1 must be a list of 1 to %d commands, each a list", mostCommands)
	}
	commands := make([][]string, len(list))
	for i, x := range list {
		words, ok := x.([]any)
		for _, w := range words {
			text, good := word(w)
			ok = ok && good
			commands[i] = append(commands[i], text)
		}
		if !ok || len(words) == 0 {
			c.Raise("command %d must be a list of strings and numbers", i+1)
		}
	}
	return commands
}, luabind.Param{Name: "commands", Type: luabind.List, Doc: "{{\"INCR\", key}, …}"})

func textsArg(name string) luabind.Arg[[]string] {
	return luabind.ArgOf(func(c *luabind.Call, n int) (texts []string) {
		switch list := c.Value(n).(type) {
		case nil:
		case []any:
			for _, x := range list {
				text, ok := word(x)
				if !ok {
					c.Raise("%s must be a list of strings and numbers", name)
				}
				texts = append(texts, text)
			}
		case map[string]any: // an empty table
			if len(list) > 0 {
				c.Raise("%s must be a list of strings and numbers", name)
			}
		default:
			c.Raise("%s must be a list of strings and numbers", name)
		}
		return texts
	}, luabind.Param{Name: name, Type: luabind.List, Optional: true, Doc: "strings and numbers"})
}

// value is an answer as scripts have it. Within lists a missing value is false: a list of Lua has
// no holes.
func value(m rueidis.RedisMessage, depth int) (any, error) {
	switch {
	case depth > mostDepth:
		return nil, fmt.Errorf("an answer nested more than %d deep", mostDepth)
	case m.IsNil() && depth > 0:
		return false, nil
	case m.IsNil():
		return nil, nil
	case m.IsInt64():
		n, err := m.AsInt64()
		if n > 1<<53 || n < -1<<53 {
			return strconv.FormatInt(n, 10), err
		}
		return float64(n), err
	case m.IsFloat64():
		return m.AsFloat64()
	case m.IsBool():
		return m.AsBool()
	case m.IsMap():
		all, err := m.AsMap()
		if err != nil {
			return nil, err
		}
		table := make(map[string]any, len(all))
		for _, name := range sorted(all) {
			if table[name], err = value(all[name], depth+1); err != nil {
				return nil, err
			}
		}
		return table, nil
	case m.IsArray():
		all, err := m.ToArray()
		if err != nil {
			return nil, err
		}
		list := make([]any, len(all))
		for i := range all {
			if list[i], err = value(all[i], depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return m.ToString()
}

func sorted(m map[string]rueidis.RedisMessage) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
