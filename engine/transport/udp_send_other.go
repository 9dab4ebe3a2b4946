//go:build portable || !(linux && (amd64 || arm64 || riscv64 || loong64))

// Sending datagrams with the means of the standard library.

package transport

import (
	"net"
	"net/netip"
)

// udpSender sends by one socket. Systems other than Linux answer ENOBUFS rather than wait when an
// interface is congested.
type udpSender struct {
	conn     *net.UDPConn
	v6       bool
	wildcard bool
}

func (s *udpSender) start(conn *net.UDPConn, bound netip.Addr) error {
	s.conn, s.v6, s.wildcard = conn, bound.Is6(), bound.IsUnspecified()
	return nil
}

// send sends b to addr; the source address is left to the system.
func (s *udpSender) send(addr netip.AddrPort, _ netip.Addr, b []byte) error {
	_, err := s.conn.WriteToUDPAddrPort(b, addr)
	return err
}
