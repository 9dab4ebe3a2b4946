package engine

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// What happens to the flows of clients that cannot be connected to (RFC 5626).

// FlowWatcher wants to know what happens to flows (RFC 5626). It is called on any goroutine and
// must not block.
type FlowWatcher interface {
	FlowClosed(id transport.FlowID) // a connection is gone
	// A client sent a keep-alive (STUN, CRLFs, a ping of WebSocket)
	KeptAlive(from netip.AddrPort, on *transport.Local)
}

// watching is one call of WatchFlows.
type watching struct{ FlowWatcher }

// watchers are the current flow watchers.
type watchers struct {
	mu  sync.RWMutex // guards all; the list itself never changes, but is replaced
	all []*watching
}

func (w *watchers) list() []*watching {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.all
}

// WatchFlows informs w from now on; there may be several. After stop w is no longer called, except
// for a call in progress.
func (e *Engine) WatchFlows(w FlowWatcher) (stop func()) {
	own := &watching{w}
	l := &e.watchers
	l.mu.Lock()
	l.all = append(slices.Clone(l.all), own)
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		l.all = slices.DeleteFunc(slices.Clone(l.all), func(o *watching) bool { return o == own })
		l.mu.Unlock()
	}
}

// SetFlowIdleTimeout closes the connection when nothing arrived on it for idle, neither a message
// nor a keep-alive, so that a flow whose client should keep it alive is known to have failed when
// the client does not (RFC 5626 §4.4.1). 0 restores the transport's own limit, which is long if a
// REGISTER, or a request that begins a dialog, was answered 2xx on the connection, and some minutes
// otherwise: a program that keeps a Request.Flow for another reason says here for how long. A
// connection that is gone is not an error.
func (e *Engine) SetFlowIdleTimeout(id transport.FlowID, idle time.Duration) {
	w, ok := e.wire.(interface {
		SetFlowIdleTimeout(id transport.FlowID, idle time.Duration)
	})
	if ok {
		w.SetFlowIdleTimeout(id, idle)
	}
}

// FlowOpen reports whether a connection is still open.
func (e *Engine) FlowOpen(id transport.FlowID) bool {
	w, ok := e.wire.(interface {
		FlowOpen(id transport.FlowID) bool
	})
	return !ok || w.FlowOpen(id)
}

// leftFlows are connections that are open, as far as anybody knows, but whose clients are
// elsewhere. Each ends with its connection, so there are no more of them than of these.
type leftFlows struct {
	mu    sync.Mutex
	ids   map[transport.FlowID]struct{} // guarded by mu
	count atomic.Int64                  // of ids: mostly none, and then nobody waits for mu
}

func (l *leftFlows) add(id transport.FlowID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil {
		l.ids = map[transport.FlowID]struct{}{}
	}
	l.ids[id] = struct{}{}
	l.count.Store(int64(len(l.ids)))
}

func (l *leftFlows) remove(id transport.FlowID) {
	if l.count.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ids, id)
	l.count.Store(int64(len(l.ids)))
}

func (l *leftFlows) has(id transport.FlowID) bool {
	if l.count.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, there := l.ids[id]
	return there
}

// FlowLeft says that the client at the other end of a connection has come back on another one,
// although this one is still open: a network that goes down tells nobody, and TCP needs minutes to
// notice. Requests within dialogs whose path is the connection are offered to whoever knows where
// the client is now ([Request.LostFlow]).
func (e *Engine) FlowLeft(id transport.FlowID) {
	e.leftFlows.add(id)
	if !e.FlowOpen(id) { // it closed meanwhile, and nobody will say so again
		e.leftFlows.remove(id)
	}
}

// leftPlaces are addresses that NATs gave to clients which have others now. There is no telling
// when one is used again; the oldest are forgotten, half at a time.
type leftPlaces struct {
	mu          sync.Mutex
	now, before map[netip.AddrPort]struct{} // guarded by mu
	count       atomic.Int64                // of both: mostly few, and none at first
}

// mostLeftPlaces bounds each half of them, with some 60 bytes for each.
const mostLeftPlaces = 1 << 15

func (l *leftPlaces) add(at netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now == nil || len(l.now) >= mostLeftPlaces {
		l.before, l.now = l.now, map[netip.AddrPort]struct{}{}
	}
	l.now[at] = struct{}{}
	l.count.Store(int64(len(l.now) + len(l.before)))
}

func (l *leftPlaces) has(at netip.AddrPort) bool {
	if l.count.Load() == 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, now := l.now[at]
	_, before := l.before[at]
	return now || before
}

// PlaceLeft says that the client which a NAT had given this address, over UDP, has another one now:
// it has registered from there. Requests within dialogs whose path is the old address are offered
// to whoever knows where the client is ([Request.LostFlow]).
func (e *Engine) PlaceLeft(at netip.AddrPort) { e.leftPlaces.add(at) }

// FlowClosed tells the watchers that a connection is gone, and the branches that wait for a
// response on it.
func (i *inbox) FlowClosed(id transport.FlowID) {
	e := (*Engine)(i)
	e.leftFlows.remove(id)
	for _, w := range e.watchers.list() {
		w.FlowClosed(id)
	}
	for _, u := range e.units {
		if u.core.WaitsOnFlows() || u.layer.WaitsOnStreams() {
			u.lane.Return(lane.Func(func(*lane.Lane) {
				u.core.FlowClosed(id)
				u.layer.FlowClosed(id)
			}))
		}
	}
}

// Unreachable has the requests fail that can't be delivered (RFC 3261 §18.4). It is the transport's
// to call.
func (i *inbox) Unreachable(to netip.AddrPort, _ *transport.Local, quoted []byte, err error) {
	e := (*Engine)(i)
	q, ok := transaction.ParseQuoted(quoted)
	if !ok {
		return
	}
	q.Branch, q.CallID = bytes.Clone(q.Branch), bytes.Clone(q.CallID)
	work := lane.Func(func(l *lane.Lane) { l.Local.(*unit).layer.Unreachable(to, &q, err) })
	if q.CallID != nil {
		e.laneOf(q.CallID).Post(work)
		return
	}
	for _, l := range e.lanes {
		l.Post(work)
	}
}

// KeptAlive tells the watchers about a keep-alive.
func (i *inbox) KeptAlive(from netip.AddrPort, on *transport.Local) {
	e := (*Engine)(i)
	for _, w := range e.watchers.list() {
		w.KeptAlive(from, on)
	}
}
