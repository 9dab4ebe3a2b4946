//go:build !linux || (!amd64 && !arm64 && !riscv64 && !loong64) || portable

package relay

// UDP as every system has it: one system call for each datagram, and a goroutine for each
// allocation.

import (
	"errors"
	"net"
	"net/netip"
)

// udpSocket is that of a listener or of an allocation.
type udpSocket struct{ conn *net.UDPConn }

func (u *udpSocket) close() { _ = u.conn.Close() }

// openRelay opens the socket of an allocation.
func openRelay(at netip.AddrPort) (*udpSocket, error) {
	family := "udp6"
	if at.Addr().Is4() {
		family = "udp4"
	}
	conn, err := net.ListenUDP(family, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	return &udpSocket{conn}, nil
}

// openUDP opens the socket of a listener, and returns where it is.
func openUDP(at netip.AddrPort) (*udpSocket, netip.AddrPort, error) {
	u, err := openRelay(at)
	if err != nil {
		return nil, at, err
	}
	return u, addrPortOf(u.conn.LocalAddr()), nil
}

// outbox sends at once.
type outbox struct{ failed int }

func (o *outbox) toClient(c *client, b []byte) { o.send(c.listener.udp.conn, c.addr, b) }

func (o *outbox) toPeer(u *udpSocket, to netip.AddrPort, b []byte) { o.send(u.conn, to, b) }

func (o *outbox) send(conn *net.UDPConn, to netip.AddrPort, b []byte) {
	if _, err := conn.WriteToUDPAddrPort(b, to); err != nil {
		o.failed++
	}
}

// flush returns how many could not be sent.
func (o *outbox) flush() int {
	n := o.failed
	o.failed = 0
	return n
}

// relayReaders read datagrams.
type relayReaders struct{}

func (relayReaders) open() error            { return nil }
func (relayReaders) listen(*listener) error { return nil }
func (relayReaders) stop()                  {}

// start reads what clients send to listeners, until they are closed.
func (relayReaders) start(s *Server) {
	for _, l := range s.listeners {
		if l.udp == nil {
			continue
		}
		s.running.Go(func() {
			w := newWorker(s)
			c := client{listener: l}
			s.readUDP(l.udp.conn, func(from netip.AddrPort, buf []byte, n int) {
				c.addr = from
				w.begin()
				w.fromClient(&c, buf, n)
				w.end()
			})
		})
	}
}

// add reads what peers send to an allocation, until its socket is closed.
func (relayReaders) add(s *Server, a *allocation) error {
	s.running.Go(func() {
		w := newWorker(s)
		s.readUDP(a.socket.conn, func(from netip.AddrPort, buf []byte, n int) {
			w.begin()
			w.fromPeer(a, from, buf, n)
			w.end()
		})
	})
	return nil
}

// readUDP reads until the socket is closed. Other errors are those of datagrams that were sent
// before.
func (s *Server) readUDP(conn *net.UDPConn, got func(from netip.AddrPort, buf []byte, n int)) {
	buf := make([]byte, headroom+mostPacket+tailroom)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf[headroom : headroom+mostPacket+1])
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			continue
		case n > mostPacket:
			s.stats.dropped[droppedLong].Add(1)
			continue
		}
		got(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), buf, n)
	}
}
