package sqlitestore

// This file is the flusher: it writes rows that nobody waits for, those of relaxed changes and of
// expired bindings.

import (
	"sync"
	"time"
)

const (
	// flushBatch bounds the rows of one transaction of the flusher: the writer's waits for it.
	flushBatch = 512
	// retryEvery is how often rows are tried again that could not be written.
	retryEvery = time.Second
)

// dirty are addresses whose row must be written as it is in memory.
type dirty struct {
	mu    sync.Mutex
	rows  map[string]struct{} // guarded by mu
	wake  chan struct{}       // capacity 1: there are some
	ended chan struct{}       // closed when the flusher has ended
}

func (d *dirty) add(rows ...string) {
	d.mu.Lock()
	for _, aor := range rows {
		d.rows[aor] = struct{}{}
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take removes some rows and returns them.
func (d *dirty) take() (rows []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for aor := range d.rows {
		if len(rows) == flushBatch {
			break
		}
		rows = append(rows, aor)
		delete(d.rows, aor)
	}
	return rows
}

// flush works until the writer has ended, and then writes what is left.
func (s *Store) flush() {
	defer close(s.dirty.ended)
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-s.dirty.wake:
			if s.failing.Load() {
				continue // left to the ticker: a full disk is not tried for each row
			}
		case <-retry.C:
		case <-s.ended:
			s.flushAll()
			return
		}
		s.flushAll()
	}
}

// flushAll writes until nothing is dirty, or the disk fails.
func (s *Store) flushAll() {
	for {
		rows := s.dirty.take()
		if len(rows) == 0 {
			return
		}
		if err := s.write(func() error { return s.writeRows(rows) }, func() {}); err != nil {
			s.dirty.add(rows...)
			return
		}
	}
}

// writeRows writes rows as they are in memory. The writer changes memory between transactions only,
// or notes the change as dirty once more.
func (s *Store) writeRows(rows []string) error {
	for _, aor := range rows {
		if err := s.file.put(aor, s.memory.Stored(aor)); err != nil {
			return err
		}
	}
	return nil
}
