// Package sqlitestore keeps the registrar's bindings in a SQLite file, so that they survive the
// process.
//
// A copy in memory answers all lookups: they never touch the disk and never wait. A change goes to
// one goroutine that collects waiting changes, writes them in one transaction, and releases the
// answers after the commit: many registrations share one fsync. While the disk fails, registrations
// fail; lookups continue, and registrations resume once it works again.
package sqlitestore

// This file is the store as the registrar sees it: what it passes to the writer, and how long it
// waits for it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
)

// Options of Open. The zero value will do.
type Options struct {
	// Patience is how long a change waits for the disk until it fails, default 5 s.
	Patience time.Duration
	Log      *slog.Logger     // reports that the disk fails, or works again; default: nobody
	Now      func() time.Time // the time of day, default time.Now
}

// Store is a registrar.Store in one file, which belongs to this process while it is open.
type Store struct {
	// What is served; it never contains anything uncommitted, except relaxed changes
	memory *registrar.Memory
	file   *file
	opts   Options
	queue  chan *request
	stop   chan struct{} // closed by Close
	ended  chan struct{} // closed when the writer has ended
	dirty  dirty
	// failing: the last transaction failed. Then relaxed changes also wait for theirs.
	failing atomic.Bool
}

var _ interface {
	registrar.Store
	registrar.Served
} = (*Store)(nil)

var (
	// ErrClosed is why a change fails after Close.
	ErrClosed = errors.New("the store is closed")
	errSlow   = errors.New("the disk is too slow")
)

// Open opens the file at path, which it makes if it is missing, and reads all of it. Errors: it
// can't be read or written, it is not a file of this version, or another process has it open.
func Open(path string, o Options) (*Store, error) {
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s := &Store{memory: registrar.NewMemory(), file: f, opts: o, queue: make(chan *request, maxBatch),
		stop: make(chan struct{}), ended: make(chan struct{})}
	s.dirty.rows, s.dirty.wake, s.dirty.ended = map[string]struct{}{}, make(chan struct{}, 1), make(chan struct{})
	if err := s.load(o.Now()); err != nil {
		_ = f.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	w := &writer{store: s, staged: map[string][]*registrar.Binding{}}
	go w.run()   // ends with Close
	go s.flush() // ends with Close, after the writer
	return s, nil
}

// Serving is the copy in memory.
func (s *Store) Serving() *registrar.Memory { return s.memory }

// Waits: lookups do not, updates do.
func (s *Store) Waits() (lookup, update bool) { return false, true }

// Lookup implements registrar.Store; it never fails.
func (s *Store) Lookup(ctx context.Context, aor string, now time.Time) ([]*registrar.Binding, error) {
	return s.memory.Lookup(ctx, aor, now)
}

// Count is how many bindings are stored; it never fails.
func (s *Store) Count(ctx context.Context) (int, error) { return s.memory.Count(ctx) }

// The states of a request, in order.
const (
	waiting   int32 = iota
	taken           // the writer works on it
	changed         // the writer has called change for the last time
	abandoned       // instead of taken: the caller waits no longer
)

// request is a task for the writer: a change, or a sweep.
type request struct {
	aor     string
	relaxed bool
	change  func(old []*registrar.Binding) ([]*registrar.Binding, error)
	sweep   func()
	state   atomic.Int32
	done    chan error // capacity 1
}

// Update implements registrar.Store. Errors: change's own, the disk's, or it took longer than the
// patience; in the last case the change may still be made later.
func (s *Store) Update(ctx context.Context, aor string, d registrar.Durability,
	change func(old []*registrar.Binding) ([]*registrar.Binding, error)) error {
	return s.do(ctx, &request{aor: aor, relaxed: d == registrar.Relaxed, change: change, done: make(chan error, 1)})
}

// do hands r to the writer and waits for the outcome.
func (s *Store) do(ctx context.Context, r *request) error {
	patience := time.NewTimer(s.opts.Patience)
	defer patience.Stop()
	select {
	case s.queue <- r:
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return errSlow
	}
	select {
	case err := <-r.done:
		return err
	case <-s.ended:
		return r.left(ErrClosed)
	case <-ctx.Done():
		if r.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
	case <-patience.C:
		if r.state.CompareAndSwap(waiting, abandoned) {
			return errSlow
		}
		patience.Reset(0)
	}
	// It is being made. Its outcome is worth some more of the patience: a registration is better
	// not left in doubt.
	select {
	case err := <-r.done:
		return err
	case <-s.ended:
		return r.left(ErrClosed)
	case <-patience.C:
	}
	if r.state.Load() == changed {
		return errSlow
	}
	return <-r.done // it is at change this very moment
}

// left is the outcome of a request when the writer has ended: its last answer, or err.
func (r *request) left(err error) error {
	select {
	case done := <-r.done:
		return done
	default:
		return err
	}
}

// Sweep implements registrar.Store. The rows of removed bindings are deleted soon after.
func (s *Store) Sweep(ctx context.Context, now time.Time, gone func(aor string, b *registrar.Binding)) error {
	type end struct {
		aor string
		b   *registrar.Binding
	}
	var ends []end
	r := &request{done: make(chan error, 1), sweep: func() {
		_ = s.memory.Sweep(ctx, now, func(aor string, b *registrar.Binding) { ends = append(ends, end{aor, b}) })
		for _, e := range ends {
			s.dirty.add(e.aor)
		}
	}}
	if err := s.do(ctx, r); err != nil {
		return err
	}
	for _, e := range ends {
		gone(e.aor, e.b)
	}
	return nil
}

// Close writes what is left, and closes the file. Later changes fail.
func (s *Store) Close() error {
	close(s.stop)
	<-s.dirty.ended
	if err := s.file.close(); err != nil {
		return fmt.Errorf("registrar: %w", err)
	}
	return nil
}

// write makes one transaction of body; after is called when it is committed, before any other
// begins.
func (s *Store) write(body func() error, after func()) error {
	err := s.file.transaction(body, after)
	switch failed := s.failing.Swap(err != nil); {
	case err != nil && !failed:
		s.opts.Log.Error("registrations cannot be stored; until they can, they are answered 503", "file", s.file.path, "error", err)
	case err == nil && failed:
		s.opts.Log.Info("registrations are stored again", "file", s.file.path)
	}
	return err
}
