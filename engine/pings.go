package engine

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// Many small datagrams to clients, beside transactions: keep-alives of the server's own.

// SendTo sends bytes to a peer from work that runs on l, which has the token: keep-alives, and
// requests that are never retransmitted. Nothing tells whether they arrive; a response to such a
// request is a stray ([Engine.WatchStrays]).
func (e *Engine) SendTo(l *lane.Lane, to *transport.Peer, b []byte) error {
	if w, ok := e.wire.(interface {
		OnLane(l *lane.Lane) transport.Wire
	}); ok {
		return w.OnLane(l).Send(to, b, nil)
	}
	return e.wire.Send(to, b, nil)
}

// ReachedAt is where a target is reached that names an address or a connection: the client of a
// registration behind a NAT. ok is false for all others, whose URI must be resolved. Where its
// listener has left, it is another one of its kind; ok is false if there is none.
func (e *Engine) ReachedAt(t *Target) (p transport.Peer, ok bool) {
	if t.Received == "" || len(t.Path) > 0 || t.Flow == transport.FlowGone {
		return p, false
	}
	p, err := proxy.ParseReceived(t.Received)
	if err != nil {
		return p, false
	}
	p.Flow, p.FlowOnly = t.Flow, t.Flow != 0
	if t.FromSocket != "" {
		for _, l := range transport.Known(e.wire) {
			if l.Name == t.FromSocket && l.Standing() != transport.Gone {
				p.Local = l
			}
		}
	}
	if p.Local == nil {
		p.Local = e.wire.Choose(&p)
	}
	return p, p.Local != nil
}

// StrayWatcher gets a response that belongs to no transaction, on the lane of its Call-ID, and
// reports whether it was its own. It must not keep the message, and must not block.
type StrayWatcher func(res *message.Message, from netip.AddrPort) bool

// strayWatchers are those there are; the list itself never changes, but is replaced.
type strayWatchers struct {
	mu  sync.Mutex
	all atomic.Pointer[[]*StrayWatcher]
}

// WatchStrays shows strays to f from now on. After stop it is no longer called, except for calls in
// progress.
func (e *Engine) WatchStrays(f StrayWatcher) (stop func()) {
	own := &f
	change := func(edit func([]*StrayWatcher) []*StrayWatcher) {
		e.strays.mu.Lock()
		defer e.strays.mu.Unlock()
		var list []*StrayWatcher
		if old := e.strays.all.Load(); old != nil {
			list = slices.Clone(*old)
		}
		list = edit(list)
		e.strays.all.Store(&list)
	}
	change(func(l []*StrayWatcher) []*StrayWatcher { return append(l, own) })
	return func() {
		change(func(l []*StrayWatcher) []*StrayWatcher {
			return slices.DeleteFunc(l, func(w *StrayWatcher) bool { return w == own })
		})
	}
}

// take shows a stray to those who watch.
func (s *strayWatchers) take(a *transaction.Arrival) bool {
	all := s.all.Load()
	if all == nil {
		return false
	}
	for _, w := range *all {
		if (*w)(a.Msg, a.Source) {
			return true
		}
	}
	return false
}

// Parts are those of the engine, in the order in which they were attached.
func (e *Engine) Parts() []Part { return slices.Clone(e.parts) }
