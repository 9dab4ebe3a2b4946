package auth

// This file tests users in SQLite, and what all databases have in common.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

func fetched(t *testing.T, s *SQL) func(user, realm string) *Secret {
	return func(user, realm string) *Secret {
		t.Helper()
		secret, err := s.FetchSecret(context.Background(), user, realm)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
}

// A path that was mistyped makes a database without users: that is said, once.
func TestSQLiteThatWasNotThere(t *testing.T) {
	spec := "sqlite:" + filepath.Join(t.TempDir(), "mistyped.db")
	for _, warned := range []bool{true, false} {
		var log bytes.Buffer
		s, err := openSource(source.Spec{URL: spec}, newPool(nil), slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if got := strings.Contains(log.String(), "nobody can log in") && strings.Contains(log.String(), spec); got != warned {
			t.Errorf("warned %v, want %v:\n%s", got, warned, &log)
		}
	}
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "our users?#%.db")
	m, release, err := OpenManager(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	s := m.(*SQL)
	testManager(t, s, fetched(t, s))
	for range 2 { // as often as anybody likes
		if err := s.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
	}
	// Two processes add at the same time; none of it is lost.
	other, err := openSQL(t.Context(), newPool(nil), source.Spec{URL: "sqlite:" + path}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	addMany(t, s, other)
	if err := errors.Join(other.Close(), release()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: hashes are for the owner's eyes: %v", err, info.Mode())
	}
	if _, err := openSQL(t.Context(), newPool(nil), source.Spec{URL: "sqlite:" + filepath.Join(t.TempDir(), "no", "such", "directory")}, time.Minute); err == nil {
		t.Error("opened a database that can't be")
	}
}

func addMany(t *testing.T, stores ...*SQL) {
	t.Helper()
	var group sync.WaitGroup
	const each = 20
	for n, s := range stores {
		group.Go(func() {
			for i := range each {
				name := fmt.Sprintf("user%d-%d", n, i)
				hashes, _ := Hashes([]Algorithm{MD5, SHA256}, name, "r", "x")
				if err := s.Set(context.Background(), Change{User: name, Realm: "r", Hashes: hashes, Fresh: true, At: start}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	list, err := stores[0].Accounts(context.Background())
	if err != nil || len(list) != each*len(stores) || len(list[0].Algorithms) != 2 {
		t.Errorf("%d users: %v", len(list), err)
	}
}

// A script on SQLite: the store is shared by generations, and a change counts.
func TestLuaSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	s, err := openSQL(t.Context(), newPool(nil), source.Spec{URL: "sqlite:" + path}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	testScripted(t, "sqlite:"+path, s)
}

func testScripted(t *testing.T, spec string, s *SQL) {
	t.Helper()
	ctx := context.Background()
	set := func(password string, fresh bool) {
		t.Helper()
		hashes, _ := Hashes([]Algorithm{MD5, SHA256}, "alice", "example.com", password)
		if err := s.Set(ctx, Change{User: "alice", Realm: "example.com", Hashes: hashes, Fresh: fresh, At: start}); err != nil {
			t.Fatal(err)
		}
	}
	set("open sesame", true)
	w := world(t, fmt.Sprintf(`auth.configure { users = %q, cache = 60 }`, spec)+reply)
	p := newPhone(w, client{})
	p.expect(p.ask(), 200)
	set("new", false)
	p.expect(p.ask(), 200) // remembered
	p.password = "new"
	p.expect(p.ask(), 200) // looked up
	p.password = "open sesame"
	p.expect(p.ask(), 401)
	if err := w.Router.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, "alice", ""); err != nil {
		t.Fatal(err)
	}
	p.password = "new"
	p.expect(p.ask(), 200)
	if _, err := w.Eval(`require("auth").forget("alice")`); err != nil {
		t.Error(err)
	}
	p.expect(p.ask(), 401)
	set("open sesame", true)
	p.password = "open sesame"
	p.expect(p.ask(), 200)
	if err := s.Remove(ctx, "alice", ""); err != nil {
		t.Fatal(err)
	}
	p.expect(p.ask(), 200) // remembered
	if out, err := w.Eval(`return require("auth").reload()`); err != nil || len(out) != 1 || out[0] != true {
		t.Error(out, err)
	}
	p.expect(p.ask(), 401)
}
