package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// A second process on a --data directory ends before it touches anything there, and says who has
// it; when that has ended it may have it, also if the file was left behind.
func TestDataOfAnotherProcess(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lockFile(f); errors.Is(err, errors.ErrUnsupported) {
		t.Skip("files are not locked on ", runtime.GOOS)
	}
	dir := filepath.Join(t.TempDir(), "data")
	fresh := func() *server {
		set, err := parse(t, []string{"-l", "udp:127.0.0.1:0", "--drain", "0s", "--data", dir}, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(set, t.Output())
		t.Cleanup(s.close)
		return s
	}
	first := fresh()
	if err := first.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(dir, "dialog.journal")
	before, err := os.Stat(journal)
	if err != nil {
		t.Fatal(err)
	}
	err = fresh().start(t.Context())
	for _, want := range []string{"--data", fmt.Sprintf("(pid %d)", os.Getpid()), dir, "stop that process"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the second: %v, without %q", err, want)
		}
	}
	if after, err := os.Stat(journal); err != nil || !os.SameFile(before, after) {
		t.Errorf("the journal of the first is another file: %v", err)
	}
	first.drain()
	first.close()
	third := fresh()
	if err := third.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	third.drain()
}

// Where files cannot be locked the server starts all the same: on a system that can lock none, and
// on a file system that says why not, which is told.
func TestDataWithoutLocks(t *testing.T) {
	for err, told := range map[error]int{errors.ErrUnsupported: 0, syscall.ENOSYS: 0, syscall.ENOLCK: 1} {
		t.Run(err.Error(), func(t *testing.T) {
			warnings := 0
			f, got := lockData(t.TempDir(), func(*os.File) error { return err }, func(string, ...any) { warnings++ })
			if f != nil || got != nil || warnings != told {
				t.Errorf("%v, %v, and %d warnings", f, got, warnings)
			}
		})
	}
	if _, err := lockData(filepath.Join(t.TempDir(), "no"), lockFile, nil); err == nil {
		t.Error("a directory that is not there")
	}
	dir := t.TempDir()
	_ = os.WriteFile(filepath.Join(dir, lockName), []byte("nobody\n"), 0o600)
	if _, err := lockData(dir, func(*os.File) error { return errLocked }, nil); err == nil || strings.Contains(err.Error(), "pid") {
		t.Errorf("who has not said its pid: %v", err)
	}
}
