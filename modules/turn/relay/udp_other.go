//go:build !linux || (!amd64 && !arm64 && !riscv64 && !loong64) || portable

package relay

// UDP as every system has it: one system call for each datagram, and a goroutine for each
// allocation.

import (
	"errors"
	"net"
	"net/netip"
)

// udpSocket is one that clients send to.
type udpSocket struct{ conn *net.UDPConn }

func newUDPSocket(conn *net.UDPConn) (*udpSocket, error) { return &udpSocket{conn}, nil }

// relaySocket is that of one allocation.
type relaySocket struct{ conn *net.UDPConn }

func openRelay(at netip.AddrPort) (*relaySocket, error) {
	family := "udp6"
	if at.Addr().Is4() {
		family = "udp4"
	}
	conn, err := net.ListenUDP(family, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, err
	}
	return &relaySocket{conn}, nil
}

func (r *relaySocket) close() { _ = r.conn.Close() }

// outbox sends at once.
type outbox struct{ failed int }

func (o *outbox) toClient(c *client, b []byte) { o.send(c.listener.udp.conn, c.addr, b) }

func (o *outbox) toPeer(r *relaySocket, to netip.AddrPort, b []byte) { o.send(r.conn, to, b) }

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

// readClients reads what clients send to a listener, until it is closed.
func (s *Server) readClients(l *listener) {
	w := newWorker(s)
	c := client{listener: l}
	s.readUDP(l.udp.conn, func(from netip.AddrPort, buf []byte, n int) {
		c.addr = from
		w.begin()
		w.fromClient(&c, buf, n)
		w.end()
	})
}

// relayReaders read what peers send.
type relayReaders struct{}

func (relayReaders) open() error   { return nil }
func (relayReaders) start(*Server) {}
func (relayReaders) stop()         {}

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
