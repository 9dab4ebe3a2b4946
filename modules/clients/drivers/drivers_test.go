//go:build unix

package drivers_test

// This file tests the pool with databases that are there.

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/mariadbtest"
	"github.com/sipscript/sipscript/internal/pgtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
)

// databases are where the tests run, by kind; start makes one and stop takes it away, where that
// can be.
func databases() map[string]func(t *testing.T) (url string, stop, start func()) {
	return map[string]func(t *testing.T) (string, func(), func()){
		"sqlite": func(t *testing.T) (string, func(), func()) {
			return "sqlite:" + filepath.Join(t.TempDir(), "x.db"), nil, nil
		},
		"postgres": func(t *testing.T) (string, func(), func()) {
			s := pgtest.Start(t)
			return s.URL, s.Stop, s.Start
		},
		"mysql": func(t *testing.T) (string, func(), func()) {
			s := mariadbtest.Start(t)
			return s.URL, s.Stop, s.Start
		},
	}
}

func TestDatabases(t *testing.T) {
	for kind, begin := range databases() {
		t.Run(kind, func(t *testing.T) {
			url, stop, start := begin(t)
			now := time.Unix(0, 0)
			p := clients.New(clients.Options{Drivers: drivers.All(), Now: func() time.Time { return now }})
			db, err := p.DB(url, clients.DBOptions{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			ctx := t.Context()
			if db.Kind() != kind {
				t.Error(db.Kind())
			}
			err = db.Query(ctx, func(*sql.Rows) error { return nil }, `SELECT 1 FROM none`)
			if !db.Missing(err) || errors.Is(err, clients.ErrAway) {
				t.Errorf("a missing table: %v", err)
			}
			err = db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, `CREATE TABLE x (a VARCHAR(20), b INTEGER)`)
				if err == nil {
					_, err = tx.ExecContext(ctx, db.Bind(`INSERT INTO x VALUES (?, ?), ('?', ?)`), "one", 1, 2)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			read := func() error {
				got = nil
				return db.Query(ctx, func(r *sql.Rows) error {
					var a string
					err := r.Scan(&a)
					got = append(got, a)
					return err
				}, `SELECT a FROM x WHERE b > ? ORDER BY b`, 0)
			}
			if err := read(); err != nil || strings.Join(got, " ") != "one ?" {
				t.Errorf("%v %q", err, got)
			}
			if stop == nil {
				return
			}
			stop()
			for range 3 { // a connection of before may break first
				err = read()
			}
			if !errors.Is(err, clients.ErrAway) {
				t.Errorf("a server that has stopped: %v", err)
			}
			start()
			if err := read(); !errors.Is(err, clients.ErrAway) {
				t.Errorf("the circuit is closed at once: %v", err)
			}
			now = now.Add(time.Minute)
			if err := read(); err != nil || len(got) != 2 {
				t.Errorf("a server that is back: %v %q", err, got)
			}
		})
	}
}

// Databases are told from other texts, and mistakes in a URL from a server that is unavailable. No
// error shows a password.
func TestURLs(t *testing.T) {
	p := clients.New(clients.Options{Drivers: drivers.All()})
	missing := filepath.Join(t.TempDir(), "missing.db")
	for name, row := range map[string]struct{ url, want string }{
		"unknown":         {"oracle://u:hidden@h/d", "is not the URL of a database; the schemes are sqlite:…, postgres:…, mysql:…"},
		"no text":         {"sqlite:", "is not the URL of a database"},
		"missing file":    {"sqlite:" + missing, "no such file"},
		"postgres port":   {"postgres://u:hidden@h:x/d", "postgres"},
		"mysql without d": {"mysql://u:hidden@h:3306", "names no database"},
		"mysql parameter": {"mysql://u:hidden@h/d?timeout=soon", "parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := p.DB(row.url, clients.DBOptions{})
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("a database was made")
	}
	for text, want := range map[string]bool{"sqlite:x": true, "postgresql://h/d": true, "mariadb://h/d": true, "file:x": false, "x": false} {
		t.Run(text, func(t *testing.T) {
			if p.IsDatabase(text) != want {
				t.Errorf("%s: %v", text, !want)
			}
		})
	}
}

// Opening connects to nothing: a start does not depend on which of two machines is up first.
func TestOpeningDoesNotConnect(t *testing.T) {
	p := clients.New(clients.Options{Drivers: drivers.All()})
	for _, url := range []string{"postgres://u@127.0.0.1:1/d", "mysql://u@127.0.0.1:1/d"} {
		t.Run(url, func(t *testing.T) {
			db, err := p.DB(url, clients.DBOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for range 2 { // at once the second time
				if err := db.Query(t.Context(), func(*sql.Rows) error { return nil }, `SELECT 1`); !errors.Is(err, clients.ErrAway) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}
