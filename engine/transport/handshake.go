// Accepted connections that need a handshake (TLS) or an upgrade (WebSocket) before they are open:
// each in its own goroutine, apart from the accepting one, bounded in time and number.

package transport

import (
	"container/list"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// halfOpen are the handshakes in progress. At the limit the oldest one makes room, but not before
// its grace has passed: so silent peers cannot keep others out, and a crowd of honest clients that
// connects at once is served in turn instead of being dropped for those behind it. In the meantime
// the kernel's backlog holds the rest.
type halfOpen struct {
	most  int
	grace time.Duration
	freed chan struct{} // something left; capacity 1

	mu     sync.Mutex // guards the fields below
	queue  list.List  // of *handshake, the oldest first
	closed bool
}

// handshake is a place in the queue.
type handshake struct {
	nc    net.Conn
	since time.Duration
	place *list.Element // nil: it has left, or was thrown out
}

var errHandshakes = errors.New("transport: the handshake took too long while others waited")

func (q *halfOpen) start(most int, timeout time.Duration) {
	q.most, q.grace = most, timeout/5
	q.freed = make(chan struct{}, 1)
}

// enter waits for a place; nil means that the stack is closing. Accepting goroutines call it.
func (q *halfOpen) enter(s *Stack, nc net.Conn) *handshake {
	for {
		h, wait := q.try(s, nc)
		if h != nil || wait < 0 {
			return h
		}
		t := time.NewTimer(wait)
		select {
		case <-q.freed:
		case <-t.C:
		case <-s.closing:
		}
		t.Stop()
	}
}

// try is one attempt: the place, or how long to wait, less than 0 for ever.
func (q *halfOpen) try(s *Stack, nc net.Conn) (*handshake, time.Duration) {
	now := s.clock.now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, -1
	}
	if q.queue.Len() >= q.most {
		oldest := q.queue.Front().Value.(*handshake)
		if left := oldest.since + q.grace - now; left > 0 {
			return nil, left
		}
		q.removeLocked(oldest)
		oldest.nc.Close() // closing a socket does not block; its goroutine notices
	}
	h := &handshake{nc: nc, since: now}
	h.place = q.queue.PushBack(h)
	if q.queue.Len() < q.most {
		q.signal() // another listener may wait as well
	}
	return h, 0
}

func (q *halfOpen) signal() {
	select {
	case q.freed <- struct{}{}:
	default:
	}
}

// leave gives up the place; it reports whether the handshake still had it.
func (q *halfOpen) leave(h *handshake) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h.place == nil {
		return false
	}
	q.removeLocked(h)
	return true
}

func (q *halfOpen) removeLocked(h *handshake) {
	q.queue.Remove(h.place)
	h.place = nil
	q.signal()
}

// close ends the handshakes in progress and prevents others: peers that have not said anything yet
// are owed nothing.
func (q *halfOpen) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for q.queue.Len() > 0 {
		h := q.queue.Front().Value.(*handshake)
		q.removeLocked(h)
		h.nc.Close()
	}
}

// welcome begins the handshake of an accepted socket, or closes it when a cap is reached.
func (s *Stack) welcome(nc net.Conn, local *Local, remote netip.AddrPort) {
	if !s.admitsConn(local.Kind, remote) {
		nc.Close()
		return
	}
	c := s.newConn(connKey{kind: local.Kind, addr: remote}, local)
	c.inbound = true
	admitted := s.conns.admit(c, s.opts.MaxConns, s.opts.MaxConnsPerAddress, func() { s.running.Add(1) })
	if !admitted {
		s.count(local.Kind).refused.Add(1)
		nc.Close()
		return
	}
	h := s.halfOpen.enter(s, nc)
	if h == nil {
		nc.Close()
		c.shut(ErrClosed)
		s.running.Done()
		return
	}
	go c.greet(h)
}

// greet makes the handshake, and opens the connection. It ends with that, when the time is over, or
// when the socket is closed to make room. The reading is another goroutine's: it need not keep the
// stack that a handshake takes.
func (c *conn) greet(h *handshake) {
	s := c.stack
	defer s.running.Done()
	count := s.count(c.key.kind)
	err := h.nc.SetDeadline(s.clock.in(s.opts.HandshakeTimeout))
	var nc net.Conn
	if err == nil {
		nc, err = c.shakeHands(h.nc)
	}
	if !s.halfOpen.leave(h) {
		err = errors.Join(errHandshakes, err)
	}
	if err == nil {
		err = clearDeadline(h.nc)
	}
	if err != nil {
		count.handshakeErrors.Add(1)
		s.opts.Log.Debug("transport: handshake failed", "transport", c.key.kind, "peer", c.remote, "error", err)
		h.nc.Close()
		c.shut(err)
		c.dropInput()
		return
	}
	c.open(nc)
}

// clearDeadline ends the time that a handshake has.
func clearDeadline(nc net.Conn) error { return nc.SetDeadline(time.Time{}) }

// shakeHands performs what the kind requires, and returns the connection to read messages from.
func (c *conn) shakeHands(nc net.Conn) (net.Conn, error) {
	kind := c.key.kind
	if kind.Secure() {
		var err error
		if nc, err = c.stack.serveTLS(nc, kind); err != nil {
			return nil, err
		}
	}
	if kind == WS || kind == WSS {
		return nc, c.upgrade(nc)
	}
	return nc, nil
}

// open puts the connection into use: reading begins, and what was queued in the meantime is
// written, on this goroutine.
func (c *conn) open(nc net.Conn) {
	s := c.stack
	c.attach(nc)
	c.life.opened = s.clock.now()
	c.touch()
	c.mu.Lock()
	if c.state == connClosed { // the stack was closed meanwhile
		c.mu.Unlock()
		nc.Close()
		c.dropInput()
		return
	}
	count := s.count(c.key.kind)
	count.open.Add(1)
	if c.inbound {
		count.accepted.Add(1)
	} else {
		count.connected.Add(1)
	}
	s.flows.put(c)
	select {
	case <-s.closing: // Close may have looked for connections before this one was there
		c.leaving = true
	default:
		c.leaving = c.leaving || c.local.Standing() == Gone // likewise Release
	}
	s.running.Add(1)
	writes := c.out != nil || c.leaving
	c.state, c.writing = connOpen, writes
	c.mu.Unlock()
	c.startReading()
	if writes {
		c.write(nil)
	}
}
