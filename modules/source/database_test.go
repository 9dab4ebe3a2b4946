//go:build unix

package source_test

// This file tests lists from databases.

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipscript/sipscript/internal/mariadbtest"
	"github.com/sipscript/sipscript/internal/pgtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/source"
)

func exec(t *testing.T, db *clients.DB, list ...string) {
	t.Helper()
	for _, text := range list {
		err := db.Do(t.Context(), func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, text)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

const query = `SELECT name, next_hop, weight, priority, cost, up, timeout, from_time AS "from", net, ordr AS "order", codecs, attrs, rewrite FROM gateways ORDER BY id`

// The same list as the files have it, from each database, in the types it has there.
func TestDatabases(t *testing.T) {
	for kind, row := range map[string]struct {
		start                   func(t *testing.T) (url string, stop func())
		boolean, moment, single string
	}{
		"sqlite":   {func(t *testing.T) (string, func()) { return "sqlite:" + filepath.Join(t.TempDir(), "x.db"), nil }, "BOOLEAN", "TEXT", "REAL"},
		"postgres": {func(t *testing.T) (string, func()) { s := pgtest.Start(t); return s.URL, s.Stop }, "BOOLEAN", "DATE", "REAL"},
		"mysql": {func(t *testing.T) (string, func()) {
			s := mariadbtest.Start(t)
			return s.URL + "&sql_mode=ANSI_QUOTES&parseTime=true", s.Stop
		}, "TINYINT(1)", "DATE", "FLOAT"},
	} {
		t.Run(kind, func(t *testing.T) {
			url, stop := row.start(t)
			pool := clients.New(clients.Options{Drivers: drivers.All()})
			db, err := pool.DB(url, clients.DBOptions{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			exec(t, db, `CREATE TABLE gateways (id INTEGER, name VARCHAR(20), next_hop VARCHAR(20), weight SMALLINT, priority INTEGER, cost `+row.single+`, up `+row.boolean+
				`, timeout DECIMAL(8,4), from_time `+row.moment+`, net VARCHAR(40), ordr VARCHAR(20), codecs VARCHAR(40), attrs TEXT, rewrite VARCHAR(20), secret VARCHAR(20))`,
				`INSERT INTO gateways VALUES (1, 'a', 'sip:a', 5, 2, 0.1, true, 1.5, '2026-01-31', '192.0.2.0/24', 'serial', 'PCMA,PCMU', '{"x": "y", "n": 9007199254740993}', 'host', 'z')`,
				`INSERT INTO gateways (id, next_hop) VALUES (2, 'sip:b')`)
			keep := t.TempDir()
			open := func(s source.Spec) (*source.List[[]gateway], string, error) {
				var log strings.Builder
				s.URL = url
				l, err := source.Open(t.Context(), s, source.Options[gateway, []gateway]{Name: "gate/ways", Build: all, Default: gateway{Weight: 7}, Clients: pool,
					Query: query, Layouts: map[string]string{"kamailio": `SELECT * FROM gateways ORDER BY id`}, Keep: keep, Log: slog.New(slog.NewTextHandler(&log, nil))})
				if err == nil {
					t.Cleanup(func() { _ = l.Close() })
				}
				return l, log.String(), err
			}
			// Of others' tables what is not a field is left out; in a query of one's own it is a
			// mistake.
			if _, _, err := open(source.Spec{Layout: "kamailio"}); err != nil {
				t.Error(err)
			}
			if _, _, err := open(source.Spec{Query: `SELECT next_hop, secret FROM gateways`}); err == nil || !strings.Contains(err.Error(), `unknown "secret"`) {
				t.Error(err)
			}
			if _, _, err := open(source.Spec{Query: `SELECT next_hop, 0 AS weight FROM gateways`}); err == nil || !strings.Contains(err.Error(), "row 1: weight: must be at least 1") {
				t.Error(err)
			}
			l, _, err := open(source.Spec{})
			if err != nil {
				t.Fatal(err)
			}
			if got := show(l.Get()); got != whole+"\n"+least {
				t.Errorf("\n%s\nwant\n%s", got, whole+"\n"+least)
			}
			exec(t, db, `DELETE FROM gateways WHERE id = 2`)
			if err := l.Reload(t.Context()); err != nil || len(l.Get()) != 1 {
				t.Errorf("%v %d", err, len(l.Get()))
			}
			if stop == nil {
				return
			}
			// Away: the list stays; at a start the one that was kept serves.
			stop()
			if err := l.Reload(t.Context()); err == nil || len(l.Get()) != 1 || l.Stats().Stale.IsZero() {
				t.Errorf("%v %+v", err, l.Stats())
			}
			k, log, err := open(source.Spec{})
			if err != nil {
				t.Fatal(err)
			}
			if got := show(k.Get()); got != whole || !strings.Contains(log, "the kept list is in force") || k.Stats().Stale.IsZero() {
				t.Errorf("\n%s\nwant\n%s\n%s", got, whole, log)
			}
			files, _ := filepath.Glob(filepath.Join(keep, "lists", "*"))
			if info, err := os.Stat(filepath.Join(keep, "lists", "gate_ways.rows")); err != nil || info.Mode().Perm() != 0o600 || len(files) != 1 {
				t.Errorf("%v %q", err, files)
			}
			keep = t.TempDir()
			if _, _, err := open(source.Spec{}); err == nil {
				t.Error("a start without a list")
			}
		})
	}
}

// A database is read again and again, and sooner while it is unavailable.
func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		pool := clients.New(clients.Options{Drivers: []clients.Driver{drivers.SQLite()}})
		db, err := pool.DB("sqlite:"+path, clients.DBOptions{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, `CREATE TABLE g (next_hop TEXT)`, `INSERT INTO g VALUES ('sip:a')`)
		l, err := source.Open(t.Context(), source.Spec{URL: "sqlite:" + path, Query: `SELECT next_hop FROM g`, Every: 30 * time.Second},
			source.Options[gateway, []gateway]{Name: "test", Build: all, Clients: pool})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, `INSERT INTO g VALUES ('sip:b')`)
		after := func(d time.Duration, want int, failures uint64) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if st := l.Stats(); st.Entries != want || st.Failures != failures {
				t.Errorf("%+v, want %d entries, %d failures", st, want, failures)
			}
		}
		after(29*time.Second, 1, 0)
		after(2*time.Second, 2, 0)
		exec(t, db, `ALTER TABLE g RENAME TO h`)
		after(30*time.Second, 2, 1)
		after(10*time.Second, 2, 2)
		exec(t, db, `ALTER TABLE h RENAME TO g`, `DELETE FROM g`)
		after(10*time.Second, 0, 2)
		_, _ = l.Close(), db.Close()
	})
}

// A whole number beyond 2^53 keeps its digits, also in the list that is kept; a large number that
// has none stays a number.
func TestDigitsOfColumns(t *testing.T) {
	s := pgtest.Start(t)
	pool := clients.New(clients.Options{Drivers: drivers.All()})
	db, err := pool.DB(s.URL, clients.DBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec(t, db, `CREATE TABLE g (name BIGINT, rewrite BIGINT, cost DOUBLE PRECISION)`, `CREATE TABLE h (name BIGINT, rewrite DOUBLE PRECISION, cost DOUBLE PRECISION)`,
		`INSERT INTO g VALUES (9007199254740993, -9007199254740993, 1e18)`, `INSERT INTO h VALUES (7, 1e18, 1e18)`)
	keep := t.TempDir()
	check := func(table, name string, rewrite any) {
		t.Helper()
		l, err := source.Open(t.Context(), source.Spec{URL: s.URL, Query: `SELECT name, 'sip:a' AS next_hop, rewrite, cost FROM ` + table},
			source.Options[gateway, []gateway]{Name: table, Build: all, Clients: pool, Keep: keep})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if g := l.Get()[0]; g.Name != name || g.Rewrite != rewrite || g.Cost != 1e18 {
			t.Errorf("%q, %T %v, %v; want %q, %T %v", g.Name, g.Rewrite, g.Rewrite, g.Cost, name, rewrite, rewrite)
		}
	}
	for range 2 {
		check("g", "9007199254740993", "-9007199254740993")
		check("h", "7", 1e18)
		s.Stop() // from now on what was kept is read
	}
}
