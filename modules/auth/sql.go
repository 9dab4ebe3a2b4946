package auth

// This file is users in a database: one table, the same in SQLite, PostgreSQL and MySQL. layout.go
// reads it, and tables of others.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/source"
)

// SQL is a store of users in a database.
type SQL struct {
	db     *clients.DB
	own    bool // the tables are ours
	layout layout
	rows   *source.Rows[userRow]
}

// ErrSchema is the error of a database whose tables are missing or old.
var ErrSchema = errors.New("the database has no tables for users, or old ones: run `sipscript user migrate`")

// openSQL opens a database. It connects only if it is a file of our own, which is created with its
// tables if it does not exist.
func openSQL(ctx context.Context, pool *clients.Pool, spec source.Spec, timeout time.Duration) (*SQL, error) {
	l, err := layoutOf(&spec)
	if err != nil {
		return nil, err
	}
	s := &SQL{own: spec.Query == "" && spec.Layout == "", layout: l, rows: source.NewRows[userRow](maxRows)}
	file := s.own && strings.HasPrefix(spec.URL, "sqlite:")
	if s.db, err = pool.DB(spec.URL, clients.DBOptions{Timeout: timeout, Create: file}); err != nil {
		return nil, err
	}
	if file {
		if err := s.Migrate(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// migrations make the tables, each step once and in order. A step that was released is never
// changed.
var migrations = [...]string{
	`CREATE TABLE IF NOT EXISTS auth_users (username TEXT NOT NULL, realm TEXT NOT NULL, algorithm TEXT NOT NULL, ha1 TEXT NOT NULL,
		updated BIGINT NOT NULL, PRIMARY KEY (username, realm, algorithm))`,
}

// dialect is a statement in the form the database needs. MySQL limits keys in bytes, and
// distinguishes names by case only on request.
func dialect(database, statement string) string {
	if database == "mysql" {
		return strings.ReplaceAll(statement, " TEXT ", " VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin ")
	}
	return statement
}

// Migrate brings the tables up to date. It may be run at any time.
func (s *SQL) Migrate(ctx context.Context) error {
	err := s.db.Tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		unlock, err := s.lock(ctx, tx)
		if err != nil {
			return err
		}
		defer unlock()
		if _, err := tx.ExecContext(ctx, versionTable); err != nil {
			return err
		}
		var version int
		if err := tx.QueryRowContext(ctx, versionQuery).Scan(&version); err != nil {
			return err
		}
		for ; version < len(migrations); version++ {
			if _, err = tx.ExecContext(ctx, dialect(s.db.Kind(), migrations[version])); err == nil {
				_, err = tx.ExecContext(ctx, s.db.Bind(`INSERT INTO auth_schema (version) VALUES (?)`), version+1)
			}
			if err != nil {
				return fmt.Errorf("to version %d: %w", version+1, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("auth: migrate: %w", err)
	}
	return nil
}

const versionTable = `CREATE TABLE IF NOT EXISTS auth_schema (version BIGINT NOT NULL PRIMARY KEY)`

const versionQuery = `SELECT COALESCE(MAX(version), 0) FROM auth_schema`

// lock keeps two migrations from running at once, where a transaction does not: MySQL ends it with
// each table that it creates.
func (s *SQL) lock(ctx context.Context, tx *sql.Tx) (unlock func(), err error) {
	switch s.db.Kind() {
	case "postgres":
		_, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7365707001)`)
	case "mysql":
		var got int
		if err = tx.QueryRowContext(ctx, `SELECT GET_LOCK('sipscript_auth', 30)`).Scan(&got); err == nil && got != 1 {
			err = errors.New("another migration takes too long")
		}
		return func() { _, _ = tx.ExecContext(ctx, `DO RELEASE_LOCK('sipscript_auth')`) }, err
	}
	return func() {}, err
}

// CheckSchema reports whether the tables are there: ErrSchema if ours are not; another error if
// others' are not, if the query is wrong, or, clients.ErrAway, if the database cannot be reached.
func (s *SQL) CheckSchema(ctx context.Context) error {
	if !s.own {
		_, err := s.FetchSecret(ctx, "", "")
		if err != nil && s.db.Missing(err) && s.layout.tables != "" {
			return fmt.Errorf("the database has no table %s: %w", s.layout.tables, err)
		}
		return err
	}
	version := 0
	err := s.db.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&version) }, versionQuery)
	if err == nil && version < len(migrations) || err != nil && s.db.Missing(err) {
		return ErrSchema
	}
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}

// Set gives a user hashes.
func (s *SQL) Set(ctx context.Context, c Change) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := s.remove(ctx, tx, c.User, c.Realm)
		switch {
		case err != nil:
			return err
		case n > 0 && c.Fresh:
			return ErrExists
		case n == 0 && !c.Fresh:
			return ErrNoUser
		}
		for a, ha1 := range c.Hashes {
			_, err := tx.ExecContext(ctx, s.db.Bind(`INSERT INTO auth_users (username, realm, algorithm, ha1, updated) VALUES (?, ?, ?, ?, ?)`),
				c.User, c.Realm, a.String(), ha1, c.At.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove removes a user.
func (s *SQL) Remove(ctx context.Context, user, realm string) error {
	return s.change(ctx, func(ctx context.Context, tx *sql.Tx) error {
		n, err := s.remove(ctx, tx, user, realm)
		if err == nil && n == 0 {
			return ErrNoUser
		}
		return err
	})
}

func (s *SQL) remove(ctx context.Context, tx *sql.Tx, user, realm string) (int64, error) {
	text, args := `DELETE FROM auth_users WHERE username = ?`, []any{user}
	if realm != "" {
		text, args = text+` AND realm = ?`, append(args, realm)
	}
	res, err := tx.ExecContext(ctx, s.db.Bind(text), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *SQL) change(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	if err := s.db.Tx(ctx, f); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return nil
}

// Accounts lists users.
func (s *SQL) Accounts(ctx context.Context) ([]Account, error) {
	var list []Account
	err := s.db.Query(ctx, func(rows *sql.Rows) error {
		var user, realm, name string
		if err := rows.Scan(&user, &realm, &name); err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].User != user || list[n-1].Realm != realm {
			list = append(list, Account{User: user, Realm: realm})
		}
		last := &list[len(list)-1]
		last.Algorithms = append(last.Algorithms, lookupAlgorithm([]byte(name)))
		slices.Sort(last.Algorithms)
		return nil
	}, `SELECT username, realm, algorithm FROM auth_users ORDER BY username, realm`)
	if err != nil {
		return nil, fmt.Errorf("auth: list: %w", err)
	}
	return list, nil
}

// Close gives the database back.
func (s *SQL) Close() error { return s.db.Close() }
