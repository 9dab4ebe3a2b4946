package sql_test

// This file tests the module as scripts see it, on real servers.

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/internal/mariadbtest"
	"github.com/sipscript/sipscript/internal/pgtest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	module "github.com/sipscript/sipscript/modules/sql"
)

// backend is one database of each kind.
type backend struct {
	name, url string
	stop      func() // nil: a file
}

func backends(t *testing.T) []backend {
	t.Helper()
	pg, maria := pgtest.Start(t), mariadbtest.Start(t)
	return []backend{
		{"sqlite", "sqlite:" + filepath.Join(t.TempDir(), "x.db"), nil},
		{"postgres", pg.URL, pg.Stop},
		{"mariadb", maria.URL, maria.Stop},
	}
}

func world(t *testing.T, url, options string) *luabindtest.World {
	t.Helper()
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	return luabindtest.New(t, fmt.Sprintf("local sql = require \"sql\"\ndb = sql.open(%q, %s)\nfunction route(req) end", url, options),
		luabindtest.Modules(module.New(pool)))
}

func eval(t *testing.T, w *luabindtest.World, source string, want ...any) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\ngot  %#v, %v\nwant %#v", source, got, err, want)
	}
}

func fails(t *testing.T, w *luabindtest.World, source, want string) {
	t.Helper()
	got, err := w.Eval(source)
	if err != nil || len(got) != 2 || got[0] != nil || !strings.Contains(fmt.Sprint(got[1]), want) {
		t.Errorf("%s\ngot  %#v, %v\nwant nil and %q", source, got, err, want)
	}
}

func raises(t *testing.T, w *luabindtest.World, source, want string) {
	t.Helper()
	if got, err := w.Eval(source); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s\ngot  %#v, %v\nwant an error with %q", source, got, err, want)
	}
}

func TestQueries(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w := world(t, b.url, `{ create = true }`)
			eval(t, w, `return db:exec("CREATE TABLE targets (name varchar(50), uri varchar(100), q float, n bigint, raw text)") ~= nil`, true)
			eval(t, w, `return db:exec("INSERT INTO targets VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)", "alice", sip.uri("sip:a@b"), 0.5, 7, nil, "bob", "it's; ?", 1, 9007199254740993, "ä")`, 2.0)
			eval(t, w, `return db:row("SELECT * FROM targets WHERE name = ?", "alice")`,
				map[string]any{"name": "alice", "uri": "sip:a@b", "q": 0.5, "n": 7.0})
			eval(t, w, `local r = db:row("SELECT uri, q, raw FROM targets WHERE name = 'bob'") return r.uri, r.q, r.raw`, "it's; ?", 1.0, "ä")
			// The literal is 2^53 + 1, which a number of Lua can't hold: it went in as 2^53.
			eval(t, w, `return db:value("SELECT n FROM targets WHERE name = 'bob'")`, 9007199254740992.0)
			eval(t, w, `db:exec("UPDATE targets SET n = n + 1 WHERE name = 'bob'") return db:value("SELECT n FROM targets WHERE name = ?", "bob")`, "9007199254740993")
			eval(t, w, `local list = db:rows("SELECT name FROM targets ORDER BY name") return #list, list[1].name, list[2].name`, 2.0, "alice", "bob")
			eval(t, w, `return #db:rows("SELECT name FROM targets WHERE name = ?", "nobody"), db:value("SELECT count(*) FROM targets")`, 0.0, 2.0)
			eval(t, w, `return db:row("SELECT name FROM targets WHERE name = 'nobody'")`, nil)
			eval(t, w, `return db:value("SELECT name FROM targets WHERE name = 'nobody'")`, nil)
			eval(t, w, `return db:value("SELECT raw FROM targets WHERE name = 'alice'")`, nil)
			eval(t, w, `return db:exec("DELETE FROM targets WHERE name = ?", "alice; DROP TABLE targets")`, 0.0)
			eval(t, w, `return db:value("SELECT name FROM targets WHERE name = ?", "' OR '1' = '1")`, nil)
			fails(t, w, `return db:rows("SELECT x FROM nowhere")`, "nowhere")
			fails(t, w, `return db:exec("nonsense")`, "nonsense")
			raises(t, w, `db:exec("SELECT ?", {})`, "a parameter must be a string")
			raises(t, w, `db:exec("SELECT ?", print)`, "a parameter must be a string")
			raises(t, w, `db.exec("SELECT 1")`, "write object:exec(...)")
		})
	}
}

// What SQLite's driver takes for a time depends on the column's declared type, which an expression
// doesn't have; the README tells how to get a number all the same.
func TestTimesOfSQLite(t *testing.T) {
	w := world(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"), `{ create = true }`)
	eval(t, w, `return db:exec("CREATE TABLE t (at DATETIME, price DECIMAL(10,2))") ~= nil`, true)
	eval(t, w, `return db:exec("INSERT INTO t VALUES ('2026-01-02 03:04:05', '1.50')")`, 1.0)
	eval(t, w, `return db:value("SELECT at FROM t")`, 1767323045.0)
	eval(t, w, `return db:value("SELECT max(at) FROM t")`, "2026-01-02 03:04:05")
	eval(t, w, `return db:value("SELECT unixepoch(max(at)) FROM t")`, 1767323045.0)
	eval(t, w, `return db:value("SELECT price FROM t")`, 1.5)
}

// What a script gives goes into columns of other types alike, and comes back as it was written.
func TestValuesOfOtherTypes(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w := world(t, b.url, `{ create = true }`)
			eval(t, w, `return db:exec("CREATE TABLE v (name varchar(20), yes boolean, n int, q real)")`, 0.0)
			put := func(column, value string) string {
				return fmt.Sprintf(`db:exec("DELETE FROM v") db:exec("INSERT INTO v (%[1]s) VALUES (?)", %[2]s)
return db:value("SELECT %[1]s FROM v WHERE %[1]s = ?", %[2]s)`, column, value)
			}
			eval(t, w, put("name", "7"), "7")
			eval(t, w, put("name", "'0049'"), "0049")
			eval(t, w, put("name", "0.5"), "0.5")
			eval(t, w, put("n", "true"), 1.0)
			eval(t, w, put("n", "'7'"), 7.0)
			eval(t, w, put("n", "7"), 7.0)
			eval(t, w, `return db:value("SELECT n FROM v WHERE yes = ? OR n = ?", 1, 7)`, 7.0)
			eval(t, w, `db:exec("UPDATE v SET yes = ?, q = 0.1", 1) local r = db:row("SELECT yes, q FROM v") return r.yes == true or r.yes == 1, r.q`, true, 0.1)
			eval(t, w, `db:exec("UPDATE v SET yes = ?, q = ?", 0, 16777216) local r = db:row("SELECT yes, q FROM v") return r.yes == true or r.yes == 1, r.q`, false, 16777216.0)
			eval(t, w, `db:exec("UPDATE v SET q = ?", true) return db:value("SELECT q FROM v WHERE q = ?", 1)`, 1.0)
			eval(t, w, `db:exec("CREATE TABLE d (q double precision)") return db:exec("INSERT INTO d VALUES (?)", 123456.789012), db:value("SELECT q FROM d")`, 1.0, 123456.789012)
			eval(t, w, `db:exec("UPDATE v SET n = 7") return db:exec("UPDATE v SET n = ?", 7), db:exec("UPDATE v SET n = 7 WHERE n = 8")`, 1.0, 0.0)
			if b.name == "sqlite" { // it has double precision whatever is declared
				eval(t, w, `db:exec("CREATE TABLE s (q float4)") return db:exec("INSERT INTO s VALUES (?)", 123456.789012), db:value("SELECT q FROM s")`, 1.0, 123456.789012)
			}
			if b.name != "postgres" { // the others round a fraction, or store it; pgx would cut it
				return
			}
			fails(t, w, `return db:exec("UPDATE v SET n = ?", 1.99)`, `type integer: "1.99"`)
			fails(t, w, `return db:exec("UPDATE v SET n = n - ?", 1.99)`, `type integer: "1.99"`)
			eval(t, w, `db:exec("UPDATE v SET n = n - CAST(? AS numeric)", 1.99) return db:value("SELECT n FROM v")`, 5.0)
			fails(t, w, `return db:exec("UPDATE v SET n = ?", 1e10)`, "out of range for type integer")
		})
	}
}

// Sums, averages and the times of MySQL are text, as the README tells, and how to get numbers.
func TestNumbersThatAreText(t *testing.T) {
	for _, b := range backends(t) {
		if b.name == "sqlite" {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			w := world(t, b.url, `{}`)
			eval(t, w, `return db:exec("CREATE TABLE t (n bigint, at timestamp)")`, 0.0)
			eval(t, w, `return db:exec("INSERT INTO t VALUES (1, '2026-01-02 03:04:05'), (2, '2026-01-02 03:04:05')")`, 2.0)
			eval(t, w, `return db:value("SELECT sum(n) FROM t"), tonumber(db:value("SELECT avg(n) FROM t"))`, "3", 1.5)
			if b.name == "postgres" {
				eval(t, w, `return db:value("SELECT CAST(sum(n) AS bigint) FROM t"), db:value("SELECT max(at) FROM t")`, 3.0, 1767323045.0)
				eval(t, w, `return db:value("SELECT decode(?, 'base64')", sip.base64.encode("\0\255\\101"))`, "\x00\xff\\101")
				eval(t, w, `return db:value("SELECT to_timestamp(?)", 1767323045)`, 1767323045.0)
				return
			}
			eval(t, w, `return db:value("SELECT CAST(sum(n) AS DOUBLE) FROM t"), db:value("SELECT max(at) FROM t")`, 3.0, "2026-01-02 03:04:05")
			eval(t, w, `db:exec("CREATE TABLE b (flag bit(1))") return db:exec("INSERT INTO b VALUES (?)", 1), db:value("SELECT flag FROM b"), db:value("SELECT flag + 0 FROM b")`, 1.0, "\x01", 1.0)
			eval(t, w, `return db:value("SELECT UNIX_TIMESTAMP(max(at)) - UNIX_TIMESTAMP('2026-01-02 03:04:05') FROM t")`, 0.0)
		})
	}
}

func TestTransactions(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w := world(t, b.url, `{ create = true }`)
			eval(t, w, `db:exec("CREATE TABLE credit (name varchar(50), n int)") return db:exec("INSERT INTO credit VALUES ('alice', 10)")`, 1.0)
			const n = `, db:value("SELECT n FROM credit WHERE name = 'alice'")`
			const spend = `tx:exec("UPDATE credit SET n = n - 1 WHERE name = ?", "alice") `
			eval(t, w, `return db:transaction(function(tx) `+spend+`return tx:value("SELECT n FROM credit"), "x" end)`+n, 9.0, 9.0)
			eval(t, w, `local a, b, c = db:transaction(function(tx) `+spend+`return 1, 2, 3 end) return a, b, c`+n, 1.0, 2.0, 3.0, 8.0)
			eval(t, w, `local a, b = db:transaction(function(tx) `+spend+`return nil, "no credit" end) return a, b`+n, nil, "no credit", 8.0)
			eval(t, w, `local ok, err = pcall(db.transaction, db, function(tx) `+spend+`error("boom", 0) end) return ok, err`+n, false, "boom", 8.0)
			eval(t, w, `return db:transaction(function() end)`)
			eval(t, w, `local kept db:transaction(function(tx) kept = tx end) local x, err = kept:exec("SELECT 1") return x, err ~= nil`, nil, true)
			raises(t, w, `return db:transaction(function(tx) `+spend+`tx:nothing() end)`, "no field 'nothing'")
			eval(t, w, `return 1`+n, 1.0, 8.0)
		})
	}
}

// A server that is unavailable costs its timeout once: then calls fail at once, until it is back.
func TestServerAway(t *testing.T) {
	for _, b := range backends(t) {
		if b.stop == nil {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			w := world(t, b.url, `{ timeout = 1 }`)
			eval(t, w, `return db:value("SELECT 1")`, 1.0)
			b.stop()
			eval(t, w, `local x, err = db:value("SELECT 1") return x, err ~= nil`, nil, true)
			eval(t, w, `local away = 0 for i = 1, 2000 do local x, err = db:value("SELECT 1") if err:find("unavailable") then away = away + 1 end end return away >= 1990`, true)
		})
	}
}

func TestBounds(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	w := world(t, url, `{ create = true }`)
	const count = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, %s AS x FROM n`
	eval(t, w, fmt.Sprintf("return #db:rows([["+count+"]])", 10_000, "1"), 10_000.0)
	fails(t, w, fmt.Sprintf("return db:rows([["+count+"]])", 10_001, "1"), "more than 10000 rows")
	fails(t, w, fmt.Sprintf("return db:rows([["+count+"]])", 100, "zeroblob(1000000)"), "more than 8 MiB")
	eval(t, w, fmt.Sprintf("return db:row([["+count+"]]).i", 10_001, "1"), 1.0)
}

func TestOpening(t *testing.T) {
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	for name, row := range map[string][2]string{
		"another kind":   {`sql.open("oracle://x/y")`, "not the URL of a database"},
		"a missing file": {`sql.open("sqlite:/nowhere/x.db")`, "no such file"},
		"an option":      {`sql.open("sqlite:x", { pol = 3 })`, "did you mean 'pool'?"},
		"a bound":        {`sql.open("sqlite:x", { timeout = 0 })`, "at least 0.001"},
		"a password":     {`sql.open("oracle://me:secret@x/y")`, "oracle://me:xxxxx@x/y"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := luabindtest.Try(t, `local sql = require "sql" `+row[0]+` function route() end`, luabindtest.Modules(module.New(pool)))
			if err == nil || !strings.Contains(err.Error(), row[1]) || strings.Contains(err.Error(), "secret") {
				t.Error(err)
			}
		})
	}
}

// A reload keeps the connections: both generations share them, and the last gives them back.
func TestReloadKeepsConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	w := luabindtest.New(t, `local sql = require "sql"
db = sql.open("sqlite:`+path+`", { create = true })
function route(req) end`, luabindtest.Modules(module.New(pool)))
	eval(t, w, `return db:exec("CREATE TABLE t (n int)") ~= nil`, true)
	shared, err := pool.DB("sqlite:"+path, clients.DBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var before, after *sql.DB
	handle := func(into **sql.DB) {
		if err := shared.Do(context.Background(), func(_ context.Context, db *sql.DB) error { *into = db; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	handle(&before)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	handle(&after)
	eval(t, w, `return db:value("SELECT count(*) FROM t")`, 0.0)
	if before != after {
		t.Error("the reload opened the database again")
	}
	if err := shared.Close(); err != nil {
		t.Error(err)
	}
}

// Without a URL, and by "db:", it is the database of --db.
func TestDefaultDatabase(t *testing.T) {
	pool := clients.New(clients.Options{Drivers: drivers.All(), DB: "sqlite:" + filepath.Join(t.TempDir(), "x.db")})
	w := luabindtest.New(t, `
local sql = require "sql"
a, b = sql.open(nil, { create = true }), sql.open("db:")
function route(req) end`, luabindtest.Modules(module.New(pool)))
	eval(t, w, `a:exec("CREATE TABLE t (x INTEGER)") a:exec("INSERT INTO t VALUES (7)") return b:value("SELECT x FROM t")`, 7.0)
	if _, err := luabindtest.Try(t, `require("sql").open() function route(req) end`,
		luabindtest.Modules(module.New(clients.New(clients.Options{Drivers: drivers.All()})))); err == nil || !strings.Contains(err.Error(), "start the server with --db URL") {
		t.Errorf("%v", err)
	}
}
