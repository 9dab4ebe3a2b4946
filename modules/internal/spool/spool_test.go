package spool

// This file tests the queue with files of the test's.

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
)

// quiet are options for a directory.
func quiet(dir string) Options {
	return Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Sync: time.Millisecond}
}

func open(t *testing.T, o Options) (*Spool, []Unfinished) {
	t.Helper()
	s, list, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, list
}

func keyOf(n int) (k Key) {
	copy(k[:], fmt.Sprintf("%016d", n))
	return k
}

// text is the n-th record of a test.
func text(n int) []byte { return fmt.Appendf(nil, "record %d %s", n, strings.Repeat("x", n%50)) }

// put appends records from a number to another, excluded.
func put(t *testing.T, s *Spool, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := s.Append(keyOf(n), text(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func attach(t *testing.T, s *Spool, name string) *Reader {
	t.Helper()
	r, err := s.Reader(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// take reads the records from a number to another, excluded, and is done with them.
func take(t *testing.T, r *Reader, from, to int) {
	t.Helper()
	for n := from; n < to; {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		list, err := r.Next(ctx, to-n, 1<<20)
		cancel()
		if err != nil {
			t.Fatalf("record %d: %v", n, err)
		}
		for _, x := range list {
			if string(x.Data) != string(text(n)) || x.Key != keyOf(n) {
				t.Fatalf("record %d is %q", n, x.Data)
			}
			n++
		}
		r.Done(list[len(list)-1].Seq)
	}
}

// nothing checks that nothing is left to be read.
func nothing(t *testing.T, r *Reader) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := r.Next(ctx, 1, 1); err == nil {
		t.Errorf("there is %q", list[0].Data)
	}
}

// settle waits until all is written and synced.
func settle(t *testing.T, s *Spool) {
	t.Helper()
	until := time.Now().Add(10 * time.Second)
	for {
		s.mu.Lock()
		left, unsynced := len(s.tail), s.synced < s.written
		s.mu.Unlock()
		if left == 0 && !unsynced {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%d are not written", left)
		}
		time.Sleep(time.Millisecond)
	}
}

func closed(t *testing.T, s *Spool, readers ...*Reader) {
	t.Helper()
	for _, r := range readers {
		if err := r.Close(false); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func store(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What was appended comes once to each reader, in order, also after the queue was opened again.
func TestReadersContinue(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		t.Run(fmt.Sprintf("files: %t", dir != ""), func(t *testing.T) {
			s, _ := open(t, quiet(dir))
			a, b := attach(t, s, "a"), attach(t, s, "b")
			put(t, s, 0, 100)
			take(t, a, 0, 100)
			take(t, b, 0, 30)
			if n, _ := b.Stats(); n != 70 {
				t.Errorf("%d wait for b", n)
			}
			put(t, s, 100, 150)
			if dir != "" {
				closed(t, s, a, b)
				s, _ = open(t, quiet(dir))
				a, b = attach(t, s, "a"), attach(t, s, "b")
			}
			put(t, s, 150, 200)
			take(t, a, 100, 200)
			take(t, b, 30, 200)
			nothing(t, a)
			nothing(t, b)
			closed(t, s, a, b)
			if err := s.Append(Key{}, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("appended to a closed one: %v", err)
			}
		})
	}
}

// A new reader starts with what waited for one that is gone, or with what comes next.
func TestNewReaders(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, quiet(dir))
	a := attach(t, s, "postgres://old/db")
	put(t, s, 0, 10)
	take(t, a, 0, 4)
	b := attach(t, s, "json:b")
	closed(t, s, a, b)
	s, _ = open(t, quiet(dir))
	a, b = attach(t, s, "postgres://new/db"), attach(t, s, "json:b")
	if left := s.Settle(); left != 1 {
		t.Errorf("%d are gone", left)
	}
	c := attach(t, s, "json:c")
	put(t, s, 10, 12)
	take(t, a, 4, 12)
	take(t, b, 10, 12)
	take(t, c, 10, 12)
	if err := c.Close(true); err != nil {
		t.Error(err)
	}
	closed(t, s, a, b)
	if list, _ := filepath.Glob(filepath.Join(dir, "*"+places)); len(list) != 2 {
		t.Errorf("%v", list)
	}
}

// A process that was killed leaves any number of bytes of its last file: what is whole is there, in
// order, and the queue goes on behind it.
func TestEveryTruncation(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, quiet(dir))
	begun := keyOf(7)
	if err := s.Begin(begun, []byte("begun")); err != nil {
		t.Fatal(err)
	}
	put(t, s, 0, 4)
	if err := s.Begin(keyOf(100), []byte("a call")); err != nil {
		t.Fatal(err)
	}
	settle(t, s)
	closed(t, s)
	all, err := os.ReadFile(files(t, dir)[0])
	if err != nil {
		t.Fatal(err)
	}
	var ends []int
	each(all, func(f frame) { ends = append(ends, header+len(f.data)) }, nil)
	for i := 1; i < len(ends); i++ {
		ends[i] += ends[i-1]
	}
	for size := 0; size <= len(all); size++ {
		dir := filepath.Join(t.TempDir(), "cut")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		store(t, filepath.Join(dir, "0000000000000001"+extension), all[:size])
		store(t, filepath.Join(dir, fileName("r")), []byte(positionText(1)))
		s, list := open(t, quiet(dir))
		whole := 0
		for _, end := range ends {
			if size >= end {
				whole++
			}
		}
		records := min(max(whole-1, 0), 4)
		want := min(whole, 1) + whole/6
		if len(list) != want || want > 0 && list[0].Key != begun || s.stats.Damaged != 0 {
			t.Fatalf("%d bytes: unfinished %v, damaged %d", size, list, s.stats.Damaged)
		}
		r := attach(t, s, "r")
		for n := records; n < 6; n++ { // the rest again
			put(t, s, n, n+1)
		}
		take(t, r, 0, 6)
		nothing(t, r)
		closed(t, s, r)
	}
}

// A damaged byte costs the record it is in and no other.
func TestEveryDamage(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, quiet(dir))
	put(t, s, 0, 4)
	settle(t, s)
	closed(t, s)
	path := files(t, dir)[0]
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one := header + len(text(0))
	two := one + header + len(text(1))
	for at := one; at < two; at++ {
		bad := append([]byte(nil), all...)
		bad[at] ^= 0x41
		dir := t.TempDir()
		store(t, filepath.Join(dir, filepath.Base(path)), bad)
		store(t, filepath.Join(dir, fileName("r")), []byte(positionText(1)))
		s, _ := open(t, quiet(dir))
		if s.stats.Damaged != 1 {
			t.Fatalf("byte %d: %d places", at, s.stats.Damaged)
		}
		r := attach(t, s, "r")
		put(t, s, 4, 5)
		take(t, r, 0, 1)
		take(t, r, 2, 5)
		nothing(t, r)
		closed(t, s, r)
	}
}

// A destination that is away for an hour misses nothing, keeps the others from nothing, and files
// are removed when it has caught up.
func TestAwayForAnHour(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.Segment = 16 << 10
		s, _ := open(t, o)
		here, away := attach(t, s, "here"), attach(t, s, "away")
		const total = 60 * 50
		for n := 0; n < total; n += 50 {
			put(t, s, n, n+50)
			time.Sleep(time.Minute)
			take(t, here, n, n+50)
			if n == 0 {
				list, err := away.Next(t.Context(), 1, 1) // which it does not get rid of
				if err != nil || string(list[0].Data) != string(text(0)) {
					t.Fatal(err)
				}
			}
		}
		if n, age := away.Stats(); n != total || age != time.Hour {
			t.Errorf("%d wait, for %v", n, age)
		}
		if n := len(files(t, dir)); n < 10 {
			t.Errorf("%d files", n)
		}
		away.Done(1)
		take(t, away, 1, total)
		put(t, s, total, total+1)
		take(t, here, total, total+1)
		take(t, away, total, total+1)
		time.Sleep(time.Minute)
		put(t, s, total+1, total+2)
		time.Sleep(time.Minute)
		if n := len(files(t, dir)); n > 2 {
			t.Errorf("%d files are left", n)
		}
		closed(t, s, here, away)
	})
}

// Many writers, and readers at the same time.
func TestManyAtOnce(t *testing.T) {
	o := quiet(t.TempDir())
	o.Segment = 8 << 10
	s, _ := open(t, o)
	a, b := attach(t, s, "a"), attach(t, s, "b")
	const writers, each = 8, 250
	var g sync.WaitGroup
	for w := range writers {
		g.Go(func() {
			for n := range each {
				k := keyOf(w*each + n)
				if s.Begin(k, []byte("begun")) != nil || s.Append(k, text(n)) != nil {
					t.Error("not appended")
				}
			}
		})
	}
	for _, r := range []*Reader{a, b} {
		g.Go(func() {
			seen := map[Key]bool{}
			for len(seen) < writers*each {
				list, err := r.Next(t.Context(), 100, 1<<20)
				if err != nil {
					t.Error(err)
					return
				}
				for _, x := range list {
					if seen[x.Key] {
						t.Errorf("%s twice", x.Key)
					}
					seen[x.Key] = true
				}
				r.Done(list[len(list)-1].Seq)
			}
		})
	}
	g.Wait()
	if st := s.Stats(); st.Live != 0 || st.Lost != 0 || st.Appended != writers*each {
		t.Errorf("%+v", st)
	}
	closed(t, s, a, b)
}
