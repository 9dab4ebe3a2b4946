// The listeners of a stack, which come and go while traffic flows.

package transport

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// mostListeners bounds how many different listeners a stack ever has: tokens that name one of them
// must not come to mean another.
const mostListeners = 1024

// Standing is what a listener still does.
type Standing int32

const (
	Serving Standing = iota
	Leaving          // it takes no connection, and nothing new leaves from it
	Gone             // its socket and its connections are closed
)

// standing is that of a Local.
type standing struct{ now atomic.Int32 }

// Standing is what the listener still does. It never goes back.
func (l *Local) Standing() Standing { return Standing(l.standing.now.Load()) }

// roster is the listeners at one time. It never changes: another one takes its place.
type roster struct {
	serving []*Local // in the order in which they were requested
	// All there ever were, by Local.Index; of one that left and came back the last
	known   []*Local
	sockets []listener // those of known; nil: closed
}

// with is the roster and one more.
func (r *roster) with(l *Local, socket listener) *roster {
	n := &roster{serving: append(slices.Clone(r.serving), l), known: slices.Clone(r.known), sockets: slices.Clone(r.sockets)}
	if l.Index == len(n.known) {
		n.known, n.sockets = append(n.known, nil), append(n.sockets, nil)
	}
	n.known[l.Index], n.sockets[l.Index] = l, socket
	return n
}

// without is the roster when l has left.
func (r *roster) without(l *Local) *roster {
	n := *r
	n.serving = slices.DeleteFunc(slices.Clone(r.serving), func(o *Local) bool { return o == l })
	return &n
}

// index is the place of a new listener: that of the one it takes the place of, if there was one, so
// that what names it is true again.
func (r *roster) index(spec ListenSpec) (int, error) {
	for i, l := range r.known {
		if l.Kind != spec.Kind || spec.Addr.Port() == 0 || l.Addr != spec.Addr {
			continue
		}
		switch l.Standing() {
		case Serving:
			return 0, fmt.Errorf("%s %s is there already", spec.Kind, spec.Addr)
		case Leaving:
			return 0, fmt.Errorf("%s %s has not left yet: wait until its drain is over", spec.Kind, spec.Addr)
		}
		return i, nil
	}
	if len(r.known) >= mostListeners {
		return 0, fmt.Errorf("there have been %d different listeners: start the server again to have others", mostListeners)
	}
	return len(r.known), nil
}

// Locals are the listeners that serve, in the order they were requested. The slice must not be
// changed.
func (s *Stack) Locals() []*Local { return s.roster.Load().serving }

// Known are all listeners there ever were, by Index: what peers were told still names those that
// have left. The slice must not be changed.
func (s *Stack) Known() []*Local { return s.roster.Load().known }

// Known are the listeners of a wire that peers may name, by Index: for most wires its Locals.
func Known(w Wire) []*Local {
	if k, ok := w.(interface{ Known() []*Local }); ok {
		return k.Known()
	}
	return w.Locals()
}

// errNotThere is the error of a listener that does not serve.
var errNotThere = errors.New("transport: there is no such listener")

// Add opens a listener while traffic flows, or before. The error says what to do about it.
func (s *Stack) Add(spec ListenSpec) (*Local, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, listenError(spec, ErrClosed)
	}
	return s.addLocked(spec)
}

// addLocked is Add; s.mu is held.
func (s *Stack) addLocked(spec ListenSpec) (*Local, error) {
	r := s.roster.Load()
	index, err := r.index(spec)
	if err != nil {
		return nil, listenError(spec, err)
	}
	socket, err := s.open(spec)
	if err != nil {
		return nil, listenError(spec, err)
	}
	l := newLocal(index, spec, addrPortOf(socket.addr()))
	socket.bind(l)
	s.roster.Store(r.with(l, socket)) // before it serves: what arrives is answered by it
	if s.serving {
		socket.serve()
	}
	return l, nil
}

// Retire takes a listener out of service: it accepts no more connections, and nothing leaves from
// it unless it must: an answer, or what goes to a client on one of its connections. Its datagrams
// and connections are still read, until Release.
func (s *Stack) Retire(l *Local) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.roster.Load()
	if !slices.Contains(r.serving, l) {
		return errNotThere
	}
	l.standing.now.Store(int32(Leaving))
	s.roster.Store(r.without(l))
	if l.Kind != UDP {
		_ = r.sockets[l.Index].close()
	}
	s.conns.forget(l)
	return nil
}

// Release closes what is left of a listener that was retired: its socket, and its connections when
// what waits in them is written.
func (s *Stack) Release(l *Local) {
	s.mu.Lock()
	r := s.roster.Load()
	there := l.Index < len(r.known) && r.known[l.Index] == l && l.Standing() == Leaving
	if there {
		l.standing.now.Store(int32(Gone))
		_ = r.sockets[l.Index].close()
		n := *r // without the socket, whose buffers are large
		n.sockets = slices.Clone(r.sockets)
		n.sockets[l.Index] = nil
		s.roster.Store(&n)
	}
	s.mu.Unlock()
	if !there {
		return
	}
	for _, c := range s.flows.all() {
		if c.local == l {
			c.closeWhenWritten()
		}
	}
}

// Connections counts the open connections of a listener.
func (s *Stack) Connections(l *Local) (n int) {
	for _, c := range s.flows.all() {
		if c.local == l {
			n++
		}
	}
	return n
}

// forget has nobody find the connections of a listener by their address.
func (t *connTable) forget(l *Local) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, c := range t.byKey {
		if c.local == l {
			delete(t.byKey, key)
		}
	}
}
