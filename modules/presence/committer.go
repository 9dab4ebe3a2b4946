package presence

// This file writes publications before they are answered, many at a time, and whatever else is
// written: SQLite has one writer, and those of other connections would wait for it without a turn.

import (
	"context"
	"database/sql"
	"sync"

	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// mostTogether bounds what is written in one transaction: whoever comes first waits for all.
const mostTogether = 256

// committer writes. A transaction has the disk synced, however much it writes: those
// that come while others are being written share the next. Whoever comes first writes for all who
// wait, so nothing waits for company.
type committer struct {
	// The connection and its statements belong to whoever leads
	conn                                               *sql.Conn
	begin, commit, rollback, replace, newcome, leaving *sql.Stmt

	turn    sync.Mutex
	leading bool     // somebody writes; guarded by turn
	waiting []*entry // guarded by turn
}

// entry is one publication to write, or something else.
type entry struct {
	key     eventstate.Key
	p       *eventstate.Publication
	old     string // the tag of what it replaces, "" for none
	expires int64
	other   func(ctx context.Context) error // what is written instead; nil: the publication
	several bool                            // other writes more than one statement
	err     error                           // before settled
	settled chan bool                       // capacity 1; false: it is its turn to lead
}

// prepare opens the connection.
func (c *committer) prepare(ctx context.Context, db *sql.DB) (err error) {
	if c.conn, err = db.Conn(ctx); err != nil {
		return err
	}
	for _, s := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&c.begin, `BEGIN IMMEDIATE`}, {&c.commit, `COMMIT`}, {&c.rollback, `ROLLBACK`},
		{&c.replace, `UPDATE publications SET tag = ?, type = ?, body = ?, at = ?, expires = ? WHERE tag = ?`},
		{&c.newcome, `INSERT INTO publications (tag, package, aor, name, type, body, at, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`},
		{&c.leaving, `DELETE FROM publications WHERE tag = ?`},
	} {
		if *s.to, err = c.conn.PrepareContext(ctx, s.text); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) close() error { return c.conn.Close() }

// put writes a publication in place of another. It returns when that is on the disk.
func (k *keeper) put(key eventstate.Key, p *eventstate.Publication, old string) error {
	e := &entry{key: key, p: p, old: old}
	if !p.Expires.IsZero() {
		e.expires = p.Expires.UnixMilli()
	}
	return k.inTurn(e)
}

// drop takes a publication out. It returns when that is on the disk.
func (k *keeper) drop(_ eventstate.Key, p *eventstate.Publication) error {
	return k.inTurn(&entry{other: func(ctx context.Context) error {
		_, err := k.leaving.ExecContext(ctx, p.Tag)
		return err
	}})
}

// inTurn writes an entry when its turn has come.
func (k *keeper) inTurn(e *entry) error {
	e.settled = make(chan bool, 1)
	k.turn.Lock()
	k.waiting = append(k.waiting, e)
	follow := k.leading
	k.leading = true
	k.turn.Unlock()
	if follow && <-e.settled {
		return e.err
	}
	return k.lead(e)
}

// lead writes for all who wait, first among whom is e, and passes the lead on.
func (k *keeper) lead(e *entry) error {
	k.turn.Lock()
	n := min(len(k.waiting), mostTogether)
	batch := k.waiting[:n:n]
	k.waiting = k.waiting[n:]
	k.turn.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), keeperTime)
	defer cancel()
	err := k.db.Do(ctx, func(context.Context, *sql.DB) error { return k.together(batch) })
	if err != nil && n > 1 { // one may be at fault: each by itself
		for _, e := range batch {
			e.err = k.db.Do(ctx, func(context.Context, *sql.DB) error { return k.together([]*entry{e}) })
		}
	} else {
		e.err = err
		for _, o := range batch {
			o.err = err
		}
	}
	for _, o := range batch[1:] {
		o.settled <- true
	}
	k.turn.Lock()
	if k.leading = len(k.waiting) > 0; k.leading {
		k.waiting[0].settled <- false
	}
	k.turn.Unlock()
	return e.err
}

// together writes all, or nothing. Statements have no deadline of their own, which would cost a
// goroutine each: SQLite waits five seconds for another writer at most, and for the disk nobody can
// stop it.
func (c *committer) together(batch []*entry) error {
	if len(batch) == 1 && !batch[0].several { // a statement is a transaction of its own
		return c.alone(batch[0])
	}
	ctx := context.Background()
	if _, err := c.begin.ExecContext(ctx); err != nil {
		return err
	}
	for _, e := range batch {
		if err := c.alone(e); err != nil {
			_, _ = c.rollback.ExecContext(ctx)
			return err
		}
	}
	_, err := c.commit.ExecContext(ctx)
	if err != nil {
		_, _ = c.rollback.ExecContext(ctx)
	}
	return err
}

// alone writes one.
func (c *committer) alone(e *entry) error {
	ctx, p := context.Background(), e.p
	if e.other != nil {
		return e.other(ctx)
	}
	if e.old != "" {
		done, err := c.replace.ExecContext(ctx, p.Tag, p.Type, p.Body, p.At.UnixMilli(), e.expires, e.old)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err == nil && n > 0 {
			return nil
		}
	}
	_, err := c.newcome.ExecContext(ctx, p.Tag, e.key.Package, e.key.AOR, p.Name, p.Type, p.Body, p.At.UnixMilli(), e.expires)
	return err
}
