package describe

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// A README of a module has its tables between two lines: one that says which,
//
//	<!-- made by make docs: options configure -->
//	<!-- end -->
//
// which is functions, options FUNCTION, fields TYPE or events.
var block = regexp.MustCompile(`(?s)<!-- made by make docs: ([a-z_ ]+) -->\n.*?<!-- end -->`)

// Fill writes the tables of a module into its README. Blocks that the module has nothing for, and a
// README without any, are errors.
func Fill(readme []byte, l *luabind.Library) ([]byte, error) {
	var failed error
	found := 0
	out := block.ReplaceAllFunc(readme, func(old []byte) []byte {
		found++
		what := string(block.FindSubmatch(old)[1])
		table := tableOf(l, strings.Fields(what))
		if table == nil && failed == nil {
			failed = fmt.Errorf("%s has no %s", l.Name, what)
		}
		return fmt.Appendf(nil, "<!-- made by make docs: %s -->\n\n%s\n\n<!-- end -->", what, bytes.TrimSpace(table))
	})
	if found == 0 {
		return nil, fmt.Errorf("the README of %s has no line <!-- made by make docs: functions -->", l.Name)
	}
	return out, failed
}

func tableOf(l *luabind.Library, what []string) []byte {
	var b bytes.Buffer
	switch {
	case len(what) == 1 && what[0] == "functions":
		functions(&b, l)
	case len(what) == 1 && what[0] == "events":
		events(&b, l.Events)
	case len(what) == 2 && what[0] == "options":
		for i := range l.Functions {
			if l.Functions[i].Name != what[1] {
				continue
			}
			for j := range l.Functions[i].Params {
				if list := options(&l.Functions[i].Params[j]); len(list) > 0 {
					optionTable(&b, list)
				}
			}
		}
	case len(what) == 2 && what[0] == "fields":
		for _, t := range l.Types {
			if t.Name == what[1] {
				fields(&b, "", t.Fields)
			}
		}
	}
	return b.Bytes()
}

// functions is a line for each function: the whole is in the reference.
func functions(b *bytes.Buffer, l *luabind.Library) {
	b.WriteString("| function | returns | |\n|---|---|---|\n")
	for i := range l.Functions {
		f := &l.Functions[i]
		var results []string
		for j := range f.Results {
			results = append(results, resultWords(&f.Results[j]))
		}
		var where []string
		if f.Where == luabind.AtLoad {
			where = append(where, "while the file loads")
		}
		if f.Waits {
			where = append(where, "waits")
		}
		if f.Decides {
			where = append(where, "decides")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", call(l.Name+"."+f.Name, f), cell(strings.Join(results, ", ")), strings.Join(where, ", "))
	}
}

func optionTable(b *bytes.Buffer, list []luabind.Option) {
	reloadable := func(o luabind.Option) bool { return o.Reloadable }
	some := slices.ContainsFunc(list, reloadable)
	all := !slices.ContainsFunc(list, func(o luabind.Option) bool { return !o.Reloadable })
	if all {
		b.WriteString("All options may change at a reload.\n\n")
	}
	b.WriteString("| option | default | |\n|---|---|---|\n")
	rows(b, list, "", some && !all)
}

func rows(b *bytes.Buffer, list []luabind.Option, prefix string, mark bool) {
	for i := range list {
		o := &list[i]
		def, doc := o.Default, o.Doc
		if o.Required {
			def = "required"
		}
		if mark && o.Reloadable {
			doc += "; may change at a reload"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, o.Name, cell(def), cell(doc))
		rows(b, o.Options, prefix+o.Name+".", mark)
	}
}
