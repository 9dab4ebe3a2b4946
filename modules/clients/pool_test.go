package clients

// This file tests sharing and circuits, with a clock of the test's.

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tried is a gate with a clock that the test moves on.
type tried struct {
	*gate
	t     *testing.T
	clock time.Time
	calls int
}

func newTried(t *testing.T) *tried {
	x := &tried{t: t, clock: time.Unix(0, 0)}
	x.gate = newGate("sql", "db", New(Options{}).opts.Log, func() time.Time { return x.clock })
	return x
}

// call makes a call that ends so; it returns whether it was made.
func (x *tried) call(end error) (made bool, err error) {
	before := x.calls
	err = x.do(x.t.Context(), time.Minute, nil, func(context.Context) error {
		x.calls++
		return end
	})
	return x.calls > before, err
}

func TestCircuit(t *testing.T) {
	x := newTried(t)
	broken := fmt.Errorf("read: %w", syscall.ECONNRESET)
	for i := range mostFailures {
		if made, err := x.call(broken); !made || !errors.Is(err, ErrAway) || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("call %d: %v %v", i, made, err)
		}
	}
	if made, err := x.call(nil); made || !errors.Is(err, ErrAway) || err.Error() != "db: is unavailable: read: connection reset by peer" {
		t.Errorf("an open circuit: %v %v", made, err)
	}
	// Each trial that fails is followed by a longer pause.
	hold := firstHold
	for range 8 {
		x.clock = x.clock.Add(hold - 1)
		if made, _ := x.call(nil); made {
			t.Errorf("before %v", hold)
		}
		x.clock = x.clock.Add(1)
		if made, err := x.call(broken); !made || !errors.Is(err, ErrAway) {
			t.Errorf("after %v: %v %v", hold, made, err)
		}
		hold = min(2*hold, mostHold)
	}
	if x.sinceAway() == 0 {
		t.Error("since when is it away?")
	}
	x.clock = x.clock.Add(mostHold)
	for range 2 {
		if made, err := x.call(nil); !made || err != nil {
			t.Errorf("back: %v %v", made, err)
		}
	}
	if x.sinceAway() != 0 || x.figures.refused.Load() != 9 || x.figures.failed.Load() != 11 || x.figures.ok.Load() != 2 {
		t.Errorf("%d refused, %d failed, %d ok", x.figures.refused.Load(), x.figures.failed.Load(), x.figures.ok.Load())
	}
}

// What a server answers, and what its caller does, opens no circuit; a refused connection does at
// once.
func TestWhatOpensACircuit(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, row := range map[string]struct {
		ctx   context.Context
		end   error
		calls int
		opens bool
	}{
		"an answer":            {t.Context(), errors.New("syntax error"), 5, false},
		"a caller that leaves": {ended, context.Canceled, 5, false},
		"time that runs out":   {t.Context(), context.DeadlineExceeded, mostFailures, true},
		"too few":              {t.Context(), context.DeadlineExceeded, mostFailures - 1, false},
		"a refusal":            {t.Context(), syscall.ECONNREFUSED, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTried(t)
			for range row.calls {
				_ = x.do(row.ctx, time.Minute, nil, func(context.Context) error { return row.end })
			}
			if x.away.Load() != row.opens {
				t.Errorf("away: %v", !row.opens)
			}
		})
	}
	// A caller's deadline tells of the server where it is about as patient as the gate.
	for name, row := range map[string]struct {
		patience time.Duration
		opens    bool
	}{"in a hurry": {400 * time.Millisecond, false}, "patient": {600 * time.Millisecond, true}} {
		t.Run(name, func(t *testing.T) {
			x := newTried(t)
			for range mostFailures {
				ctx, cancel := context.WithDeadline(t.Context(), time.Now())
				_ = x.do(ctx, time.Second, nil, func(ctx context.Context) error {
					x.clock = x.clock.Add(row.patience)
					return ctx.Err()
				})
				cancel()
			}
			if x.away.Load() != row.opens {
				t.Errorf("away: %v", !row.opens)
			}
		})
	}
	t.Run("a success in between", func(t *testing.T) {
		x := newTried(t)
		for range 5 {
			_, _ = x.call(context.DeadlineExceeded)
			_, _ = x.call(context.DeadlineExceeded)
			_, _ = x.call(nil)
		}
		if x.away.Load() {
			t.Error("away")
		}
	})
}

// One trial at a time; one that panics, or is given up, leaves room for the next.
func TestTrials(t *testing.T) {
	x := newTried(t)
	_, _ = x.call(syscall.ECONNREFUSED)
	x.clock = x.clock.Add(firstHold)
	err := x.do(t.Context(), time.Minute, nil, func(context.Context) error {
		if made, _ := x.call(nil); made {
			t.Error("two trials at once")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	_, _ = x.call(syscall.ECONNREFUSED)
	x.clock = x.clock.Add(firstHold)
	func() {
		defer func() { _ = recover() }()
		_ = x.do(t.Context(), time.Minute, nil, func(context.Context) error { panic("a bug") })
	}()
	if made, err := x.call(nil); !made || err != nil {
		t.Errorf("after a panic: %v %v", made, err)
	}
}

func TestDeadline(t *testing.T) {
	x := newTried(t)
	err := x.do(t.Context(), time.Millisecond, nil, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, ErrAway) {
		t.Error(err)
	}
}

// fakeDriver counts what is opened.
func fakeDriver(opened *int, fail error) Driver {
	return Driver{Name: "fake", Schemes: []string{"fake"}, Open: func(string, bool) (*sql.DB, error) {
		*opened++
		if fail != nil {
			return nil, fail
		}
		return sql.OpenDB(nil), nil
	}, Bind: func(n int) string { return fmt.Sprintf("$%d", n) }}
}

// A database is opened once for all who use it, and closed when nobody does.
func TestSharing(t *testing.T) {
	opened := 0
	p := New(Options{Drivers: []Driver{fakeDriver(&opened, nil)}})
	open := func(url string) *DB {
		db, err := p.DB(url, DBOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	a, b, other := open("fake://u:hidden@h/d"), open("fake://u:hidden@h/d"), open("fake://h/other")
	if opened != 2 || len(p.gates()) != 2 || a.db != b.db || a.db == other.db {
		t.Errorf("%d opened, %d gates", opened, len(p.gates()))
	}
	if a.Name() != "fake://u:xxxxx@h/d" {
		t.Error(a.Name())
	}
	_, _ = a.Close(), a.Close()
	if len(p.gates()) != 2 {
		t.Error("closed while it is used")
	}
	for _, m := range p.Metrics() {
		if strings.Contains(fmt.Sprint(m.Labels), "hidden") {
			t.Errorf("%v", m.Labels)
		}
	}
	_, _ = b.Close(), other.Close()
	if len(p.gates()) != 0 || len(p.Metrics()) != 0 {
		t.Error("still open")
	}
	c := open("fake://u:hidden@h/d")
	defer c.Close()
	if opened != 3 {
		t.Error("not opened again")
	}
}

// What can't be opened leaves nothing behind.
func TestOpeningThatFails(t *testing.T) {
	opened := 0
	p := New(Options{Drivers: []Driver{fakeDriver(&opened, errors.New("no such file"))}})
	for range 2 {
		if _, err := p.DB("fake://u:hidden@h/d", DBOptions{}); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Error(err)
		}
	}
	if opened != 2 || len(p.open) != 0 {
		t.Errorf("%d, %d", opened, len(p.open))
	}
}

func TestBind(t *testing.T) {
	opened := 0
	p := New(Options{Drivers: []Driver{fakeDriver(&opened, nil)}})
	db, err := p.DB("fake://h", DBOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := db.Bind(`SELECT '?' , "a?", b FROM c WHERE d = ? AND e = ?`); got != `SELECT '?' , "a?", b FROM c WHERE d = $1 AND e = $2` {
		t.Error(got)
	}
	for name, row := range map[string]struct {
		query, want, names, fail string
	}{
		"two":     {`SELECT a FROM b WHERE u = :user AND r = :realm AND v = :user`, `SELECT a FROM b WHERE u = ? AND r = ? AND v = ?`, "user realm user", ""},
		"quotes":  {`SELECT ':user' WHERE u = :user`, `SELECT ':user' WHERE u = ?`, "user", ""},
		"a cast":  {`SELECT a::text WHERE u = :user::text`, `SELECT a::text WHERE u = ?::text`, "user", ""},
		"a time":  {`SELECT 1:2, x[1:3]`, `SELECT 1:2, x[1:3]`, "", ""},
		"unknown": {`SELECT :usr`, "", "", "unknown name :usr; the names are :user, :realm"},
		"at end":  {`SELECT a:`, `SELECT a:`, "", ""},
		"a quote": {`SELECT 'a`, "", "", "not closed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, names, err := Named(row.query, "user", "realm")
			if row.fail != "" {
				if err == nil || !strings.Contains(err.Error(), row.fail) {
					t.Error(err)
				}
				return
			}
			if err != nil || got != row.want || strings.Join(names, " ") != row.names {
				t.Errorf("%q %q %v", got, names, err)
			}
		})
	}
}

func BenchmarkGate(b *testing.B) {
	g := newGate("sql", "db", New(Options{}).opts.Log, time.Now)
	ctx := context.Background()
	f := func(context.Context) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		_ = g.do(ctx, time.Second, nil, f)
	}
}

// "db:" is the default database, where there is one.
func TestDefaultDB(t *testing.T) {
	opened := ""
	d := Driver{Name: "x", Schemes: []string{"x"}, Open: func(url string, _ bool) (*sql.DB, error) {
		opened = url
		return nil, errors.New("not here")
	}}
	p := New(Options{Drivers: []Driver{d}, DB: "x:y"})
	if !p.IsDatabase("db:") {
		t.Error("it is not a database")
	}
	if _, err := p.DB("db:", DBOptions{}); err == nil || opened != "x:y" {
		t.Errorf("opened %q: %v", opened, err)
	}
	p = New(Options{Drivers: []Driver{d}})
	if p.IsDatabase("db:") {
		t.Error("there is none")
	}
	if _, err := p.DB("db:", DBOptions{}); err == nil || !strings.Contains(err.Error(), "--db URL") {
		t.Errorf("%v", err)
	}
}
