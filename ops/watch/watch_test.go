package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// watched runs a watcher over files in a directory of the test and counts the calls of Changed.
type watched struct {
	dir   string
	files []string
	calls chan int
	err   atomic.Value
}

func start(t *testing.T, names ...string) *watched {
	t.Helper()
	s := &watched{dir: t.TempDir(), calls: make(chan int, 100)}
	for _, n := range names {
		s.files = append(s.files, filepath.Join(s.dir, n))
		s.write(t, n, "one")
	}
	n := 0
	w, err := New(Options{
		Files: func() []string { return s.files },
		Changed: func() error {
			n++
			s.calls <- n
			err, _ := s.err.Load().(error)
			return err
		},
		Failed: func(err error) { t.Errorf("failed: %v", err) },
		Quiet:  5 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

func (s *watched) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *watched) expect(t *testing.T, want int) {
	t.Helper()
	select {
	case got := <-s.calls:
		if got != want {
			t.Fatalf("call %d, want %d", got, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("no call %d", want)
	}
}

func TestWriteIsSeen(t *testing.T) {
	s := start(t, "route.lua", "lib.lua")
	s.write(t, "route.lua", "two")
	s.expect(t, 1)
	s.write(t, "lib.lua", "two")
	s.expect(t, 2)
}

func TestRenameOverIsSeen(t *testing.T) {
	s := start(t, "route.lua")
	// Again and again: the watch must survive the old file's end
	for i, text := range []string{"two", "three", "four"} {
		s.write(t, "route.lua.tmp", text)
		if err := os.Rename(filepath.Join(s.dir, "route.lua.tmp"), s.files[0]); err != nil {
			t.Fatal(err)
		}
		s.expect(t, i+1)
	}
}

func TestMoveAwayAndWriteAnewIsOneChange(t *testing.T) {
	s := start(t, "route.lua")
	if err := os.Rename(s.files[0], s.files[0]+"~"); err != nil {
		t.Fatal(err)
	}
	s.write(t, "route.lua", "two")
	s.expect(t, 1)
}

// What changes nothing calls nobody: the change after it is call number one.
func TestSameContentsAreNoChange(t *testing.T) {
	s := start(t, "route.lua")
	s.write(t, "route.lua", "one")
	s.write(t, "other.lua", "x")
	s.write(t, "route.lua", "two")
	s.expect(t, 1)
	s.write(t, "route.lua", "three")
	s.expect(t, 2)
}

func TestSwappedLinkIsSeen(t *testing.T) {
	s := start(t, "unrelated.lua")
	for _, v := range []string{"v1", "v2"} {
		if err := os.MkdirAll(filepath.Join(s.dir, v), 0o700); err != nil {
			t.Fatal(err)
		}
		s.write(t, v+"/route.lua", v)
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(s.dir, "tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(s.dir, "tmp"), filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "data")
	link("data/route.lua", "route.lua")
	calls := make(chan struct{}, 10)
	w, err := New(Options{Files: func() []string { return []string{filepath.Join(s.dir, "route.lua")} }, Changed: func() error { calls <- struct{}{}; return nil }, Quiet: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	link("v2", "data")
	select {
	case <-calls:
	case <-time.After(time.Minute):
		t.Fatal("the swap was not seen")
	}
}

// A release comes as a whole directory: a link is set to it, it takes the place of the one before,
// or of one above that, or the one before is removed first. Each is seen, and so is what is then
// written in it.
func TestOtherDirectoryIsSeen(t *testing.T) {
	for _, way := range []struct {
		name string
		path string // of the file, below the directory of the test
		put  func(dir string) error
	}{
		{"link", "current/route.lua", func(dir string) error {
			return errors.Join(os.Symlink("new", dir+"/tmp"), os.Rename(dir+"/tmp", dir+"/current"))
		}},
		{"link above", "current/conf/route.lua", func(dir string) error {
			return errors.Join(os.Symlink("new", dir+"/tmp"), os.Rename(dir+"/tmp", dir+"/current"))
		}},
		{"renamed", "old/route.lua", func(dir string) error {
			return errors.Join(os.Rename(dir+"/old", dir+"/away"), os.Rename(dir+"/new", dir+"/old"))
		}},
		{"renamed above", "old/conf/route.lua", func(dir string) error {
			return errors.Join(os.Rename(dir+"/old", dir+"/away"), os.Rename(dir+"/new", dir+"/old"))
		}},
		{"removed", "old/route.lua", func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/old"), os.Rename(dir+"/new", dir+"/old"))
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write := func(path, text string) {
				t.Helper()
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			_, below, _ := strings.Cut(way.path, "/")
			write(filepath.Join(dir, "old", below), "one")
			write(filepath.Join(dir, "new", below), "two")
			if err := os.Symlink("old", dir+"/current"); err != nil {
				t.Fatal(err)
			}
			path, calls := filepath.Join(dir, way.path), make(chan struct{}, 100)
			w, err := New(Options{
				Files:   func() []string { return []string{path} },
				Changed: func() error { calls <- struct{}{}; return nil },
				Failed:  func(err error) { t.Errorf("failed: %v", err) },
				Quiet:   time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { w.Run(ctx); close(done) }()
			defer func() { cancel(); <-done }()
			wait := func(what string) {
				t.Helper()
				select {
				case <-calls:
				case <-time.After(time.Minute):
					t.Fatalf("%s was not seen", what)
				}
			}
			if err := way.put(dir); err != nil {
				t.Fatal(err)
			}
			wait("the other directory")
			write(path, "three")
			wait("what was written in it")
		})
	}
}

// A reload that failed for a missing file is tried again when a file of that kind comes.
func TestAfterAFailureNewFilesCount(t *testing.T) {
	s := start(t, "route.lua")
	s.err.Store(errors.New("lib.lua is missing"))
	s.write(t, "route.lua", "require lib")
	s.expect(t, 1)
	s.write(t, "lib.lua", "now it is there")
	s.expect(t, 2)
}

func TestChangedFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.lua", "one")
	write("b.lua", "one")
	calls := make(chan []string, 10)
	w, err := New(Options{Files: func() []string { return []string{path("a.lua"), path("b.lua")} }, Quiet: 5 * time.Millisecond,
		ChangedFiles: func(paths []string) error { calls <- paths; return errors.New("no") }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	write("b.lua", "two")
	if got := <-calls; len(got) != 1 || got[0] != path("b.lua") {
		t.Errorf("changed: %q", got)
	}
	write("c.lua", "one") // after an error this may be what was missing
	if got := <-calls; len(got) != 0 {
		t.Errorf("changed: %q", got)
	}
}

// A file that comes while a change is handled, and is one of those to watch from then on, is a
// change of its own; one that was there before is not.
func TestFilesThatComeDuringACall(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.lua")
	write("old.lua")
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path("old.lua"), long, long); err != nil {
		t.Fatal(err)
	}
	files := []string{path("a.lua")}
	calls := make(chan []string, 10)
	w, err := New(Options{Files: func() []string { return files }, Quiet: 5 * time.Millisecond,
		ChangedFiles: func(paths []string) error {
			calls <- paths
			if len(files) == 1 {
				write("new.lua")
				files = append(files, path("old.lua"), path("new.lua"))
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	if err := os.WriteFile(path("a.lua"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a.lua", "new.lua"} {
		select {
		case got := <-calls:
			if len(got) != 1 || got[0] != path(want) {
				t.Errorf("changed: %q, want %s", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("nothing was said of %s", want)
		}
	}
}

// A file that is deleted, moved away, or comes back is told once; one that is replaced is not.
func TestMissingFilesAreTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "route.lua")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "one")
	said := make(chan string, 100)
	w, err := New(Options{Files: func() []string { return []string{file} }, Quiet: 5 * time.Millisecond,
		Changed: func() error { said <- "changed"; return nil },
		Missing: func(path string, missing bool) {
			if path != file {
				t.Errorf("%s", path)
			}
			said <- map[bool]string{true: "missing", false: "back"}[missing]
		}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	for _, row := range []struct {
		name string
		act  func() error
		want []string
	}{
		{"deleted", func() error { return os.Remove(file) }, []string{"missing"}},
		{"written", func() error { write(file, "two"); return nil }, []string{"back", "changed"}},
		{"replaced", func() error { write(file+".new", "three"); return os.Rename(file+".new", file) }, []string{"changed"}},
		{"moved away", func() error { return os.Rename(file, file+"~") }, []string{"missing"}},
		{"moved back", func() error { return os.Rename(file+"~", file) }, []string{"back"}},
		{"written in place", func() error { write(file, "four"); return nil }, []string{"changed"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := row.act(); err != nil {
				t.Fatal(err)
			}
			for _, want := range row.want {
				select {
				case got := <-said:
					if got != want {
						t.Fatalf("%s, want %s", got, want)
					}
				case <-time.After(time.Minute):
					t.Fatalf("%s is not told", want)
				}
			}
		})
	}
}
