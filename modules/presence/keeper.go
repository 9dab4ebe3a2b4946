package presence

// This file keeps state in the directory of --data: publications before they are answered, and
// subscriptions a moment after.

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
	committer

	writing sync.Mutex // held while subscriptions are written: no lane waits for it

	mu      sync.Mutex
	pending map[string]kept // subscriptions to write, by dialog; guarded by mu
	closed  bool            // guarded by mu
	wake    chan struct{}   // something is pending; capacity 1
	done    chan struct{}   // closed when the writer has ended
}

// kept is a subscription as it is written: nil for one that is over.
type kept struct{ row *row }

// row is what is written of one.
type row struct {
	notifier.Record
	Mode    Mode     `json:",omitempty"`
	Version uint32   `json:",omitempty"` // of the next document
	Members []member `json:",omitempty"` // of a list
}

func openKeeper(pool *clients.Pool, dir string, log *slog.Logger) (*keeper, error) {
	db, err := pool.DB("sqlite:"+filepath.Join(dir, "presence.db"), clients.DBOptions{Create: true, Conns: 3})
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
		return k.prepare(ctx, db)
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("presence: --data: %w", err)
	}
	go k.write() // ends with close
	return k, nil
}

// forget removes the publications that have ended by themselves.
func (k *keeper) forget(now time.Time) error {
	return k.inTurn(&entry{other: func(ctx context.Context) error {
		_, err := k.conn.ExecContext(ctx, `DELETE FROM publications WHERE expires > 0 AND expires <= ?`, now.UnixMilli())
		return err
	}})
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

// mostPending bounds what stays pending: dialogs come and go while nothing can be written.
const mostPending = 1 << 17

// flush writes what is pending, after what is being written. What can't be written stays pending.
func (k *keeper) flush() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	batch := k.pending
	k.pending = map[string]kept{}
	k.mu.Unlock()
	err := k.writeBatch(batch)
	if err == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for dialog, s := range batch {
		if _, newer := k.pending[dialog]; !newer && len(k.pending) < mostPending {
			k.pending[dialog] = s
		}
	}
	return err
}

func (k *keeper) writeBatch(batch map[string]kept) error {
	if len(batch) == 0 {
		return nil
	}
	return k.inTurn(&entry{several: true, other: func(ctx context.Context) error {
		for dialog, s := range batch {
			if err := k.writeSubscription(ctx, dialog, s.row); err != nil {
				return err
			}
		}
		return nil
	}})
}

// writeSubscription writes one in the transaction that has begun.
func (k *keeper) writeSubscription(ctx context.Context, dialog string, r *row) error {
	if r == nil {
		_, err := k.conn.ExecContext(ctx, `DELETE FROM subscriptions WHERE dialog = ?`, dialog)
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = k.conn.ExecContext(ctx, `INSERT INTO subscriptions (dialog, record, expires) VALUES (?, ?, ?) ON CONFLICT (dialog) DO UPDATE SET record = excluded.record, expires = excluded.expires`,
		dialog, string(text), r.Until)
	return err
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
	return errors.Join(k.committer.close(), k.db.Close())
}

// keepSubscription is what the notifier calls.
func (p *Presence) keepSubscription(s *notifier.Subscription, r *notifier.Record, over bool) {
	var whole *row
	if r != nil {
		whole = &row{Record: *r, Mode: Allowed}
	}
	n := note{Row: whole, ID: s.ID(), Watcher: s.Watcher(), Asked: s.Contact(), Key: s.Key(), Mode: Allowed, Until: s.Until().UnixMilli()}
	version := uint32(0)
	switch f := s.Feed().(type) {
	case *feed:
		n.Mode, n.Approved = Mode(f.mode.Load()), f.approved.Load()
		// Partial PIDF begins with a full document, whatever its number; no other has numbers, and
		// this one never lends its lane
		if f.key.Package == PackageDialog {
			version = f.version
		}
	case *winfoFeed:
		version = f.version
	case *listFeed:
		version = f.version
		for _, m := range f.members() {
			n.Members = append(n.Members, member{m.key.AOR, Mode(m.mode.Load())})
		}
	}
	if whole != nil {
		whole.Mode, whole.Version, whole.Members = n.Mode, version, n.Members
	}
	if p.shared == nil {
		p.keeper.subscription(s.Dialog(), kept{whole})
		return
	}
	if over {
		n.End = s.Reason()
	}
	p.shared.told(s.Dialog(), &n)
}

// restoreSpread is over how long those who watched before a restart are told, at most, and
// restorePace how long that takes for each of a few.
const (
	restoreSpread = 10 * time.Second
	restorePace   = 5 * time.Millisecond
)

// restore brings back who watched.
func (p *Presence) restore(e *engine.Engine) error {
	n := 0
	err := p.keeper.subscriptions(func(r *row) {
		if p.revive(e, r, restoreSpread) {
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

// revive goes on with a subscription of an earlier process, or of another node.
func (p *Presence) revive(e *engine.Engine, r *row, spread time.Duration) bool {
	return p.core.Restore(e, &r.Record, p.feedOf(r), spread)
}

// feedOf is what a subscription reported.
func (p *Presence) feedOf(r *row) notifier.Feed {
	_, aor, _ := strings.Cut(r.Key, " ")
	if of, is := strings.CutSuffix(r.Event, winfoSuffix); is {
		return &winfoFeed{p: p, key: eventstate.Key{Package: of, AOR: aor}, version: r.Version + restoredVersion}
	}
	one := func(aor string, mode Mode) *feed {
		f := &feed{p: p, key: eventstate.Key{Package: r.Event, AOR: aor}, own: r.Watcher == aor, id: r.Local, version: r.Version + restoredVersion}
		f.mode.Store(int32(mode))
		return f
	}
	if len(r.Members) == 0 {
		f := one(aor, r.Mode)
		f.diff = r.Event == PackagePresence && r.Accepts&(1<<partialType) != 0
		return f
	}
	list := &listFeed{p: p, list: aor, event: r.Event, watcher: r.Watcher, id: r.Local, version: r.Version + restoredVersion}
	for _, m := range r.Members {
		list.add(m.AOR, m.Mode, list.version)
	}
	return list
}

// restoredVersion is more than the documents between two SUBSCRIBEs: those after a restart have
// higher numbers than any before, and watchers skip older ones.
const restoredVersion = 20_000
