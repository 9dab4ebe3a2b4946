package engine

// Gates: who is heard at all, decided before a message costs anything.

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Gate decides who is heard. Its methods are called by the readers of sockets, many at a time, for
// everything that arrives: they must be quick, must not block, and must not keep what they are
// given.
type Gate interface {
	// Admit is asked before anything of a message is read; data is the datagram, or the message on
	// a connection, or nil when a client has opened a connection. [transport.Drop] drops it, and
	// closes the connection. After [transport.Doubt] only requests are heard whose Route proves
	// that they belong to a dialog which passed here.
	Admit(k transport.Kind, from netip.AddrPort, data []byte) transport.Verdict
	// Hear is asked about each valid request before it costs more than its parsing; false drops it.
	Hear(k transport.Kind, from netip.AddrPort, m *message.Message) bool
}

// KnownWatcher is a Gate that wants to know who has a lasting relation with this server.
type KnownWatcher interface {
	// Known: a request from the address was answered 2xx, a REGISTER or one that begins a dialog,
	// or the address answered such a request 2xx. It is called on lanes, and must not block.
	Known(k transport.Kind, from netip.AddrPort, method message.Method)
}

// gates are the Gates in force.
type gates struct {
	mu   sync.Mutex // guards changes
	list atomic.Pointer[[]*gate]
}

type gate struct{ Gate }

// AddGate asks g about everything that arrives from now on, after the gates before it. After remove
// it is no longer asked, except for a call in progress.
func (e *Engine) AddGate(g Gate) (remove func()) {
	own := &gate{g}
	e.gates.change(func(list []*gate) []*gate { return append(list, own) })
	return func() {
		e.gates.change(func(list []*gate) []*gate {
			return slices.DeleteFunc(list, func(o *gate) bool { return o == own })
		})
	}
}

func (g *gates) change(f func([]*gate) []*gate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := f(slices.Clone(g.all()))
	if len(list) == 0 {
		g.list.Store(nil)
		return
	}
	g.list.Store(&list)
}

func (g *gates) all() []*gate {
	if l := g.list.Load(); l != nil {
		return *l
	}
	return nil
}

// Admit implements transport.Doorkeeper. Without a gate it costs an atomic load.
func (i *inbox) Admit(k transport.Kind, from netip.AddrPort, data []byte) transport.Verdict {
	l := (*Engine)(i).gates.list.Load()
	if l == nil {
		return transport.Pass
	}
	verdict := transport.Pass
	for _, g := range *l {
		switch g.Admit(k, from, data) {
		case transport.Drop:
			return transport.Drop
		case transport.Doubt:
			verdict = transport.Doubt
		}
	}
	return verdict
}

// hears asks the gates about a valid message.
func (e *Engine) hears(in *transport.Inbound, m *message.Message) bool {
	l := e.gates.list.Load()
	if l == nil || !m.IsRequest() {
		return true
	}
	for _, g := range *l {
		if !g.Hear(in.Kind, in.Source, m) {
			return false
		}
	}
	return true
}

// known tells the gates that somebody has a lasting relation with this server.
func (e *Engine) known(k transport.Kind, from netip.AddrPort, method message.Method) {
	for _, g := range e.gates.all() {
		if w, ok := g.Gate.(KnownWatcher); ok {
			w.Known(k, from, method)
		}
	}
}
