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
			if n := count(t, k); n != x.n-x.broken || refused != x.broken || k.leading {
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

func count(t *testing.T, k *keeper) (n int) {
	err := k.db.Do(t.Context(), func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, `SELECT count(*) FROM publications`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
