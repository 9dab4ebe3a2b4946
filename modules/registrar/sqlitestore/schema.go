package sqlitestore

// This file is the schema, and how files of older versions come to it.

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations lead from each version to the next; a file's version (user_version) is how many it has
// had. None is ever changed once it was released.
func migrations() []string {
	return []string{
		// ends is when the last of the bindings ends, in milliseconds since 1970; bindings are in
		// the format of registrar.AppendBindings. One small row per address: a change costs one
		// page, and there is no index to maintain.
		`CREATE TABLE location (
			aor      TEXT PRIMARY KEY NOT NULL,
			ends     INTEGER NOT NULL,
			bindings BLOB NOT NULL
		) STRICT, WITHOUT ROWID`,
	}
}

// migrate brings the file to the present version, each step whole or not at all.
func migrate(ctx context.Context, conn *sql.Conn) error {
	steps := migrations()
	var version int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("written by a newer version of this program (format %d, this one knows %d)", version, len(steps))
	}
	for ; version < len(steps); version++ {
		text := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", steps[version], version+1)
		if _, err := conn.ExecContext(ctx, text); err != nil {
			_, _ = conn.ExecContext(ctx, "ROLLBACK")
			return fmt.Errorf("migration to format %d: %w", version+1, err)
		}
	}
	return nil
}
