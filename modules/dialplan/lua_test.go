package dialplan_test

// This file tests the module as scripts see it.

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/sqlitetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialplan"
)

func world(t testing.TB, script string, options ...luabindtest.Option) *luabindtest.World {
	t.Helper()
	return luabindtest.New(t, "dialplan = require 'dialplan'\n"+script+"\nfunction route(req) end",
		append(options, luabindtest.Modules(dialplan.NewModule(dialplan.ModuleOptions{})))...)
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

// What a plan keeps of its file is its own: the text that it is read from serves again.
func TestLongFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.csv")
	text := "match,replace,prefix,strip,add\n^7(.*),5%1x,,,\n,,00,2,+\n" + strings.Repeat(",,9,3,zzzzzzzzzzzzzzzzzzz\n", 10_000)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := world(t, "dialplan.configure { plans = { a = 'file:"+file+"' } }")
	eval(t, w, `return (dialplan.translate("a", "71")), (dialplan.translate("a", "0033"))`, "51x", "+33")
}

func TestScripts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan.csv")
	if err := os.WriteFile(file, []byte("prefix,strip,add\n00,2,+\n0,1,+49\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := world(t, `
local n = 0
dialplan.configure { plans = {
  outbound = { { match = "^00(.*)", replace = "+%1" }, { prefix = "0", strip = 1, add = "+49", attrs = { national = true, list = { 1, 2 } } } },
  mixed = {
    { match = "^(%d)(x?)", replace = function(text, a, b) return a .. "|" .. b .. "|" .. text end },
    { match = "^9(.*)$", replace = function(text, rest) if rest == "0" then return nil end error("no " .. rest) end, priority = -1 },
    { match = "^7", replace = function() return 7 end, priority = -1 },
    { match = "^", replace = function(text) return "else" end },
  },
  listed = "file:`+file+`",
  made = function() n = n + 1 return { { prefix = "", add = tostring(n) } } end,
  ["1"] = {},
} }`, luabindtest.Lanes(2))
	for source, want := range map[string][]any{
		`return dialplan.translate("outbound", "0049301")`:                                                        {"+49301", map[string]any{}},
		`return dialplan.translate("outbound", "030")`:                                                            {"+4930", map[string]any{"national": true, "list": []any{1.0, 2.0}}},
		`return dialplan.translate("outbound", "bob")`:                                                            {nil, "no match"},
		`return dialplan.translate("outbound", ("0"):rep(257))`:                                                   {nil, "no match"},
		`return dialplan.translate("outbound", 30)`:                                                               {nil, "no match"},
		`return (dialplan.translate("mixed", "d"))`:                                                               {"else"},
		`return (dialplan.translate("mixed", "90"))`:                                                              {"else"},
		`return (dialplan.translate("listed", "0039"))`:                                                           {"+39"},
		`return (dialplan.translate("made", "x"))`:                                                                {"1x"},
		`return dialplan.translate(1, "x")`:                                                                       {nil, "no match"},
		`return dialplan.e164("(030) 123 456", { country = "49" })`:                                               {"+4930123456"},
		`return dialplan.e164("06 1234567", { country = "39", national = "" })`:                                   {"+39061234567"},
		`return dialplan.e164("0123456", { country = "999", international = { "00" }, national = { "0", "9" } })`: {"+999123456"},
		`return dialplan.e164("112", { country = "49" })`:                                                         {nil, `not a number: "112" has no national prefix, and no area code is given`},
	} {
		t.Run(source, func(t *testing.T) { eval(t, w, source, want...) })
	}
	// Each VM has a function of its own, which is called by reload on its lane.
	eval(t, w, `return dialplan.reload("made")`, true)
	eval(t, w, `return (dialplan.translate("made", "x"))`, "2x")
	if err := os.WriteFile(file, []byte("prefix,strip,add\n00,2,a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eval(t, w, `return dialplan.reload()`, true)
	eval(t, w, `return (dialplan.translate("listed", "0039"))`, "a39")
	if err := os.WriteFile(file, []byte("prefix,strip,add\n00,2,a\n0,x,\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := w.Eval(`return dialplan.reload("listed")`)
	if err != nil || got[0] != nil || !strings.Contains(fmt.Sprint(got[1]), "plan.csv:3: strip: must be a whole number") {
		t.Errorf("%v, %v", got, err)
	}
	eval(t, w, `return (dialplan.translate("listed", "0039"))`, "a39")
	for source, want := range map[string]string{
		`dialplan.translate("none", "1")`:                 `there is no plan "none"`,
		`dialplan.reload("none")`:                         `there is no plan "none"`,
		`dialplan.translate("mixed", "95")`:               "no 5",
		`dialplan.translate("mixed", "7")`:                "must return text, or nil",
		`dialplan.e164("1", {})`:                          "option country is required",
		`dialplan.e164("1", { country = "999" })`:         "give international",
		`dialplan.e164("1", { country = 49, area = {} })`: "option area must be a string",
		`dialplan.configure { plans = {} }`:               "while the file",
	} {
		t.Run(source, func(t *testing.T) {
			if _, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}

func TestConfigure(t *testing.T) {
	for script, want := range map[string]string{
		`{}`:                    "option plans is required",
		`{ plans = 7 }`:         "must be a table of plans by name",
		`{ plans = { {} } }`:    "must be a table of plans by name",
		`{ plans = { a = 7 } }`: "plans.a: expected a table, a function",
		`{ plans = { a = { { match = "(" } } } }`:                                   "plans.a: dialplan.a: entry 1: match: error parsing regexp",
		`{ plans = { a = { { match = "x", replce = "y" } } } }`:                     `plans.a: dialplan.a: entry 1: unknown "replce"`,
		`{ plans = { a = { {}, { match = "x", prefix = "y" } } } }`:                 "entry 2: a rule has match or prefix",
		`{ plans = { a = { { match = function() end } } } }`:                        "plans.a: entry 1: match must not be a function",
		`{ plans = { a = { match = function() end } } }`:                            "plans.a: match must not be a function",
		`{ plans = { a = { { prefix = "1", replace = function() end } } } }`:        "replace belongs to match",
		`{ plans = { a = "file:/does/not/exist" } }`:                                "no such file",
		`{ plans = { a = { url = "sqlite:x", layout = "kamailio" } } }`:             "plans.a: dpid is missing",
		`{ plans = { a = { url = "sqlite:x", layout = "kamailio", dpid = "x" } } }`: "dpid must be a whole number",
		`{ plans = { a = { url = "sqlite:x", layout = "asterisk", dpid = 1 } } }`:   `no layout "asterisk"`,
		`{ plans = { a = function() return 7 end } }`:                               "expected a table",
		`{ plans = { a = function() return nil, "away" end } }`:                     "away",
		`{ plans = { a = { sip.random(1000000) } } }`:                               "",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := luabindtest.Try(t, "require('dialplan').configure "+script+" function route(req) end", luabindtest.Lanes(2),
				luabindtest.Modules(dialplan.NewModule(dialplan.ModuleOptions{})))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
	if _, err := luabindtest.Try(t, `local d = require "dialplan" d.configure { plans = {} } d.configure { plans = {} } function route(req) end`,
		luabindtest.Modules(dialplan.NewModule(dialplan.ModuleOptions{}))); err == nil || !strings.Contains(err.Error(), "already been called") {
		t.Errorf("%v", err)
	}
}

// The tables of Kamailio and OpenSIPS, as their scripts make them, and our own.
func TestLayouts(t *testing.T) {
	kamailio := sqlitetest.New(t, `CREATE TABLE dialplan (id INTEGER PRIMARY KEY NOT NULL, dpid INTEGER NOT NULL, pr INTEGER NOT NULL, match_op INTEGER NOT NULL,
		match_exp VARCHAR(64) NOT NULL, match_len INTEGER NOT NULL, subst_exp VARCHAR(64) NOT NULL, repl_exp VARCHAR(256) NOT NULL, attrs VARCHAR(64) NOT NULL)`,
		`INSERT INTO dialplan VALUES (1, 1, 1, 1, '^0', 0, '^0(.*)$', '+49\1', 'national'), (2, 1, 0, 0, '112', 0, '', '', 'emergency'),
			(3, 1, 9, 1, '^0', 4, '^(..)(..)$', '\2\1', ''), (4, 1, 5, 2, '7[!0-4]?-*', 0, '.*', 'glob', ''), (5, 1, 6, 1, 'x', 0, 'y', 'never', ''),
			(6, 1, 7, 1, '^x', 0, '', 'whole', ''), (7, 2, 0, 1, '.', 0, '', 'other', ''), (8, 1, 0, 0, '112', 0, '', 'second', '')`)
	opensips := sqlitetest.New(t, `CREATE TABLE dialplan (id INTEGER PRIMARY KEY NOT NULL, dpid INTEGER NOT NULL, pr INTEGER DEFAULT 0 NOT NULL, match_op INTEGER NOT NULL,
		match_exp CHAR(64) NOT NULL, match_flags INTEGER DEFAULT 0 NOT NULL, subst_exp CHAR(64) DEFAULT NULL, repl_exp CHAR(32) DEFAULT NULL,
		timerec CHAR(255) DEFAULT NULL, disabled INTEGER DEFAULT 0 NOT NULL, attrs CHAR(255) DEFAULT NULL)`,
		`INSERT INTO dialplan VALUES (1, 1, 0, 1, '^BOB', 1, '^(.)(.*)', '\2', NULL, 0, NULL), (2, 1, 0, 0, 'Eve', 1, NULL, 'adam', '', 0, 'x'), (3, 1, 0, 1, '.', 0, NULL, 'off', NULL, 1, NULL)`)
	own := sqlitetest.New(t, `CREATE TABLE dialplan_rules (id INTEGER PRIMARY KEY, plan TEXT, pattern TEXT, replacement TEXT, prefix TEXT, strip INTEGER, addition TEXT, attrs TEXT, priority INTEGER)`,
		`INSERT INTO dialplan_rules VALUES (1, 'it''s', '^00', '+', NULL, NULL, NULL, '{"a": "b"}', NULL), (2, 'it''s', NULL, NULL, '0', 1, '+49', NULL, NULL), (3, 'x', '.', 'x', NULL, NULL, NULL, NULL, NULL)`)
	w := world(t, fmt.Sprintf(`dialplan.configure { plans = {
		["1"] = { url = %q, layout = "kamailio" }, two = { url = %q, layout = "kamailio", dpid = 2 },
		o = { url = %q, layout = "opensips", dpid = 1 }, ["it's"] = %q } }`, kamailio, kamailio, opensips, own))
	for source, want := range map[string][]any{
		`return dialplan.translate("1", "030123")`:    {"+4930123", map[string]any{"text": "national"}},
		`return dialplan.translate("1", "0301")`:      {"0103", map[string]any{}},
		`return dialplan.translate("1", "112")`:       {"112", map[string]any{"text": "emergency"}},
		`return dialplan.translate("1", "75x-1")`:     {"glob", map[string]any{}},
		`return dialplan.translate("1", "71x-1")`:     {nil, "no match"},
		`return dialplan.translate("1", "ax")`:        {nil, "no match"},
		`return dialplan.translate("1", "xylophone")`: {"never", map[string]any{}},
		`return dialplan.translate("1", "xen")`:       {"whole", map[string]any{}},
		`return dialplan.translate("two", "xen")`:     {"other", map[string]any{}},
		`return dialplan.translate("o", "bobby")`:     {"obby", map[string]any{}},
		`return dialplan.translate("o", "eve")`:       {"adam", map[string]any{"text": "x"}},
		`return dialplan.translate("o", "evelyn")`:    {nil, "no match"},
		`return dialplan.translate("it's", "0039")`:   {"+39", map[string]any{"a": "b"}},
		`return dialplan.translate("it's", "039")`:    {"+4939", map[string]any{}},
		`return dialplan.translate("it's", "39")`:     {nil, "no match"},
	} {
		t.Run(source, func(t *testing.T) { eval(t, w, source, want...) })
	}
	for name, row := range map[string]struct{ rule, want string }{
		"operator":  {`1, 1, 0, 3, '^0', 0, '', '', ''`, "match_op 3 is none of 0, 1 and 2"},
		"variable":  {`1, 1, 0, 1, '^0', 0, '', '$avp(x)', ''`, "variables are not supported"},
		"captures":  {`1, 1, 0, 1, '^(0)', 0, '^0', '\1', ''`, "match has 0 captures"},
		"lookahead": {`1, 1, 0, 1, '^(?!0)', 0, '', '', ''`, "row 1: match: error parsing regexp"},
		"subst":     {`1, 1, 0, 1, '^0', 0, '(', 'x', ''`, "row 1: subst_exp: match: error parsing regexp"},
	} {
		t.Run(name, func(t *testing.T) {
			url := sqlitetest.New(t, `CREATE TABLE dialplan (id INTEGER, dpid INTEGER, pr INTEGER, match_op INTEGER, match_exp TEXT, match_len INTEGER, subst_exp TEXT, repl_exp TEXT, attrs TEXT)`,
				`INSERT INTO dialplan VALUES (`+row.rule+`)`)
			_, err := luabindtest.Try(t, fmt.Sprintf(`require("dialplan").configure { plans = { ["1"] = { url = %q, layout = "kamailio" } } } function route(req) end`, url),
				luabindtest.Modules(dialplan.NewModule(dialplan.ModuleOptions{})))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

func TestMetrics(t *testing.T) {
	m := dialplan.NewModule(dialplan.ModuleOptions{})
	w := luabindtest.New(t, `dialplan = require "dialplan" dialplan.configure { plans = { a = { { prefix = "0" } }, b = {} } } function route(req) end`, luabindtest.Modules(m))
	eval(t, w, `dialplan.translate("a", "0") dialplan.translate("a", "01") dialplan.translate("b", "0")`)
	want := map[string]float64{"translated": 2, "no match": 1, "dialplan.a": 1, "dialplan.b": 0}
	for _, metric := range m.Metrics() {
		for _, label := range []string{metric.Labels["result"], metric.Labels["list"]} {
			if n, ok := want[label]; ok && (metric.Name == "list_entries" || metric.Name == "dialplan_translations_total") {
				if metric.Value() != n {
					t.Errorf("%s %s: %v, want %v", metric.Name, label, metric.Value(), n)
				}
				delete(want, label)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}
