package auth

// This file opens stores of users by their names, once for all script generations that use them.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/source"
)

// sources are the stores that are open.
type sources struct {
	mu   sync.Mutex
	open map[string]*opened // guarded by mu; by name
}

type opened struct {
	users Users
	close func() error
	refs  int
}

// nameOf identifies a store.
func nameOf(s *source.Spec) string {
	if s.Query == "" && s.Layout == "" && s.Domain == nil {
		return s.URL
	}
	return fmt.Sprintf("%s %q %q %v", s.URL, s.Query, s.Layout, s.Domain == nil || *s.Domain)
}

// usersAt are the users that a script names. release gives a store back; it is nil for others.
func (s *service) usersAt(spec source.Spec, log *slog.Logger) (users Users, release func() error, err error) {
	switch {
	case spec.Func != nil:
		return byFunction{}, nil, nil
	case spec.URL == "":
		users, err = tableOf(spec.Entries)
		return users, nil, err
	}
	return s.sources.acquire(spec, s.clients, log)
}

// acquire opens a store, or shares an open one. release returns it; the last release closes it.
func (s *sources) acquire(spec source.Spec, pool *clients.Pool, log *slog.Logger) (users Users, release func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := nameOf(&spec)
	o := s.open[name]
	if o == nil {
		if o, err = openSource(spec, pool, log); err != nil {
			return nil, nil, err
		}
		if s.open == nil {
			s.open = map[string]*opened{}
		}
		s.open[name] = o
	}
	o.refs++
	return o.users, sync.OnceValue(func() error { return s.release(name, o) }), nil
}

func (s *sources) release(name string, o *opened) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.refs--; o.refs > 0 {
		return nil
	}
	delete(s.open, name)
	return o.close()
}

var errSource = errors.New(`users must be a table, a function, "file:PATH", or the URL of a database: "sqlite:PATH", "postgres://…", "mysql://…", or {url=, layout=, query=}`)

// newPool is a pool for an Auth that was given none.
func newPool(log *slog.Logger) *clients.Pool {
	return clients.New(clients.Options{Drivers: drivers.All(), Log: log})
}

func openSource(spec source.Spec, pool *clients.Pool, log *slog.Logger) (*opened, error) {
	if path, ok := strings.CutPrefix(spec.URL, "file:"); ok {
		f, err := OpenFile(path, log)
		if err != nil {
			return nil, err
		}
		return &opened{users: f, close: f.Close}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*fetchTimeout)
	defer cancel()
	path, isFile := strings.CutPrefix(spec.URL, "sqlite:")
	_, missing := os.Stat(path)
	s, err := openSQL(ctx, pool, spec, fetchTimeout)
	if err != nil {
		return nil, err
	}
	if isFile && missing != nil {
		log.Warn("there was no database of users: an empty one was created, and nobody can log in; add users with `sipscript user add`", "store", spec.URL)
	}
	switch err := s.CheckSchema(ctx); {
	case errors.Is(err, clients.ErrAway):
		// A start must not depend on which of two machines is up first: requests are answered 503
		// until it is there.
		log.Warn("the database of users cannot be reached at present", "error", err)
	case err != nil:
		return nil, errors.Join(err, s.Close())
	}
	users := NewCache(s)
	users.md5 = spec.Layout != ""
	return &opened{users: users, close: s.Close}, nil
}
