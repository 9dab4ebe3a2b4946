package auth

// This file is users in a database: one table, the same in SQLite and PostgreSQL.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// SQL is a store of users in a database.
type SQL struct {
	db   *sql.DB
	bind func(n int) string // how the dialect writes the n-th argument
	lock string             // what keeps two migrations from running at once, "" where a transaction does
}

// ErrSchema is the error of a database whose tables are missing or old.
var ErrSchema = errors.New("the database has no tables for users, or old ones: run `sipscript user migrate`")

// migrations make the tables, each step once and in order. A step that was released is never changed.
var migrations = [...]string{
	`CREATE TABLE IF NOT EXISTS auth_users (username TEXT NOT NULL, realm TEXT NOT NULL, algorithm TEXT NOT NULL, ha1 TEXT NOT NULL,
		updated BIGINT NOT NULL, PRIMARY KEY (username, realm, algorithm))`,
}

// Migrate brings the tables up to date. It may be run at any time.
func (s *SQL) Migrate(ctx context.Context) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("auth: migrate: %w", err)
	}
	defer tx.Rollback()
	if s.lock != "" {
		_, err = tx.ExecContext(ctx, s.lock)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS auth_schema (version BIGINT NOT NULL PRIMARY KEY)`)
	}
	if err != nil {
		return fmt.Errorf("auth: migrate: %w", err)
	}
	version, err := schemaVersion(ctx, tx)
	if err != nil {
		return fmt.Errorf("auth: migrate: %w", err)
	}
	for ; version < len(migrations); version++ {
		if _, err = tx.ExecContext(ctx, migrations[version]); err == nil {
			_, err = tx.ExecContext(ctx, `INSERT INTO auth_schema (version) VALUES (`+s.bind(1)+`)`, version+1)
		}
		if err != nil {
			return fmt.Errorf("auth: migrate to version %d: %w", version+1, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("auth: migrate: %w", err)
	}
	return nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func schemaVersion(ctx context.Context, q querier) (version int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM auth_schema`).Scan(&version)
	return version, err
}

// FetchSecret finds a user's hashes.
func (s *SQL) FetchSecret(ctx context.Context, user, realm string) (*Secret, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT algorithm, ha1 FROM auth_users WHERE username = `+s.bind(1)+` AND realm = `+s.bind(2), user, realm)
	if err != nil {
		return nil, fmt.Errorf("auth: fetch: %w", err)
	}
	defer rows.Close()
	var secret *Secret
	for rows.Next() {
		var algorithm, ha1 string
		if err := rows.Scan(&algorithm, &ha1); err != nil {
			return nil, fmt.Errorf("auth: fetch: %w", err)
		}
		if secret == nil {
			secret = &Secret{}
		}
		if err := secret.SetHash(algorithm, ha1); err != nil {
			return nil, fmt.Errorf("auth: fetch: a row of %.60q: %w", user, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("auth: fetch: %w", err)
	}
	return secret, nil
}

// Set gives a user hashes.
func (s *SQL) Set(ctx context.Context, c Change) error {
	return s.change(ctx, func(tx *sql.Tx) error {
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
			_, err := tx.ExecContext(ctx, `INSERT INTO auth_users (username, realm, algorithm, ha1, updated) VALUES (`+
				s.bind(1)+`, `+s.bind(2)+`, `+s.bind(3)+`, `+s.bind(4)+`, `+s.bind(5)+`)`, c.User, c.Realm, a.String(), ha1, c.At.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove removes a user.
func (s *SQL) Remove(ctx context.Context, user, realm string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		n, err := s.remove(ctx, tx, user, realm)
		if err == nil && n == 0 {
			return ErrNoUser
		}
		return err
	})
}

func (s *SQL) remove(ctx context.Context, q querier, user, realm string) (int64, error) {
	text, args := `DELETE FROM auth_users WHERE username = `+s.bind(1), []any{user}
	if realm != "" {
		text, args = text+` AND realm = `+s.bind(2), append(args, realm)
	}
	res, err := q.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *SQL) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	return tx.Commit()
}

// Accounts lists users.
func (s *SQL) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT username, realm, algorithm FROM auth_users ORDER BY username, realm`)
	if err != nil {
		return nil, fmt.Errorf("auth: list: %w", err)
	}
	defer rows.Close()
	var list []Account
	for rows.Next() {
		var user, realm, name string
		if err := rows.Scan(&user, &realm, &name); err != nil {
			return nil, fmt.Errorf("auth: list: %w", err)
		}
		if n := len(list); n == 0 || list[n-1].User != user || list[n-1].Realm != realm {
			list = append(list, Account{User: user, Realm: realm})
		}
		last := &list[len(list)-1]
		last.Algorithms = append(last.Algorithms, lookupAlgorithm([]byte(name)))
		slices.Sort(last.Algorithms)
	}
	return list, rows.Err()
}

// Close closes the database.
func (s *SQL) Close() error { return s.db.Close() }
