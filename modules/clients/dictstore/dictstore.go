// Package dictstore keeps the durable dictionaries of sip.shared in a SQLite file.
package dictstore

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients"
)

// Store is a dict.Keeper.
type Store struct{ db *clients.DB }

// patience bounds one call: the disk may be busy with other writers.
const patience = 30 * time.Second

const schema = `CREATE TABLE IF NOT EXISTS entries (
	dictionary TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL,
	PRIMARY KEY (dictionary, key)) WITHOUT ROWID`

// Open opens the file "shared.db" in a directory, and creates it if it does not exist. expires in
// its table is in milliseconds since 1970, 0 for never.
func Open(pool *clients.Pool, dir string) (*Store, error) {
	db, err := pool.DB("sqlite:"+filepath.Join(dir, "shared.db"), clients.DBOptions{Conns: 2, Timeout: patience, Create: true})
	if err != nil {
		return nil, err
	}
	s := &Store{db}
	err = db.Do(context.Background(), func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, schema)
		return err
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("dictionaries: %w", err)
	}
	return s, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Load reads a dictionary.
func (s *Store) Load(name string, each func(dict.Change)) error {
	return s.db.Query(context.Background(), func(rows *sql.Rows) error {
		var key []byte
		var c dict.Change
		var expires int64
		if err := rows.Scan(&key, &c.Value, &expires); err != nil {
			return err
		}
		c.Key = string(key)
		if expires != 0 {
			c.Expires = time.UnixMilli(expires)
		}
		each(c)
		return nil
	}, "SELECT key, value, expires FROM entries WHERE dictionary = ?", name)
}

// Save makes changes in one transaction.
func (s *Store) Save(name string, changes []dict.Change) error {
	return s.db.Tx(context.Background(), func(ctx context.Context, tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, "INSERT INTO entries VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, expires = excluded.expires")
		if err != nil {
			return err
		}
		defer put.Close()
		remove, err := tx.PrepareContext(ctx, "DELETE FROM entries WHERE dictionary = ? AND key = ?")
		if err != nil {
			return err
		}
		defer remove.Close()
		for _, c := range changes {
			if c.Value == nil {
				_, err = remove.ExecContext(ctx, name, []byte(c.Key))
			} else {
				expires := int64(0)
				if !c.Expires.IsZero() {
					expires = c.Expires.UnixMilli()
				}
				_, err = put.ExecContext(ctx, name, []byte(c.Key), c.Value, expires)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
