package luabind

import (
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// What the interpreter's own messages lack: the name of a missing global, and what is meant. The
// text is only for people: a script that catches an error sees the interpreter's message.

// missing is the last global that was read and isn't there.
type missing struct {
	name string
	at   string // "route.lua:7"
}

// globalIndex is called when a global does not exist. It is nil, as always, but its name is known
// if that leads to an error on the same line.
func (v *vm) globalIndex(l *lua.LState) int {
	if name, ok := l.Get(2).(lua.LString); ok {
		v.missing = missing{string(name), v.placeIn(l)}
	}
	l.Push(lua.LNil)
	return 1
}

// interpreterTexts are the interpreter's messages, and what a script's author can understand.
var interpreterTexts = [...]struct {
	find *regexp.Regexp
	say  string
	name bool // of a missing global
}{
	{regexp.MustCompile(`attempt to index a non-table object\(nil\) with key '(.*)'`), "attempt to index nil: what comes before '.$1' is nil", true},
	{regexp.MustCompile(`attempt to index a non-table object\((function)\) with key '(.*)'`), "attempt to index a function: what comes before '.$2' is a function, which is called with (...)", false},
	{regexp.MustCompile(`attempt to index a non-table object\((\w+)\) with key '(.*)'`), "attempt to index a $1: what comes before '.$2' has no fields", false},
	{regexp.MustCompile(`attempt to call a non-function object`), "attempt to call something that is not a function", true},
	{regexp.MustCompile(`__len undefined`), "attempt to take the length (#) of what has none: nil, a number or an object", true},
	{regexp.MustCompile(`cannot perform (\w+) operation between (.*)`), "attempt to $1 $2", true},
}

// explained is the text of an error with the hints that help.
func (v *vm) explained(text string) string {
	for _, t := range interpreterTexts {
		if !t.find.MatchString(text) {
			continue
		}
		text = t.find.ReplaceAllString(text, t.say)
		if m := v.missing; t.name && m.name != "" && strings.HasPrefix(text, m.at+":") {
			text += v.aboutGlobal(m.name)
		}
		break
	}
	return text
}

// aboutGlobal says that a global does not exist, and how it could be meant.
func (v *vm) aboutGlobal(name string) string {
	switch {
	case name == "exit":
		return "; there is no exit: return ends a handler"
	case v.gen.byName[name] != nil:
		return "; the module '" + name + "' is not loaded: local " + name + " = require \"" + name + "\""
	}
	if len(name) < 3 {
		return "; there is no global '" + name + "'"
	}
	known := make([]string, 0, 64)
	v.main.G.Global.ForEach(func(k, _ lua.LValue) { known = append(known, k.String()) })
	return "; there is no global '" + name + "'" + suggest(name, append(known, v.gen.moduleNames()...))
}
