package sim

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// World is a virtual clock, a virtual network, and the loop that moves both. It implements
// lane.Clock and lane.Meter. Its other methods are for one goroutine, the one that runs the world,
// and for callbacks of hosts.
type World struct {
	now  atomic.Int64
	wall atomic.Pointer[time.Time] // the time of day at the origin

	// Guards busy, events, seq, rnd, nodes, conns, NATs: workers of lanes send while the loop waits
	mu     sync.Mutex
	idle   *sync.Cond
	busy   int
	events eventHeap
	seq    uint64
	rnd    *rand.Rand
	link   Link
	links  map[[2]netip.Addr]Link
	nodes  map[netip.AddrPort]*node // by kind in node
	others *node                    // where nobody is; nil: nothing arrives there
	conns  map[uint64]*conn
	// Of SendFrom: a stream's first id, by where it is from and goes to
	streams map[[2]netip.AddrPort]uint64
	public  map[netip.Addr]*NAT // by the address outside
	hidden  map[netip.Addr]*NAT // by the addresses inside
	nextID  uint64
	port    uint16

	lanes []*lane.Lane
	trace func(Packet)
	stats Stats
}

// Link is the quality of the link between two addresses for datagrams. Streams have its Delay and
// Jitter, but keep order and lose nothing.
type Link struct {
	Delay     time.Duration // one way
	Jitter    time.Duration // up to this much more, at random: datagrams overtake each other
	Loss      float64       // 0 to 1
	Duplicate float64       // 0 to 1
}

// Stats count what the network did.
type Stats struct {
	Sent        int // by all endpoints
	Lost        int // by a link's chance
	Duplicated  int // sent once and on the way twice
	Delivered   int // duplicates included
	Unreachable int // nobody was there
}

// origin keeps virtual time away from 0, which means "never" in timers.
const origin = lane.Time(time.Hour)

// New makes a world; the same seed makes the same world.
func New(seed uint64) *World {
	w := &World{
		rnd:    rand.New(rand.NewPCG(seed, 0x5349505343524950)),
		link:   Link{Delay: time.Millisecond},
		links:  map[[2]netip.Addr]Link{},
		nodes:  map[netip.AddrPort]*node{},
		conns:  map[uint64]*conn{},
		public: map[netip.Addr]*NAT{},
		hidden: map[netip.Addr]*NAT{},
		port:   firstPort,
	}
	w.idle = sync.NewCond(&w.mu)
	w.now.Store(int64(origin))
	w.SetWall(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return w
}

// Now is the virtual time.
func (w *World) Now() lane.Time { return lane.Time(w.now.Load()) }

// Wall is the virtual time of day. It begins on 2026-01-01 at 00:00 UTC.
func (w *World) Wall() time.Time { return w.wall.Load().Add(w.Now().Sub(origin)) }

// SetWall sets the time of day, and the time zone of the world. Timers don't notice.
func (w *World) SetWall(t time.Time) {
	at := t.Add(-w.Now().Sub(origin))
	w.wall.Store(&at)
}

// Elapsed is the virtual time since the world began.
func (w *World) Elapsed() time.Duration { return w.Now().Sub(origin) }

// Add counts goroutines that have something to do; lanes call it.
func (w *World) Add(delta int) {
	w.mu.Lock()
	w.busy += delta
	if w.busy == 0 {
		w.idle.Broadcast()
	}
	w.mu.Unlock()
}

// SetLink sets how all links fare that have no setting of their own.
func (w *World) SetLink(l Link) {
	w.mu.Lock()
	w.link = l
	w.mu.Unlock()
}

// SetLinkBetween sets how datagrams fare from one address to another.
func (w *World) SetLinkBetween(from, to string, l Link) {
	w.mu.Lock()
	w.links[[2]netip.Addr{netip.MustParseAddr(from), netip.MustParseAddr(to)}] = l
	w.mu.Unlock()
}

// Drive adds lanes whose timers the world turns.
func (w *World) Drive(lanes ...*lane.Lane) { w.lanes = append(w.lanes, lanes...) }

// Release takes lanes out again, whose engine has stopped.
func (w *World) Release(lanes ...*lane.Lane) {
	w.lanes = slices.DeleteFunc(w.lanes, func(l *lane.Lane) bool { return slices.Contains(lanes, l) })
}

// Trace has f see every message that is sent, as it is sent; nil for none.
func (w *World) Trace(f func(Packet)) { w.trace = f }

// Stats are the network's counts.
func (w *World) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// Random is a number from the world's own source, for what should depend on its seed.
func (w *World) Random() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.Uint64()
}

// After has f run d from now.
func (w *World) After(d time.Duration, f func()) {
	w.mu.Lock()
	w.schedule(w.Now().Add(d), f)
	w.mu.Unlock()
}

// schedule needs w.mu.
func (w *World) schedule(at lane.Time, f func()) {
	w.seq++
	heap.Push(&w.events, event{at: at, seq: w.seq, run: f})
}

// Do runs f as an event of its own, now, and everything that follows from it at this moment.
func (w *World) Do(f func()) {
	w.Add(1)
	go func() {
		defer w.Add(-1)
		f()
	}()
	w.settle()
}

// settle waits until nothing has anything left to do at this moment.
func (w *World) settle() {
	w.mu.Lock()
	for w.busy > 0 {
		w.idle.Wait()
	}
	w.mu.Unlock()
}

// Run moves the world on by d.
func (w *World) Run(d time.Duration) {
	end := w.Now().Add(d)
	for w.step(end) {
	}
	w.now.Store(int64(end))
}

// RunUntil advances the world until cond holds, by at most d, and reports whether it does.
func (w *World) RunUntil(d time.Duration, cond func() bool) bool {
	end := w.Now().Add(d)
	for {
		w.settle() // what came from outside is done before cond is checked
		if cond() {
			return true
		}
		if !w.step(end) {
			w.now.Store(int64(end))
			return cond()
		}
	}
}

// step does the next event that is not after end; it returns false if there is none.
func (w *World) step(end lane.Time) bool {
	w.settle()
	w.mu.Lock()
	at := lane.Time(0)
	if len(w.events) > 0 {
		at = w.events[0].at
	}
	w.mu.Unlock()
	var turn *lane.Lane
	for _, l := range w.lanes {
		if due := l.NextDue(); due != 0 && (at == 0 || due < at) {
			at, turn = due, l
		}
	}
	if at == 0 || at > end {
		return false
	}
	if at > w.Now() {
		w.now.Store(int64(at))
	}
	if turn != nil {
		w.Do(func() { turn.Turn(nil) })
		return true
	}
	w.mu.Lock()
	e := heap.Pop(&w.events).(event)
	w.mu.Unlock()
	w.Do(e.run)
	return true
}

// event happens at a moment; seq keeps the order of events at the same moment.
type event struct {
	at  lane.Time
	seq uint64
	run func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}
