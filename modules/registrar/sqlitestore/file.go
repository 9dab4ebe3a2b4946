package sqlitestore

// This file is the database file: how it is opened, and rows written to it.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sipscript/sipscript/modules/registrar"
)

// file is one open database.
type file struct {
	path string
	db   *sql.DB
	conn *sql.Conn // the only one: the file is locked for it

	mu           sync.Mutex // held during a transaction; guards what follows
	row          []byte
	transactions int // since it was opened

	begin, end, undo, upsert, remove *sql.Stmt
}

// ErrInUse is why Open fails when another process has the file open.
var ErrInUse = errors.New("in use by another process")

// pragmas of the connection. EXCLUSIVE keeps other processes out: the copy in memory would not know
// of their changes. FULL makes a commit wait until the disk has it. The log is moved into the file
// every 16 MB rather than 4: under load that is most of the writing, and pages are changed several
// times in between.
const pragmas = `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
	PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000`

func openFile(path string) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Created here, so that nobody else can read who is where: SQLite would leave that to the
	// umask.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	name := filepath.ToSlash(path)
	if !strings.HasPrefix(name, "/") { // C:/…
		name = "/" + name
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: name}).String())
	if err != nil {
		return nil, err
	}
	d := &file{path: path, db: db}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(explain(err), d.close())
	}
	return d, nil
}

func (f *file) prepare() (err error) {
	ctx := context.Background()
	if f.conn, err = f.db.Conn(ctx); err != nil {
		return err
	}
	if _, err = f.conn.ExecContext(ctx, pragmas); err != nil {
		return err
	}
	if err = migrate(ctx, f.conn); err != nil {
		return err
	}
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&f.begin, "BEGIN IMMEDIATE"}, {&f.end, "COMMIT"}, {&f.undo, "ROLLBACK"},
		{&f.upsert, "INSERT INTO location (aor, ends, bindings) VALUES (?, ?, ?) ON CONFLICT (aor) DO UPDATE SET ends = excluded.ends, bindings = excluded.bindings"},
		{&f.remove, "DELETE FROM location WHERE aor = ?"},
	} {
		if *p.stmt, err = f.conn.PrepareContext(ctx, p.text); err != nil {
			return err
		}
	}
	return nil
}

// explain gives errors a name that callers check for.
func explain(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED) {
		return ErrInUse
	}
	return err
}

// transaction makes one transaction of body, which calls put, and calls after when it is committed.
func (f *file) transaction(body func() error, after func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.transactions++
	if _, err := f.begin.Exec(); err != nil {
		return err
	}
	err := body()
	if err == nil {
		_, err = f.end.Exec()
	}
	if err != nil {
		// SQLite may have undone it by itself: then this fails, which is fine.
		_, _ = f.undo.Exec()
		return err
	}
	after()
	return nil
}

// put writes the row of one address, within a transaction.
func (f *file) put(aor string, bindings []*registrar.Binding) error {
	if len(bindings) == 0 {
		_, err := f.remove.Exec(aor)
		return err
	}
	ends := bindings[0].Expires()
	for _, b := range bindings[1:] {
		if b.Expires().After(ends) {
			ends = b.Expires()
		}
	}
	f.row = registrar.AppendBindings(f.row[:0], bindings)
	_, err := f.upsert.Exec(aor, ends.UnixMilli(), f.row)
	return err
}

// close ends the connection; SQLite moves what is in the log into the file. The statements are
// closed first: as long as there is one SQLite keeps the file, and its lock.
func (f *file) close() error {
	var errs []error
	for _, s := range [...]*sql.Stmt{f.begin, f.end, f.undo, f.upsert, f.remove} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if f.conn != nil {
		errs = append(errs, f.conn.Close())
	}
	if err := errors.Join(append(errs, f.db.Close())...); err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return nil
}
