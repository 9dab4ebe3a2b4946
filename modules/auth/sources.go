package auth

// This file opens stores of users by their names, once for all script generations that use them.

import (
	"context"
	"errors"
	"log/slog"
	"os"
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
func (s *sources) acquire(spec string, log *slog.Logger) (users Users, release func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open[spec]
	if o == nil {
		if o, err = openSource(spec, log); err != nil {
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

var errSource = errors.New(`users must be a table, a function, "file:PATH", "sqlite:PATH" or "postgres:URL"`)

func openSource(spec string, log *slog.Logger) (*source, error) {
	kind, rest, ok := strings.Cut(spec, ":")
	if !ok || rest == "" {
		return nil, errSource
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	switch kind {
	case "file":
		f, err := OpenFile(rest, log)
		return &source{users: f, close: func() error { return nil }}, err
	case "sqlite":
		_, missing := os.Stat(rest)
		s, err := OpenSQLite(ctx, rest)
		if err != nil {
			return nil, err
		}
		if missing != nil {
			log.Warn("there was no database of users: an empty one was created, and nobody can log in; add users with `sipscript user add`", "store", spec)
		}
		return &source{users: NewCache(s), close: s.Close}, nil
	case "postgres", "postgresql":
		s, err := OpenPostgres(spec)
		if err != nil {
			return nil, err
		}
		switch err := s.CheckSchema(ctx); {
		case errors.Is(err, ErrSchema):
			return nil, errors.Join(err, s.Close())
		case err != nil:
			// A start must not depend on which of two machines is up first: requests are answered 503 until it is there.
			log.Warn("the database of users cannot be reached at present", "error", err)
		}
		return &source{users: NewCache(s), close: s.Close}, nil
	}
	return nil, errSource
}
