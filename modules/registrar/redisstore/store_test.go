//go:build unix

package redisstore

// This file tests the store: the conformance test, several processes on one server, and a server
// that goes away.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/registrar/storetest"
)

func open(t testing.TB, url string, o Options) *Store {
	t.Helper()
	s, err := Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	server := redistest.Start(t)
	storetest.Run(t, func(t *testing.T) registrar.Store {
		s := open(t, server.URL, Options{})
		if err := s.client.Do(t.Context(), s.client.B().Flushall().Build()).Error(); err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestConformanceOfTwo: what holds for one process holds for two that take turns, whatever each
// remembers.
func TestConformanceOfTwo(t *testing.T) {
	server := redistest.Start(t)
	storetest.Run(t, func(t *testing.T) registrar.Store {
		p := &pair{nodes: [2]*Store{open(t, server.URL, Options{}), open(t, server.URL, Options{})}}
		if err := p.nodes[0].client.Do(t.Context(), p.nodes[0].client.B().Flushall().Build()).Error(); err != nil {
			t.Fatal(err)
		}
		return p
	})
}

// pair is two stores that are used alternately. Each waits until it has heard of what the other has
// changed.
type pair struct {
	nodes [2]*Store
	turn  atomic.Int64
}

func (p *pair) next() *Store { return p.nodes[p.turn.Add(1)&1] }

func (p *pair) Update(ctx context.Context, aor string, d registrar.Durability, change func([]*registrar.Binding) ([]*registrar.Binding, error)) error {
	return p.next().Update(ctx, aor, d, change)
}

func (p *pair) Lookup(ctx context.Context, aor string, now time.Time) ([]*registrar.Binding, error) {
	s := p.next()
	// A question that is answered comes after all that was told before it.
	if _, err := s.Count(ctx); err != nil {
		return nil, err
	}
	return s.Lookup(ctx, aor, now)
}

func (p *pair) Waits() (lookup, update bool) { return true, true }

func (p *pair) Count(ctx context.Context) (int, error) { return p.next().Count(ctx) }

func (p *pair) Sweep(ctx context.Context, now time.Time, gone func(string, *registrar.Binding)) error {
	var both sync.WaitGroup
	var mu sync.Mutex
	var errs [2]error
	for i, s := range p.nodes {
		both.Go(func() {
			errs[i] = s.Sweep(ctx, now, func(aor string, b *registrar.Binding) {
				mu.Lock()
				defer mu.Unlock()
				gone(aor, b)
			})
		})
	}
	both.Wait()
	return errors.Join(errs[:]...)
}

func (p *pair) Close() error { return nil }

func put(t testing.TB, s *Store, aor string, contacts ...string) error {
	t.Helper()
	var list []*registrar.Binding
	for _, c := range contacts {
		r := storetest.Record(c, time.Now(), time.Hour)
		list = append(list, registrar.NewBinding(&r))
	}
	return s.Update(context.Background(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) { return list, nil })
}

func contacts(t testing.TB, s *Store, aor string) string {
	t.Helper()
	list, err := s.Lookup(context.Background(), aor, time.Now())
	if err != nil {
		return err.Error()
	}
	text := ""
	for _, b := range list {
		text += b.Contact() + " "
	}
	return text
}

// eventually waits for what another goroutine or process brings about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestCacheIsToldOfChanges: a lookup is answered from the cache until another process changes the
// address; who waits hears of it.
func TestCacheIsToldOfChanges(t *testing.T) {
	server := redistest.Start(t)
	a, b := open(t, server.URL, Options{}), open(t, server.URL, Options{})
	told := make(chan string, 10)
	b.Join(nil, func(aor string) { told <- aor })
	if got := contacts(t, b, "bob"); got != "" {
		t.Error(got)
	}
	if list, ok := b.Peek("bob", time.Now()); !ok || len(list) != 0 {
		t.Error("that nobody is registered is not remembered")
	}
	if err := put(t, a, "bob", "sip:1@h"); err != nil {
		t.Fatal(err)
	}
	if aor := <-told; aor != "bob" {
		t.Errorf("told of %q", aor)
	}
	if _, ok := b.Peek("bob", time.Now()); ok {
		t.Error("what was changed is taken for fresh")
	}
	if got := contacts(t, b, "bob"); got != "sip:1@h " {
		t.Error(got)
	}
	for _, s := range []*Store{a, b} {
		eventually(t, "what was read is known", func() bool { _ = contacts(t, s, "bob"); _, ok := s.Peek("bob", time.Now()); return ok })
	}
}

// TestRedisStoppedAndStarted: while Redis is unavailable the cache answers and changes fail at
// once; then all goes on by itself.
func TestRedisStoppedAndStarted(t *testing.T) {
	for name, f := range map[string]struct{ leave, come func(*redistest.Server) }{
		"stopped": {(*redistest.Server).Stop, (*redistest.Server).Start},
		"frozen":  {(*redistest.Server).Freeze, (*redistest.Server).Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s := open(t, server.URL, Options{Patience: time.Second})
			if err := put(t, s, "bob", "sip:1@h"); err != nil {
				t.Fatal(err)
			}
			f.leave(server)
			began := time.Now()
			for range 50 {
				if err := put(t, s, "bob", "sip:2@h"); !errors.Is(err, ErrAway) {
					t.Errorf("%v, want %v", err, ErrAway)
				}
				if got := contacts(t, s, "bob"); got != "sip:1@h " {
					t.Errorf("while redis is away: %q", got)
				}
				if _, err := s.Lookup(t.Context(), "alice", time.Now()); !errors.Is(err, ErrAway) {
					t.Errorf("%v, want %v", err, ErrAway)
				}
			}
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("100 questions took %v: only the first ones may wait", d)
			}
			f.come(server)
			eventually(t, "a change is accepted", func() bool { return put(t, s, "bob", "sip:3@h") == nil })
			if got := contacts(t, s, "bob"); got != "sip:3@h " {
				t.Error(got)
			}
			if got := contacts(t, s, "alice"); got != "" {
				t.Error(got)
			}
		})
	}
}

// TestChangesDuringAnAbsence: what another process changed while our connection was lost is not
// missed.
func TestChangesDuringAnAbsence(t *testing.T) {
	server := redistest.Start(t)
	a, b := open(t, server.URL, Options{}), open(t, server.URL, Options{})
	if err := put(t, a, "bob", "sip:1@h"); err != nil {
		t.Fatal(err)
	}
	if got := contacts(t, b, "bob"); got != "sip:1@h " {
		t.Fatal(got)
	}
	kill := a.client.B().ClientKill().TypeNormal().SkipmeYes().Build()
	if err := a.client.Do(t.Context(), kill).Error(); err != nil {
		t.Fatal(err)
	}
	if err := put(t, a, "bob", "sip:2@h"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is seen", func() bool { return contacts(t, b, "bob") == "sip:2@h " })
}

// TestAbsencesAreTold: who wants to hear of changes hears that there may have been some, when the
// connection was lost and when Redis is back.
func TestAbsencesAreTold(t *testing.T) {
	server := redistest.Start(t)
	a, b := open(t, server.URL, Options{}), open(t, server.URL, Options{Patience: time.Second})
	if err := put(t, a, "bob", "sip:1@h"); err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1000)
	b.Join(nil, func(aor string) { told <- aor })
	sees := func(want string) { // by one who looks when he is told to
		t.Helper()
		for end := time.After(20 * time.Second); ; {
			select {
			case <-told:
				if contacts(t, b, "bob") == want {
					return
				}
			case <-end:
				t.Fatalf("%q is never seen", want)
			}
		}
	}
	if got := contacts(t, b, "bob"); got != "sip:1@h " {
		t.Fatal(got)
	}
	if err := a.client.Do(t.Context(), a.client.B().ClientKill().TypeNormal().SkipmeYes().Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := put(t, a, "bob", "sip:2@h"); err != nil {
		t.Fatal(err)
	}
	sees("sip:2@h ")
	server.Stop()
	_ = put(t, b, "bob", "sip:never@h")
	server.Start()
	eventually(t, "redis is available again", func() bool { return put(t, a, "bob", "sip:3@h") == nil })
	sees("sip:3@h ")
}

// TestRedisForgets: an address that nobody sweeps ends by itself.
func TestRedisForgets(t *testing.T) {
	s := open(t, redistest.Start(t).URL, Options{})
	if err := put(t, s, "bob", "sip:1@h"); err != nil {
		t.Fatal(err)
	}
	left, err := s.client.Do(t.Context(), s.client.B().Pttl().Key(prefix+"bob").Build()).AsInt64()
	if d := time.Duration(left) * time.Millisecond; err != nil || d < time.Hour || d > time.Hour+grace {
		t.Errorf("kept for %v, %v", d, err)
	}
	// As if it had: the sweep mends the count.
	if err := s.client.Do(t.Context(), s.client.B().Del().Key(prefix+"bob").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := s.Sweep(t.Context(), time.Now().Add(2*time.Hour), func(string, *registrar.Binding) { t.Error("told of what is not there") }); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Count(t.Context()); n != 0 || err != nil {
		t.Error(n, err)
	}
}

// TestSweepPassesOver: what can't be read keeps nobody else's bindings, nor the count.
func TestSweepPassesOver(t *testing.T) {
	s := open(t, redistest.Start(t).URL, Options{})
	for i := range 20 {
		if err := put(t, s, fmt.Sprint("user", i), "sip:1@h"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][]string{{"SET", prefix + "user3", "\x02of another version"}, {"DEL", prefix + "user7"}, {"LPUSH", prefix + "user7", "of another type"}} {
		if err := s.client.Do(t.Context(), s.client.B().Arbitrary(c...).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	if err := s.Sweep(t.Context(), time.Now().Add(2*time.Hour), func(string, *registrar.Binding) { told++ }); err == nil {
		t.Error("that some can't be read is not said")
	}
	if n, err := s.Count(t.Context()); told != 18 || n != 2 || err != nil {
		t.Errorf("told of %d, %d left (%v)", told, n, err)
	}
}

// TestKeptAsLongAsGranted: Redis keeps what is registered by a clock that is behind, or ahead, for
// the time that was granted.
func TestKeptAsLongAsGranted(t *testing.T) {
	s := open(t, redistest.Start(t).URL, Options{})
	for name, at := range map[string]time.Time{"behind": time.Now().Add(-24 * time.Hour), "ahead": time.Now().Add(24 * time.Hour), "no time": {}} {
		t.Run(name, func(t *testing.T) {
			r := storetest.Record("sip:1@h", at, time.Hour)
			if err := s.Update(t.Context(), name, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
				return []*registrar.Binding{registrar.NewBinding(&r)}, nil
			}); err != nil {
				t.Fatal(err)
			}
			left, err := s.client.Do(t.Context(), s.client.B().Pttl().Key(prefix+name).Build()).AsInt64()
			if d := time.Duration(left) * time.Millisecond; err != nil || d < time.Hour || d > time.Hour+grace {
				t.Errorf("%s: kept for %v, %v", name, d, err)
			}
		})
	}
}

func TestBadURLs(t *testing.T) {
	for _, url := range []string{"x", "http://h", "redis://127.0.0.1:1", "redis://:secret@[::1", "redis://:secret@h:x/"} {
		if s, err := Open(url, Options{Patience: time.Second}); err == nil {
			t.Errorf("%s was opened: %v", url, s)
		} else if text := err.Error(); len(text) > 300 || fmt.Sprint(err) == "" || strings.Contains(text, "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
