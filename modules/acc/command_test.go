package acc_test

// This file tests the admin API and the command.

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc"
	"github.com/sipscript/sipscript/modules/host/hosttest"
)

// One destination has the only record, the other can't be written: its directory is not there.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	a := acc.New(acc.Options{Log: slog.New(slog.DiscardHandler), Data: dir})
	t.Cleanup(func() { _ = a.Close() })
	run := func(flags map[string]any, words string) string {
		out, err := hosttest.Run(acc.Plugin().Commands[0], "acc", a.API(), flags, strings.Fields(words)...)
		return strings.TrimSpace(strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err))
	}
	if got := run(nil, "acc"); !strings.HasSuffix(got, "REFUSED WHY <nil>") {
		t.Error(got)
	}
	good, bad := "json:"+filepath.Join(dir, "good"), "json:"+filepath.Join(dir, "none", "bad")
	w := luabindtest.New(t, fmt.Sprintf(`local acc = require "acc"
acc.configure({ to = { %q, %q }, gather = 0.01 })
function route(req) acc.event(req, "test") req:reply(200) end`, good, bad), luabindtest.Modules(a))
	w.Ask("MESSAGE", "sip:bob@example.com")
	for range 1000 { // until both have tried
		if got := run(nil, "acc"); strings.Contains(got, good+" up 1 0 0s 0 0") && strings.Contains(got, bad+" away 0 1") {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, row := range []struct {
		name, words string
		flags       map[string]any
		want        string
	}{
		{"destinations", "acc destinations", nil, good + " up 1 0 0s 0 0"},
		{"why", "acc", nil, "no such file or directory <nil>"},
		{"what waits", "acc", nil, bad + " away 0 1"},
		{"JSON", "acc", map[string]any{"json": true}, `"spool": {`},
		{"of what", "acc destinations x", nil, `takes no argument: found "x"`},
		{"no such command", "acc show", nil, `unknown command "show"; the commands are destinations`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := run(row.flags, row.words); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
}
