package dialplan

// This file tests the admin API and the command.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/host/hosttest"
)

func TestCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("prefix,strip,add\n0,1,+49\n")
	m := NewModule(ModuleOptions{})
	run := func(words string) string {
		out, err := hosttest.Run(command(), "dialplan", m.API(), nil, strings.Split(strings.ReplaceAll(words, "EMPTY", ""), " ")...)
		return strings.TrimSpace(strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err))
	}
	if got := run("dialplan"); got != "PLAN RULES READ STALE SINCE FAILURES SOURCE <nil>" {
		t.Error(got)
	}
	luabindtest.New(t, `local dialplan = require "dialplan"
dialplan.configure { plans = { file = "file:`+path+`", here = { { match = "^00(.*)", replace = "+%1", attrs = { kind = "far" } }, { match = "^x(.*)", replace = function(s) return s end } },
  made = function() return { { prefix = "1" } } end } }
function route(req) end`, luabindtest.Modules(m))
	for _, row := range []struct{ words, want string }{
		{"dialplan list", "file 1 20"},
		{"dialplan", " 0 a table made 1 20"},
		{"dialplan lookup here 0044123", "+44123 kind = far <nil>"},
		{"dialplan lookup file 030123", "+4930123 <nil>"},
		{"dialplan lookup here 030", "404 no match"},
		{"dialplan lookup here x", "409 the rule that fits has a function"},
		{"dialplan lookup nowhere 1", `404 there is no plan "nowhere"`},
		{"dialplan lookup here", "expected PLAN TEXT"},
		{"dialplan reload here", "<nil>"},
		{"dialplan reload made", "409 made: the list comes from a function"},
		{"dialplan reload nowhere", `404 there is no plan "nowhere"`},
		{"dialplan reload EMPTY", "PLAN is empty: leave it out to read all"},
		{"dialplan reload a b", `one plan at a time: found "b" after "a"`},
		{"dialplan show", `unknown command "show"; the commands are list, lookup, reload`},
		{"dialplan list x", `takes no argument: found "x"`},
	} {
		t.Run(row.words, func(t *testing.T) {
			if got := run(row.words); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	// A list that is read again is the new one, and one that can't be is told with its line
	write("prefix,strip,add\n0,1,+33\n")
	if got := run("dialplan reload file"); got != "<nil>" {
		t.Error(got)
	}
	write("prefix,strip,add\n0,1,+33\nabc,1,+\n")
	if got := run("dialplan reload file"); !strings.Contains(got, "in.csv:3: ") {
		t.Error(got)
	}
	if got := run("dialplan lookup file 030123"); got != "+3330123 <nil>" {
		t.Error(got)
	}
	if got := run("dialplan list"); !strings.Contains(got, "1 "+path) {
		t.Errorf("no failure is shown: %s", got)
	}
}
