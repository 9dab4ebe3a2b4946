// Package redisset keeps a set of entries alike in several processes, by Redis: each has all of
// them, decides by its own copy, and tells the others what it changes.
//
// Of two changes of one entry the later one counts, wherever it was made: each change bears a time,
// which is that of the process' clock, and later than any that the process has seen. So it does not
// matter in which order changes arrive, and how often. Where Redis is away each process goes on
// with what it has, and changes are told when it is back. A process hears of a change within
// milliseconds, and where the notice is lost, when it next asks: after a second.
package redisset

// This file is the set within one process.

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/luabind"
	client "github.com/sipscript/sipscript/modules/clients/redis"
)

const (
	// Most bounds the entries of a set, the removed ones that are remembered included.
	Most = 1 << 20
	// MostValue bounds an entry's value, in bytes.
	MostValue = 64 << 10
	// remembered is for how long it is known of an entry that it was removed.
	remembered = 7 * 24 * time.Hour
	askEvery   = time.Second
	askTime    = 2 * time.Second // for one exchange
	batch      = 200             // entries in one exchange
)

// Entry is one entry of a set.
type Entry struct {
	Key   string    // what it is known by
	Value string    // what the module makes of it
	Ends  time.Time // zero: never
	At    int64     // when it was changed, by the clock described above: see At
	Gone  bool      // it was removed
}

// A time is in microseconds since 1970; its last bits are the process's, so that no two changes
// have the same.
const (
	nodeBits = 12
	nodeMask = 1<<nodeBits - 1
)

// At is the earliest At of changes at a time.
func At(t time.Time) int64 { return t.UnixMicro() << nodeBits }

// TimeOf is the time of an Entry's At.
func TimeOf(at int64) time.Time { return time.UnixMicro(at >> nodeBits) }

// Options of New. Client, Name, Lock, Apply and Value are required.
type Options struct {
	Client *client.Client
	Name   string           // of the set, the same in all processes
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: nothing is logged
	// Lock is held while Apply is called, and by who calls Changed: so what is in force here is
	// what the set takes for the latest.
	Lock sync.Locker
	// Apply puts changes into force that other processes have made: none that is older than what is
	// there.
	Apply func(list []Entry)
	// Value returns the value of an entry that is here, for telling others; false: it is not.
	Value func(key string) (string, bool)
}

// Set is the set as one process has it. It is safe for concurrent use.
type Set struct {
	o     Options
	node  int64         // the last bits of its times
	wake  chan struct{} // capacity 1
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu      sync.Mutex
	known   map[string]stamp    // guarded by mu
	pending map[string]struct{} // guarded by mu: keys whose change the others were not told
	last    int64               // guarded by mu: the latest time that was seen
	round   chan struct{}       // guarded by mu: closed at the end of an exchange; then another

	turn    sync.Mutex // held by who exchanges
	epoch   string     // guarded by turn: which data Redis has; "": none yet
	version int64      // guarded by turn: up to which its changes are known

	away                atomic.Int64 // since when, in nanoseconds since 1970; 0: it is not
	told, heard, unsaid atomic.Uint64
}

// stamp is what is known of an entry.
type stamp struct {
	at, ends int64 // ends in milliseconds since 1970, 0: never
	gone     bool
}

// New makes a set that is not shared yet: see Start.
func New(o Options) *Set {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Set{o: o, node: rand.Int64N(nodeMask + 1), wake: make(chan struct{}, 1), known: map[string]stamp{}, pending: map[string]struct{}{}, round: make(chan struct{})}
}

// Have says of an entry what this process kept from before, for Start to compare.
func (s *Set) Have(e Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) < Most {
		s.known[e.Key] = stampOf(&e)
		s.last = max(s.last, e.At)
	}
}

// Start learns what the others have, for at most two seconds, and shares from then on.
func (s *Set) Start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.exchange(ctx)
	s.ended.Go(func() { s.run(ctx) })    // ends with Close
	s.ended.Go(func() { s.listen(ctx) }) // ends with Close
}

// Close ends the sharing, after a last attempt to tell what is pending.
func (s *Set) Close() {
	if s.stop == nil {
		return
	}
	if s.away.Load() == 0 {
		s.exchange(context.Background())
	}
	s.stop()
	s.ended.Wait()
}

// Changed tells the others of a change that was made here, with Options.Lock held. It returns the
// change's time, for who keeps it over restarts: see Have.
func (s *Set) Changed(e Entry) (at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	s.last = max(s.last&^nodeMask+nodeMask+1, At(now)) | s.node
	e.At = s.last
	if e.Gone {
		e.Ends = now.Add(remembered)
	}
	if _, there := s.known[e.Key]; !there && len(s.known) >= Most {
		if s.purge(now.UnixMilli()); len(s.known) >= Most {
			s.unsaid.Add(1)
			return e.At
		}
	}
	s.known[e.Key] = stampOf(&e)
	s.pending[e.Key] = struct{}{}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return e.At
}

// Told waits until Redis has the change of an entry that was made here, so that it outlives this
// process. It returns at once while Redis is away, and when ctx ends.
func (s *Set) Told(ctx context.Context, key string) {
	for {
		s.mu.Lock()
		_, waits := s.pending[key]
		round := s.round
		s.mu.Unlock()
		if !waits || s.Away() {
			return
		}
		select {
		case <-round:
		case <-ctx.Done():
			return
		}
	}
}

// Hear asks Redis now for what others have changed, instead of within a second. It does nothing
// while Redis is away.
func (s *Set) Hear(ctx context.Context) {
	if s.Away() {
		return
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	_ = s.hear(ctx) // its error is told by who asks every second
}

// Away reports whether the last attempt to reach Redis has failed.
func (s *Set) Away() bool { return s.away.Load() != 0 }

func stampOf(e *Entry) stamp {
	x := stamp{at: e.At, gone: e.Gone}
	if !e.Ends.IsZero() {
		x.ends = e.Ends.UnixMilli()
	}
	return x
}

// purge forgets what has ended. s.mu is held.
func (s *Set) purge(now int64) {
	for key, x := range s.known {
		if x.ends != 0 && x.ends <= now {
			delete(s.known, key)
			delete(s.pending, key)
		}
	}
}

func (s *Set) run(ctx context.Context) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
		s.exchange(ctx)
		if n%600 == 599 {
			s.mu.Lock()
			s.purge(s.o.Now().UnixMilli())
			s.mu.Unlock()
		}
		if s.away.Load() != 0 { // what wakes it meanwhile has to wait
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// exchange tells what is pending and hears what is new.
func (s *Set) exchange(ctx context.Context) {
	s.turn.Lock()
	defer s.turn.Unlock()
	err := s.hear(ctx)
	if err == nil {
		err = s.tell(ctx)
	}
	defer s.rounds()
	switch {
	case err == nil:
		if since := s.away.Swap(0); since != 0 {
			s.o.Log.Info("entries are shared with the other nodes again", "list", s.o.Name, "away", time.Since(time.Unix(0, since)).Round(time.Second))
		}
	case ctx.Err() == nil:
		if s.away.CompareAndSwap(0, time.Now().UnixNano()) {
			s.o.Log.Warn("entries can't be shared with the other nodes at present; each goes on with what it has", "list", s.o.Name, "error", err)
		}
	}
}

// rounds wakes who waits for an exchange.
func (s *Set) rounds() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.round)
	s.round = make(chan struct{})
}

// take puts changes of others into force that are later than what is here.
func (s *Set) take(list []Entry) {
	if len(list) == 0 {
		return
	}
	s.o.Lock.Lock()
	defer s.o.Lock.Unlock()
	now := s.o.Now()
	var fresh []Entry
	s.mu.Lock()
	for _, e := range list {
		s.last = max(s.last, e.At)
		old, there := s.known[e.Key]
		if there && old.at >= e.At {
			continue
		}
		if !e.Ends.IsZero() && !now.Before(e.Ends) {
			e.Gone = true
		}
		if !there && (e.Gone && e.Ends.Before(now) || len(s.known) >= Most) {
			continue
		}
		s.known[e.Key] = stampOf(&e)
		delete(s.pending, e.Key)
		fresh = append(fresh, e)
	}
	s.mu.Unlock()
	if len(fresh) > 0 {
		s.heard.Add(uint64(len(fresh)))
		s.o.Apply(fresh)
	}
}

// next are some pending entries.
func (s *Set) next() (list []Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.pending {
		x := s.known[key]
		e := Entry{Key: key, At: x.at, Gone: x.gone}
		if x.ends != 0 {
			e.Ends = time.UnixMilli(x.ends)
		}
		if list = append(list, e); len(list) == batch {
			break
		}
	}
	return list
}

// done forgets that a change is pending, unless it was changed again.
func (s *Set) done(e *Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[e.Key].at == e.At {
		delete(s.pending, e.Key)
	}
}

// Metrics of the set, whose names begin with a prefix such as "acl_shared".
func (s *Set) Metrics(prefix string) []luabind.Metric {
	counter := func(name, help string, n *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: prefix + name, Help: help, Kind: luabind.Counter, Value: func() float64 { return float64(n.Load()) }}
	}
	return []luabind.Metric{
		counter("_told_total", "Changes that the other nodes were told.", &s.told),
		counter("_heard_total", "Changes of other nodes that were put into force.", &s.heard),
		counter("_untold_total", "Changes that are only in force here: there are too many, or they are too long.", &s.unsaid),
		{Name: prefix + "_away_seconds", Help: "For how long changes can't be shared, 0 while they can.", Kind: luabind.Gauge, Value: func() float64 {
			if since := s.away.Load(); since != 0 {
				return time.Since(time.Unix(0, since)).Seconds()
			}
			return 0
		}},
	}
}
