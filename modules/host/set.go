package host

// The modules of a process.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Set is the modules of a process, made and not closed.
type Set struct {
	members []member
}

type member struct {
	name   string
	module luabind.Opener
}

// Open makes the modules in their order. On an error those that were made are closed.
func Open(plugins []Plugin, env Environment) (*Set, error) {
	if err := check(plugins); err != nil {
		return nil, err
	}
	if env.Bulk == nil {
		env.Bulk = func(f func()) { f() }
	}
	if env.Services == nil {
		env.Services = &Services{}
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Set{}
	if env.Made == nil {
		env.Made = s.made
	}
	for _, p := range plugins {
		own := env
		own.Log = log.With("module", p.Name)
		m, err := p.New(&own)
		if err == nil && m == nil {
			err = fmt.Errorf("host: New of %s returned neither a module nor an error", p.Name)
		}
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		if err := checkAPI(m); err != nil {
			return nil, errors.Join(fmt.Errorf("host: module %s: %w", p.Name, err), s.Close())
		}
		s.members = append(s.members, member{p.Name, m})
	}
	return s, nil
}

// made is a member, or nil.
func (s *Set) made(name string) luabind.Opener {
	for _, m := range s.members {
		if m.name == name {
			return m.module
		}
	}
	return nil
}

// Offline creates modules that touch nothing outside the process, for checks, specs and references,
// and have nothing to close. It fails only if a module breaks that rule.
func Offline(plugins []Plugin) ([]luabind.Opener, error) {
	s, err := Open(plugins, Environment{})
	if err != nil {
		return nil, err
	}
	return s.Openers(), nil
}

// Openers are the modules, for luabind.Options.
func (s *Set) Openers() []luabind.Opener {
	list := make([]luabind.Opener, len(s.members))
	for i, m := range s.members {
		list[i] = m.module
	}
	return list
}

// Metrics are the modules' figures, for a program whose router is not luabind's, which has them
// too.
func (s *Set) Metrics() []luabind.Metric {
	var list []luabind.Metric
	for _, m := range s.members {
		if x, ok := m.module.(luabind.Metered); ok {
			list = append(list, x.Metrics()...)
		}
	}
	return list
}

// Storage is where the modules keep state, a line for each that keeps any.
func (s *Set) Storage() []string {
	var lines []string
	for _, m := range s.members {
		if x, ok := m.module.(Storer); ok && x.Storage() != "" {
			lines = append(lines, x.Storage())
		}
	}
	return lines
}

// Listening is where the modules listen, a line for each listener.
func (s *Set) Listening() []string {
	var lines []string
	for _, m := range s.members {
		if x, ok := m.module.(Listening); ok {
			lines = append(lines, x.Listening()...)
		}
	}
	return lines
}

// checkAPI refuses a module whose API would never be served: its method is of another type than a
// [Handler] has.
func checkAPI(m luabind.Opener) error {
	if _, ok := m.(Handler); ok {
		return nil
	}
	if f, ok := reflect.TypeOf(m).MethodByName("API"); ok {
		return fmt.Errorf("its method API is a %s, not that of a Handler: it would not be served", f.Type)
	}
	return nil
}

// API is what the modules serve, with whole paths: /api/v1/NAME/….
func (s *Set) API() (list []openapi.Operation) {
	for _, m := range s.members {
		if x, ok := m.module.(Handler); ok {
			list = append(list, openapi.Below("/api/v1/"+m.name, x.API())...)
		}
	}
	return list
}

// Snapshot is the state of the modules that are [Stateful], by their names, and what is missing of
// it.
func (s *Set) Snapshot(ctx context.Context) (state map[string]json.RawMessage, missing []string) {
	state = map[string]json.RawMessage{}
	for _, m := range s.members {
		x, ok := m.module.(Stateful)
		if !ok {
			continue
		}
		text, err := x.Snapshot(ctx)
		if err != nil {
			missing = append(missing, m.name+": "+err.Error())
		}
		if len(text) > 0 {
			state[m.name] = text
		}
	}
	return state, missing
}

// Close closes the modules that need closing, the last created first. It may be called again.
func (s *Set) Close() error {
	var errs []error
	for _, m := range slices.Backward(s.members) {
		if c, ok := m.module.(io.Closer); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, fmt.Errorf("module %s: %w", m.name, err))
			}
		}
	}
	s.members = nil
	return errors.Join(errs...)
}

// Answer writes v as JSON: the answers of a module's API.
func Answer(w http.ResponseWriter, code int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // a client that went away does not matter
}

// Refuse answers with an error, as Answer does with {"error": …}.
func Refuse(w http.ResponseWriter, code int, err error) {
	Answer(w, code, map[string]string{"error": err.Error()})
}
