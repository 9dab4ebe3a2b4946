package describe

// The classes of options in stubs.

import (
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

func (s *stubber) paramType(function string, p *luabind.Param) string {
	switch {
	case p.Callback != "" && p.Object != nil:
		return strings.Replace(callback(p.Callback), ": any", ": "+s.className(p.Object), 1)
	case p.Callback != "":
		return callback(p.Callback)
	case len(p.OneOf) > 0:
		return literals(p.OneOf)
	}
	list := options(p)
	if len(list) == 0 || p.Type == luabind.TargetType {
		return s.typeOf(p.Type, p.Or, p.Object, "", false, true)
	}
	class := function + "." + p.Name
	if !s.named[class] {
		s.named[class] = true
		s.pending = append(s.pending, optionClass{class, list})
	}
	types := p.Or
	if p.Type != luabind.Table {
		types = append([]luabind.Type{p.Type}, types...)
	}
	for _, t := range types {
		class += "|" + s.oneType(t, nil, "", true)
	}
	return class
}

func (s *stubber) optionClass(c optionClass) {
	fmt.Fprintf(s, "---@class %s\n", c.name)
	for i := range c.list {
		o := &c.list[i]
		mark := "?"
		if o.Required {
			mark = ""
		}
		fmt.Fprintf(s, "---@field %s%s %s %s\n", o.Name, mark, s.optionType(c.name, o), line(o.Doc))
	}
	s.WriteByte('\n')
}

func (s *stubber) optionType(class string, o *luabind.Option) string {
	switch {
	case o.Also != "":
		return literals(o.OneOf) + "|" + o.Also
	case len(o.OneOf) > 0 && o.Kind == luabind.List:
		return literals(o.OneOf) + "|(" + literals(o.OneOf) + ")[]"
	case len(o.OneOf) > 0:
		return literals(o.OneOf)
	case o.Kind == luabind.FunctionType && o.Type != "":
		return callback(o.Type)
	case len(o.Options) > 0 && o.Kind != luabind.TargetType:
		inner := class + "." + o.Name
		s.pending = append(s.pending, optionClass{inner, o.Options})
		return inner
	case o.Kind == luabind.List:
		return "string|any[]|fun(res: sip.response): boolean"
	}
	return s.oneType(o.Kind, nil, "", true)
}

// callback is "function(res, req)" as the language server writes it.
func callback(signature string) string {
	_, rest, _ := strings.Cut(signature, "(")
	args, _, _ := strings.Cut(rest, ")")
	var parts []string
	for name := range strings.SplitSeq(args, ",") {
		switch name = strings.TrimSpace(name); name {
		case "":
		case "req":
			parts = append(parts, "req: sip.request")
		case "res":
			parts = append(parts, "res: sip.response")
		case "branch":
			parts = append(parts, "branch: sip.branch")
		case "...":
			parts = append(parts, "...: any")
		default:
			parts = append(parts, name+": any")
		}
	}
	return "fun(" + strings.Join(parts, ", ") + "): ...any"
}

func literals(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = `"` + text + `"`
	}
	return strings.Join(quoted, "|")
}

// line is text on one line.
func line(text string) string { return strings.Join(strings.Fields(text), " ") }
