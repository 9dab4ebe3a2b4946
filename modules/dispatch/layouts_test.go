package dispatch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/sqlitetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dispatch"
)

// kamailioTable is the table that Kamailio's script for SQLite makes (version 4).
const kamailioTable = `CREATE TABLE dispatcher (id INTEGER PRIMARY KEY NOT NULL, setid INTEGER DEFAULT 0 NOT NULL, destination VARCHAR(192) DEFAULT '' NOT NULL,
	flags INTEGER DEFAULT 0 NOT NULL, priority INTEGER DEFAULT 0 NOT NULL, attrs VARCHAR(128) DEFAULT '' NOT NULL, description VARCHAR(64) DEFAULT '' NOT NULL)`

// kamailioRows are those of the table, which are the lines of listFile as well.
const kamailioRows = `INSERT INTO dispatcher VALUES (1, 1, 'sip:10.0.0.1:5080', 0, 10, 'weight=50;duid=a;socket=udp:10.0.0.9:5060;class=normal', 'first'),
	(2, 1, 'sip:10.0.0.2:5080;transport=tcp', 8, 20, 'rweight=30;maxload=7', ''), (3, 1, 'sips:gw.example.net', 1, 0, '', ''), (4, 1, 'sip:10.0.0.4', 4, 0, '', ''),
	(5, 1, 'sip:10.0.0.4', 0, 0, '', 'again'), (6, 2, 'sip:10.0.0.5', 2, 0, '', '')`

const listFile = `# setid destination flags priority attrs
1 sip:10.0.0.1:5080 0 10 weight=50;duid=a;socket=udp:10.0.0.9:5060;class=normal  # first
1	sip:10.0.0.2:5080;transport=tcp 8 20 rweight=30;maxload=7

1 sips:gw.example.net 1
1 sip:10.0.0.4 4 0
1 sip:10.0.0.4
2 sip:10.0.0.5 2
`

// told is what a script is told about a set.
const told = `local out = {} for _, g in ipairs(dispatch.list("SET")) do
	out[#out + 1] = table.concat({ g.uri, g.state, g.priority, g.weight, tostring(g.max_calls), tostring(g.attrs.duid), tostring(g.attrs.class) }, " ") end
	return table.concat(out, ", ")`

// Kamailio's table and list file, as they are.
func TestKamailio(t *testing.T) {
	url := sqlitetest.New(t, kamailioTable, kamailioRows)
	path := filepath.Join(t.TempDir(), "dispatcher.list")
	if err := os.WriteFile(path, []byte(listFile), 0o600); err != nil {
		t.Fatal(err)
	}
	const one = "sip:10.0.0.1:5080 up -10 50 nil a normal, sip:10.0.0.2:5080;transport=tcp up -20 30 7 nil nil, sips:gw.example.net down 0 0 nil nil nil, sip:10.0.0.4 disabled 0 0 nil nil nil"
	for name, source := range map[string]string{"table": url, "file": "file:" + path} {
		t.Run(name, func(t *testing.T) {
			w := world(t, fmt.Sprintf(`dispatch.configure { sets = { ["1"] = { url = %q, layout = "kamailio" }, media = { url = %[1]q, layout = "kamailio", setid = 2 } } }
				function route(req) req:reply(404) end`, source))
			for set, want := range map[string]string{"1": one, "media": "sip:10.0.0.5 up 0 1 nil nil nil"} {
				if got := eval(t, w, strings.Replace(told, "SET", set, 1)); got != want {
					t.Errorf("%s: %s\nwant %s", set, got, want)
				}
			}
			// The highest of their priorities is tried first
			if got := eval(t, w, `local list = dispatch.targets("1") return list[1].next_hop, list[2].next_hop, #list`); got != "sip:10.0.0.2:5080;transport=tcp sip:10.0.0.1:5080 2" {
				t.Error(got)
			}
			if s := w.Log(); s != "" {
				t.Log(s)
			}
		})
	}
}

// OpenSIPS's table, and our own.
func TestTables(t *testing.T) {
	opensips := sqlitetest.New(t, `CREATE TABLE dispatcher (id INTEGER PRIMARY KEY NOT NULL, setid INTEGER DEFAULT 0 NOT NULL, destination CHAR(192) DEFAULT '' NOT NULL,
		socket CHAR(128) DEFAULT NULL, state INTEGER DEFAULT 0 NOT NULL, probe_mode INTEGER DEFAULT 0 NOT NULL, weight CHAR(64) DEFAULT 1 NOT NULL,
		priority INTEGER DEFAULT 0 NOT NULL, attrs CHAR(128) DEFAULT NULL, description CHAR(64) DEFAULT NULL)`,
		`INSERT INTO dispatcher VALUES (1, 3, 'sip:10.0.0.1', 'udp:10.0.0.9:5060', 0, 0, '5', 0, 'class=x', NULL), (2, 3, 'sip:10.0.0.2', NULL, 1, 0, '1', 2, NULL, NULL)`)
	own := sqlitetest.New(t, `CREATE TABLE dispatch_gateways (id INTEGER PRIMARY KEY, set_name TEXT NOT NULL, next_hop TEXT NOT NULL, rewrite TEXT, weight INTEGER, priority INTEGER,
		max_calls INTEGER, from_socket TEXT, carrier TEXT, state TEXT, headers TEXT, attrs TEXT)`,
		`INSERT INTO dispatch_gateways VALUES (1, 'it''s', 'sip:10.0.0.1', 'host', 5, 1, 9, NULL, 'one', NULL, '{"X-Carrier": "one"}', '{"class": "x"}'),
			(2, 'it''s', '10.0.0.2', NULL, NULL, NULL, NULL, NULL, NULL, 'draining', NULL, '{}'), (3, 'other', 'sip:10.0.0.3', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	w := world(t, fmt.Sprintf(`dispatch.configure { sets = { o = { url = %q, layout = "opensips", setid = 3 }, ["it's"] = %q } } function route(req) req:reply(404) end`, opensips, own))
	for set, want := range map[string]string{"o": "sip:10.0.0.1 up 0 5 nil nil x, sip:10.0.0.2 down -2 1 nil nil nil",
		"it's": "sip:10.0.0.1 up 1 5 9 nil x, sip:10.0.0.2 draining 0 1 nil nil nil"} {
		t.Run(set, func(t *testing.T) {
			if got := eval(t, w, strings.Replace(told, "SET", set, 1)); got != want {
				t.Errorf("%s\nwant %s", got, want)
			}
		})
	}
}

func TestBadLists(t *testing.T) {
	for name, row := range map[string]struct{ text, want string }{
		"no number":      {"1 sip:10.0.0.1 x", `:1: "x" is not a whole number`},
		"no destination": {"# a\n1", ":2: expected: setid destination"},
		"a bad weight":   {"1 sip:10.0.0.1 0 0 weight=x", `:1: attrs: weight "x" is not a whole number`},
		"a bad maxload":  {"1 sip:10.0.0.1 0 0 maxload=x", `:1: attrs: maxload "x" is not a whole number`},
		"no URI":         {"1 sip: 0 0", ":1: next_hop"},
		"another set":    {"2 sip:10.0.0.1", "there is no set 1"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dispatcher.list")
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := luabindtest.Try(t, fmt.Sprintf(`require("dispatch").configure { sets = { ["1"] = { url = %q, layout = "kamailio" } } } function route() end`, "file:"+path),
				luabindtest.Modules(dispatch.New(dispatch.Options{})))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v\nwant %s", err, row.want)
			}
		})
	}
}
