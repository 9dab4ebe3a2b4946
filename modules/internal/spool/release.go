package spool

// Room: segments that nobody needs any more are removed.

import (
	"errors"
	"os"
)

// release removes the oldest segments, as many as nobody needs, and reports whether something was
// copied from one to the end of the queue. It is called by the writer.
func (s *Spool) release() (copied bool) {
	for {
		s.mu.Lock()
		var seg *segment
		if len(s.segs) > 1 && len(s.readers) > 0 {
			seg = s.segs[0]
		}
		switch {
		case seg == nil, seg.f != nil, seg.last >= s.position():
			s.mu.Unlock()
			return false
		case seg.live > 0:
			// A copy of what is unfinished has its price: only when files have several times the
			// size of what they are for, or are full.
			worth := s.size > 4*s.o.Segment+3*s.alive || errors.Is(s.failing, errSize) && s.size > 2*s.alive
			s.mu.Unlock()
			if worth {
				s.copy(seg)
			}
			return worth
		case seg.until > s.synced: // what replaces something in it may be lost yet
			s.mu.Unlock()
			return false
		}
		s.segs = s.segs[1:]
		s.size -= seg.size
		s.mu.Unlock()
		if err := os.Remove(s.path(seg.name)); err != nil {
			s.o.Log.Error("acc: a file of the spool can't be removed", "file", s.path(seg.name), "error", err)
		}
	}
}

// copy notes at the end of the queue what is unfinished in a segment.
func (s *Spool) copy(seg *segment) {
	text, err := os.ReadFile(s.path(seg.name))
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		each(text, func(f frame) {
			if n := s.live[f.key]; f.kind == kindBegin && n.home == seg && n.seq == f.seq {
				s.push(newEntry(kindBegin, f.key, f.data, f.at))
			}
		}, nil)
	}
	if seg.live == 0 {
		return
	}
	s.stats.Damaged++
	for key, n := range s.live { // what can't be read
		if n.home == seg {
			s.forget(key)
		}
	}
}

// each calls f for the frames of a whole file, and bad for each place that is none; it returns
// where the last frame ends.
func each(text []byte, f func(frame), bad func(at int)) (end int) {
	for at := 0; at < len(text); {
		fr, n, st := readFrame(text[at:])
		if st == whole {
			f(fr)
			at += n
			end = at
			continue
		}
		if bad != nil {
			bad(at)
		}
		for at < len(text) { // to the next frame
			at += skip(text[at:])
			if _, _, st := readFrame(text[at:]); st == whole {
				break
			}
		}
	}
	return end
}

// position is how far the slowest reader is: the first number that it is not done with. Those that
// are not attached count until Settle: at the start they come one by one, and one that is replaced
// leaves first. s.mu is held.
func (s *Spool) position() uint64 {
	least := s.next
	for r := range s.readers {
		least = min(least, r.pos)
	}
	for _, at := range s.orphans {
		least = min(least, at)
	}
	return least
}

// trim frees the memory of what all readers are done with, though it was not written. s.mu is held.
func (s *Spool) trim() {
	if len(s.readers) == 0 {
		return
	}
	done := s.position()
	kept := s.tail[:0:0]
	s.waiting = 0
	for _, e := range s.tail {
		if e.kind == kindRecord && e.seq < done {
			if !e.began || s.o.Dir == "" {
				continue
			}
			seq := e.seq // that it has ended has to be known
			e = newEntry(kindEnd, e.key, nil, s.o.Now())
			e.number(seq)
			e.began = true
		}
		kept = append(kept, e)
		s.waiting += int64(len(e.frame))
	}
	s.tail = kept
}
