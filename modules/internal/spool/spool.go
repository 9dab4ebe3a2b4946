// Package spool is a durable queue of records in files, which any number of readers consume, each
// at its own pace.
//
// # What is kept, and when
//
// [Spool.Append] puts a record into memory and returns: it never waits for a disk. A writer hands
// what has arrived to the operating system at once, many records in one write if there are many:
// from then on a record is written, and outlives the process. It is on the disk, and outlives the
// machine, when it was synced, at most Options.Sync later. A written record is in the queue until
// every reader is done with it, whatever happens.
//
// While the disk takes nothing (it is full, or the queue has its largest size), records wait in
// memory, and readers get them from there. Only when Options.Memory bytes wait are new ones
// refused, counted as lost.
//
// # What is unfinished
//
// [Spool.Begin] notes that something with a key has begun, and Append with the same key that it has
// ended. Whatever has begun and not ended when the process dies is returned by the next [Open].
//
// # Files
//
// The queue is a log of segments, NNN.spool, named by the number of their first record. Each record
// has a checksum: one that was damaged is skipped and counted, and half a record at the end, which
// a killed process leaves, is cut off. A segment is removed when all readers are done with it; what
// it has unfinished is then copied to the end of the log. NAME.position is how far a reader is.
package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options of Open.
type Options struct {
	Dir     string           // where the files are, made if missing; "" keeps all in memory
	Size    int64            // bytes on disk at most, but for two segments' of calls, default 8 GiB
	Segment int64            // bytes of one file, default 16 MiB, at most an eighth of Size
	Memory  int64            // bytes in memory at most, default 64 MiB
	Sync    time.Duration    // from a write to its sync at most, default 100 ms
	Log     *slog.Logger     // default slog.Default
	Now     func() time.Time // default time.Now
	// create makes a file; a test has one that fails.
	create func(path string) (file, error)
}

const (
	// MaxRecord is the largest record, in bytes.
	MaxRecord = 256 << 10
	// retry is how long the writer waits after a failure at first, and at most.
	firstRetry, mostRetry = 500 * time.Millisecond, 5 * time.Second
	// mostWrite bounds the bytes of one write.
	mostWrite = 1 << 20
	// mostRecent bounds the bytes of what was written and is kept for readers.
	mostRecent = 1 << 20
	// delay is how long what has begun waits for something else to be written with.
	delay = time.Millisecond
)

// Errors of Append.
var (
	ErrClosed = errors.New("spool: it is closed")
	ErrFull   = errors.New("spool: the disk takes nothing and memory is full: the record is lost")
	ErrLarge  = fmt.Errorf("spool: the record has more than %d bytes", MaxRecord)
)

// errSize is why nothing is written to a queue that has its largest size.
var errSize = errors.New("the spool has its largest size")

// file is a segment that is written to.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Spool is a queue. Its methods may be called from any goroutine.
type Spool struct {
	o    Options
	wake chan struct{} // to the writer; capacity 1
	soon chan struct{} // to the writer, which need not hurry; capacity 1
	text []byte        // the writer's, as the next
	some []entry       // what it writes
	sync chan struct{} // to the syncer; capacity 1
	stop chan struct{} // closed by Close
	done sync.WaitGroup

	mu      sync.Mutex
	closed  bool              // guarded by mu, as all below
	next    uint64            // the number of the next record
	tail    []entry           // what is not written, in order
	block   []byte            // what is left of the memory for frames
	waiting int64             // the bytes of tail
	unsure  []entry           // what was written and not synced, in order
	unsured int64             // the bytes of unsure
	recent  []entry           // the last records that were written, for readers that keep up
	held    int64             // the bytes of recent
	since   uint64            // recent has all records from this number on that were written
	live    map[Key]note      // what is unfinished
	alive   int64             // the bytes of the notes of live
	segs    []*segment        // the oldest first; the last is written to
	size    int64             // the bytes of segs
	made    int               // the number of the last segment
	written uint64            // the number of the last record in files
	synced  uint64            // the number of the last record on the disk
	readers map[*Reader]bool  // all that are attached
	arrived chan struct{}     // closed, and made again, when a record arrives and a reader waits
	awaited bool              // a reader waits
	orphans map[string]uint64 // positions of files whose readers are not attached
	failing error             // why the disk takes nothing, nil: it does
	roll    bool              // the segment must not be written to any more: a sync failed
	stats   Stats
}

// Stats are figures since Open.
type Stats struct {
	Appended uint64 // records that were accepted
	Lost     uint64 // records that were refused
	Damaged  uint64 // places in files that could not be read, and were skipped
	Failures uint64 // writes and syncs that failed
	Bytes    int64  // on disk
	Memory   int64  // bytes that wait to be written
	Live     int    // what is unfinished
	Failing  error  // why the disk takes nothing now, or nil
}

// Open opens a queue, and returns with it what is unfinished in it.
func Open(o Options) (*Spool, []Unfinished, error) {
	setDefaults(&o)
	s := &Spool{o: o, wake: make(chan struct{}, 1), soon: make(chan struct{}, 1), sync: make(chan struct{}, 1), stop: make(chan struct{}), next: 1, live: map[Key]note{},
		readers: map[*Reader]bool{}, arrived: make(chan struct{}), orphans: map[string]uint64{}}
	if o.Dir == "" {
		return s, nil, nil
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	list, err := s.recover()
	if err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	s.done.Go(s.write)  // ends with Close
	s.done.Go(s.syncer) // as well
	return s, list, nil
}

func setDefaults(o *Options) {
	if o.Size <= 0 {
		o.Size = 8 << 30
	}
	if o.Segment <= 0 {
		o.Segment = min(16<<20, o.Size/8) // the last one is never removed
	}
	if o.Memory <= 0 {
		o.Memory = 64 << 20
	}
	if o.Sync <= 0 {
		o.Sync = 100 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.create == nil {
		o.create = func(path string) (file, error) {
			return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		}
	}
}

// Append adds a record, and ends what has begun with the key, if anything has. data is copied.
func (s *Spool) Append(key Key, data []byte) error { return s.add(kindRecord, key, data, nil) }

// AppendValue is Append with what the data says, so that readers that keep up need not read it.
// Others get nil.
func (s *Spool) AppendValue(key Key, data []byte, value any) error {
	return s.add(kindRecord, key, data, value)
}

// Begin notes that something has begun; once more with the same key, what it has become. data is
// copied. Without files nothing is noted.
func (s *Spool) Begin(key Key, data []byte) error {
	if s.o.Dir == "" {
		return nil
	}
	return s.add(kindBegin, key, data, nil)
}

// End ends what has begun, without a record.
func (s *Spool) End(key Key) error {
	if s.o.Dir == "" {
		return nil
	}
	return s.add(kindEnd, key, nil, nil)
}

func (s *Spool) add(kind byte, key Key, data []byte, value any) error {
	if len(data) > MaxRecord {
		return ErrLarge
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.waiting+int64(header+len(data)) > s.o.Memory:
		s.stats.Lost++
		return ErrFull
	}
	e := entryIn(s.piece(header+len(data)), kind, key, data, now)
	if s.failing == nil { // otherwise it may stay for long, and its memory isn't counted
		e.value = value
	}
	s.push(e)
	if kind != kindRecord { // it is written with the next record, or soon
		poke(s.soon)
		return nil
	}
	s.stats.Appended++
	if s.awaited {
		s.awaited = false
		close(s.arrived)
		s.arrived = make(chan struct{})
	}
	poke(s.wake)
	return nil
}

// mostPiece is the largest frame that shares a block of memory with others, and block the size of
// one. Frames come and go in order, and so a block goes soon after its first frame.
const mostPiece, block = 4 << 10, 64 << 10

// piece is memory for a frame. s.mu is held.
func (s *Spool) piece(size int) []byte {
	if size > mostPiece || s.failing != nil { // which may stay for long
		return make([]byte, size)
	}
	if size > len(s.block) {
		s.block = make([]byte, block)
	}
	b := s.block[:size:size]
	s.block = s.block[size:]
	return b
}

// note is where it is noted that something is unfinished.
type note struct {
	seq  uint64
	home *segment // nil: in tail
	size int64
}

// push gives an entry its number and its place. s.mu is held.
func (s *Spool) push(e entry) {
	e.began = s.forget(e.key)
	if !e.began && e.kind == kindEnd {
		return
	}
	e.number(s.next)
	s.next++
	if e.kind == kindBegin {
		s.live[e.key] = note{seq: e.seq, size: int64(len(e.frame))}
		s.alive += int64(len(e.frame))
	}
	s.tail = append(s.tail, e)
	s.waiting += int64(len(e.frame))
}

// forget removes what is unfinished, in favour of the next record; it reports whether anything was.
// s.mu is held.
func (s *Spool) forget(key Key) bool {
	n, lives := s.live[key]
	if !lives {
		return false
	}
	delete(s.live, key)
	s.alive -= n.size
	if n.home != nil {
		n.home.live--
		n.home.until = s.next
	}
	return true
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Stats are the figures now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Bytes, st.Memory, st.Live, st.Failing = s.size, s.waiting, len(s.live), s.failing
	return st
}

// Close writes and syncs what waits; readers are closed before it. What the disk does not take is
// lost, and the error says so.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.stop)
	close(s.arrived)
	s.mu.Unlock()
	s.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, seg := range s.segs {
		if seg.f != nil {
			errs = append(errs, seg.f.Sync(), seg.f.Close())
			seg.f = nil
		}
	}
	n := 0
	for _, e := range s.tail {
		if e.kind == kindRecord {
			n++
		}
	}
	if n > 0 {
		errs = append(errs, fmt.Errorf("spool: %d records could not be written and are lost", n))
	}
	return errors.Join(errs...)
}

func (s *Spool) path(name string) string { return filepath.Join(s.o.Dir, name) }
