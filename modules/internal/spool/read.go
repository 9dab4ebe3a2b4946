package spool

// Readers.

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"strings"
	"time"
)

const (
	extension = ".spool"
	places    = ".position"
	// window is how much of a file is read at once.
	window = 512 << 10
)

// Record is a record as readers have it.
type Record struct {
	Seq  uint64    // its number
	Key  Key       // it was appended with
	At   time.Time // when that was
	Data []byte    // which must not be changed
	// Value is what it was appended with, if it is still in memory; neither must this be changed
	Value any
}

// Unfinished is what had begun and not ended.
type Unfinished struct {
	Key  Key    // it began with
	Data []byte // of the last Begin
}

// Reader consumes the queue. It belongs to one goroutine, except Stats.
type Reader struct {
	s    *Spool
	name string
	save *position

	pos    uint64    // the first number that it is not done with; guarded by Spool.mu
	oldest time.Time // when the first of them was appended, zero: not known; guarded by Spool.mu

	given uint64   // the last number that was returned
	next  uint64   // the number to read next
	seg   *segment // it is in
	f     *os.File // of seg
	off   int64    // where the next frame begins
}

// Reader attaches a reader, which continues where the one of this name was. A new one begins with
// what waited for those that are not there any more, or with what comes next.
func (s *Spool) Reader(name string) (*Reader, error) {
	r := &Reader{s: s, name: name}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	r.pos = s.next
	if s.o.Dir != "" {
		at, known := s.orphans[fileName(name)]
		if known {
			delete(s.orphans, fileName(name))
		} else {
			at = s.next
			for _, waits := range s.orphans {
				at = min(at, waits)
			}
		}
		r.pos = at
		var err error
		if r.save, err = openPosition(s.path(fileName(name)), at); err != nil {
			return nil, fmt.Errorf("spool: %w", err)
		}
	}
	r.next = r.pos
	s.readers[r] = true
	return r, nil
}

// Settle forgets the positions of readers that were not attached, and returns for how many there
// was something left.
func (s *Spool) Settle() (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, at := range s.orphans {
		if at < s.next {
			left++
		}
		_ = os.Remove(s.path(name))
		delete(s.orphans, name)
	}
	return left
}

// Next returns records that were not returned yet, at most so many and about so many bytes. It
// waits until there is one.
func (r *Reader) Next(ctx context.Context, most, bytes int) ([]Record, error) {
	for {
		r.s.mu.Lock()
		arrived, closed := r.s.arrived, r.s.closed
		r.s.awaited = true
		list := r.fromMemory(most, bytes)
		r.s.mu.Unlock()
		var err error
		if len(list) == 0 {
			if list, err = r.fromFiles(most, bytes); err == nil && len(list) == 0 {
				r.s.mu.Lock()
				list = r.fromMemory(most, bytes) // if what was left in files is not a record
				r.s.mu.Unlock()
			}
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("spool: %w", err)
		case len(list) > 0:
			r.given = list[len(list)-1].Seq
			r.began(list[0].At)
			return list, nil
		case closed:
			return nil, ErrClosed
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fromMemory are records that are in memory, if they are what comes next: the last ones that were
// written, and those that are not written. s.mu is held.
func (r *Reader) fromMemory(most, bytes int) (list []Record) {
	s := r.s
	list = make([]Record, 0, min(most, len(s.recent)+len(s.tail)))
	take := func(entries []entry) (all bool) {
		for _, e := range entries {
			switch {
			case e.seq < r.next:
				continue
			case len(list) >= most || bytes <= 0:
				return false
			}
			r.next = e.seq + 1
			if e.kind == kindRecord {
				list = append(list, e.record())
				bytes -= len(e.frame) - header
			}
		}
		return true
	}
	if s.o.Dir != "" && r.next <= s.written && (len(s.tail) == 0 || r.next < s.tail[0].seq) {
		if r.next < s.since || !take(s.recent) {
			return list
		}
		r.next = s.written + 1 // what is in between are not records
	}
	take(s.tail)
	return list
}

// began notes since when the first record waits.
func (r *Reader) began(at time.Time) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.oldest.IsZero() {
		r.oldest = at
	}
}

// fromFiles are records that were written.
func (r *Reader) fromFiles(most, bytes int) (list []Record, err error) {
	for len(list) < most && bytes > 0 {
		limit, ok, err := r.place()
		if err != nil || !ok {
			return list, err
		}
		list, err = r.readSome(limit, list, &most, &bytes)
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// place finds the file with the next record, and how far it was written. ok is false if there is
// nothing to be read.
func (r *Reader) place() (limit int64, ok bool, err error) {
	r.s.mu.Lock()
	segs := r.s.segs
	var seg *segment
	for i, x := range segs {
		switch {
		case r.seg == nil && (i == 0 || x.first != 0 && x.first <= r.next), r.seg == x && r.off < x.size:
			seg = x
		case r.seg != nil && seg == nil && x.name > r.seg.name:
			seg = x
		}
	}
	if seg == nil || seg.size == 0 { // whatever is missing can't be read
		r.next = max(r.next, r.s.written+1)
		r.s.mu.Unlock()
		return 0, false, nil
	}
	limit = seg.size
	r.s.mu.Unlock()
	if seg != r.seg {
		r.leave()
		if r.f, err = os.Open(r.s.path(seg.name)); err != nil {
			return 0, false, err
		}
		r.seg, r.off = seg, 0
	}
	return limit, true, nil
}

// leave closes the file it reads.
func (r *Reader) leave() {
	if r.f != nil {
		_ = r.f.Close()
	}
	r.f, r.seg = nil, nil
}

// readSome adds records of the file it is in to the list.
func (r *Reader) readSome(limit int64, list []Record, most, bytes *int) ([]Record, error) {
	size := min(limit-r.off, window)
	text := make([]byte, size) // which records refer to
	if _, err := r.f.ReadAt(text, r.off); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	at := 0
	for at < len(text) && len(list) < *most && *bytes > 0 {
		f, n, st := readFrame(text[at:])
		if st == partial && r.off+int64(len(text)) < limit {
			break // at > 0: a window is larger than a frame
		}
		if st != whole {
			r.damaged()
			at += skip(text[at:])
			continue
		}
		at += n
		if f.seq < r.next {
			continue
		}
		r.next = f.seq + 1
		if f.kind == kindRecord {
			list = append(list, Record{Seq: f.seq, Key: f.key, At: f.at, Data: f.data})
			*bytes -= len(f.data)
		}
	}
	r.off += int64(at)
	return list, nil
}

// damaged counts a place that can't be read; a place that is found again is counted again.
func (r *Reader) damaged() {
	r.s.mu.Lock()
	r.s.stats.Damaged++
	r.s.mu.Unlock()
}

// Done says that all records up to this number need not be returned again, not even by the reader
// of this name after a restart.
func (r *Reader) Done(seq uint64) {
	s := r.s
	s.mu.Lock()
	if seq < r.pos {
		s.mu.Unlock()
		return
	}
	r.pos, r.oldest = seq+1, time.Time{}
	if seq >= r.given { // what was read after it were not records
		r.pos = r.next
	}
	at := r.pos
	n, done := 0, s.position()
	for ; n < len(s.recent) && s.recent[n].seq < done; n++ {
		s.held -= int64(len(s.recent[n].frame))
	}
	s.drop(n)
	if s.o.Dir == "" || s.failing != nil {
		s.trim()
	}
	s.mu.Unlock()
	poke(s.wake)
	if r.save != nil {
		if err := r.save.write(at); err != nil {
			s.o.Log.Error("acc: how far a destination is can't be written: what it has comes again after a restart", "file", r.save.path, "error", err)
		}
	}
}

// Close detaches the reader. forget: it will not come back, and nothing is kept for it.
func (r *Reader) Close(forget bool) error {
	r.leave()
	r.s.mu.Lock()
	if r.s.failing != nil {
		r.s.trim()
	}
	delete(r.s.readers, r)
	if r.save != nil && !forget {
		r.s.orphans[fileName(r.name)] = r.pos
	}
	r.s.mu.Unlock()
	poke(r.s.wake)
	if r.save == nil {
		return nil
	}
	err := r.save.Close()
	if forget {
		err = errors.Join(err, os.Remove(r.save.path))
	}
	return err
}

// Stats are how many records wait for the reader, those that are not records included, and for how
// long the first has; 0 if that is not known.
func (r *Reader) Stats() (waiting uint64, age time.Duration) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if !r.oldest.IsZero() {
		age = max(0, r.s.o.Now().Sub(r.oldest))
	}
	return r.s.next - r.pos, age
}

// position is the file that says how far a reader is.
type position struct {
	path string
	f    *os.File
}

func openPosition(path string, at uint64) (*position, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	p := &position{path, f}
	if err := p.write(at); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

func positionText(at uint64) string {
	text := fmt.Sprintf("%020d ", at)
	return text + fmt.Sprintf("%08x\n", crc32.ChecksumIEEE([]byte(text)))
}

// write writes all of it at once: after a kill it is the old or the new one.
func (p *position) write(at uint64) error {
	_, err := p.f.WriteAt([]byte(positionText(at)), 0)
	return err
}

func (p *position) Close() error { return p.f.Close() }

// readPosition is what is in the file; ok is false if that is damaged.
func readPosition(path string) (at uint64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	if _, err := fmt.Sscanf(string(text), "%d", &at); err != nil || string(text) != positionText(at) {
		return 0, false
	}
	return at, true
}

// fileName is the name of a reader's file.
func fileName(name string) string {
	clean := strings.Map(func(c rune) rune {
		if c < 128 && (c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return c
		}
		return '-'
	}, name)
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return fmt.Sprintf("%.60s-%016x%s", clean, h.Sum64(), places)
}
