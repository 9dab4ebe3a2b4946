//go:build unix

package auth

// This file tests the tables of Kamailio and OpenSIPS, made as their own scripts make them.

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/mariadbtest"
	"github.com/sipscript/sipscript/internal/pgtest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/source"
)

// subscriberTable is one version of the table: its columns and types, as published in utils/kamctl
// (Kamailio: mysql, postgres and db_sqlite/auth_db-create.sql) and scripts (OpenSIPS: mysql,
// postgres and sqlite/auth_db-create.sql).
type subscriberTable struct {
	name, layout string
	columns      []string // "name size", the id and the keys left out
	char         bool     // MySQL: CHAR, not VARCHAR
}

func subscriberTables() []subscriberTable {
	return []subscriberTable{
		{name: "Kamailio, table version 6 (to 5.4)", layout: "kamailio",
			columns: []string{"username 64", "domain 64", "password 64", "email_address 64", "ha1 64", "ha1b 64", "rpid 64"}},
		{name: "Kamailio, table version 7 (5.5 and later)", layout: "kamailio",
			columns: []string{"username 64", "domain 64", "password 64", "ha1 128", "ha1b 128"}},
		{name: "OpenSIPS, table version 7 (to 3.1)", layout: "opensips", char: true,
			columns: []string{"username 64", "domain 64", "password 25", "email_address 64", "ha1 64", "ha1b 64", "rpid 64"}},
		{name: "OpenSIPS, table version 8 (3.2 and later)", layout: "opensips", char: true,
			columns: []string{"username 64", "domain 64", "password 25", "ha1 64", "ha1_sha256 64", "ha1_sha512t256 64"}},
	}
}

// statements make the table in a database of that kind.
func (s *subscriberTable) statements(kind string) []string {
	id := map[string]string{"sqlite": "INTEGER PRIMARY KEY NOT NULL", "postgres": "SERIAL PRIMARY KEY NOT NULL",
		"mysql": "INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL"}[kind]
	text := "CREATE TABLE subscriber (id " + id
	for _, c := range s.columns {
		name, size, _ := strings.Cut(c, " ")
		typ := "VARCHAR"
		if s.char && kind != "postgres" {
			typ = "CHAR"
		}
		text += fmt.Sprintf(", %s %s(%s) DEFAULT '' NOT NULL", name, typ, size)
	}
	return []string{"DROP TABLE IF EXISTS subscriber", strings.Replace(text, "rpid VARCHAR(64) DEFAULT '' NOT NULL", "rpid VARCHAR(64) DEFAULT NULL", 1) +
		", CONSTRAINT subscriber_account_idx UNIQUE (username, domain))", "CREATE INDEX subscriber_username_idx ON subscriber (username)"}
}

func (s *subscriberTable) has(column string) bool {
	for _, c := range s.columns {
		if strings.HasPrefix(c, column+" ") {
			return true
		}
	}
	return false
}

// databases are one of each kind.
func databases() map[string]func(t *testing.T) string {
	return map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "openser.db") },
		"postgres": func(t *testing.T) string { return pgtest.Start(t).URL },
		"mysql":    func(t *testing.T) string { return mariadbtest.Start(t).URL },
	}
}

// execute runs statements.
func execute(t *testing.T, db *clients.DB, list ...string) {
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

// insert adds a subscriber; columns that the table lacks are left out.
func (s *subscriberTable) insert(t *testing.T, db *clients.DB, row map[string]string) {
	t.Helper()
	var names, values []string
	for name, value := range row {
		if s.has(name) {
			names, values = append(names, name), append(values, "'"+value+"'")
		}
	}
	execute(t, db, fmt.Sprintf("INSERT INTO subscriber (%s) VALUES (%s)", strings.Join(names, ", "), strings.Join(values, ", ")))
}

// knows reports whether who gives that password by that algorithm is let in.
func knows(s *Secret, a Algorithm, user, realm, password string) bool {
	return s != nil && (s.known && s.Password == password || s.ha1[a.kind()] == HashPassword(a, user, realm, password))
}

const com, org = "example.com", "example.org"

func TestSubscriberTables(t *testing.T) {
	for kind, begin := range databases() {
		t.Run(kind, func(t *testing.T) {
			url := begin(t)
			pool := newPool(nil)
			db, err := pool.DB(url, clients.DBOptions{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, table := range subscriberTables() {
				t.Run(table.name, func(t *testing.T) {
					execute(t, db, table.statements(kind)...)
					pool := newPool(nil) // PostgreSQL's plans are of the table before
					testSubscribers(t, db, &table, func(spec source.Spec) *SQL {
						spec.URL, spec.Layout = url, table.layout
						s, err := openSQL(t.Context(), pool, spec, time.Minute)
						if err != nil {
							t.Fatal(err)
						}
						if err := s.CheckSchema(t.Context()); err != nil {
							t.Fatal(err)
						}
						return s
					})
				})
			}
			execute(t, db, "DROP TABLE subscriber")
			_, _, err = luabindtest.Must(New(Options{})).sources.acquire(source.Spec{URL: url, Layout: "kamailio"}, pool, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), "has no table subscriber") {
				t.Errorf("without the table: %v", err)
			}
		})
	}
}

func testSubscribers(t *testing.T, db *clients.DB, table *subscriberTable, open func(source.Spec) *SQL) {
	md5 := func(user, realm, password string) string { return HashPassword(MD5, user, realm, password) }
	for _, row := range []map[string]string{
		{"username": "alice", "domain": com, "ha1": md5("alice", com, "1"), "ha1b": md5("alice@"+com, com, "1")},
		{"username": "alice", "domain": org, "ha1": md5("alice", org, "2")},
		{"username": "bob", "domain": com, "password": "3", "ha1": md5("bob", com, "3"), "ha1b": md5("bob@"+com, com, "3")},
		{"username": "carol", "domain": com, "password": "4"},
		{"username": "dave", "domain": com, "password": "old", "ha1": md5("dave", com, "5")},
		{"username": "erin", "domain": com},
		{"username": "frank", "domain": com, "ha1_sha256": HashPassword(SHA256, "frank", com, "6"), "ha1_sha512t256": HashPassword(SHA512256, "frank", com, "6")},
		{"username": "gina", "domain": com, "ha1": HashPassword(SHA256, "gina", com, "7")},
	} {
		table.insert(t, db, row)
	}
	s := open(source.Spec{})
	defer s.Close()
	old := table.has("ha1b")
	type row struct {
		user, realm, password string
		algorithm             Algorithm
		in                    bool
	}
	for _, r := range []row{
		{"alice", com, "1", MD5, true}, {"alice", com, "2", MD5, false}, {"alice", org, "2", MD5, true}, {"alice", com, "1", SHA256, false},
		{"alice", "example.net", "1", MD5, false},
		{"ALICE", com, "1", MD5, false}, {"alice ", com, "1", MD5, false}, {"nobody", com, "1", MD5, false},
		{"bob", com, "3", MD5, true}, {"bob", com, "3", SHA256, true}, {"bob", com, "1", MD5, false},
		{"carol", com, "4", MD5, true}, {"carol", com, "4", SHA512256, true},
		{"dave", com, "5", MD5, true}, {"dave", com, "old", MD5, false}, {"dave", com, "old", SHA256, false},
		{"erin", com, "", MD5, false}, {"erin", com, "", SHA256, false},
		{"frank", com, "6", SHA256, !old}, {"frank", com, "6", SHA512256, !old}, {"frank", com, "6", MD5, false},
		{"gina", com, "7", SHA256, true},
		// A name with its domain is hashed with it.
		{"alice@" + com, com, "1", MD5, old}, {"alice@" + org, com, "2", MD5, false}, {"carol@" + com, com, "4", MD5, true},
		{"bob@" + com, com, "3", MD5, true}, {"dave@" + com, com, "5", MD5, false},
	} {
		secret, err := s.FetchSecret(t.Context(), r.user, r.realm)
		if err != nil {
			t.Fatal(err)
		}
		if got := knows(secret, r.algorithm, r.user, r.realm, r.password); got != r.in {
			t.Errorf("%s in %s by %s with %q: let in %v", r.user, r.realm, r.algorithm, r.password, got)
		}
	}
	no := false
	s = open(source.Spec{Domain: &no})
	defer s.Close()
	for _, r := range []row{{"carol", "192.0.2.1", "4", MD5, true}, {"alice", org, "2", MD5, true}, {"Carol", "192.0.2.1", "4", MD5, false}} {
		secret, err := s.FetchSecret(t.Context(), r.user, r.realm)
		if got := knows(secret, r.algorithm, r.user, r.realm, r.password); err != nil || got != r.in {
			t.Errorf("without the domain, %s in %s: %v %v", r.user, r.realm, got, err)
		}
	}
	if _, err := s.FetchSecret(t.Context(), "alice", "192.0.2.1"); err == nil || !strings.Contains(err.Error(), "several subscribers") {
		t.Errorf("two of one name: %v", err)
	}
}

// A script on tables of others, and on a query of its own.
func TestLuaLayouts(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "kamailio.sqlite")
	pool := newPool(nil)
	db, err := pool.DB(url, clients.DBOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	table := subscriberTables()[1]
	execute(t, db, table.statements("sqlite")...)
	execute(t, db, `CREATE TABLE people (login TEXT, secret TEXT, site TEXT)`, `INSERT INTO people VALUES ('alice', 'open sesame', 'example.com')`)
	table.insert(t, db, map[string]string{"username": "alice", "domain": com, "ha1": HashPassword(MD5, "alice", com, "open sesame")})
	for name, users := range map[string]string{
		"kamailio": `layout = "kamailio"`,
		"query":    `query = "SELECT secret AS password FROM people WHERE login = :user AND site = :realm"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := world(t, fmt.Sprintf(`auth.users { url = %q, %s }`, url, users)+reply)
			p := newPhone(w, client{})
			p.expect(p.ask(), 200)
			p.password = "wrong"
			p.expect(p.ask(), 401)
		})
	}
	for name, row := range map[string]struct{ users, want string }{
		"layout":       {`layout = "asterisk"`, `layout is "kamailio" or "opensips", not "asterisk"`},
		"both":         {`layout = "kamailio", query = "SELECT"`, "a query or a layout, not both"},
		"key":          {`tabel = "x"`, `unknown key "tabel" of a source`},
		"domain alone": {`use_domain = false`, "use_domain goes with layout"},
		"no user":      {`query = "SELECT secret FROM people"`, "it asks for one user"},
		"a name":       {`query = "SELECT secret FROM people WHERE login = :username"`, "unknown name :username; the names are :user, :realm"},
		"syntax":       {`query = "SELEKT :user"`, "syntax error"},
		"every":        {`layout = "kamailio", every = 0`, "every must be 1 to 86400"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := luabindtest.Try(t, head+fmt.Sprintf(`auth.users { url = %q, %s }`, url, row.users)+reply, luabindtest.Modules(luabindtest.Must(New(Options{})))); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// Our own tables in MariaDB, with names that it would take for equal.
func TestMariaDB(t *testing.T) {
	server := mariadbtest.Start(t)
	s, err := openSQL(t.Context(), newPool(nil), source.Spec{URL: server.URL}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "sipscript user migrate") {
		t.Errorf("an empty database: %v", err)
	}
	for range 2 {
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	testManager(t, s, fetched(t, s))
	addMany(t, s, s)
	testScripted(t, server.URL, s)
}
