package presence

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// Publications that come while others are being written are written in one transaction, each with
// its own outcome.
func TestWrittenTogether(t *testing.T) {
	for _, x := range []struct {
		name      string
		n, broken int // of these, those that the database refuses
		frames    int // pages that transactions write, at most
	}{
		{"one", 1, 0, 8},
		{"twenty", 20, 0, 19},
		{"more than one transaction takes", mostTogether + 1, 0, mostTogether},
		{"one is at fault", 20, 1, 1000},
	} {
		t.Run(x.name, func(t *testing.T) {
			k, err := openKeeper(clients.New(clients.Options{Drivers: drivers.All()}), t.TempDir(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			frames(t, k, "TRUNCATE")
			k.leading = true // as if something were being written
			failed := make(chan bool, x.n)
			for i := range x.n {
				p := &eventstate.Publication{Tag: fmt.Sprint("t", i), Type: "x", Body: []byte("x"), At: time.UnixMilli(1)}
				if i < x.broken {
					p.Body = nil
				}
				go func() { failed <- k.put(eventstate.Key{Package: "presence", AOR: "sip:bob@example.com"}, p, "") != nil }()
			}
			for waits := 0; waits < x.n; runtime.Gosched() {
				k.turn.Lock()
				waits = len(k.waiting)
				k.turn.Unlock()
			}
			k.waiting[0].settled <- false // that is written: the first of those who wait leads
			refused := 0
			for range x.n {
				if <-failed {
					refused++
				}
			}
			if n := count(t, k, "publications"); n != x.n-x.broken || refused != x.broken || k.leading {
				t.Errorf("%d are written, %d refused; somebody leads: %v", n, refused, k.leading)
			}
			if n := frames(t, k, "PASSIVE"); n > x.frames {
				t.Errorf("%d pages were written", n)
			}
			if err := k.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// frames is how many pages the log of the database has.
func frames(t *testing.T, k *keeper, mode string) (n int) {
	var busy, done int
	err := k.db.Query(t.Context(), func(rows *sql.Rows) error { return rows.Scan(&busy, &n, &done) }, "PRAGMA wal_checkpoint("+mode+")")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func count(t *testing.T, k *keeper, table string) (n int) {
	t.Helper()
	err := k.db.Do(t.Context(), func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever is written waits for its turn: SQLite gives writers of other connections none, and under
// load some would wait until they fail.
func TestAllWaitForTheirTurn(t *testing.T) {
	key := eventstate.Key{Package: "presence", AOR: "sip:bob@example.com"}
	p := &eventstate.Publication{Tag: "t", Type: "x", Body: []byte("x"), At: time.UnixMilli(1), Expires: time.UnixMilli(2)}
	for _, x := range []struct {
		name          string
		write         func(k *keeper) error
		publications  int
		subscriptions int
	}{
		{"a publication", func(k *keeper) error { return k.put(key, p, "") }, 1, 0},
		{"the end of one", func(k *keeper) error { return k.drop(key, p) }, 0, 0},
		{"those that ended by themselves", func(k *keeper) error { return k.forget(time.UnixMilli(2)) }, 0, 0},
		{"subscriptions", func(k *keeper) error {
			return k.writeBatch(map[string]kept{"a": {}, "b": {&row{}}, "c": {&row{}}})
		}, 1, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := open(t)
			if x.name != "a publication" {
				if err := k.put(key, p, ""); err != nil {
					t.Fatal(err)
				}
			}
			k.leading = true // as if something were being written
			over := make(chan error, 1)
			go func() { over <- x.write(k) }()
			for waits := false; !waits; runtime.Gosched() {
				if len(over) > 0 {
					t.Fatal("it did not wait for its turn")
				}
				k.turn.Lock()
				waits = len(k.waiting) == 1
				k.turn.Unlock()
			}
			k.waiting[0].settled <- false
			if err := <-over; err != nil {
				t.Error(err)
			}
			if n, m := count(t, k, "publications"), count(t, k, "subscriptions"); n != x.publications || m != x.subscriptions || k.leading {
				t.Errorf("%d publications, %d subscriptions; somebody leads: %v", n, m, k.leading)
			}
		})
	}
}

// Subscriptions that can't be written are written later, all together, but where there is something
// newer; those that wait are bounded.
func TestSubscriptionsWaitForTheDisk(t *testing.T) {
	k := open(t)
	rename := func(from, to string) {
		t.Helper()
		if err := k.tx(func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	rename("subscriptions", "away")
	k.pending = map[string]kept{"a": {&row{Version: 1}}, "b": {&row{Version: 1}}}
	if err := k.flush(); err == nil {
		t.Fatal("it is written nowhere")
	}
	k.pending["b"] = kept{}
	if err := k.flush(); err == nil || len(k.pending) != 2 {
		t.Fatalf("%d wait: %v", len(k.pending), err)
	}
	rename("away", "subscriptions")
	if err := k.flush(); err != nil || len(k.pending) != 0 {
		t.Errorf("%v, and %d wait", err, len(k.pending))
	}
	if n := count(t, k, "subscriptions"); n != 1 {
		t.Errorf("%d are written", n)
	}
	rename("subscriptions", "away")
	for i := range mostPending + 1 {
		k.pending[fmt.Sprint(i)] = kept{}
	}
	if err := k.flush(); err == nil || len(k.pending) != mostPending {
		t.Errorf("%d wait: %v", len(k.pending), err)
	}
	k.pending = nil
}

// open opens a keeper that ends with the test.
func open(t *testing.T) *keeper {
	t.Helper()
	k, err := openKeeper(clients.New(clients.Options{Drivers: drivers.All()}), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.close(); err != nil {
			t.Error(err)
		}
	})
	return k
}
