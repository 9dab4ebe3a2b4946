package sqlitestore

// This file reads the whole file into memory, at the start.

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
)

// load fills the memory. Rows of which nothing lives any more are left to the flusher.
func (s *Store) load(now time.Time) error {
	rows, err := s.file.conn.QueryContext(context.Background(), "SELECT aor, bindings FROM location")
	if err != nil {
		return err
	}
	defer rows.Close()
	restored := func(r *registrar.Record) { restore(r, now) }
	for rows.Next() {
		var aor, data sql.RawBytes
		if err := rows.Scan(&aor, &data); err != nil {
			return err
		}
		bindings, err := registrar.ParseBindings(data, restored)
		if err != nil { // its clients will register again; the others need not wait for that
			s.opts.Log.Error("a row can't be read and is left out", "file", s.file.path, "aor", string(aor), "error", err)
			continue
		}
		live := bindings[:0]
		for _, b := range bindings {
			if b.Expires().After(now) {
				live = append(live, b)
			}
		}
		if len(live) == 0 {
			s.dirty.add(string(aor))
			continue
		}
		s.memory.Put(string(aor), live)
	}
	return rows.Err()
}

// restore changes what did not survive the process that wrote the record.
func restore(r *registrar.Record, now time.Time) {
	if r.Flow != 0 || r.Received != "" && !strings.HasPrefix(r.Received, "udp:") {
		r.Flow, r.Received = 0, "" // its connection is closed: the contact is all there is
	}
	if r.Updated.After(now) { // the clock was set back meanwhile: no binding lives longer than it was granted
		r.Expires = now.Add(r.Expires.Sub(r.Updated))
		r.Updated = now
	}
}
