package auth

// This file opens users in PostgreSQL.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// OpenPostgres opens a database by its URL. It does not connect yet.
func OpenPostgres(url string) (*SQL, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("auth: postgres: %w", err) // pgx leaves the password out of it
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &SQL{db: db, lock: `SELECT pg_advisory_xact_lock(7365707001)`, bind: func(n int) string { return "$" + strconv.Itoa(n) }}, nil
}

// CheckSchema tells whether the tables are there: ErrSchema when not; another error when the database can't be reached.
func (s *SQL) CheckSchema(ctx context.Context) error {
	version, err := schemaVersion(ctx, s.db)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42P01" || err == nil && version < len(migrations) { // undefined_table
		return ErrSchema
	}
	if err != nil {
		return fmt.Errorf("auth: postgres: %w", err)
	}
	return nil
}
