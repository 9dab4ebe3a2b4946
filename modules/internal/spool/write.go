package spool

// The writer, which brings records from memory to files, and the syncer, which brings these to the
// disk.

import (
	"fmt"
	"os"
	"time"
)

// segment is one file. Its fields are guarded by Spool.mu; f is used by writer and syncer.
type segment struct {
	name  string
	f     file   // nil: nothing is written to it any more, and all of it was synced
	size  int64  // bytes in it
	last  uint64 // the highest number in it
	first uint64 // the lowest
	live  int    // how much is unfinished that is noted here
	until uint64 // the highest number of what took the place of something noted here
	dead  bool   // a sync of it failed: nothing is written to it, and it is not synced any more
}

// write is the writer.
func (s *Spool) write() {
	pause := firstRetry
	for ended := false; !ended; {
		select {
		case <-s.wake:
		case <-s.soon:
			s.hurry()
		case <-s.stop:
			ended = true
		}
		for more := true; more; {
			var err error
			if more, err = s.writeSome(); err == nil {
				s.recovered()
				pause = firstRetry
				more = more || s.release()
				continue
			}
			s.trouble(err)
			if ended || !s.sleep(pause) {
				break // the last attempt
			}
			s.release()
			pause = min(2*pause, mostRetry)
			more = true
		}
	}
}

// hurry waits briefly for something that is in a hurry.
func (s *Spool) hurry() {
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.wake:
	case <-s.stop:
	}
}

// sleep waits, and reports whether the queue is still open.
func (s *Spool) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.stop:
		return false
	}
}

// writeSome writes the oldest of what waits, and reports whether there is more.
func (s *Spool) writeSome() (more bool, err error) {
	s.mu.Lock()
	batch, text, full := s.batch()
	s.mu.Unlock()
	s.text, s.some = text, batch
	switch {
	case len(batch) > 0:
	case full:
		return true, fmt.Errorf("%w, %d bytes", errSize, s.o.Size)
	default:
		return false, nil
	}
	seg, err := s.current()
	if err != nil {
		return true, err
	}
	if _, err = seg.f.WriteAt(text, seg.size); err != nil {
		_ = seg.f.Truncate(seg.size) // if that fails, what comes next is written over it
		return true, err
	}
	return s.wrote(seg, batch, int64(len(text))), nil
}

// batch is the oldest of what waits, as much as is written at once and there is room for. What is
// no record may exceed the largest size by two segments: segments are not removed without it. s.mu
// is held.
func (s *Spool) batch() (batch []entry, text []byte, full bool) {
	text, batch = s.text[:0], s.some[:0]
	most := min(mostWrite, s.o.Segment)
	for _, e := range s.tail {
		size := int64(len(text) + len(e.frame))
		if len(text) > 0 && size > most {
			break
		}
		room := s.o.Size - s.size
		if e.kind != kindRecord {
			room += 2 * s.o.Segment
		}
		if size > room {
			full = true
			break
		}
		batch, text = append(batch, e), append(text, e.frame...)
	}
	return batch, text, full
}

// current is the segment to write to.
func (s *Spool) current() (*segment, error) {
	s.mu.Lock()
	var seg *segment
	if n := len(s.segs); n > 0 {
		seg = s.segs[n-1]
	}
	full := seg == nil || seg.f == nil || seg.size >= s.o.Segment || s.roll
	s.made++
	name := fmt.Sprintf("%016d%s", s.made, extension)
	if !full {
		s.made--
	}
	s.mu.Unlock()
	if !full {
		return seg, nil
	}
	f, err := s.o.create(s.path(name))
	if err != nil {
		return nil, err
	}
	syncDir(s.o.Dir)
	seg = &segment{name: name, f: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segs = append(s.segs, seg)
	s.roll = false
	return seg, nil
}

// syncDir makes a new name outlive the machine, where file systems can do that.
func syncDir(path string) {
	if d, err := os.Open(path); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// wrote records what was written, and reports whether more waits.
func (s *Spool) wrote(seg *segment, batch []entry, size int64) (more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg.size += size
	s.size += size
	if seg.first == 0 {
		seg.first = batch[0].seq
	}
	for _, e := range batch {
		seg.last = max(seg.last, e.seq)
		if n, lives := s.live[e.key]; lives && n.seq == e.seq {
			if n.home != nil { // it was written before, and not synced
				n.home.live--
				n.home.until = e.seq
			}
			n.home = seg
			seg.live++
			s.live[e.key] = n
		}
	}
	s.remember(batch)
	last := batch[len(batch)-1].seq
	s.written = max(s.written, last)
	n := 0
	for ; n < len(s.tail) && s.tail[n].seq <= last; n++ {
		s.waiting -= int64(len(s.tail[n].frame))
	}
	s.tail = without(s.tail, n)
	for i := range batch {
		batch[i].value = nil
	}
	s.unsure = append(s.unsure, batch...)
	for s.unsured += size; s.unsured > s.o.Memory; s.unsure = s.unsure[1:] { // the disk hangs
		s.unsured -= int64(len(s.unsure[0].frame))
	}
	poke(s.sync)
	return len(s.tail) > 0
}

// remember keeps what is being written for readers that keep up: they need not read the files. s.mu
// is held.
func (s *Spool) remember(batch []entry) {
	for _, e := range batch {
		if e.kind == kindRecord && e.seq > s.written { // otherwise it is written once more
			s.recent = append(s.recent, e)
			s.held += int64(len(e.frame))
		}
	}
	n := 0
	for ; n < len(s.recent) && (s.held > mostRecent || len(s.readers) == 0); n++ {
		s.held -= int64(len(s.recent[n].frame))
	}
	s.drop(n)
}

// drop forgets the first n of recent. s.mu is held.
func (s *Spool) drop(n int) {
	if n == 0 {
		return
	}
	s.since = s.recent[n-1].seq + 1
	s.recent = without(s.recent, n)
}

// without removes the first n. If those are few it leaves their places, which the next growth
// frees; otherwise the memory serves again.
func without(list []entry, n int) []entry {
	if n < len(list)/2 {
		clear(list[:n]) // the frames
		return list[n:]
	}
	left := copy(list, list[n:])
	clear(list[left:])
	return list[:left]
}

// trouble records that the disk takes nothing.
func (s *Spool) trouble(err error) {
	s.mu.Lock()
	first := s.failing == nil
	s.failing = err
	for i := range s.tail {
		s.tail[i].value = nil
	}
	s.stats.Failures++
	s.trim()
	s.mu.Unlock()
	if first {
		s.o.Log.Error("acc: records can't be written; they wait in memory and are lost with the process: make room on the disk, or let destinations that are away come back",
			"dir", s.o.Dir, "error", err)
	}
}

// recovered records that it takes something.
func (s *Spool) recovered() {
	s.mu.Lock()
	was := s.failing
	s.failing = nil
	s.mu.Unlock()
	if was != nil {
		s.o.Log.Info("acc: records are written again", "dir", s.o.Dir)
	}
}

// syncer is the syncer.
func (s *Spool) syncer() {
	pause := firstRetry
	for {
		select {
		case <-s.sync:
		case <-s.stop:
			return // Close syncs
		}
		if !s.sleep(s.o.Sync) {
			return
		}
		if err := s.syncAll(); err == nil {
			pause = firstRetry
			continue
		} else {
			s.trouble(err)
		}
		if !s.sleep(pause) {
			return
		}
		pause = min(2*pause, mostRetry)
		s.again()
	}
}

// syncAll syncs what was written, and closes files that nothing is written to any more.
func (s *Spool) syncAll() error {
	s.mu.Lock()
	var until uint64
	if n := len(s.unsure); n > 0 {
		until = s.unsure[n-1].seq
	}
	var open []*segment
	for _, seg := range s.segs {
		if seg.f != nil {
			open = append(open, seg)
		}
	}
	current := s.segs[len(s.segs)-1] // the writer's
	s.mu.Unlock()
	for _, seg := range open {
		if !seg.dead {
			if err := seg.f.Sync(); err != nil {
				return err
			}
		}
		if seg != current {
			_ = seg.f.Close() // all of it is on the disk, or was written again
			s.mu.Lock()
			seg.f = nil
			s.mu.Unlock()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for ; n < len(s.unsure) && s.unsure[n].seq <= until; n++ {
		s.unsured -= int64(len(s.unsure[n].frame))
	}
	s.unsure = without(s.unsure, n)
	s.synced = max(s.synced, until)
	return nil
}

// again has what was written and not synced written again, to another file: after a sync that
// failed nobody knows what of it is on the disk, not even by syncing again.
func (s *Spool) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	tail := make([]entry, 0, len(s.unsure)+len(s.tail))
	s.tail = append(append(tail, s.unsure...), s.tail...)
	s.waiting += s.unsured
	s.unsure, s.unsured, s.roll = nil, 0, true
	for _, seg := range s.segs {
		seg.dead = true
	}
	poke(s.wake)
}
