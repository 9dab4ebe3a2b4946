// Connecting on demand.

package transport

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
)

// connect begins a connection, with the message first in its queue, and returns nil; or it returns
// the connection that somebody else began in the meantime, which has not got the message. Messages
// sent while a connection is being made wait in its queue.
func (s *Stack) connect(key connKey, to *Peer, message []byte, f Failed) (*conn, error) {
	local := s.Choose(to)
	if !s.roster.Load().owns(local, to.Kind) || !key.addr.IsValid() {
		return nil, ErrNoListener
	}
	c := s.newConn(key, local)
	c.used.Store(true)
	// Nobody else knows c yet. If the message were queued later, the connection could already have
	// been refused.
	if err := c.queueLocked(message, f); err != nil {
		return nil, err
	}
	there, err := s.conns.reserve(c, s.opts.MaxConns, func() { s.running.Add(1) })
	if err != nil || there != c {
		s.recycle(c.out)
		return there, err
	}
	from := local.Addr.Addr()
	if from.IsUnspecified() {
		from = to.LocalIP.Unmap()
	}
	to.Flow = c.id
	go c.dial(from)
	return nil, nil
}

// dial makes the connection, starts reading, and writes what was queued in the meantime. It returns
// when that is written, or when connecting has failed, which takes at most ConnectTimeout.
func (c *conn) dial(from netip.Addr) {
	s := c.stack
	defer s.running.Done()
	ctx, cancel := context.WithTimeout(s.dialling, s.opts.ConnectTimeout)
	nc, err := s.dialStream(ctx, c.key, from)
	cancel()
	if err != nil {
		s.tellServer(c.key, err)
		s.opts.Log.Debug("transport: connecting failed", "transport", c.key.kind, "peer", c.key.addr, "error", err)
		c.shut(fmt.Errorf("%w %s %s: %w", ErrNotConnected, c.key.kind, c.key.addr, err))
		return
	}
	c.open(nc)
}

// dialStream connects to the address of the key, and makes the handshake of TLS.
func (s *Stack) dialStream(ctx context.Context, key connKey, from netip.Addr) (net.Conn, error) {
	d := net.Dialer{}
	if from.IsValid() && from.Is4() == key.addr.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	nc, err := d.DialContext(ctx, network("tcp", key.addr.Addr()), key.addr.String())
	if err != nil || key.kind != TLS {
		return nc, err
	}
	c := tls.Client(s.newTLSSocket(nc), s.tls.Load().clientConfig(key.serverName, key.addr.Addr()))
	if err := c.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}
