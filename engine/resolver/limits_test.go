package resolver

// This file tests the bounds on lookups in progress, Close, and many goroutines at once.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

func TestMaxInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards now, most, answered
		var now, most, answered int
		o := virtual(func(ctx context.Context, _ string, m *dns.Msg) (*dns.Msg, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return answerA(m), nil
		}, "192.0.2.53")
		o.MaxInFlight = 3 // resolutions; each has two questions, which are bounded for themselves
		r := start(t, o)
		for i := range 12 {
			r.Resolve(&Query{Host: fmt.Sprintf("n%d.example.com", i), Port: 5060}, func(peers []transport.Peer, err error) {
				mu.Lock()
				defer mu.Unlock()
				if answered++; err != nil || len(peers) != 1 {
					t.Errorf("%v %v", list(peers), err)
				}
			})
		}
		time.Sleep(time.Second)
		r.Close()
		if answered != 12 || most != 3 || r.workers != 0 || r.waiting != 0 || len(r.jobs) != 0 {
			t.Errorf("%d answered, %d at once, %d workers, %d waiting", answered, most, r.workers, r.waiting)
		}
	})
}

// Who waits for a turn longer than the budget is refused, and the refusal is not remembered.
func TestQueueHasABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var good atomic.Bool
		o := virtual(func(ctx context.Context, _ string, m *dns.Msg) (*dns.Msg, error) {
			if good.Load() {
				return answerA(m), nil
			}
			return silent(ctx)
		}, "192.0.2.53")
		o.MaxInFlight, o.Family, o.Attempts = 1, OnlyIPv4, 100
		r := start(t, o)
		errs := make([]error, 2)
		for i, name := range []string{"a.example.com", "b.example.com"} {
			r.Resolve(&Query{Host: name, Port: 5060}, func(_ []transport.Peer, err error) { errs[i] = err })
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if !errors.Is(errs[0], ErrFailed) || !errors.Is(errs[1], ErrBusy) {
			t.Errorf("%v", errs)
		}
		good.Store(true)
		if _, _, err := resolve(r, Query{Host: "b.example.com", Port: 5060}); err != nil {
			t.Error(err)
		}
	})
}

func TestMaxWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := virtual(func(ctx context.Context, _ string, m *dns.Msg) (*dns.Msg, error) { return silent(ctx) }, "192.0.2.53")
		o.MaxWaiting = 5
		r := start(t, o)
		var busy, closed atomic.Int32
		for i := range 8 {
			r.Resolve(&Query{Host: fmt.Sprintf("n%d.example.com", i%2)}, func(_ []transport.Peer, err error) {
				switch {
				case errors.Is(err, ErrBusy):
					busy.Add(1)
				case errors.Is(err, ErrClosed):
					closed.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		if busy.Load() != 3 {
			t.Errorf("%d were refused of 3", busy.Load())
		}
		synctest.Wait()
		r.Close()
		if closed.Load() != 5 {
			t.Errorf("%d were told of the end, of 5", closed.Load())
		}
		// After the end, what is to be asked for is refused at once.
		var told error
		r.Resolve(&Query{Host: "example.com"}, func(_ []transport.Peer, err error) { told = err })
		if !errors.Is(told, ErrClosed) {
			t.Errorf("%v", told)
		}
		if _, now, err := resolve(r, Query{Host: "192.0.2.1"}); !now || err != nil {
			t.Errorf("%v, at once %v", err, now)
		}
	})
}

// Close ends reads from real sockets too.
func TestCloseEndsReads(t *testing.T) {
	s := serve(t, "")
	asked, hold := make(chan struct{}), make(chan struct{})
	defer close(hold)
	s.on("x.example.com", dns.TypeA, func(dns.ResponseWriter, *dns.Msg) {
		close(asked)
		<-hold
	})
	o := options(newClock(), s.addr)
	o.Timeout, o.Budget, o.Family = time.Hour, time.Hour, OnlyIPv4
	r := start(t, o)
	told := make(chan error, 1)
	r.Resolve(&Query{Host: "x.example.com", Port: 5060}, func(_ []transport.Peer, err error) { told <- err })
	<-asked
	r.Close()
	if err := <-told; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestManyGoroutines(t *testing.T) {
	s := serve(t, zone)
	c := newClock()
	o := options(c, s.addr)
	o.MaxInFlight, o.CacheSize, o.Budget = 4, 16, 24*time.Hour // the clock leaps
	r := start(t, o)
	queries := []Query{{Host: "example.com"}, {Host: "EXAMPLE.com", Kind: transport.TCP}, {Host: "a.example.com", Port: 5060}, {Host: "srv.example.com"},
		{Host: "s2.example.com", Secure: true}, {Host: "nowhere.example.com"}, {Host: "off.example.com"}, {Host: "192.0.2.1"}, {Host: "localhost"}}
	wants := []int{8, 4, 3, 4, 2, 0, 0, 1, 2}
	var callers, told sync.WaitGroup
	for g := range 8 {
		callers.Go(func() {
			for i := range 200 {
				n := (i + g) % len(queries)
				told.Add(1)
				r.Resolve(&queries[n], func(peers []transport.Peer, err error) {
					defer told.Done()
					if len(peers) != wants[n] || (err == nil) != (wants[n] > 0) {
						t.Errorf("%s: %v %v", queries[n].Host, list(peers), err)
					}
					for i := range peers {
						if i%2 == 0 {
							r.Failed(&peers[i])
						} else {
							r.Succeeded(&peers[i])
						}
					}
				})
				if i%50 == 0 {
					c.pass(time.Minute)
				}
			}
		})
	}
	callers.Wait()
	told.Wait()
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"server":   {Servers: []string{"ns.example.com"}},
		"kind":     {Kinds: []transport.Kind{9}},
		"ttl":      {MinTTL: time.Hour, MaxTTL: time.Minute},
		"negative": {Timeout: -1},
		"size":     {CacheSize: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := New(o); err == nil {
				r.Close()
				t.Errorf("%s: no error", name)
			}
		})
	}
	r, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.opts.Servers) == 0 || len(r.opts.Kinds) != 3 {
		t.Errorf("%+v", r.opts)
	}
}
