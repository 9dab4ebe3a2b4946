// Probing whether anybody is there, if the system does not report ICMP errors: it does to a
// connected socket.

package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

const (
	mostProbes = 64                     // at a time
	probeTime  = 500 * time.Millisecond // an ICMP error comes as soon as an answer would
)

// probes are the addresses being probed.
type probes struct {
	mu sync.Mutex // guards at
	at map[netip.AddrPort]bool
}

// begin reports whether the address should be probed: not if it already is, and not if many are.
func (p *probes) begin(addr netip.AddrPort) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at[addr] || len(p.at) >= mostProbes {
		return false
	}
	if p.at == nil {
		p.at = map[netip.AddrPort]bool{}
	}
	p.at[addr] = true
	return true
}

func (p *probes) end(addr netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, addr)
}

// Doubt says that a datagram to the peer was not answered in time. It does nothing if the system
// reports ICMP errors by itself.
func (s *Stack) Doubt(to *Peer) {
	if to.Kind == UDP && !errorsTold {
		s.probe(to)
	}
}

// probe sends a keep-alive (RFC 5626 §3.5.1), which has no effect on its recipient, to a UDP
// address, and informs the receiver if it comes back as undeliverable.
func (s *Stack) probe(to *Peer) {
	u, err := s.udpFor(to)
	if err != nil || !s.probes.begin(to.Addr) {
		return
	}
	local, from := u.local, u.addr().(*net.UDPAddr)
	addr := to.Addr
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.probes.end(addr)
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	go func() { // ends within probeTime
		defer s.running.Done()
		defer s.probes.end(addr)
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: from.IP, Zone: from.Zone}, net.UDPAddrFromAddrPort(unmapped(addr)))
		if err != nil {
			return
		}
		defer conn.Close()
		if conn.SetDeadline(s.clock.in(probeTime)) != nil {
			return
		}
		if _, err = conn.Write([]byte("\r\n\r\n")); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			s.unreachable(local, addr, nil, err)
		}
	}()
}
