package eventstate

// This file ends publications.

import (
	"container/heap"
	"slices"
	"time"
)

// Expire removes what is over at now, and lists whose state has changed by it.
func (s *Store) Expire(now time.Time) (changed []Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		a := heap.Pop(&s.due).(appointment)
		if s.remove(a.key, a.p) {
			changed = append(changed, a.key)
		}
	}
	// What was refreshed leaves its old appointment behind: they are bounded, not exact
	if len(s.due) > 64 && len(s.due) > 4*s.n {
		s.due = slices.DeleteFunc(s.due, func(a appointment) bool { e := s.keys[a.key]; return e == nil || !slices.Contains(e.list, a.p) })
		heap.Init(&s.due)
	}
	return changed
}

// appointment is when a publication ends.
type appointment struct {
	at  time.Time
	key Key
	p   *Publication
}

type timetable []appointment

func (t timetable) Len() int           { return len(t) }
func (t timetable) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timetable) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push is heap's.
func (t *timetable) Push(x any) { *t = append(*t, x.(appointment)) }

// Pop is heap's.
func (t *timetable) Pop() any {
	last := len(*t) - 1
	a := (*t)[last]
	(*t)[last] = appointment{}
	*t = (*t)[:last]
	return a
}

func (t *timetable) add(a appointment) { heap.Push(t, a) }
