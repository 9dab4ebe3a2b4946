package ring

// Followers: exporters, and whoever watches live.

import (
	"cmp"
	"slices"
)

// mostAtOnce bounds the records that a follower gets in one piece.
const mostAtOnce = 4096

// Follower reads what is new in a ring. It belongs to one goroutine.
type Follower struct {
	ring  *Ring
	lanes []decoder
	fresh []bool // nothing of the lane was read yet
	from  int    // the lane to begin with
	lost  uint64
	list  []Record
}

// Follow makes a follower that begins with what comes from now on, or, with past, with all that is
// there.
func (r *Ring) Follow(past bool) *Follower {
	f := &Follower{ring: r, lanes: make([]decoder, len(r.lanes)), fresh: make([]bool, len(r.lanes))}
	for i := range f.lanes {
		f.lanes[i].lane, f.fresh[i] = i, true
	}
	if !past {
		for f.next(func(*Record) {}) {
		}
		f.lost, f.list = 0, nil
	}
	return f
}

// Next returns what is new, ordered by time, at most some thousand records at once; none if nothing
// is new. The list is used again by the next call, the texts stay.
func (f *Follower) Next() []Record {
	f.list = f.list[:0]
	f.next(func(r *Record) { f.list = append(f.list, *r) })
	slices.SortStableFunc(f.list, func(a, b Record) int { return a.At.Compare(b.At) })
	return f.list
}

// Lost is how many records were dropped before the follower came to them.
func (f *Follower) Lost() uint64 { return f.lost }

// next reads on, and reports whether it stopped because there was too much.
func (f *Follower) next(got func(*Record)) (more bool) {
	r := f.ring
	r.readers.Add(1)
	defer r.readers.Add(-1)
	n := 0
	var rec Record
	for j := range f.lanes {
		i := (f.from + j) % len(f.lanes)
		t := r.lanes[i].Load()
		if t == nil {
			continue
		}
		d := &f.lanes[i]
		list := *t.segments.Load()
		k, _ := slices.BinarySearchFunc(list, d.number, func(s *segment, n uint64) int { return cmp.Compare(s.number, n) })
		for ; k < len(list); k++ {
			s := list[k]
			if f.fresh[i] || s.number != d.number {
				if !f.fresh[i] && s.first > d.next {
					f.lost += s.first - d.next
					r.lost.Add(s.first - d.next)
				}
				d.start(s, nil)
				f.fresh[i] = false
			}
			stopped := false
			if d.read(s, &rec, func(rec *Record) bool { got(rec); n++; stopped = n >= mostAtOnce; return !stopped }) != nil {
				d.at = int(s.n.Load()) // what is unreadable is passed over
			}
			if stopped {
				f.from = (i + 1) % len(f.lanes) // one that is busy keeps none of the others back
				return true
			}
		}
	}
	return false
}
