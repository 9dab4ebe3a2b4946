package messages

// Messages in a file of SQLite, in the directory of --data.

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
)

// patience bounds one call: the disk may be busy with other writers.
const patience = 10 * time.Second

// schema is the table. expires is in milliseconds since 1970. message is JSON.
const schema = `CREATE TABLE IF NOT EXISTS messages (
	id INTEGER PRIMARY KEY AUTOINCREMENT, aor TEXT NOT NULL, expires INTEGER NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS messages_aor ON messages (aor, id);
CREATE INDEX IF NOT EXISTS messages_expires ON messages (expires)`

// File is a Store in a file.
type File struct {
	db *clients.DB

	mu    sync.Mutex
	count map[string]int // guarded by mu: of messages, by user
}

// OpenFile opens the file "messages.db" in a directory, and creates it if it does not exist.
func OpenFile(pool *clients.Pool, dir string) (*File, error) {
	db, err := pool.DB("sqlite:"+filepath.Join(dir, "messages.db"), clients.DBOptions{Conns: 2, Timeout: patience, Create: true})
	if err != nil {
		return nil, err
	}
	s := &File{db: db, count: map[string]int{}}
	err = db.Do(context.Background(), func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, schema)
		return err
	})
	if err == nil {
		err = db.Query(context.Background(), func(rows *sql.Rows) error {
			var aor string
			var n int
			err := rows.Scan(&aor, &n)
			s.count[aor] = n
			return err
		}, `SELECT aor, COUNT(*) FROM messages GROUP BY aor`)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("messages: %w", err), db.Close())
	}
	return s, nil
}

// Waits reports that calls may block.
func (*File) Waits() bool { return true }

// May reports whether a user has messages, or will have in a moment.
func (s *File) May(aor string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[aor] > 0
}

// add counts messages of a user.
func (s *File) add(aor string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[aor] += n; s.count[aor] <= 0 {
		delete(s.count, aor)
	}
}

// Put keeps a message, in one transaction with the look at how many there are.
func (s *File) Put(ctx context.Context, m *Message, most int) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	s.add(m.AOR, 1) // before it is there: who registers meanwhile is looked at
	err = s.db.Do(ctx, func(ctx context.Context, db *sql.DB) error {
		done, err := db.ExecContext(ctx, `INSERT INTO messages (aor, expires, message) SELECT ?, ?, ? WHERE (SELECT COUNT(*) FROM messages WHERE aor = ?) < ?`,
			m.AOR, m.Expires.UnixMilli(), string(text), m.AOR, most)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrFull)
		}
		id, err := done.LastInsertId()
		m.ID = strconv.FormatInt(id, 10)
		return err
	})
	if err != nil {
		s.add(m.AOR, -1)
	}
	return err
}

func (s *File) list(ctx context.Context, query string, args ...any) (list []*Message, err error) {
	err = s.db.Query(ctx, func(rows *sql.Rows) error {
		var id int64
		var text []byte
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		m := &Message{ID: strconv.FormatInt(id, 10)}
		if err := json.Unmarshal(text, m); err != nil {
			return fmt.Errorf("messages: row %d: %w", id, err)
		}
		list = append(list, m)
		return nil
	}, query, args...)
	return list, err
}

// Pending are the user's messages.
func (s *File) Pending(ctx context.Context, aor string, limit int) ([]*Message, error) {
	return s.list(ctx, `SELECT id, message FROM messages WHERE aor = ? ORDER BY id LIMIT ?`, aor, limit)
}

// Remove removes one.
func (s *File) Remove(ctx context.Context, m *Message) error {
	return s.db.Do(ctx, func(ctx context.Context, db *sql.DB) error {
		done, err := db.ExecContext(ctx, `DELETE FROM messages WHERE id = ?`, m.ID)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		s.add(m.AOR, -int(n))
		return err
	})
}

// Users calls f with each user who has messages.
func (s *File) Users(ctx context.Context, f func(aor string) bool) error {
	var all []string
	err := s.db.Query(ctx, func(rows *sql.Rows) error {
		var aor string
		err := rows.Scan(&aor)
		all = append(all, aor)
		return err
	}, `SELECT DISTINCT aor FROM messages ORDER BY aor`)
	for _, aor := range all {
		if err != nil || !f(aor) {
			break
		}
	}
	return err
}

// Overdue are messages whose time is over.
func (s *File) Overdue(ctx context.Context, now time.Time, limit int) ([]*Message, error) {
	return s.list(ctx, `SELECT id, message FROM messages WHERE expires < ? ORDER BY expires LIMIT ?`, now.UnixMilli(), limit)
}

// Count is how many there are.
func (s *File) Count(ctx context.Context) (n int, err error) {
	err = s.db.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, `SELECT COUNT(*) FROM messages`)
	return n, err
}

// Claim always succeeds: the directory belongs to one process.
func (*File) Claim(context.Context, string, time.Duration) (bool, error) { return true, nil }

// Release has nothing to do.
func (*File) Release(context.Context, string) error { return nil }

// Close closes the file.
func (s *File) Close() error { return s.db.Close() }
