package clients

// Databases.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Driver opens databases of one kind.
type Driver struct {
	Name    string   // "postgres"
	Schemes []string // of its URLs: "postgres", "postgresql"
	// Open makes a handle and connects to nothing. create: a database in a file may be made.
	Open func(url string, create bool) (*sql.DB, error)
	// Bind is how the n-th argument of a query is written, from 1; nil: "?".
	Bind func(n int) string
	// Away reports whether an error means that the server cannot serve now; nil: none does.
	Away func(error) bool
	// Missing reports whether an error means that a table is missing.
	Missing func(error) bool
	// Refuses reports whether an error means that values of the statement can't be stored: too
	// long, of another type, against a constraint. nil: none does.
	Refuses func(error) bool
	// Again reports whether a transaction that failed with an error may succeed if it is tried
	// again, because it got in the way of another. nil: none does.
	Again func(error) bool
}

// DBOptions of [Pool.DB]. Whoever opens a database first decides for all who share it, except for
// Timeout.
type DBOptions struct {
	Conns   int           // connections at most, default 8
	Timeout time.Duration // of one call, default 5 s
	// Make a database in a file that is not there, and set it up for writers (WAL)
	Create bool
}

// DB is a database, shared by everybody who opened the same URL.
type DB struct {
	pool    *Pool
	b       *backend
	driver  *Driver
	db      *sql.DB
	timeout time.Duration
	once    sync.Once
}

// IsDatabase reports whether the text is a URL of a database that the pool has a driver for.
func (p *Pool) IsDatabase(text string) bool { return p.driver(text) != nil }

// DefaultDB stands for the URL of Options.DB wherever the URL of a database is given.
const DefaultDB = "db:"

// resolve is the URL that is meant.
func (p *Pool) resolve(url string) string {
	if url == DefaultDB {
		return p.opts.DB
	}
	return url
}

func (p *Pool) driver(url string) *Driver {
	url = p.resolve(url)
	scheme, rest, ok := strings.Cut(url, ":")
	for i := range p.opts.Drivers {
		if ok && rest != "" && slices.Contains(p.opts.Drivers[i].Schemes, scheme) {
			return &p.opts.Drivers[i]
		}
	}
	return nil
}

// DB opens a database by its URL: "sqlite:PATH", "postgres://…", "mysql://…". It does not connect,
// so a start does not depend on which of two machines is up first; but a missing file is an error.
func (p *Pool) DB(url string, o DBOptions) (*DB, error) {
	d := p.driver(url)
	if url == DefaultDB && p.opts.DB == "" {
		return nil, errors.New("there is no default database: start the server with --db URL")
	}
	url = p.resolve(url)
	if d == nil {
		return nil, fmt.Errorf("%s is not the URL of a database; the schemes are %s", Redacted(url), p.schemes())
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Conns <= 0 {
		o.Conns = 8
	}
	b, err := p.share("sql", url, func(g *gate) (any, func() error, error) {
		db, err := d.Open(url, o.Create)
		if err != nil {
			return nil, nil, g.wrap(err)
		}
		db.SetMaxOpenConns(o.Conns)
		db.SetMaxIdleConns((o.Conns + 1) / 2)
		db.SetConnMaxIdleTime(5 * time.Minute)
		return db, db.Close, nil
	})
	if err != nil {
		return nil, err
	}
	return &DB{pool: p, b: b, driver: d, db: b.value.(*sql.DB), timeout: o.Timeout}, nil
}

func (p *Pool) schemes() string {
	var names []string
	for _, d := range p.opts.Drivers {
		names = append(names, d.Schemes[0]+":…")
	}
	return strings.Join(names, ", ")
}

// Close gives it back. It may be called again.
func (d *DB) Close() (err error) {
	d.once.Do(func() { err = d.pool.release(d.b) })
	return err
}

// Name is the URL without its password.
func (d *DB) Name() string { return d.b.name }

// Kind is the driver's name.
func (d *DB) Kind() string { return d.driver.Name }

// Missing reports whether an error means that a table is missing.
func (d *DB) Missing(err error) bool { return d.driver.Missing != nil && d.driver.Missing(err) }

// Refuses reports whether an error means that values of the statement can't be stored, whenever it
// is tried again.
func (d *DB) Refuses(err error) bool { return d.driver.Refuses != nil && d.driver.Refuses(err) }

// Do calls f with the database, within the timeout. It returns [ErrAway], wrapped, when the server
// can't be reached, or could not a moment ago.
func (d *DB) Do(ctx context.Context, f func(ctx context.Context, db *sql.DB) error) error {
	return d.b.do(ctx, d.timeout, d.driver.Away, func(ctx context.Context) error { return f(ctx, d.db) })
}

// Query asks, and calls each for every row, which it scans from. query is written with "?".
func (d *DB) Query(ctx context.Context, each func(rows *sql.Rows) error, query string, args ...any) error {
	return d.Do(ctx, func(ctx context.Context, db *sql.DB) error {
		rows, err := db.QueryContext(ctx, d.Bind(query), args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := each(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// mostTries is how often a transaction is tried that got in the way of others.
const mostTries = 10

// backOff is how long it waits at most after the first time, and twice as long after each further
// one, so that the same two do not meet again.
const backOff = 2 * time.Millisecond

// Tx runs f in a transaction, which is rolled back if f fails. If the database rolls it back in
// favour of another, f is called again.
func (d *DB) Tx(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	return d.Do(ctx, func(ctx context.Context, db *sql.DB) (err error) {
		for i := range mostTries {
			if err = transact(ctx, db, f); err == nil || d.driver.Again == nil || !d.driver.Again(err) {
				return err
			}
			pause := time.NewTimer(rand.N(backOff << i))
			select {
			case <-pause.C:
			case <-ctx.Done():
				pause.Stop()
				return err
			}
		}
		return err
	})
}

func transact(ctx context.Context, db *sql.DB, f func(ctx context.Context, tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, after a commit
	if err := f(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Bind writes a query's "?" as the database has them, and leaves those in quotes alone.
func (d *DB) Bind(query string) string {
	if d.driver.Bind == nil {
		return query
	}
	var b strings.Builder
	n := 0
	_ = scan(query, func(text string, quoted bool) error {
		if quoted {
			b.WriteString(text)
			return nil
		}
		for i, part := range strings.Split(text, "?") {
			if i > 0 {
				n++
				b.WriteString(d.driver.Bind(n))
			}
			b.WriteString(part)
		}
		return nil
	})
	return b.String()
}

// Named makes a query with names (":user") one with "?", and lists the names in the order of their
// places. Only those among known are names; a name that is not is an error. "::" is left alone.
func Named(query string, known ...string) (text string, names []string, err error) {
	var b strings.Builder
	err = scan(query, func(text string, quoted bool) error {
		if quoted {
			b.WriteString(text)
			return nil
		}
		for {
			i := strings.IndexByte(text, ':')
			if i < 0 || i == len(text)-1 {
				b.WriteString(text)
				return nil
			}
			b.WriteString(text[:i])
			if text[i+1] == ':' || !letter(text[i+1]) { // a cast of PostgreSQL
				b.WriteString(text[i : i+2])
				text = text[i+2:]
				continue
			}
			end := i + 1
			for end < len(text) && letter(text[end]) {
				end++
			}
			name := text[i+1 : end]
			if !slices.Contains(known, name) {
				return fmt.Errorf("unknown name :%s; the names are :%s", name, strings.Join(known, ", :"))
			}
			names = append(names, name)
			b.WriteByte('?')
			text = text[end:]
		}
	})
	return b.String(), names, err
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

var errQuote = errors.New("a quote that is not closed")

// scan calls f with the parts of a query outside and inside of quotes, quotes included.
func scan(query string, f func(text string, quoted bool) error) error {
	for query != "" {
		i := strings.IndexAny(query, "'\"`")
		if i < 0 {
			return f(query, false)
		}
		if err := f(query[:i], false); err != nil {
			return err
		}
		end := strings.IndexByte(query[i+1:], query[i])
		if end < 0 {
			return errors.Join(errQuote, f(query[i:], true))
		}
		end += i + 2
		if err := f(query[i:end], true); err != nil {
			return err
		}
		query = query[end:]
	}
	return nil
}
