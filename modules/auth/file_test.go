package auth

// This file tests users in files.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipscript/sipscript/modules/source"
)

// readText reads users from a file with that text, called "u" in errors.
func readText(t *testing.T, text string) (map[account]*Secret, error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "u")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(path, nil)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), dir+"/", ""))
	}
	defer f.Close()
	return f.list.Get(), nil
}

func TestParseUsers(t *testing.T) {
	md5 := strings.Repeat("0123456789ABCDEF", 2)
	sha := strings.Repeat("0123456789abcdef", 4)
	users, err := readText(t, "# users\n\nalice:example.com:"+md5+"\nalice:example.com:SHA-256:"+sha+"\r\nalice:example.com:sha-512-256:"+sha+
		"\nbob:example.com:5060:"+sha+"  \ncarol:Our Realm:MD5:"+md5+"\ndave@x:example.com:MD5-sess:"+md5+"\n")
	if err != nil || len(users) != 4 {
		t.Fatalf("%v %v", users, err)
	}
	if s := users[account{"alice", "example.com"}]; s.ha1 != [3]string{strings.ToLower(md5), sha, sha} {
		t.Errorf("%v", s.ha1)
	}
	for _, a := range []account{{"bob", "example.com:5060"}, {"carol", "Our Realm"}, {"dave@x", "example.com"}} {
		if users[a] == nil {
			t.Errorf("no %v", a)
		}
	}
	for text, want := range map[string]string{
		"alice\n":                                      "u:1: expected user:realm:hash",
		"# x\n\nalice:" + md5 + "\n":                   "u:3: expected",
		":r:" + md5:                                    "u:1: expected",
		"a:r:hunter2":                                  "u:1: a hash must have",
		"a:r:SHA-256:" + md5:                           "u:1: a hash for SHA-256 must have 64",
		"a:r:" + strings.Repeat("z", 32):               "u:1: a hash for MD5 must have 32",
		"# x\n\na:r:" + md5 + "\na:r:MD5:" + md5:       "u:4: a second hash",
		strings.Repeat("hunter2\n", 7):                 "u:6: and perhaps more",
		"x:" + strings.Repeat("y", 2_000_000) + ":z\n": "u:1: bufio",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := readText(t, text)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%.40q: %v, want %q", text, err, want)
			}
		})
	}
}

// A file that was changed counts a second later; one that can't be read leaves the users there
// were.
func TestFileReload(t *testing.T) {
	synctest.Test(t, testFileReload)
}

func testFileReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path+".t", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".t", path); err != nil {
			t.Fatal(err)
		}
	}
	line := func(user, password string) string {
		return user + ":example.com:" + HashPassword(MD5, user, "example.com", password) + "\n"
	}
	pass := func(d time.Duration) {
		time.Sleep(d)
		synctest.Wait()
	}
	write(line("alice", "open sesame"))
	var log lockedLog
	f, err := OpenFile(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := newDesk(t, policyOf(func(p *Policy) { p.Users = f }))
	d.expect(d.try(d.challenge(client{})), "")
	write(line("alice", "new") + line("bob", "swordfish"))
	d.expect(d.try(d.challenge(client{})), "")
	pass(time.Second)
	d.expect(d.try(d.challenge(client{})), Failed)
	d.expect(d.try(d.challenge(client{password: "new"})), "")
	d.expect(d.try(d.challenge(client{user: "bob", password: "swordfish"})), "")
	write("nonsense\n")
	pass(5 * time.Second)
	d.expect(d.try(d.challenge(client{password: "new"})), "")
	if n := strings.Count(log.String(), path+":1: expected user:realm:hash"); n != 1 {
		t.Errorf("the bad line was logged %d times:\n%s", n, log.String())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	pass(time.Second)
	d.expect(d.try(d.challenge(client{password: "new"})), "")
	write(line("alice", "back"))
	pass(time.Second)
	d.expect(d.try(d.challenge(client{password: "back"})), "")
	if _, err := OpenFile(path+"x", slog.Default()); err == nil {
		t.Error("opened a file that is not there")
	}
}

// A script reads the file again at once; a bad one leaves the users there were.
func TestLuaFileReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("alice:example.com:"+HashPassword(MD5, "alice", "example.com", password)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("open sesame")
	w := world(t, fmt.Sprintf(`auth.configure { users = "file:%s", algorithms = "MD5" }`, path)+reply)
	p := newPhone(w, client{})
	p.expect(p.ask(), 200)
	write("new")
	if out, err := w.Eval(`return require("auth").reload()`); err != nil || len(out) != 1 || out[0] != true {
		t.Error(out, err)
	}
	p.password = "new"
	p.expect(p.ask(), 200)
	if err := os.WriteFile(path, []byte("alice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := w.Eval(`return require("auth").reload()`); err != nil || len(out) != 2 || !strings.Contains(fmt.Sprint(out[1]), "users:1: expected") {
		t.Error(out, err)
	}
	p.expect(p.ask(), 200)
}

// testManager holds any store to the same behaviour.
func testManager(t *testing.T, m Manager, look func(user, realm string) *Secret) {
	t.Helper()
	ctx := context.Background()
	set := func(user, realm, password string, fresh bool, algorithms ...Algorithm) error {
		t.Helper()
		hashes, err := Hashes(algorithms, user, realm, password)
		if err != nil {
			t.Fatal(err)
		}
		return m.Set(ctx, Change{User: user, Realm: realm, Hashes: hashes, Fresh: fresh, At: start})
	}
	check := func(user, realm, password string, algorithms ...Algorithm) {
		t.Helper()
		s := look(user, realm)
		if s == nil {
			t.Errorf("no %s in %s", user, realm)
			return
		}
		var want Secret
		for _, a := range algorithms {
			want.ha1[a.kind()] = HashPassword(a, user, realm, password)
		}
		if s.ha1 != want.ha1 {
			t.Errorf("%s in %s: %v", user, realm, s.ha1)
		}
	}
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
	is(set("alice", "example.com", "x", false, MD5), ErrNoUser)
	is(set("alice", "example.com", "x", true, MD5, SHA256, SHA512256), nil)
	is(set("alice", "example.com", "y", true, MD5), ErrExists)
	check("alice", "example.com", "x", MD5, SHA256, SHA512256)
	is(set("alice", "example.com", "y", false, SHA256), nil)
	check("alice", "example.com", "y", SHA256)
	is(set("alice", "example.org", "z", true, MD5), nil)
	is(set("Jäsøn 'Doe'; --", "example.org", "z", true, MD5Sess), nil)
	check("Jäsøn 'Doe'; --", "example.org", "z", MD5)
	list, err := m.Accounts(ctx)
	if err != nil || len(list) != 3 {
		t.Fatalf("%v %v", list, err)
	}
	is(m.Remove(ctx, "nobody", ""), ErrNoUser)
	is(m.Remove(ctx, "alice", "example.net"), ErrNoUser)
	is(m.Remove(ctx, "alice", "example.com"), nil)
	if look("alice", "example.com") != nil {
		t.Error("still there")
	}
	check("alice", "example.org", "z", MD5)
	is(set("alice", "example.com", "x", true, MD5), nil)
	is(m.Remove(ctx, "Jäsøn 'Doe'; --", ""), nil)
	is(m.Remove(ctx, "alice", ""), nil)
	if look("alice", "example.com") != nil || look("alice", "example.org") != nil || look("ALICE", "example.com") != nil {
		t.Error("still there")
	}
}

func TestFileManager(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	m, release, err := OpenManager(t.Context(), "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	testManager(t, m, func(user, realm string) *Secret {
		f, err := OpenFile(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return f.list.Get()[account{user, realm}]
	})
	// Comments, lines that can't be read and the file's mode stay; two changes at once don't lose
	// one.
	if err := os.WriteFile(path, []byte("# ours\nnonsense\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	hashes, _ := Hashes([]Algorithm{MD5}, "a", "r", "x")
	change := Change{User: "a", Realm: "r", Hashes: hashes, Fresh: true}
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Set(t.Context(), change); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("a second change at the same time: %v", err)
	}
	os.Remove(path + ".new")
	if err := m.Set(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(path)
	if want := "# ours\nnonsense\na:r:MD5:" + hashes[MD5] + "\n"; string(text) != want {
		t.Errorf("%q", text)
	}
	if info, _ := os.Stat(path); info.Mode().Perm()&0o007 != 0 {
		t.Errorf("mode %v", info.Mode())
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("files left: %q", left)
	}
}

func TestHashes(t *testing.T) {
	for _, c := range []struct{ user, realm string }{{"", "r"}, {"a:b", "r"}, {"#a", "r"}, {"a\nb", "r"}, {"\xff", "r"}, {"a", ""}, {"a", `"`}, {"a", "x\ny"}} {
		t.Run(c.user, func(t *testing.T) {
			if _, err := Hashes([]Algorithm{MD5}, c.user, c.realm, "x"); err == nil {
				t.Errorf("%+v is fine", c)
			}
		})
	}
}

// lockedLog is a log that is read while others write to it.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A reload may bring another file while calls hold the one before: each has its figures.
func TestFiguresOfTwoFiles(t *testing.T) {
	dir := t.TempDir()
	var s sources
	for _, name := range []string{"before", "after"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, release, err := s.acquire(source.Spec{URL: "file:" + path}, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = release() }()
	}
	seen := map[string]bool{}
	for _, m := range s.metrics() {
		name := m.Name + " " + m.Labels["list"]
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
	if !seen["list_entries auth.file:"+filepath.Join(dir, "after")] {
		t.Errorf("%v", seen)
	}
}
