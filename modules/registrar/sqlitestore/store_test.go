package sqlitestore

// This file tests the store: the conformance test, what is left after the process, and a disk that
// fails.

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/storetest"
)

func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-s.stop:
		default:
			closeStore(t, s)
		}
	})
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "location.db") }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) registrar.Store { return open(t, newPath(t), Options{}) })
}

func put(t testing.TB, s *Store, aor string, d registrar.Durability, records ...registrar.Record) error {
	t.Helper()
	var list []*registrar.Binding
	for i := range records {
		list = append(list, registrar.NewBinding(&records[i]))
	}
	return s.Update(context.Background(), aor, d, func([]*registrar.Binding) ([]*registrar.Binding, error) { return list, nil })
}

func lookup(t testing.TB, s *Store, aor string, now time.Time) []registrar.Record {
	t.Helper()
	list, err := s.Lookup(t.Context(), aor, now)
	if err != nil {
		t.Fatal(err)
	}
	var out []registrar.Record
	for _, b := range list {
		out = append(out, b.Record())
	}
	return out
}

// TestCommitsReachTheDisk: a commit is on the disk before it is answered, which a process that is
// killed can't show: the system would still write what it was given.
func TestCommitsReachTheDisk(t *testing.T) {
	s := open(t, newPath(t), Options{})
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal"} {
		t.Run(pragma, func(t *testing.T) {
			var got string
			if err := s.file.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", pragma, got, err, want)
			}
		})
	}
}

// TestReopen: what was committed, relaxed and expired is in the file as it should be; connections
// are not.
func TestReopen(t *testing.T) {
	path, now := newPath(t), time.Now().Truncate(time.Millisecond)
	s := open(t, path, Options{})
	kept := storetest.Record("sip:kept@h", now, time.Hour)
	natted := storetest.Record("sip:natted@10.0.0.1", now, time.Hour)
	natted.Received, natted.Socket = "udp:192.0.2.1:1024", "udp:198.51.100.1:5060"
	connected := storetest.Record("sip:connected@x.invalid", now, time.Hour)
	connected.Received, connected.Flow = "tcp:192.0.2.1:1025", 17
	listening := storetest.Record("sip:listening@192.0.2.1;transport=tcp", now, time.Hour)
	listening.Received, listening.Flow = "tcp:192.0.2.1:1026", 18
	short := storetest.Record("sip:short@h", now, time.Minute)
	for _, err := range []error{
		put(t, s, "a", registrar.Commit, kept, short), put(t, s, "b", registrar.Relaxed, natted), put(t, s, "c", registrar.Commit, connected), put(t, s, "g", registrar.Commit, listening),
		put(t, s, "d", registrar.Commit, short), put(t, s, "e", registrar.Commit, kept), put(t, s, "e", registrar.Relaxed), put(t, s, "f", registrar.Commit, short),
		s.Sweep(t.Context(), now.Add(50*time.Second), func(string, *registrar.Binding) { t.Error("swept too early") }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	closeStore(t, s)
	if err := put(t, s, "a", registrar.Commit); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}

	later := now.Add(2 * time.Minute)
	s = open(t, path, Options{Now: func() time.Time { return later }})
	connected.Flow = transport.FlowGone // nowhere else to be reached
	listening.Received, listening.Flow = "", 0
	for aor, want := range map[string][]registrar.Record{"a": {kept}, "b": {natted}, "c": {connected}, "g": {listening}, "d": nil, "e": nil, "f": nil} {
		t.Run(aor, func(t *testing.T) {
			if got := lookup(t, s, aor, later); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", aor, got, want)
			}
		})
	}
	if n, _ := s.Count(t.Context()); n != 4 {
		t.Errorf("%d bindings", n)
	}
	closeStore(t, s)
	if rows := rowsOf(t, path); strings.Join(rows, " ") != "a b c g" {
		t.Errorf("rows left: %q", rows)
	}
}

// rowsOf reads the addresses in the file.
func rowsOf(t *testing.T, path string) (rows []string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.Query("SELECT aor FROM location ORDER BY aor")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var aor string
		if err := found.Scan(&aor); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, aor)
	}
	return rows
}

// TestClockSetBack: a binding lives no longer than it was granted, though the clock was ahead when
// it was made.
func TestClockSetBack(t *testing.T) {
	path, now := newPath(t), time.Now().Truncate(time.Millisecond)
	s := open(t, path, Options{})
	if err := put(t, s, "a", registrar.Commit, storetest.Record("sip:a@h", now.Add(24*time.Hour), time.Hour)); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = open(t, path, Options{Now: func() time.Time { return now }})
	if got := lookup(t, s, "a", now); len(got) != 1 || !got[0].Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v, now is %v", got, now)
	}
}

func TestOneProcess(t *testing.T) {
	path := newPath(t)
	open(t, path, Options{})
	if s, err := Open(path, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v, %v", s, err)
	}
}

func TestFilesOfOthers(t *testing.T) {
	now := time.Now()
	path := newPath(t)
	s := open(t, path, Options{})
	for _, aor := range []string{"a", "b"} {
		if err := put(t, s, aor, registrar.Commit, storetest.Record("sip:a@h", now, time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.file.conn.ExecContext(t.Context(), "UPDATE location SET bindings = x'0105' WHERE aor = 'a'"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	var log bytes.Buffer
	s = open(t, path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if len(lookup(t, s, "a", now)) != 0 || len(lookup(t, s, "b", now)) != 1 || !strings.Contains(log.String(), "damaged") {
		t.Errorf("a damaged row: log %s", log.String())
	}
	if _, err := s.file.conn.ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	for text, path := range map[string]string{"newer version": path, "not a database": garbage(t), "no such file": filepath.Join(t.TempDir(), "no", "x.db")} {
		t.Run(text, func(t *testing.T) {
			if s, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, error %v, want %q", s, err, text)
			}
		})
	}
}

func garbage(t *testing.T) string {
	path := newPath(t)
	if err := os.WriteFile(path, bytes.Repeat([]byte("garbage "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDiskFull: while the disk is full changes fail and nothing else does; then they work again,
// and nothing is missing.
func TestDiskFull(t *testing.T) {
	path, now := newPath(t), time.Now()
	var log bytes.Buffer
	s := open(t, path, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	record := storetest.Record("sip:a@h", now, time.Hour)
	if err := put(t, s, "before", registrar.Commit, record); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		t.Helper()
		s.file.mu.Lock()
		defer s.file.mu.Unlock()
		if _, err := s.file.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite makes that the present size
	var stored, refused []string
	for i := 0; len(refused) < 20; i++ {
		aor, d := fmt.Sprint("user", i), registrar.Commit
		if err := put(t, s, aor, d, record, record, record, record); err != nil {
			refused = append(refused, aor)
		} else {
			stored = append(stored, aor)
		}
	}
	if err := put(t, s, "relaxed", registrar.Relaxed, record, record, record, record); err == nil {
		t.Error("a relaxed change is accepted while the disk is known to be full")
	}
	for _, aor := range append(stored, "before") {
		if len(lookup(t, s, aor, now)) == 0 {
			t.Errorf("%s is missing", aor)
		}
	}
	for _, aor := range append(refused, "relaxed") {
		if len(lookup(t, s, aor, now)) != 0 {
			t.Errorf("%s was refused and is there", aor)
		}
	}
	limit(1 << 20)
	for _, aor := range append(refused, "relaxed") {
		if err := put(t, s, aor, registrar.Commit, record); err != nil {
			t.Errorf("after the disk has room: %v", err)
		}
	}
	closeStore(t, s)
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || strings.Count(log.String(), "stored again") != 1 {
		t.Errorf("log:\n%s", log.String())
	}
	s = open(t, path, Options{})
	for _, aor := range append(append(stored, "before", "relaxed"), refused...) {
		if len(lookup(t, s, aor, now)) == 0 {
			t.Errorf("%s is missing after the restart", aor)
		}
	}
}

// TestRelaxedIsWrittenLater: a relaxed change made before the disk failed is written once it works.
func TestRelaxedIsWrittenLater(t *testing.T) {
	path := newPath(t)
	s := open(t, path, Options{})
	record := storetest.Record("sip:a@h", time.Now(), time.Hour)
	s.file.mu.Lock() // the disk hangs
	for i := range 100 {
		if err := put(t, s, fmt.Sprint(i), registrar.Relaxed, record); err != nil {
			t.Error(err)
		}
	}
	s.file.mu.Unlock()
	closeStore(t, s)
	if rows := rowsOf(t, path); len(rows) != 100 {
		t.Errorf("%d rows", len(rows))
	}
}

// TestGroupCommit: what comes while a transaction is under way shares the next one.
func TestGroupCommit(t *testing.T) {
	s := open(t, newPath(t), Options{})
	record := storetest.Record("sip:a@h", time.Now(), time.Hour)
	s.file.mu.Lock()
	before := s.file.transactions
	first := s.await(t, "first", record) // the writer takes no other before Unlock
	var done sync.WaitGroup
	for i := range 1000 {
		done.Go(func() {
			if err := put(t, s, fmt.Sprint(i), registrar.Commit, record); err != nil {
				t.Error(err)
			}
		})
	}
	for len(s.queue) < 1000 {
		runtime.Gosched()
	}
	s.file.mu.Unlock()
	if err := <-first; err != nil {
		t.Error(err)
	}
	done.Wait()
	s.file.mu.Lock()
	defer s.file.mu.Unlock()
	if n := s.file.transactions - before; n > 100 {
		t.Errorf("%d transactions for 1000 changes", n)
	}
}

// TestPatience: a disk that hangs fails changes in time, whether they were begun or not; lookups go
// on.
func TestPatience(t *testing.T) {
	s := open(t, newPath(t), Options{Patience: time.Second})
	record := storetest.Record("sip:a@h", time.Now(), time.Hour)
	s.file.mu.Lock() // the disk hangs
	began := s.await(t, "0", record)
	waiting := []<-chan error{began}
	for i := range 3 {
		waiting = append(waiting, s.async(fmt.Sprint("x", i), record))
	}
	for _, c := range waiting {
		if err := <-c; !errors.Is(err, errSlow) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := s.Update(ctx, "x", registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
		t.Error("begun after its context has ended")
		return nil, nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	s.file.mu.Unlock()
	// What was begun is made; what was not is left.
	if err := <-s.async("y", record); err != nil {
		t.Error(err)
	}
	if len(lookup(t, s, "0", time.Now())) != 1 || len(lookup(t, s, "x1", time.Now())) != 0 {
		t.Error("the wrong changes were made")
	}
}

// async starts a change.
func (s *Store) async(aor string, r registrar.Record) <-chan error {
	done := make(chan error, 1)
	go func() { // ends with the store's patience
		list := []*registrar.Binding{registrar.NewBinding(&r)}
		done <- s.Update(context.Background(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) { return list, nil })
	}()
	return done
}

// await starts a change and waits until the writer works on it.
func (s *Store) await(t *testing.T, aor string, r registrar.Record) <-chan error {
	t.Helper()
	taken, done := make(chan struct{}), make(chan error, 1)
	go func() { // ends with the store's patience
		list := []*registrar.Binding{registrar.NewBinding(&r)}
		done <- s.Update(context.Background(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
			close(taken)
			return list, nil
		})
	}()
	<-taken
	return done
}
