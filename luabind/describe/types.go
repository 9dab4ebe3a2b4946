package describe

import (
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// words is a type as the reference writes it: "string or false", "list of binding".
func words(t luabind.Type, object *luabind.ObjectType, named string) string {
	switch {
	case t == luabind.List && object != nil:
		return "list of " + object.Name
	case object != nil:
		return object.Name
	case named != "":
		return named
	}
	switch t {
	case luabind.Seconds:
		return "seconds"
	case luabind.RequestType:
		return "request"
	}
	return t.String()
}

func or(first string, others []luabind.Type, orNil bool) string {
	parts := []string{first}
	for _, t := range others {
		parts = append(parts, words(t, nil, ""))
	}
	if orNil {
		parts = append(parts, "nil")
	}
	return strings.Join(parts, " or ")
}

func paramWords(p *luabind.Param) string {
	if p.Callback != "" {
		return p.Callback
	}
	if len(p.OneOf) > 0 {
		return oneOf(p.OneOf)
	}
	w := or(words(p.Type, p.Object, ""), p.Or, false)
	if p.Unit != "" {
		w += ", " + p.Unit
	}
	return w
}

func resultWords(r *luabind.Result) string {
	return or(words(r.Type, r.Object, r.Named), r.Or, r.OrNil)
}

func fieldWords(f *luabind.Field) string {
	return or(words(f.Type, f.Object, ""), f.Or, f.OrNil)
}

func optionWords(o *luabind.Option) string {
	switch {
	case o.Type != "":
		return o.Type
	case o.Also != "":
		return oneOf(o.OneOf) + " or " + o.Also
	case len(o.OneOf) > 0:
		return oneOf(o.OneOf)
	}
	w := words(o.Kind, nil, "")
	switch {
	case o.Min != "" && o.Max != "":
		w += ", " + o.Min + " to " + o.Max
	case o.Min != "":
		w += ", " + o.Min + " or more"
	case o.Max != "":
		w += ", at most " + o.Max
	}
	return w
}

func oneOf(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = `"` + s + `"`
	}
	return strings.Join(quoted, " or ")
}

// call is how a function is called: "relay([targets] [, options])".
func call(name string, f *luabind.Function) string {
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('(')
	for i := range f.Params {
		p := &f.Params[i]
		text := p.Name
		if p.Rest {
			text = "..."
		}
		switch {
		case !p.Optional && i > 0:
			b.WriteString(", " + text)
		case !p.Optional:
			b.WriteString(text)
		case i > 0:
			b.WriteString(" [, " + text + "]")
		default:
			b.WriteString("[" + text + "]")
		}
	}
	b.WriteByte(')')
	return b.String()
}

// sentence is text with a capital and a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// variable is how scripts usually call an object: "req" for a request.
func variable(t *luabind.ObjectType) string { return t.Variable() }

// options are the keys of a parameter's table.
func options(p *luabind.Param) []luabind.Option {
	if p.Options == nil {
		return nil
	}
	return luabind.OptionsOf(p.Options)
}
