package auth

// This file is users in a file: lines of user:realm:hash or user:realm:ALGORITHM:hash.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// glance is how often a file is looked at for changes.
const glance = time.Second

// maxUserFile bounds what is read, in bytes.
const maxUserFile = 256 << 20

// File is users in a file, which is read anew when it has changed.
type File struct {
	path string
	log  *slog.Logger

	state  atomic.Pointer[fileState]
	next   atomic.Int64 // when to look again, in nanoseconds since 1970
	mu     sync.Mutex   // one reads at a time
	failed string       // guarded by mu: the error that was logged last
}

// fileState is what the file said. It is replaced, never changed.
type fileState struct {
	users map[account]*Secret
	info  os.FileInfo
}

// account is a user in a realm.
type account struct{ user, realm string }

// OpenFile reads a file. The error names the lines that can't be read. Later errors are logged, and the users known
// before stay.
func OpenFile(path string, log *slog.Logger) (*File, error) {
	f := &File{path: path, log: log}
	users, info, err := readUsers(path)
	if err != nil {
		return nil, err
	}
	f.state.Store(&fileState{users: users, info: info})
	return f, nil
}

// Find looks the user up. Once a second one caller is sent to look whether the file has changed.
func (f *File) Find(q Query) (*Secret, Certainty) {
	now, next := q.Now.UnixNano(), f.next.Load()
	if (now >= next || next-now > int64(glance)) && f.next.CompareAndSwap(next, now+int64(glance)) {
		return nil, Unknown
	}
	return f.state.Load().users[account{q.User, q.Realm}], Certain
}

// Fetch looks whether the file has changed, and the user up.
func (f *File) Fetch(_ context.Context, q Query) (*Secret, error) {
	f.refresh()
	return f.state.Load().users[account{q.User, q.Realm}], nil
}

// refresh reads the file anew when it has changed.
func (f *File) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.state.Load()
	info, err := os.Stat(f.path)
	if err == nil && !sameFile(old.info, info) {
		var users map[account]*Secret
		if users, info, err = readUsers(f.path); err == nil {
			f.state.Store(&fileState{users: users, info: info})
			f.log.Info("the users were read again", "file", f.path, "count", len(users))
		}
	}
	text := ""
	if err != nil {
		if text = err.Error(); text != f.failed {
			f.log.Error("the users cannot be read again; those known before remain", "error", err)
		}
	}
	f.failed = text
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// readUsers reads a whole file.
func readUsers(path string) (map[account]*Secret, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() > maxUserFile {
		return nil, nil, fmt.Errorf("%s has more than %d MB", path, maxUserFile>>20)
	}
	users, err := parseUsers(f, path)
	return users, info, err
}

// shownLines is how many bad lines an error names.
const shownLines = 5

// parseUsers reads lines. The error names those that can't be read by their numbers, without what is in them.
func parseUsers(r io.Reader, name string) (map[account]*Secret, error) {
	users := map[account]*Secret{}
	var bad []error
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		err := addLine(users, lines.Text())
		if err == nil {
			continue
		}
		if len(bad) == shownLines {
			bad = append(bad, fmt.Errorf("%s:%d: and perhaps more errors", name, n))
			return nil, errors.Join(bad...)
		}
		bad = append(bad, fmt.Errorf("%s:%d: %w", name, n, err))
	}
	if err := lines.Err(); err != nil {
		bad = append(bad, fmt.Errorf("%s: %w", name, err))
	}
	if bad != nil {
		return nil, errors.Join(bad...)
	}
	return users, nil
}

func addLine(users map[account]*Secret, line string) error {
	a, algorithm, ha1, err := splitLine(line)
	if err != nil || a == (account{}) {
		return err
	}
	s := users[a]
	if s == nil {
		s = &Secret{}
		users[a] = s
	}
	if s.ha1[algorithm.kind()] != "" {
		return fmt.Errorf("a second hash of %s for this user and realm", algorithm)
	}
	s.ha1[algorithm.kind()] = ha1
	return nil
}

// splitLine reads one line; of a blank one or a comment the account is empty. A realm may have colons in it.
func splitLine(line string) (a account, algorithm Algorithm, ha1 string, err error) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" || line[0] == '#' {
		return a, 0, "", nil
	}
	user, rest, _ := strings.Cut(line, ":")
	i := strings.LastIndexByte(rest, ':')
	if user == "" || i < 0 {
		return a, 0, "", errors.New("expected user:realm:hash or user:realm:ALGORITHM:hash")
	}
	realm, hash, name := rest[:i], rest[i+1:], ""
	if j := strings.LastIndexByte(realm, ':'); j >= 0 && lookupAlgorithm([]byte(realm[j+1:])) != 0 {
		realm, name = realm[:j], realm[j+1:]
	}
	if algorithm, err = hashAlgorithm(name, hash); err != nil {
		return a, 0, "", err
	}
	return account{user, realm}, algorithm, strings.ToLower(hash), nil
}
