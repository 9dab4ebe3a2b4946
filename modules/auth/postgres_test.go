//go:build unix

package auth

// This file tests users in PostgreSQL.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/pgtest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/source"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	url := server.URL
	s, err := openSQL(t.Context(), newPool(nil), source.Spec{URL: url}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckSchema(t.Context()); !errors.Is(err, ErrSchema) {
		t.Errorf("an empty database: %v", err)
	}
	a := luabindtest.Must(New(Options{}))
	if _, _, err := a.sources.acquire(source.Spec{URL: url}, a.clients, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "sipscript user migrate") {
		t.Errorf("users in an empty database: %v", err)
	}
	var group sync.WaitGroup
	for range 4 { // several at once
		group.Go(func() {
			if err := s.Migrate(context.Background()); err != nil {
				t.Error("of several migrations at once:", err)
			}
		})
	}
	group.Wait()
	if err := errors.Join(s.Migrate(t.Context()), s.CheckSchema(t.Context())); err != nil {
		t.Fatal(err)
	}
	testManager(t, s, fetched(t, s))
	addMany(t, s, s)
	testScripted(t, url, s)

	w := world(t, fmt.Sprintf(`auth.configure { users = %q, cache = 60 }`, url)+reply)
	hashes, _ := Hashes([]Algorithm{SHA256}, "alice", "example.com", "open sesame")
	if err := s.Set(t.Context(), Change{User: "alice", Realm: "example.com", Hashes: hashes, Fresh: true, At: start}); err != nil {
		t.Fatal(err)
	}
	p := newPhone(w, client{})
	p.expect(p.ask(), 200)
	server.Stop()
	p.expect(p.ask(), 200) // remembered
	p.password = "wrong"
	p.expect(p.ask(), 503)
	if log := w.Log(); strings.Contains(log, "ha1") {
		t.Errorf("log:\n%s", log)
	}
	// A start does not depend on the database being there.
	w = world(t, fmt.Sprintf(`auth.users(%q)`, url)+reply)
	p = newPhone(w, client{})
	p.expect(p.ask(), 503)
	if !strings.Contains(w.Log(), "cannot be reached at present") {
		t.Error("nothing was logged")
	}
}

// The password in a URL is in no error.
func TestPostgresErrors(t *testing.T) {
	for _, url := range []string{"postgres://sip:hunter2@[::1/x", "postgres://sip:hunter2@localhost:x/y", "postgres://sip:hunter2@127.0.0.1:1/x?sslmode=hunter"} {
		s, err := openSQL(t.Context(), newPool(nil), source.Spec{URL: url}, 5*time.Second)
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			err = s.CheckSchema(ctx)
			cancel()
			s.Close()
		}
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
