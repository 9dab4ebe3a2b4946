// Connecting on demand.

package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// connect finds the connection with the key, or begins to make one. Messages sent to it meanwhile wait in its queue.
func (s *Stack) connect(key connKey, to *Peer) (*conn, error) {
	local := s.Choose(to)
	if !s.owns(local, to.Kind) || !key.addr.IsValid() {
		return nil, ErrNoListener
	}
	c := s.newConn(key, local)
	got, err := s.conns.reserve(c, s.opts.MaxConns, func() { s.running.Add(1) })
	if err != nil || got != c {
		return got, err
	}
	from := local.Addr.Addr()
	if from.IsUnspecified() {
		from = to.LocalIP.Unmap()
	}
	go c.dial(from)
	return c, nil
}

// dial makes the connection, starts its reading, and writes what was queued meanwhile. It ends with the last of these, or
// when connecting failed, which takes at most ConnectTimeout.
func (c *conn) dial(from netip.Addr) {
	s := c.stack
	defer s.running.Done()
	ctx, cancel := context.WithTimeout(s.dialling, s.opts.ConnectTimeout)
	nc, err := s.dialStream(ctx, c.key, from)
	cancel()
	if err != nil {
		s.opts.Log.Debug("transport: connecting failed", "kind", c.key.kind, "peer", c.key.addr, "error", err)
		c.shut(fmt.Errorf("connect %s %s: %w", c.key.kind, c.key.addr, err))
		return
	}
	c.attach(nc)
	c.touch()
	c.mu.Lock()
	if c.state == connClosed { // the stack was closed meanwhile
		c.mu.Unlock()
		nc.Close()
		return
	}
	count := s.count(c.key.kind)
	count.connected.Add(1)
	count.open.Add(1)
	s.flows.put(c)
	s.running.Add(1)
	c.state, c.writing = connOpen, true
	c.mu.Unlock()
	c.startReading()
	c.write(nil)
}

// dialStream connects to the address of the key. A further kind wraps the socket here.
func (s *Stack) dialStream(ctx context.Context, key connKey, from netip.Addr) (net.Conn, error) {
	d := net.Dialer{}
	if from.IsValid() && from.Is4() == key.addr.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	return d.DialContext(ctx, network("tcp", key.addr.Addr()), key.addr.String())
}
