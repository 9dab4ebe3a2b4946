package limit

// Counting together with other nodes: each counts by itself, and they tell each other in batches.
//
// What all count together is too much by what the others have counted since they were last heard,
// and no more: a bucket that was overdrawn stays in debt, so it does not add up. Of n in per, N
// nodes pass in any time t at most burst + n·t/per + (N-1)·(burst + n·syncEvery/per), if each
// batch takes less than syncEvery; of a window N·n in the worst case, if all of them begin it at
// the same moment, and otherwise n + (N-1)·(what one node passes in syncEvery).

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/limit/bucket"
)

const (
	syncEvery  = 50 * time.Millisecond
	syncTime   = 2 * time.Second // for one batch
	mostDirty  = 100_000         // keys in one batch
	awayPause  = time.Second     // before another attempt where Redis is away
	warnedPast = time.Minute     // between two warnings
)

// Item is what one node has counted of a key since the last time.
type Item struct {
	Name  string        // of the key, the same on all nodes
	Rate  *bucket.Rate  // nil: a window
	Per   time.Duration // of a window: its length
	Most  int           // of a window
	Count int           // what was counted
}

// State is what all nodes have counted of a key.
type State struct {
	Count int           // of a window
	Left  time.Duration // until the bucket is full again, or the window ends
	Err   error         // why nothing is known of it; nil if something is
	Again bool          // with Err: it was not counted, and can be later
}

// Share is where nodes share what they count.
type Share interface {
	// Sync adds to what all have counted, and returns it, one for each item. An error means that
	// nothing is known to have been added.
	Sync(ctx context.Context, items []Item) ([]State, error)
	Close() error
}

// sharedKey is a key with something pending.
type sharedKey struct {
	name string
	rate bucket.Rate // of a bucket
	most int         // of a window
	per  time.Duration
}

func (k *sharedKey) item(count int) Item {
	i := Item{Name: k.name, Per: k.per, Most: k.most, Count: count}
	if k.per == 0 {
		i.Rate = &k.rate
	}
	return i
}

// shared tells the others.
type shared struct {
	table *bucket.Table
	share Share
	log   *slog.Logger
	// In a simulation time does not pass as that of run does
	atOnce bool
	now    atomic.Pointer[func() int64]
	wake   chan struct{} // capacity 1
	stop   context.CancelFunc
	ended  chan struct{}

	mu    sync.Mutex
	dirty map[bucket.Key]*sharedKey // guarded by mu

	away             atomic.Int64 // since when, 0: it is not
	synced, overflow atomic.Uint64
}

func newShared(t *bucket.Table, share Share, atOnce bool, log *slog.Logger) *shared {
	s := &shared{table: t, share: share, atOnce: atOnce, log: log, wake: make(chan struct{}, 1), ended: make(chan struct{}), dirty: map[bucket.Key]*sharedKey{}}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.run(ctx) // ends with close
	return s
}

func (s *shared) close() {
	s.stop()
	<-s.ended
	_ = s.share.Close()
}

// took remembers a key of which something is pending, and in a simulation tells it.
func (s *shared) took(k bucket.Key, x *sharedKey) {
	s.note(k, x)
	if s.atOnce {
		s.sync(context.Background())
	}
}

// note remembers a key of which something is pending.
func (s *shared) note(k bucket.Key, x *sharedKey) {
	s.mu.Lock()
	if len(s.dirty) < mostDirty {
		s.dirty[k] = x
	} else {
		s.overflow.Add(1)
	}
	s.mu.Unlock()
	if s.atOnce {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shared) run(ctx context.Context) {
	defer close(s.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		pause := syncEvery
		if !s.sync(ctx) {
			pause = awayPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// clock is that of the Limit.
func (s *shared) clock() int64 {
	if now := s.now.Load(); now != nil {
		return (*now)()
	}
	return time.Now().UnixNano()
}

// sync tells the others what is pending, and learns what they have told. It reports whether that
// worked; else everybody counts alone.
func (s *shared) sync(ctx context.Context) bool {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = make(map[bucket.Key]*sharedKey, len(dirty))
	s.mu.Unlock()
	keys := make([]bucket.Key, 0, len(dirty))
	items := make([]Item, 0, len(dirty))
	for k, x := range dirty {
		if n := s.table.Pending(k); n > 0 {
			keys = append(keys, k)
			items = append(items, x.item(n))
		}
	}
	if len(items) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	states, err := s.share.Sync(ctx, items)
	if err != nil || len(states) != len(items) {
		s.failed(keys, items, dirty, err)
		return false
	}
	now := s.clock()
	var again []int
	for i, st := range states {
		switch {
		case st.Again:
			again = append(again, i)
		case st.Err != nil: // one key that is something else there
			s.overflow.Add(1)
		case items[i].Rate != nil:
			s.table.MergeRate(keys[i], *items[i].Rate, st.Left, now)
		default:
			s.table.MergeCount(keys[i], st.Count, st.Left, now)
		}
	}
	s.synced.Add(uint64(len(items) - len(again)))
	if len(again) == 0 {
		if since := s.away.Swap(0); since != 0 {
			s.log.Info("limit: what nodes count is shared again", "away", time.Since(time.Unix(0, since)).Round(time.Second))
		}
		return true
	}
	for n, i := range again {
		keys[n], items[n], err = keys[i], items[i], states[i].Err
	}
	s.failed(keys[:len(again)], items[:len(again)], dirty, err)
	return false
}

// failed puts back what could not be told: of a bucket no more than it holds, the rest has been
// filled in again meanwhile.
func (s *shared) failed(keys []bucket.Key, items []Item, dirty map[bucket.Key]*sharedKey, err error) {
	if s.away.CompareAndSwap(0, time.Now().UnixNano()) {
		s.log.Warn("limit: what nodes count can't be shared; each counts alone", "error", err)
	}
	for i, k := range keys {
		n := items[i].Count
		if r := items[i].Rate; r != nil {
			n = min(n, r.Burst)
		}
		if s.table.Return(k, n) {
			s.note(k, dirty[k])
		}
	}
}
