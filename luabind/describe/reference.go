package describe

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// Reference is docs/lua-reference.md: every name that a script can use.
func Reference(libraries []luabind.Library) []byte {
	var b bytes.Buffer
	b.WriteString("# Reference of the scripting language\n\n" +
		"<!-- Made from the declarations by `make docs`. Do not edit. -->\n\n" +
		"Every name that a script can use. How they work together is in [scripting.md](scripting.md),\n" +
		"and in the README of each module.\n\n" +
		"Durations are in seconds. A function that can fail at run time returns `nil, err`; wrong arguments\n" +
		"and misuse raise an error. *Waits* means that other calls carry on meanwhile, and that the function\n" +
		"cannot be called while the file loads.\n\n")
	contents(&b, libraries)
	for i := range libraries {
		l := &libraries[i]
		if isStandard(l) {
			continue
		}
		library(&b, l)
	}
	standard(&b, libraries)
	return b.Bytes()
}

func isStandard(l *luabind.Library) bool { return len(l.Functions) > 0 && l.Functions[0].Call == nil }

func contents(b *bytes.Buffer, libraries []luabind.Library) {
	for i := range libraries {
		if l := &libraries[i]; !isStandard(l) {
			entry := fmt.Sprintf("- [%s](#%s)", l.Name, anchor(l.Name))
			if l.Doc != "" {
				entry += ": " + l.Doc
			}
			b.WriteString(strings.ReplaceAll(wrap(entry, ""), "\n", "\n  ") + "\n")
			for _, t := range l.Types {
				if len(t.Methods) > 0 || t.Example != "" {
					fmt.Fprintf(b, "  - [%s](#%s)\n", t.Name, anchor(typeTitle(l, t)))
				}
			}
		}
	}
	b.WriteString("- [Lua's own library](#luas-own-library)\n\n")
}

// anchor is the name of a heading in a link.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return -1
	}, heading)
}

// typeTitle is the heading of a type: types of different libraries may share a name.
func typeTitle(l *luabind.Library, t *luabind.ObjectType) string {
	if l.Name == "sip" {
		return "The " + t.Name
	}
	return "The " + t.Name + " of " + l.Name
}

func library(b *bytes.Buffer, l *luabind.Library) {
	fmt.Fprintf(b, "## %s\n\n", l.Name)
	if l.Doc != "" {
		fmt.Fprintf(b, "%s\n\n", wrap(sentence(l.Doc), ""))
	}
	for i := range l.Functions {
		function(b, "### ", l.Name+"."+l.Functions[i].Name, &l.Functions[i])
	}
	if len(l.Fields) > 0 {
		fmt.Fprintf(b, "### Values of %s\n\n", l.Name)
		fields(b, l.Name+".", l.Fields)
	}
	if len(l.Events) > 0 {
		fmt.Fprintf(b, "### Events of %s\n\n", l.Name)
		events(b, l.Events)
	}
	for _, t := range l.Types {
		object(b, typeTitle(l, t), t)
	}
}

func object(b *bytes.Buffer, title string, t *luabind.ObjectType) {
	fmt.Fprintf(b, "### %s\n\n%s\n\n", title, wrap(sentence(t.Doc), ""))
	example(b, t.Example)
	if len(t.Fields) > 0 {
		fields(b, "", t.Fields)
	}
	for i := range t.Methods {
		function(b, "#### ", variable(t)+":"+t.Methods[i].Name, &t.Methods[i])
	}
}

func fields(b *bytes.Buffer, prefix string, list []luabind.Field) {
	b.WriteString("| field | type | |\n|---|---|---|\n")
	for i := range list {
		f := &list[i]
		doc := cell(f.Doc)
		if f.Settable {
			doc = strings.TrimSuffix(doc, ".") + "; can be assigned"
			doc = strings.TrimPrefix(doc, "; ")
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, f.Name, cell(fieldWords(f)), doc)
	}
	b.WriteByte('\n')
}

func events(b *bytes.Buffer, list []luabind.Event) {
	b.WriteString("Handled by `sip.on(name, function(...) end)`.\n\n| event | the function gets | |\n|---|---|---|\n")
	for _, e := range list {
		var names []string
		for i := range e.Params {
			p := &e.Params[i]
			text := p.Name + ": " + paramWords(p)
			if p.Optional {
				text += " or nil"
			}
			names = append(names, text)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", e.Name, cell(strings.Join(names, ", ")), cell(e.Doc))
	}
	b.WriteByte('\n')
}

func function(b *bytes.Buffer, level, name string, f *luabind.Function) {
	fmt.Fprintf(b, "%s%s\n\n`%s`", level, name, call(name, f))
	for i := range f.Results {
		if i == 0 {
			b.WriteString(" → ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(resultWords(&f.Results[i]))
	}
	fmt.Fprintf(b, "\n\n%s\n\n", wrap(sentence(f.Doc), ""))
	if len(f.Params) > 0 {
		b.WriteString("| argument | type | |\n|---|---|---|\n")
		for i := range f.Params {
			p := &f.Params[i]
			name := "`" + p.Name + "`"
			if p.Rest {
				name += " …"
			}
			fmt.Fprintf(b, "| %s | %s | %s |\n", name, cell(paramWords(p)), cell(paramNote(p)))
			optionRows(b, options(p), p.Name+".")
		}
		b.WriteByte('\n')
	}
	if note := notes(f); note != "" {
		fmt.Fprintf(b, "%s\n\n", wrap(note, ""))
	}
	example(b, f.Example)
}

func paramNote(p *luabind.Param) string {
	note := p.Doc
	if p.Optional {
		how := "optional"
		if p.Default != "" {
			how = "default " + p.Default
		}
		if note != "" {
			note += "; "
		}
		note += how
	}
	return note
}

func optionRows(b *bytes.Buffer, list []luabind.Option, prefix string) {
	for i := range list {
		o := &list[i]
		doc := o.Doc
		switch {
		case o.Required:
			doc = strings.TrimPrefix(doc+"; required", "; ")
		case o.Default != "":
			doc = strings.TrimPrefix(doc+"; default "+o.Default, "; ")
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, o.Name, cell(optionWords(o)), cell(doc))
		optionRows(b, o.Options, prefix+o.Name+".")
	}
}

// notes are what a function returns and raises, and where it may be called.
func notes(f *luabind.Function) string {
	var list []string
	for i := range f.Results {
		r := &f.Results[i]
		if r.Doc != "" && r.Doc != "true" && r.Name != "err" {
			what := "Returns"
			if i > 0 {
				what = "Then"
			}
			list = append(list, fmt.Sprintf("%s %s: %s.", what, resultWords(r), strings.TrimSuffix(r.Doc, ".")))
		}
	}
	if f.Raises != "" {
		list = append(list, "Raises "+strings.TrimSuffix(f.Raises, ".")+".")
	}
	switch f.Where {
	case luabind.AtLoad:
		list = append(list, "Only while the file loads.")
	case luabind.InHandler:
		list = append(list, "Only in handlers.")
	}
	switch {
	case f.Waits:
		list = append(list, "Waits.")
	case f.WaitsWith != "":
		list = append(list, "Waits if `"+f.WaitsWith+"` is given.")
	}
	if f.Decides {
		list = append(list, "It is the request's decision.")
	}
	switch f.Asks {
	case "":
	case "*":
		list = append(list, "`check` warns where nobody looks at the result.")
	default:
		list = append(list, "With `"+f.Asks+"`, `check` warns where nobody looks at the result.")
	}
	return strings.Join(list, " ")
}

func example(b *bytes.Buffer, text string) {
	if text != "" {
		fmt.Fprintf(b, "```lua\n%s\n```\n\n", strings.TrimSpace(text))
	}
}

func standard(b *bytes.Buffer, libraries []luabind.Library) {
	b.WriteString("## Lua's own library\n\nAs in the manual of Lua 5.1; functions that read files, run programs, load code or inspect the\ninterpreter are not available. " +
		"[scripting.md](scripting.md) lists the deliberate differences.\n\n| | |\n|---|---|\n")
	for i := range libraries {
		l := &libraries[i]
		if !isStandard(l) {
			continue
		}
		var names []string
		prefix := l.Name + "."
		if l.Name == "" {
			prefix = ""
		}
		for j := range l.Functions {
			names = append(names, "`"+call(prefix+l.Functions[j].Name, &l.Functions[j])+"`")
		}
		for _, f := range l.Fields {
			names = append(names, "`"+prefix+f.Name+"`")
		}
		fmt.Fprintf(b, "| %s | %s |\n", cell(l.Doc), strings.Join(names, " "))
	}
}

// cell is text in a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(strings.TrimSpace(text))
}

// wrap breaks text into lines of at most 100 columns.
func wrap(text, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+n > 100:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
