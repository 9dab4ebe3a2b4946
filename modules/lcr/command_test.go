package lcr_test

// This file tests the admin API and the command.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/host/hosttest"
	"github.com/sipscript/sipscript/modules/lcr"
)

func TestCommand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rates.csv")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("prefix,carrier,cost,quality,account,hours\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("49,a,0.010,2,,\n49,b,0.0125,1,,\n49,b,0.02,1,gold,\n4930,a,0.5,3,,20:00-21:00\n33,z,1,1,,\n")
	m := lcr.NewModule(lcr.ModuleOptions{Gateways: known})
	run := func(flags map[string]any, words string) string {
		out, err := hosttest.Run(lcr.Plugin().Commands[0], "lcr", m.API(), flags, strings.Fields(words)...)
		return strings.TrimSpace(strings.Join(strings.Fields(out), " ") + " " + fmt.Sprint(err))
	}
	if got := run(nil, "lcr"); !strings.Contains(got, "404 the script has no rates") {
		t.Error(got)
	}
	luabindtest.New(t, `local lcr = require "lcr"
lcr.configure { rates = "file:`+path+`", timezone = "UTC", carriers = { set = "pstn", b = { strip = 1, add = "00" } } }
function route(req) end`, luabindtest.Modules(m))
	const a = "a 49 0.01 2 sip:+4930123@10.0.3.1 sips:+4930123@10.0.3.2:5071"
	for _, row := range []struct {
		name, words string
		flags       map[string]any
		want        string
	}{
		{"list", "lcr list", nil, "5 a b z 20"},
		{"alone", "lcr", nil, " 0 " + path + " <nil>"},
		{"lookup", "lcr lookup +4930123", map[string]any{"at": "2026-01-31T12:00:00Z"},
			"CARRIER PREFIX COST QUALITY GATEWAYS " + a + " b 49 0.0125 1 sip:004930123@b.example.net;transport=tcp <nil>"},
		{"at another time", "lcr lookup +4930123", map[string]any{"at": "2026-01-31T20:30:00Z"}, "b 49 0.0125 1 sip:004930123@b.example.net;transport=tcp a 4930 0.5 3"},
		{"for an account", "lcr lookup +4930123", map[string]any{"account": "gold"}, "b 49 0.02 1"},
		{"cheaper", "lcr lookup 4940", map[string]any{"max-cost": "0.01"}, "sips:4940@10.0.3.2:5071 <nil>"},
		{"better", "lcr lookup 4940", map[string]any{"min-quality": "2"}, "sips:4940@10.0.3.2:5071 <nil>"},
		{"JSON", "lcr lookup 4940", map[string]any{"json": true}, `"carrier": "b", "prefix": "49", "cost": "0.0125", "quality": 1, "uris": [ "sip:00940@`},
		{"no gateway", "lcr lookup 331", nil, "z 33 1 1 none is up"},
		{"no route", "lcr lookup 1", nil, "404 no carrier takes this number"},
		{"no number", "lcr lookup x", nil, `400 "x" is not a number`},
		{"no time", "lcr lookup 1", map[string]any{"at": "soon"}, "400 at "},
		{"no cost", "lcr lookup 1", map[string]any{"max-cost": "x"}, "400 max_cost "},
		{"no quality", "lcr lookup 1", map[string]any{"min-quality": "x"}, "400 min_quality is not a number"},
		{"two numbers", "lcr lookup 1 2", nil, "expected one number"},
		{"no such command", "lcr show", nil, `unknown command "show"; the commands are list, lookup, reload`},
		{"list of what", "lcr list x", nil, `takes no argument: found "x"`},
		{"reload what", "lcr reload x", nil, `takes no argument: found "x"`},
		{"reload", "lcr reload", nil, "<nil>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := run(row.flags, row.words); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	write("49,a,cheap,,,\n")
	if got := run(nil, "lcr reload"); !strings.Contains(got, "rates.csv:2: ") {
		t.Error(got)
	}
	if got := run(map[string]any{"at": "2026-01-31T12:00:00Z"}, "lcr lookup +4930123"); !strings.Contains(got, a) {
		t.Errorf("the rates before are not in force: %s", got)
	}
	if got := run(map[string]any{"json": true}, "lcr"); !strings.Contains(got, `"stale_since": "20`) || !strings.Contains(got, `"failures": 1`) {
		t.Error(got)
	}
}

// Rates that a function gives are read again by scripts only.
func TestCommandOfFunctions(t *testing.T) {
	m := lcr.NewModule(lcr.ModuleOptions{})
	luabindtest.New(t, `require("lcr").configure { rates = function() return { { prefix = "", carrier = "a", cost = 1 } } end }
function route(req) end`, luabindtest.Modules(m))
	if _, err := hosttest.Run(lcr.Plugin().Commands[0], "lcr", m.API(), nil, "lcr", "reload"); err == nil || !strings.Contains(err.Error(), "409 the list comes from a function") {
		t.Error(err)
	}
}
