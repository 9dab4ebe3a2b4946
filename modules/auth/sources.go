package auth

// This file opens stores of users by their names, once for all script generations that use them.

import (
	"errors"
	"strings"
	"sync"
)

// sources are the stores that are open.
type sources struct {
	mu   sync.Mutex
	open map[string]*source // guarded by mu, by name
}

type source struct {
	users Users
	close func() error
	refs  int
}

// acquire opens "file:…", "sqlite:…" or "postgres:…", or shares what is open. release gives it back; the last one closes it.
func (s *sources) acquire(spec string) (users Users, release func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open[spec]
	if o == nil {
		if o, err = openSource(spec); err != nil {
			return nil, nil, err
		}
		if s.open == nil {
			s.open = map[string]*source{}
		}
		s.open[spec] = o
	}
	o.refs++
	return o.users, sync.OnceValue(func() error { return s.release(spec, o) }), nil
}

func (s *sources) release(name string, o *source) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.refs--; o.refs > 0 {
		return nil
	}
	delete(s.open, name)
	return o.close()
}

var errSource = errors.New(`users are a table, a function, "file:PATH", "sqlite:PATH" or "postgres:URL"`)

func openSource(spec string) (*source, error) {
	kind, rest, ok := strings.Cut(spec, ":")
	if !ok || rest == "" {
		return nil, errSource
	}
	switch kind {
	case "file":
		return nil, errors.New("file: is not available yet")
	}
	return nil, errSource
}
