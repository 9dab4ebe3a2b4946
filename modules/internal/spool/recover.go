package spool

// What a queue had in its files.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// recover reads all files. Nobody else has s.
func (s *Spool) recover() ([]Unfinished, error) {
	names, err := filepath.Glob(s.path("*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	open := map[Key][]byte{}
	var last *segment
	for _, path := range names {
		name := filepath.Base(path)
		switch filepath.Ext(name) {
		case extension:
			n, err := strconv.Atoi(strings.TrimSuffix(name, extension))
			if err != nil {
				continue // not ours
			}
			s.made = n
			if last, err = s.load(name, open); err != nil {
				return nil, err
			}
		case places:
			at, ok := readPosition(path)
			if !ok {
				s.stats.Damaged++ // it gets all that is there
			}
			s.orphans[name] = at
		}
	}
	for _, at := range s.orphans {
		s.next = max(s.next, at) // what was lost with the machine has had its numbers
	}
	s.synced, s.written, s.since = s.next-1, s.next-1, s.next
	if last != nil {
		if err := s.cut(last); err != nil {
			return nil, err
		}
	}
	var list []Unfinished
	for key, data := range open {
		list = append(list, Unfinished{key, data})
	}
	slices.SortFunc(list, func(a, b Unfinished) int { return slices.Compare(a.Key[:], b.Key[:]) })
	return list, nil
}

// load reads a segment.
func (s *Spool) load(name string, open map[Key][]byte) (*segment, error) {
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		return nil, err
	}
	seg := &segment{name: name, size: int64(len(text))}
	s.segs = append(s.segs, seg)
	s.size += seg.size
	damaged := 0
	end := each(text, func(f frame) {
		if seg.first == 0 {
			seg.first = f.seq
		}
		seg.last = max(seg.last, f.seq)
		if f.seq < s.next {
			return // it was written twice
		}
		s.forget(f.key)
		delete(open, f.key)
		s.next = f.seq + 1
		if f.kind == kindBegin {
			open[f.key] = slices.Clone(f.data)
			size := int64(header + len(f.data))
			s.live[f.key] = note{f.seq, seg, size}
			s.alive += size
			seg.live++
		}
	}, func(int) { damaged++ })
	if end < len(text) {
		damaged-- // the end, which cut looks at
		seg.size = int64(end)
		s.size -= int64(len(text) - end)
	}
	if damaged > 0 {
		s.stats.Damaged += uint64(damaged)
		s.o.Log.Error("acc: a file of the spool is damaged; what can't be read is skipped", "file", s.path(name), "count", damaged)
	}
	return seg, nil
}

// cut removes half a record at the end, which was never said to be written.
func (s *Spool) cut(seg *segment) error {
	path := s.path(seg.name)
	if err := os.Truncate(path, seg.size); err != nil {
		return fmt.Errorf("half a record at the end: %w", err)
	}
	if seg.size > 0 {
		return nil
	}
	s.segs = s.segs[:len(s.segs)-1]
	return os.Remove(path)
}
