// Sockets that were open before the process began.

package transport

import (
	"context"
	"net"
	"net/netip"
)

// Sockets are open sockets that listeners take over instead of opening theirs: those of a service
// manager (systemd's socket activation). Each is given once; nil: there is none for the address.
type Sockets interface {
	Stream(at netip.AddrPort) net.Listener
	Packets(at netip.AddrPort) *net.UDPConn
}

// streamSocket is the socket of a listener for streams.
func (s *Stack) streamSocket(spec ListenSpec) (net.Listener, error) {
	if s.opts.Sockets != nil {
		if ln := s.opts.Sockets.Stream(spec.Addr); ln != nil {
			return ln, nil
		}
	}
	return (&net.ListenConfig{}).Listen(context.Background(), network("tcp", spec.Addr.Addr()), spec.Addr.String())
}

// packetSocket is the socket of a listener for datagrams.
func (s *Stack) packetSocket(spec ListenSpec) (*net.UDPConn, error) {
	if s.opts.Sockets != nil {
		if pc := s.opts.Sockets.Packets(spec.Addr); pc != nil {
			return pc, nil
		}
	}
	pc, err := (&net.ListenConfig{}).ListenPacket(context.Background(), network("udp", spec.Addr.Addr()), spec.Addr.String())
	if err != nil {
		return nil, err
	}
	return pc.(*net.UDPConn), nil
}
