package sqlitestore

// This file reads the whole file into memory, at the start. One goroutine reads rows, and as many
// others as there are cores unpack them, which is most of the work.

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
)

// rowsTogether is how many rows go from the reader to an unpacker at a time.
const rowsTogether = 512

// row is one address as it is in the file.
type row struct {
	aor      string
	bindings []byte
}

// load fills the memory. Rows without any valid binding are left to the flusher.
func (s *Store) load(now time.Time) error {
	read := make(chan []row, runtime.GOMAXPROCS(0))
	var unpackers sync.WaitGroup
	for range cap(read) {
		unpackers.Go(func() { // ends when all is read
			for rows := range read {
				s.unpack(rows, now)
			}
		})
	}
	// The driver is called without database/sql, whose locks and conversions are a fifth of the
	// reading.
	err := s.file.conn.Raw(func(conn any) error { return readRows(conn.(driver.QueryerContext), read) })
	close(read)
	unpackers.Wait()
	return err
}

// readRows sends all rows to read.
func readRows(conn driver.QueryerContext, read chan<- []row) error {
	found, err := conn.QueryContext(context.Background(), "SELECT aor, bindings FROM location", nil)
	if err != nil {
		return err
	}
	defer found.Close()
	values := make([]driver.Value, 2)
	for {
		rows := make([]row, 0, rowsTogether)
		for len(rows) < rowsTogether {
			if err = found.Next(values); err != nil {
				break
			}
			aor, _ := values[0].(string) // the table is STRICT
			bindings, _ := values[1].([]byte)
			rows = append(rows, row{aor, bindings})
		}
		read <- rows
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// unpack puts rows into the memory.
func (s *Store) unpack(rows []row, now time.Time) {
	restored := func(r *registrar.Record) { restore(r, now) }
	for _, r := range rows {
		bindings, err := registrar.ParseBindings(r.bindings, restored)
		if err != nil { // its clients will register again; the others need not wait for that
			s.opts.Log.Error("a row cannot be read, and is skipped", "file", s.file.path, "aor", r.aor, "error", err)
			continue
		}
		live := bindings[:0]
		for _, b := range bindings {
			if b.Expires().After(now) {
				live = append(live, b)
			}
		}
		if len(live) == 0 {
			s.dirty.add(r.aor)
			continue
		}
		s.memory.Put(r.aor, live)
	}
}

// restore changes what did not survive the process that wrote the record.
func restore(r *registrar.Record, now time.Time) {
	if r.Flow != 0 || r.Received != "" && !strings.HasPrefix(r.Received, "udp:") {
		r.LoseFlow()
	}
	// The clock was set back meanwhile: no binding lives longer than it was granted
	if r.Updated.After(now) {
		r.Expires = now.Add(r.Expires.Sub(r.Updated))
		r.Updated = now
	}
}
