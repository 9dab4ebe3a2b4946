// Sending: which socket or connection a message leaves by.

package transport

import (
	"errors"
	"fmt"
	"net/netip"
)

// Why Send refuses a message. Errors of the system are wrapped.
var (
	// ErrFlowGone: the peer's connection is gone, and FlowOnly forbids another (RFC 5626 §5.3).
	ErrFlowGone = errors.New("transport: the connection is closed")
	// errWSGone is ErrFlowGone of a peer that can't be connected to.
	errWSGone = fmt.Errorf("%w: a WebSocket client is reached on the connection it opened, or not at all (RFC 7118 §5)", ErrFlowGone)
	// ErrNoListener: no listener is fit for the peer's kind and address family.
	ErrNoListener = errors.New("transport: no listener suits the peer")
	// ErrQueueFull: the peer takes bytes too slowly, Options.MaxQueued of them wait.
	ErrQueueFull = errors.New("transport: the queue towards the peer is full")
	// ErrTooManyConns: Options.MaxConns connections are open.
	ErrTooManyConns = errors.New("transport: too many connections")
	// ErrBufferFull: the socket's buffer stayed full for longer than a lane may wait; the datagram
	// was dropped.
	ErrBufferFull = errors.New("transport: the socket's send buffer is full")
	// ErrClosed: the stack is closed, or is being closed.
	ErrClosed = errors.New("transport: closed")
)

// Send sends a message as specified by [Wire]. A datagram leaves only through a listener's socket;
// it waits at most 2 ms for a full socket buffer, and then fails with ErrBufferFull. A message on a
// stream uses to.Flow while it is open, or else an open connection to the same kind, address and
// server name, or else a new one.
func (s *Stack) Send(to *Peer, message []byte, f Failed) error {
	count := s.count(to.Kind)
	var err error
	switch to.Kind {
	case UDP:
		err = s.sendDatagram(to, message)
	case TCP, TLS, WS, WSS:
		err = s.sendStream(to, message, f)
	default:
		err = fmt.Errorf("%w: there is no transport %q", ErrNoListener, to.Kind)
	}
	if err != nil {
		count.sendErrors.Add(1)
		return err
	}
	count.out(len(message))
	return nil
}

func (s *Stack) sendDatagram(to *Peer, message []byte) error {
	u, err := s.udpFor(to)
	if err != nil || len(message) == 0 {
		return err
	}
	return u.send(to, message)
}

// udpFor returns the listener whose socket sends a datagram to the peer.
func (s *Stack) udpFor(to *Peer) (*udpListener, error) {
	local := s.Choose(to)
	r := s.roster.Load()
	if !r.owns(local, UDP) {
		return nil, ErrNoListener
	}
	return r.sockets[local.Index].(*udpListener), nil
}

// owns reports whether local is a listener of the roster and of the kind, and not gone.
func (r *roster) owns(local *Local, kind Kind) bool {
	return local != nil && local.Kind == kind && local.Index < len(r.known) && r.known[local.Index] == local && r.sockets[local.Index] != nil
}

func (s *Stack) sendStream(to *Peer, message []byte, f Failed) error {
	if to.Flow != 0 {
		if c := s.flows.get(to.Flow); c != nil {
			c.use()
			if err := c.send(message, f); !errors.Is(err, errGone) {
				return err
			}
		}
	}
	if to.FlowOnly {
		return ErrFlowGone
	}
	key := keyOf(to)
	// A connection may close between being found and being used; more than once is strange
	for range 4 {
		c := s.conns.get(key)
		if c == nil {
			if to.Kind == WS || to.Kind == WSS {
				return errWSGone
			}
			var err error
			if c, err = s.connect(key, to, message, f); c == nil {
				return err
			}
		}
		c.use()
		if err := c.send(message, f); !errors.Is(err, errGone) {
			if err == nil {
				to.Flow = c.id
			}
			return err
		}
	}
	return errGone
}

// unreachable reports a datagram that could not be delivered.
func (s *Stack) unreachable(from *Local, to netip.AddrPort, quoted []byte, why error) {
	s.count(UDP).unreachable.Add(1)
	s.opts.Log.Debug("transport: unreachable", "peer", to.String(), "reason", why)
	if s.errors != nil {
		s.errors.Unreachable(to, from, quoted, sendError(to, why))
	}
}

// FlowOpen reports whether the connection is open.
func (s *Stack) FlowOpen(id FlowID) bool { return s.flows.get(id) != nil }

// FlowRemote is the address at the other end of an open connection; the zero value if it is not
// open.
func (s *Stack) FlowRemote(id FlowID) (remote netip.AddrPort) {
	if c := s.flows.get(id); c != nil {
		remote = c.remote
	}
	return remote
}

// Remote is where a message to the peer goes: along its connection, while that is open, or to its
// address.
func Remote(w Wire, to *Peer) netip.AddrPort {
	if k, ok := w.(interface {
		FlowRemote(id FlowID) netip.AddrPort
	}); ok && to.Flow != 0 {
		if remote := k.FlowRemote(to.Flow); remote.IsValid() {
			return remote
		}
	}
	return to.Addr
}
