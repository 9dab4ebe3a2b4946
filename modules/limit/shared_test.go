package limit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/limit/bucket"
)

// node is a Limit without the goroutine that shares: the test says when.
func node(t *testing.T, url string) *Limit {
	t.Helper()
	share, err := OpenRedis(clients.New(clients.Options{}), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = share.Close() })
	l := New(Options{})
	l.shared = &shared{table: l.keys, share: share, log: l.o.Log, wake: make(chan struct{}, 1), dirty: map[bucket.Key]*sharedKey{}}
	l.serving.Store(&policy{Policy: Policy{Shared: true}})
	return l
}

// Nodes that count together pass as much as one, and what the others have passed since they last
// heard of each other: the bound that shared.go states.
func TestNodesShare(t *testing.T) {
	server := redistest.Start(t)
	const nodes, n, burst = 3, 50, 20
	var all []*Limit
	for range nodes {
		all = append(all, node(t, server.URL))
	}
	began := time.Now()
	passed := 0
	for range 20 {
		for _, l := range all {
			for range 30 { // more than there is
				if ok, _ := l.Rate("k", n, time.Second, burst); ok {
					passed++
				}
			}
		}
		for _, l := range all {
			if !l.shared.sync(context.Background()) {
				t.Fatal("not shared")
			}
		}
		time.Sleep(20 * time.Millisecond) // tokens come by the clock of Redis
	}
	took := time.Since(began).Seconds()
	if most := burst + n*took + (nodes-1)*(burst+n*took/20) + 1; float64(passed) > most {
		t.Errorf("%d passed in %.2f s, at most %.0f may", passed, took, most)
	}
	if least := n * took / 2; float64(passed) < least {
		t.Errorf("%d passed in %.2f s", passed, took)
	}
	// Once they have heard of each other, none has what another has taken
	for range burst {
		all[0].Rate("other", 1, time.Hour, burst)
	}
	all[1].Rate("other", 1, time.Hour, burst)
	for _, l := range all[:2] {
		l.shared.sync(context.Background())
	}
	if ok, retry := all[1].Rate("other", 1, time.Hour, burst); ok || retry < time.Hour {
		t.Errorf("%v %v", ok, retry)
	}
}

func TestNodesShareWindows(t *testing.T) {
	server := redistest.Start(t)
	a, b := node(t, server.URL), node(t, server.URL)
	count := func(l *Limit, times int) (passed int) {
		for range times {
			if ok, _ := l.Window("w", 10, time.Hour); ok {
				passed++
			}
		}
		l.shared.sync(context.Background())
		return passed
	}
	if n := count(a, 6); n != 6 {
		t.Error(n)
	}
	if n := count(b, 1); n != 1 {
		t.Error(n)
	}
	if n := count(b, 10); n != 3 {
		t.Errorf("%d of the 3 that were left", n)
	}
	if n := count(a, 10); n != 4 { // it has not heard of any of b's
		t.Errorf("%d", n)
	}
	for _, l := range []*Limit{a, b} {
		if n := count(l, 10); n != 0 {
			t.Errorf("%d beyond the window", n)
		}
	}
}

// told tells what a node has counted, once Redis is back.
func told(t *testing.T, l *Limit) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !l.shared.sync(context.Background()); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("Redis is not back")
		}
	}
}

// Where Redis is away each counts alone, and tells afterwards.
func TestRedisAway(t *testing.T) {
	server := redistest.Start(t)
	a, b := node(t, server.URL), node(t, server.URL)
	a.Rate("k", 1, time.Hour, 5)
	a.shared.sync(context.Background())
	server.Stop()
	passed := 0
	for range 10 {
		if ok, _ := a.Rate("k", 1, time.Hour, 5); ok {
			passed++
		}
	}
	if a.shared.sync(context.Background()) || passed != 4 || a.shared.away.Load() == 0 {
		t.Errorf("%d passed", passed)
	}
	server.Start()
	told(t, a)
	if a.shared.away.Load() != 0 {
		t.Error("it is still away")
	}
	b.Rate("k", 1, time.Hour, 5)
	told(t, b)
	if ok, _ := b.Rate("k", 1, time.Hour, 5); ok {
		t.Error("what was passed meanwhile was not told")
	}
}

// fakeShare counts batches.
type fakeShare struct{ batches, items, counted atomic.Int64 }

func (f *fakeShare) Close() error { return nil }
func (f *fakeShare) Sync(_ context.Context, items []Item) ([]State, error) {
	f.batches.Add(1)
	f.items.Add(int64(len(items)))
	for _, i := range items {
		f.counted.Add(int64(i.Count))
	}
	return make([]State, len(items)), nil
}

// Ten thousand checks are few batches, and everything is told.
func TestBatches(t *testing.T) {
	f := &fakeShare{}
	l := New(Options{Share: f})
	if err := l.Use(Policy{Shared: true}); err != nil {
		t.Fatal(err)
	}
	const n = 10_000
	for i := range n {
		l.Rate(fmt.Sprint(i%100), 1e6, time.Second, 0)
	}
	for end := time.Now().Add(10 * time.Second); f.counted.Load() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d were told", f.counted.Load(), n)
		}
	}
	if b := f.batches.Load(); b > 100 || f.items.Load() > 100*b {
		t.Errorf("%d batches of %d keys in all", b, f.items.Load())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkSync is what a batch costs, for each key in it.
func BenchmarkSync(b *testing.B) {
	server := redistest.Start(b)
	share, err := OpenRedis(clients.New(clients.Options{}), server.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer share.Close()
	items := make([]Item, 500)
	for i := range items {
		items[i] = Item{Name: fmt.Sprint(i), Rate: &bucket.Rate{Interval: time.Millisecond, Burst: 100}, Count: 1}
	}
	b.ResetTimer()
	for b.Loop() {
		if _, err := share.Sync(context.Background(), items); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(items)), "ns/key")
}

// Of a batch, what a server can't count now is told later, once; what it counted, and what is
// something else there, is not told again.
func TestToldLater(t *testing.T) {
	f := &answering{answers: map[string]State{"now": {Left: time.Hour}, "else": {Err: errors.New("WRONGTYPE")}, "later": {Err: errors.New("LOADING"), Again: true}}}
	l := New(Options{})
	l.shared = &shared{table: l.keys, share: f, log: l.o.Log, wake: make(chan struct{}, 1), dirty: map[bucket.Key]*sharedKey{}}
	l.serving.Store(&policy{Policy: Policy{Shared: true}})
	for name := range f.answers {
		l.Rate(name, 1, time.Hour, 5)
	}
	if l.shared.sync(context.Background()) || l.shared.away.Load() == 0 || l.shared.synced.Load() != 2 || l.shared.overflow.Load() != 1 {
		t.Errorf("away %d, %d told, %d dropped", l.shared.away.Load(), l.shared.synced.Load(), l.shared.overflow.Load())
	}
	f.answers["later"] = State{Left: time.Hour}
	f.told = nil
	if !l.shared.sync(context.Background()) || l.shared.away.Load() != 0 || len(f.told) != 1 || f.told["later"] != 1 {
		t.Errorf("told %v", f.told)
	}
	if f.told = nil; !l.shared.sync(context.Background()) || f.told != nil {
		t.Errorf("told %v", f.told)
	}
}

// answering answers by the key.
type answering struct {
	answers map[string]State
	told    map[string]int
}

func (*answering) Close() error { return nil }
func (f *answering) Sync(_ context.Context, items []Item) (list []State, _ error) {
	f.told = map[string]int{}
	for _, i := range items {
		list = append(list, f.answers[i.Name])
		f.told[i.Name] += i.Count
	}
	return list, nil
}

// The nodes of a Redis Cluster know the scripts, also one whose scripts were forgotten: of two
// servers' keys none is lost.
func TestClusterShares(t *testing.T) {
	nodes := redistest.Cluster(t)
	a, b := node(t, "redis://"+nodes[0].Addr+"?cluster=true&addr="+nodes[1].Addr), node(t, "redis://"+nodes[0].Addr+"?cluster=true&addr="+nodes[1].Addr)
	const keys = 30 // on all three
	for turn := range 2 {
		name := func(i int) string { return fmt.Sprintf("%d-%d", turn, i) }
		for i := range keys {
			for range 5 {
				a.Rate(name(i), 1, time.Hour, 5)
			}
			a.Window(name(i)+"w", 3, time.Hour)
		}
		told(t, a)
		if n := a.shared.overflow.Load(); n != 0 {
			t.Fatalf("%d counts were dropped", n)
		}
		for i := range keys {
			b.Rate(name(i), 1, time.Hour, 5)
		}
		told(t, b)
		for i := range keys {
			if ok, _ := b.Rate(name(i), 1, time.Hour, 5); ok {
				t.Errorf("turn %d: what was counted of key %d was not told", turn, i)
			}
		}
		nodes[1+turn].Forget()
	}
}
