package auth

// This file opens users in SQLite.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// OpenSQLite opens a database, made with its tables where there is none. Like the file of users, what is made is its owner's alone: with a
// hash one can log in without the password.
func OpenSQLite(ctx context.Context, path string) (*SQL, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // SQLite makes its other files with the mode of this one
	switch {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return nil, fmt.Errorf("sqlite: %w", err)
	default:
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("sqlite: %w", err)
		}
	}
	// WAL: readers don't wait for `sipscript user`, nor it for them. busy_timeout: writers wait for each other.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("auth: sqlite: %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	s := &SQL{db: db, bind: func(int) string { return "?" }}
	if err := s.Migrate(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("sqlite: %s: %w", path, err)
	}
	return s, nil
}
