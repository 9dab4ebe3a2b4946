package source

// Lists: read as a whole, read again when there is reason to, and swapped.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/clients"
)

const (
	// look is how often a file is checked. A changed one is read once it looks the same twice.
	look = 500 * time.Millisecond
	// again is how soon a database that could not be read is tried again, or at its next time if
	// that is sooner.
	again = 10 * time.Second
	// mostLoad bounds one reading of a database. The deadline of the client is for a query by key.
	mostLoad = time.Minute
)

// Options of Open. Name and one of Build and Fold are required.
type Options[T, V any] struct {
	// Name identifies the list in logs, in metrics and on disk: "acl.trunks".
	Name string
	// Build makes from all entries what lookups need. An error made by At names the line of an
	// entry.
	Build func(entries []T) (V, error)
	// Fold is for lists that are too long to be held as entries. It is called for each reading: add
	// receives one entry after the other, each valid until it returns, as are its texts (clone what
	// is kept), and its error names the line; done makes what lookups need.
	Fold func() (add func(entry *T) error, done func() (V, error))
	// Default is the state of an entry before it is read.
	Default T
	// Line reads a line of a file that is neither .csv nor .json; is: it has an entry. nil: an
	// entry is the text of its field marked "bare".
	Line func(line string) (entry T, is bool, err error)
	// Clients has the databases. nil: there are none.
	Clients *clients.Pool
	// Query reads the module's own tables. Layouts are the queries for others' tables by name;
	// columns that do not correspond to fields are ignored.
	Query string
	// Queries by the name of a layout: whose tables a database has
	Layouts map[string]string
	// Changed is told of a list that took the place of another one; nil: nobody is.
	Changed func(was, is V)
	// Keep is the directory of --data: there the last list of a database is kept for a start
	// without it.
	Keep string
	// Max bounds the entries, default four million.
	Max int
	Log *slog.Logger     // default: nobody is told
	Now func() time.Time // replaces time.Now in tests; nil: time.Now
}

// List is a list in force. It is safe for concurrent use.
type List[V any] struct {
	name, from string
	log        *slog.Logger
	now        func() time.Time
	// And the number of entries; called with mu held
	read    func(ctx context.Context) (V, int, error)
	current atomic.Pointer[V]
	changed func(was, is V) // or nil
	db      *clients.DB     // nil if the source is not one
	web     *clients.HTTP   // nil if the source is not a server

	entries  atomic.Int64
	loaded   atomic.Int64 // when the list was read, in nanoseconds since 1970
	stale    atomic.Int64 // since when it could not be read again, 0 while it can
	failures atomic.Uint64

	mu     sync.Mutex  // one reads at a time
	failed string      // guarded by mu: the error that was last reported
	file   os.FileInfo // guarded by mu: of the file that was read, good or bad
	gone   bool        // guarded by mu: there was no file at the last check

	stop  context.CancelFunc
	ended chan struct{} // closed when nothing checks for changes any more
}

// Open reads a list. An error names the file and the line, or the server. The list has to be
// closed.
func Open[T, V any](ctx context.Context, s Spec, o Options[T, V]) (*List[V], error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Max <= 0 {
		o.Max = defaultMax
	}
	if s.Every <= 0 {
		s.Every = defaultEvery
	}
	l := &List[V]{name: o.Name, from: s.Name(), now: o.Now, changed: o.Changed, log: o.Log.With("list", o.Name, "store", s.Name()), ended: make(chan struct{})}
	next, err := prepare(l, &s, &o, o.reader())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	if err := l.Reload(ctx); err != nil {
		if next.kept == nil || !errors.Is(err, clients.ErrAway) || !l.useKept(next.kept) {
			_ = l.closeClients()
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	watch, stop := context.WithCancel(context.Background())
	l.stop = stop
	if next.every == 0 {
		close(l.ended)
		return l, nil
	}
	go l.watch(watch, next.every, s.path()) // ends with Close
	return l, nil
}

// reader begins a reading: what is read goes into the collector, and finish, which receives the
// error of reading, makes the list of it.
type reader[T, V any] func() (c *collector[T], finish func(error) (v V, n int, err error))

func (o *Options[T, V]) reader() reader[T, V] {
	typ, learned := typeOf(reflect.TypeFor[T]()), &atomic.Pointer[binding]{}
	return func() (*collector[T], func(error) (V, int, error)) {
		c := &collector[T]{typ: typ, learned: learned, std: o.Default, max: o.Max, parser: o.Line, place: func(n int) string { return fmt.Sprintf("entry %d", n) }}
		done := func() (V, error) { return o.Build(c.list) }
		if o.Fold != nil {
			c.fold, done = o.Fold()
		}
		return c, func(err error) (v V, n int, _ error) {
			if err == nil {
				err = c.err()
			}
			if err == nil {
				v, err = done()
				err = c.placed(err)
			}
			return v, c.count, err
		}
	}
}

// plan is what happens to a list after it was first read.
type plan[V any] struct {
	every time.Duration                     // how often it is looked at, 0: never
	kept  func() (V, int, time.Time, error) // nil: none is kept
}

// prepare sets how l is read.
func prepare[T, V any](l *List[V], s *Spec, o *Options[T, V], read reader[T, V]) (p plan[V], err error) {
	switch {
	case s.path() != "":
		p.every = look
		l.read = func(context.Context) (V, int, error) {
			c, finish := read()
			info, err := readFile(c, s.path())
			v, n, err := finish(err)
			if info != nil {
				l.file = info // also of a bad one: it is read again when it has changed
			}
			return v, n, err
		}
	case isWeb(s.URL):
		return web(l, s, o, read)
	case s.URL != "":
		return database(l, s, o, read)
	case s.Func != nil:
		l.read = func(ctx context.Context) (V, int, error) {
			c, finish := read()
			value, err := s.Func(ctx)
			if err == nil {
				err = c.table(value)
			}
			return finish(err)
		}
	default:
		l.read = func(context.Context) (V, int, error) {
			c, finish := read()
			return finish(c.table(s.Entries))
		}
	}
	return p, nil
}

// database is prepare for a database.
func database[T, V any](l *List[V], s *Spec, o *Options[T, V], read reader[T, V]) (p plan[V], err error) {
	query, loose := o.Query, false
	switch {
	case s.Query != "":
		query = s.Query
	case s.Layout != "":
		if query, loose = o.Layouts[s.Layout]; !loose {
			return p, fmt.Errorf("there is no layout %.40q for this list", s.Layout)
		}
	}
	if query == "" {
		return p, errors.New("a database needs a query")
	}
	if o.Clients == nil {
		return p, errors.New("databases are not available here")
	}
	if l.db, err = o.Clients.DB(s.URL, clients.DBOptions{Timeout: mostLoad}); err != nil {
		return p, err
	}
	keep := ""
	if o.Keep != "" {
		keep = filepath.Join(o.Keep, "lists", fileName(o.Name))
		p.kept = func() (v V, n int, at time.Time, err error) {
			c, finish := read()
			c.loose = loose
			at, err = readKept(c, keep)
			v, n, err = finish(err)
			return v, n, at, err
		}
	}
	p.every = s.Every
	l.read = func(ctx context.Context) (V, int, error) {
		c, finish := read()
		c.loose = loose
		return finish(readDatabase(ctx, c, l.db, query, keep))
	}
	return p, nil
}

// fileName is a list's name as that of a file.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, name) + ".rows"
}

// Get is the list in force.
func (l *List[V]) Get() V { return *l.current.Load() }

// Reload reads the list again, whether it has changed or not. On an error the old one stays.
func (l *List[V]) Reload(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reload(ctx)
}

// reload is Reload with mu held.
func (l *List[V]) reload(ctx context.Context) error {
	v, n, err := l.read(ctx)
	first := l.current.Load() == nil
	if errors.Is(err, errSame) && !first {
		l.loaded.Store(l.now().UnixNano())
		l.stale.Store(0)
		l.failed = ""
		return nil
	}
	if err != nil {
		if ctx.Err() != nil {
			return err // it says nothing about the source
		}
		l.failures.Add(1)
		l.stale.CompareAndSwap(0, l.now().UnixNano())
		if text := err.Error(); !first && text != l.failed {
			l.log.Error("the list cannot be read again; the one before remains in force", "error", err)
			l.failed = text
		}
		return err
	}
	was := l.current.Load()
	l.put(v, n, l.now())
	if !first && l.changed != nil {
		l.changed(*was, v)
	}
	l.stale.Store(0)
	if !first {
		l.log.Info("the list was read again", "count", n)
	}
	l.failed = ""
	return nil
}

func (l *List[V]) put(v V, n int, at time.Time) {
	l.current.Store(&v)
	l.entries.Store(int64(n))
	l.loaded.Store(at.UnixNano())
}

// useKept puts the kept list into force if there is one.
func (l *List[V]) useKept(kept func() (V, int, time.Time, error)) bool {
	v, n, at, err := kept()
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			l.log.Error("the list that was kept can't be read", "error", err)
		}
		return false
	}
	l.put(v, n, at)
	l.log.Warn("the source is unavailable: the kept list is in force", "count", n, "read", at)
	return true
}

// watch checks for changes until ctx ends.
func (l *List[V]) watch(ctx context.Context, every time.Duration, path string) {
	defer close(l.ended)
	timer := time.NewTimer(l.pause(every, path))
	defer timer.Stop()
	var seen os.FileInfo // as it was at the last check
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if path == "" {
			_ = l.Reload(ctx) // it has reported the error
		} else {
			seen = l.glance(ctx, path, seen)
		}
		timer.Reset(l.pause(every, path))
	}
}

// pause is how long to wait until the next check.
func (l *List[V]) pause(every time.Duration, path string) time.Duration {
	if path == "" && l.stale.Load() != 0 {
		return min(again, every)
	}
	return every
}

// glance checks the file, and reads it if it is not the one that was read and has not changed since
// the last check. It returns its current state.
func (l *List[V]) glance(ctx context.Context, path string, seen os.FileInfo) os.FileInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(path)
	gone := l.gone
	l.gone = err != nil
	switch {
	case err != nil && gone:
		return nil // that was told
	// As it was read, good or bad
	case err == nil && !gone && l.file != nil && sameFile(info, l.file):
		return nil
	case err == nil && (seen == nil || !sameFile(info, seen)):
		l.gone = gone // not looked at yet
		return info
	}
	_ = l.reload(ctx) // it reports the error, also that there is no file
	return info
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Close stops checking for changes, and releases the database. The list may still be used.
func (l *List[V]) Close() error {
	if l == nil { // it could not be opened
		return nil
	}
	l.stop()
	<-l.ended
	return l.closeClients()
}

func (l *List[V]) closeClients() error {
	switch {
	case l.db != nil:
		return l.db.Close()
	case l.web != nil:
		return l.web.Close()
	}
	return nil
}
