package convert

// Logs: a format, and what stands in it.

import (
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
	"github.com/sipscript/sipscript/modules/kemi/pv"
)

// logging is a line of the log. variables: pseudo-variables stand in the text.
func (f *fn) logging(level string, e syntax.Expr, variables bool) []node {
	if f.key.at == atFile {
		return one("sip.log." + level + "(\"%s\", " + f.value(e).text + ")")
	}
	x := f.value(e)
	pieces := x.pieces
	if pieces == nil {
		pieces = []expr{x}
	}
	var format strings.Builder
	var args []string
	for i, p := range pieces {
		if p.literal == nil {
			format.WriteString("%s")
			args = append(args, p.text)
			continue
		}
		text := *p.literal
		if i == len(pieces)-1 {
			text = strings.TrimRight(text, "\r\n")
		}
		if variables {
			more, values := f.expanded(text)
			format.WriteString(more)
			args = append(args, values...)
			continue
		}
		format.WriteString(strings.ReplaceAll(text, "%", "%%"))
	}
	return one("sip.log." + level + "(" + strings.Join(append([]string{quoted(format.String())}, args...), ", ") + ")")
}

// expanded is a text with pseudo-variables as a format and its arguments.
func (f *fn) expanded(text string) (format string, args []string) {
	pieces, err := pv.ParseText(text)
	if err != nil {
		f.decide("the variables in %q: %v", text, err)
		return strings.ReplaceAll(text, "%", "%%"), nil
	}
	for _, p := range pieces {
		if p.Var == nil {
			format += strings.ReplaceAll(p.Literal, "%", "%%")
			continue
		}
		format += "%s"
		args = append(args, f.variable(p.Var, "").text)
	}
	return format, args
}

// logAt is KSR.log and KSR.xlog.xlog: the level is the first argument.
func (f *fn) logAt(args []syntax.Expr) []node {
	level := "error"
	if s, ok := args[0].(*syntax.String); ok {
		level = map[string]string{"dbg": "debug", "info": "info", "notice": "info", "warn": "warn"}[strings.ToLower(strings.TrimPrefix(s.Value, "L_"))]
		if level == "" {
			level = "error"
		}
	}
	return f.logging(level, args[1], false)
}
