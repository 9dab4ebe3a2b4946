package clients

// The circuit: it opens when a server can't be reached, and closes when a call has reached it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// mostFailures in a row open the circuit; a refused connection does at once.
	mostFailures = 3
	// firstHold is for how long it is open at first. Each trial that fails doubles that.
	firstHold = 500 * time.Millisecond
	mostHold  = 5 * time.Second
)

// gate comes before one server.
type gate struct {
	kind, name string
	log        *slog.Logger
	now        func() time.Time

	away    atomic.Bool // the circuit is open; written with mu held
	figures figures

	mu       sync.Mutex
	failures int           // in a row; guarded by mu, as all below
	hold     time.Duration // how long the circuit is open this time
	until    time.Time     // when the next trial may begin
	trying   bool          // one is under way
	since    time.Time     // when it opened
	why      error         // what opened it
}

func newGate(kind, name string, log *slog.Logger, now func() time.Time) *gate {
	return &gate{kind: kind, name: name, log: log.With("server", name), now: now}
}

// do calls f within limit. judge reports whether an error of f means that the server is
// unavailable; nil: [unreachable]. Errors name the server.
func (g *gate) do(ctx context.Context, limit time.Duration, judge func(error) bool, f func(ctx context.Context) error) error {
	trial, err := g.enter()
	if err != nil {
		g.figures.refused.Add(1)
		return err
	}
	done := false
	defer func() {
		if !done { // a panic of f: it says nothing about the server
			g.leave(trial, nil, false)
		}
	}()
	began := g.now()
	bounded := ctx
	if end, given := ctx.Deadline(); !given || time.Until(end) > limit {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	err = f(bounded)
	done = true
	took := g.now().Sub(began)
	g.figures.took(took)
	switch {
	case err == nil:
		g.figures.ok.Add(1)
		g.leave(trial, nil, true)
		return nil
	// Or it was in a hurry
	case errors.Is(ctx.Err(), context.Canceled), ctx.Err() != nil && took < limit/2:
		g.figures.given.Add(1)
		g.leave(trial, nil, false) // the caller's end says nothing about the server
		return g.wrap(err)
	}
	g.figures.failed.Add(1)
	if unreachable(err) || judge != nil && judge(err) {
		g.leave(trial, err, true)
		return fmt.Errorf("%w: %w", g.wrap(ErrAway), withoutURL(err))
	}
	g.leave(trial, nil, true) // it is there, and says no
	return g.wrap(err)
}

// enter lets a call pass, or not. trial: it is the one that tries whether the server is back.
func (g *gate) enter() (trial bool, err error) {
	if !g.away.Load() {
		return false, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.away.Load():
		return false, nil
	case g.trying || g.now().Before(g.until):
		return false, fmt.Errorf("%w: %w", g.wrap(ErrAway), withoutURL(g.why))
	}
	g.trying = true
	return true, nil
}

// leave records how a call ended. tells: the outcome says something about the server; err: it is
// unavailable.
func (g *gate) leave(trial bool, err error, tells bool) {
	if !trial && err == nil && !g.dirty() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if trial {
		g.trying = false
	}
	switch {
	case !tells:
	case err == nil:
		g.failures = 0
		if g.away.Swap(false) {
			g.figures.failing.Store(0)
			g.log.Info("the server is back", "away", g.now().Sub(g.since).Round(time.Second))
		}
	case g.away.Load():
		if trial {
			g.hold = min(2*g.hold, mostHold)
			g.until = g.now().Add(g.hold)
			g.why = err
		}
	default:
		g.failures++
		g.figures.failing.Store(int64(g.failures))
		if g.failures < mostFailures && !errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		g.away.Store(true)
		g.since, g.hold, g.why = g.now(), firstHold, err
		g.until = g.since.Add(g.hold)
		g.log.Error("the server is unavailable: calls fail at once until it is back", "error", err)
	}
}

// dirty reports whether there is anything that a success would change.
func (g *gate) dirty() bool { return g.away.Load() || g.figures.failing.Load() != 0 }

// sinceAway is for how long the server has been away, 0 while it is not.
func (g *gate) sinceAway() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.away.Load() {
		return 0
	}
	return max(g.now().Sub(g.since), 1)
}

// unreachable reports whether an error means that a server was not reached, or did not answer.
func unreachable(err error) bool {
	if errors.Is(err, ErrNotPublic) {
		return false
	}
	err = withoutURL(err) // which is an error of the network by its type
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) || errors.Is(err, syscall.ECONNREFUSED) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// buckets: bucket i counts calls below 2^i·0.25 ms; the last takes the rest.
const buckets = 17

// figures are counted since the gate was made.
type figures struct {
	ok, failed, refused, given atomic.Uint64 // given: abandoned by the caller
	failing                    atomic.Int64  // failures in a row
	times                      [buckets]atomic.Uint64
	sum                        atomic.Int64 // nanoseconds
}

const finest = 250 * time.Microsecond

func (f *figures) took(d time.Duration) {
	f.sum.Add(int64(d))
	f.times[min(bits.Len64(uint64(max(d, 0)/finest)), buckets-1)].Add(1)
}

func (f *figures) histogram() (bounds []float64, counts []uint64, count uint64, sum float64) {
	for i := range buckets {
		count += f.times[i].Load()
		if i < buckets-1 {
			bounds, counts = append(bounds, (finest<<i).Seconds()), append(counts, count)
		}
	}
	return bounds, counts, count, float64(f.sum.Load()) / 1e9
}
