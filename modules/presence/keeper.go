package presence

// This file keeps state in the directory of --data: publications before they are answered, and
// subscriptions a moment after.

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

const keeperSchema = `CREATE TABLE IF NOT EXISTS publications (tag TEXT PRIMARY KEY, package TEXT NOT NULL, aor TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (dialog TEXT PRIMARY KEY, record TEXT NOT NULL, expires INTEGER NOT NULL)`

// keeperTime bounds one write.
const keeperTime = 10 * time.Second

// keeper is the database. A write is on its way to the disk when it returns: it outlives the
// process, and soon the machine.
type keeper struct {
	db  *clients.DB
	log *slog.Logger

	writing sync.Mutex // held while subscriptions are written: no lane waits for it

	mu      sync.Mutex
	pending map[string]kept // subscriptions to write, by dialog; guarded by mu
	closed  bool            // guarded by mu
	wake    chan struct{}   // something is pending; capacity 1
	done    chan struct{}   // closed when the writer has ended
}

// kept is a subscription as it is written: nil for one that is over.
type kept struct {
	record  *notifier.Record
	mode    Mode
	version uint32
}

// row is what is written of one.
type row struct {
	notifier.Record
	Mode    Mode
	Version uint32 `json:",omitempty"` // of the next document
}

func openKeeper(pool *clients.Pool, dir string, log *slog.Logger) (*keeper, error) {
	db, err := pool.DB("sqlite:"+filepath.Join(dir, "presence.db"), clients.DBOptions{Create: true, Conns: 2})
	if err != nil {
		return nil, fmt.Errorf("presence: --data: %w", err)
	}
	k := &keeper{db: db, log: log, pending: map[string]kept{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), keeperTime)
	defer cancel()
	err = db.Do(ctx, func(ctx context.Context, db *sql.DB) error {
		for _, statement := range strings.Split(keeperSchema, ";") {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("presence: --data: %w", err)
	}
	go k.write() // ends with close
	return k, nil
}

// put writes a publication in place of another.
func (k *keeper) put(key eventstate.Key, p *eventstate.Publication, old string) error {
	return k.tx(func(ctx context.Context, tx *sql.Tx) error {
		if old != "" {
			if _, err := tx.ExecContext(ctx, `DELETE FROM publications WHERE tag = ?`, old); err != nil {
				return err
			}
		}
		expires := int64(0)
		if !p.Expires.IsZero() {
			expires = p.Expires.UnixMilli()
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO publications (tag, package, aor, name, type, body, at, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			p.Tag, key.Package, key.AOR, p.Name, p.Type, p.Body, p.At.UnixMilli(), expires)
		return err
	})
}

func (k *keeper) drop(_ eventstate.Key, p *eventstate.Publication) error {
	return k.tx(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM publications WHERE tag = ?`, p.Tag)
		return err
	})
}

// forget removes the publications that have ended by themselves.
func (k *keeper) forget(now time.Time) error {
	return k.tx(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM publications WHERE expires > 0 AND expires <= ?`, now.UnixMilli())
		return err
	})
}

func (k *keeper) tx(f func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), keeperTime)
	defer cancel()
	return k.db.Tx(ctx, f)
}

// publications reads what was published.
func (k *keeper) publications(each func(eventstate.Key, *eventstate.Publication)) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return k.db.Query(ctx, func(rows *sql.Rows) error {
		var key eventstate.Key
		var at, expires int64
		p := &eventstate.Publication{}
		if err := rows.Scan(&p.Tag, &key.Package, &key.AOR, &p.Name, &p.Type, &p.Body, &at, &expires); err != nil {
			return err
		}
		p.At = time.UnixMilli(at)
		if expires > 0 {
			p.Expires = time.UnixMilli(expires)
		}
		var err error
		// An older version may have taken what this one does not
		if p.Value, err = read(key.Package, p.Body); err == nil {
			each(key, p)
		}
		return nil
	}, `SELECT tag, package, aor, name, type, body, at, expires FROM publications`)
}

// subscriptions reads who watched.
func (k *keeper) subscriptions(each func(*row)) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return k.db.Query(ctx, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		r := &row{}
		if json.Unmarshal([]byte(text), r) == nil {
			each(r)
		}
		return nil
	}, `SELECT record FROM subscriptions`)
}

// subscription has one written soon. It does not block.
func (k *keeper) subscription(dialog string, s kept) {
	k.mu.Lock()
	k.pending[dialog] = s
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// write writes subscriptions, many at a time, until close.
func (k *keeper) write() {
	defer close(k.done)
	for range k.wake {
		if err := k.flush(); err != nil {
			k.log.Error("subscriptions can't be written", "error", err)
		}
		k.mu.Lock()
		closed := k.closed
		k.mu.Unlock()
		if closed {
			return
		}
	}
}

// flush writes what is pending, after what is being written.
func (k *keeper) flush() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	batch := k.pending
	k.pending = map[string]kept{}
	k.mu.Unlock()
	return k.writeBatch(batch)
}

func (k *keeper) writeBatch(batch map[string]kept) error {
	if len(batch) == 0 {
		return nil
	}
	return k.tx(func(ctx context.Context, tx *sql.Tx) error {
		for dialog, s := range batch {
			var err error
			if s.record == nil {
				_, err = tx.ExecContext(ctx, `DELETE FROM subscriptions WHERE dialog = ?`, dialog)
			} else {
				var text []byte
				if text, err = json.Marshal(row{*s.record, s.mode, s.version}); err == nil {
					_, err = tx.ExecContext(ctx, `INSERT INTO subscriptions (dialog, record, expires) VALUES (?, ?, ?) ON CONFLICT (dialog) DO UPDATE SET record = excluded.record, expires = excluded.expires`,
						dialog, string(text), s.record.Until)
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// close writes what is left.
func (k *keeper) close() error {
	k.mu.Lock()
	again := k.closed
	k.closed = true
	k.mu.Unlock()
	if again {
		return nil
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
	<-k.done
	return k.db.Close()
}

// keepSubscription is what the notifier calls.
func (p *Presence) keepSubscription(dialog string, r *notifier.Record) {
	mode, version := Allowed, uint32(0)
	if r != nil {
		switch f := p.core.FeedOf(dialog).(type) {
		case *feed:
			mode = Mode(f.mode.Load())
			if f.key.Package == PackageDialog { // no other has versions; it never lends its lane
				version = f.version
			}
		case *winfoFeed:
			version = f.version
		case *listFeed: // what may be seen of each member is not kept
			r = nil
		}
	}
	p.keeper.subscription(dialog, kept{r, mode, version})
}

// restoreSpread is over how long those who watched before a restart are told.
const restoreSpread = 10 * time.Second

// restore brings back who watched.
func (p *Presence) restore(e *engine.Engine) error {
	n := 0
	err := p.keeper.subscriptions(func(r *row) {
		_, aor, _ := strings.Cut(r.Key, " ")
		k := eventstate.Key{Package: r.Event, AOR: aor}
		var f notifier.Feed
		if of, is := strings.CutSuffix(r.Event, winfoSuffix); is {
			f = &winfoFeed{p: p, key: eventstate.Key{Package: of, AOR: aor}, version: r.Version + restoredVersion}
		} else {
			o := &feed{p: p, key: k, own: r.Watcher == aor, id: r.Local, version: r.Version + restoredVersion}
			o.mode.Store(int32(r.Mode))
			f = o
		}
		if p.core.Restore(e, &r.Record, f, restoreSpread) {
			n++
		}
	})
	if err != nil {
		return fmt.Errorf("presence: --data: %w", err)
	}
	if n > 0 {
		e.Log().Info("subscriptions go on after a restart", "count", n)
	}
	return p.keeper.tx(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM subscriptions WHERE expires <= ?`, e.Clock().Wall().UnixMilli())
		return err
	})
}

// restoredVersion is more than the documents between two SUBSCRIBEs: those after a restart have
// higher numbers than any before, and watchers skip older ones.
const restoredVersion = 20_000
