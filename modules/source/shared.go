package source

// Lists that outlive the script generation that named them.

import (
	"slices"
	"sync"

	"github.com/sipscript/sipscript/luabind"
)

// Shared are the lists of a module that are open, so that a script that is loaded again does not
// read what has not changed. It belongs to the process, and is safe for concurrent use. The zero
// value is ready.
type Shared[V any] struct {
	opening sync.Mutex // one opens at a time; not held with mu, which Metrics waits for

	mu   sync.Mutex
	open []*shared[V] // guarded by mu; the last opened last
}

type shared[V any] struct {
	key  string // "": one generation's own
	list *List[V]
	refs int
}

// Acquire is the list that is open under key, or the one that open opens. release gives it back; it
// is closed when nobody has it any more. Lists from tables and functions are their generation's
// own: key is "".
func (s *Shared[V]) Acquire(key string, open func() (*List[V], error)) (list *List[V], release func() error, err error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	x := s.another(key)
	if x == nil {
		if list, err = open(); err != nil {
			return nil, nil, err
		}
		x = &shared[V]{key: key, list: list, refs: 1}
		s.mu.Lock()
		s.open = append(s.open, x)
		s.mu.Unlock()
	}
	return x.list, sync.OnceValue(func() error { return s.release(x) }), nil
}

// another is the list of a key, for one more who has it; nil if it is not open.
func (s *Shared[V]) another(key string) *shared[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.open {
		if key != "" && x.key == key {
			x.refs++
			return x
		}
	}
	return nil
}

func (s *Shared[V]) release(x *shared[V]) error {
	s.mu.Lock()
	if x.refs--; x.refs > 0 {
		s.mu.Unlock()
		return nil
	}
	s.open = slices.DeleteFunc(s.open, func(y *shared[V]) bool { return y == x })
	s.mu.Unlock()
	return x.list.Close() // which may wait for a reading
}

// Metrics of the lists, of those with one name the last opened.
func (s *Shared[V]) Metrics() []luabind.Metric {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []luabind.Metric
	told := map[string]bool{}
	for _, x := range slices.Backward(s.open) {
		if !told[x.list.name] {
			told[x.list.name] = true
			all = append(all, x.list.Metrics()...)
		}
	}
	return all
}

// Key is what Shared knows a source by: "" for a table or a function.
func (s *Spec) Key() string {
	if s.URL == "" {
		return ""
	}
	domain := s.Domain == nil || *s.Domain
	return s.URL + "\x00" + s.Query + "\x00" + s.Layout + "\x00" + s.Every.String() + "\x00" + map[bool]string{true: "domain"}[domain]
}
