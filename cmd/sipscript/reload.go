package main

// Loading the script, at the start and again.

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/ops/admin"
	"github.com/sipscript/sipscript/scripts"
)

// reloads remembers how the script was loaded last.
type reloads struct {
	one sync.Mutex // held during a reload: one at a time

	mu     sync.Mutex
	loaded time.Time // guarded by mu: when the generation that serves was loaded
	failed string    // guarded by mu: why the last attempt was refused, "" when it was not
}

func (r *reloads) note(at time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed = ""; err != nil {
		r.failed = err.Error()
		return
	}
	r.loaded = at
}

// refuse notes why a script was refused, or rolled back.
func (r *reloads) refuse(err error) { r.note(time.Time{}, err) }

func (r *reloads) last() (loaded time.Time, failed string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.loaded, r.failed
}

// loadScript makes the router. Errors name the script's file and line.
func (s *server) loadScript(stop context.Context) (err error) {
	options := luabind.Options{Script: s.set.script, Modules: s.modules.Openers(), Args: s.set.args, Budget: s.set.budget, LoadBudget: s.set.loadBudget, Log: s.log}
	options.Memory, options.Loading, options.Tried = s.set.memory, stop, s.tried
	if s.set.dialect != nil {
		options.Through = s.set.dialect.Through
	}
	if s.dictionaries != nil {
		options.Dictionaries = s.dictionaries
	}
	if s.set.script == "" {
		text, err := scripts.Get("default")
		if err != nil {
			return err
		}
		options.Source, options.Name = string(text), "default.lua"
	}
	s.router, err = luabind.NewRouter(options)
	s.reloads.note(time.Now(), err)
	return err
}

// reload loads the script again; on an error the old one serves on. It returns the generation that
// serves.
func (s *server) reload(ctx context.Context) (generation int, err error) {
	return s.reloadBy(ctx, s.router.Reload)
}

// reloadBy is reload by one of the router's functions.
func (s *server) reloadBy(ctx context.Context, load func(context.Context) error) (generation int, err error) {
	s.reloads.one.Lock()
	defer s.reloads.one.Unlock()
	if err := s.ready(); err != nil {
		return 0, fmt.Errorf("%w: %w", err, admin.ErrNotServing)
	}
	// The certificates are read twice, first to see: a reload that is refused has changed nothing.
	if err := s.checkTLS(); err != nil {
		s.reloads.note(time.Now(), err)
		s.log.Error("the certificates were refused; the previous ones, and the script, stay in service", "error", err)
		return 0, err
	}
	err = load(ctx)
	s.reloads.note(time.Now(), err)
	if err != nil {
		s.log.Error("the script was refused; the previous one stays in service", "error", err)
		return 0, err
	}
	if err := s.engine.ReloadCertificates(); err != nil {
		s.reloads.note(time.Now(), err)
		s.log.Error("the script was reloaded, but the certificates were refused; the previous ones stay in service", "error", err)
		return 0, err
	}
	generation = int(s.router.Stats().Generation)
	s.log.Info("the script was reloaded", "generation", generation)
	return generation, nil
}
