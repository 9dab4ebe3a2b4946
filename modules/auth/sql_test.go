package auth

// This file tests users in SQLite and PostgreSQL.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
	other, err := OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	addMany(t, s, other)
	if err := errors.Join(other.Close(), release()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if _, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "no", "such", "directory")); err == nil {
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
	s, err := OpenSQLite(t.Context(), path)
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
}

// postgres starts a private PostgreSQL that listens on a socket in a directory of its own, and returns its URL.
func postgres(t *testing.T) (url string, stop func()) {
	t.Helper()
	bin := postgresBin()
	account := unprivileged()
	if bin == "" || account == nil {
		if os.Getenv("SIPSCRIPT_INTEROP") == "required" {
			t.Fatal("PostgreSQL is required here (Debian's package postgresql), and a user to run it as")
		}
		t.Skip("no PostgreSQL (Debian's package postgresql), or nobody to run it as")
	}
	dir, err := os.MkdirTemp("", "pg") // a short path: a socket's name has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, int(account.Uid), int(account.Gid)); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
		cmd.Dir = dir
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	data := filepath.Join(dir, "data")
	run("initdb", "-D", data, "-U", "sip", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
	begin := func() {
		run("pg_ctl", "-w", "-D", data, "-l", filepath.Join(dir, "log"), "-o", "-k "+dir+" -c listen_addresses='' -c fsync=off", "start")
	}
	begin()
	running := true
	stop = func() {
		if running {
			run("pg_ctl", "-w", "-D", data, "-m", "immediate", "stop")
		}
		running = false
	}
	t.Cleanup(stop)
	return "postgres://sip@/postgres?host=" + dir, stop
}

// postgresBin is where PostgreSQL's programs are: Debian leaves them out of PATH.
func postgresBin() string {
	list, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(list) > 0 {
		return filepath.Dir(list[len(list)-1])
	}
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// unprivileged is whom to run PostgreSQL as, which refuses root.
func unprivileged() *syscall.Credential {
	if os.Getuid() != 0 {
		return &syscall.Credential{Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return nil
}

func TestPostgres(t *testing.T) {
	url, stop := postgres(t)
	s, err := OpenPostgres(url)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.CheckSchema(t.Context()); !errors.Is(err, ErrSchema) {
		t.Errorf("an empty database: %v", err)
	}
	a := New(Options{})
	if _, _, err := a.sources.acquire(url, slog.New(slog.DiscardHandler)); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "sipscript user migrate") {
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
	stop()
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
	if !strings.Contains(w.Log(), "can't be reached now") {
		t.Error("nothing was logged")
	}
}

// The password in a URL is in no error.
func TestPostgresErrors(t *testing.T) {
	for _, url := range []string{"postgres://sip:hunter2@[::1/x", "postgres://sip:hunter2@localhost:x/y", "postgres://sip:hunter2@127.0.0.1:1/x?sslmode=hunter"} {
		s, err := OpenPostgres(url)
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
