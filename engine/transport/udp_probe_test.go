package transport

import (
	"net"
	"net/netip"
	"testing"
)

// unreached keeps the ICMP errors it is told of.
type unreached struct {
	*recorder
	told chan netip.AddrPort
}

func (u *unreached) Unreachable(to netip.AddrPort, _ *Local, _ []byte, _ error) { u.told <- to }

// Where the system doesn't tell, a connected socket asks. This machine's does: the probe works all
// the same.
func TestProbe(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		r := &unreached{newRecorder(nil), make(chan netip.AddrPort, 16)}
		s := serve(t, r, Options{}, "udp:"+net.JoinHostPort(host, "0"))
		there, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		addr := there.LocalAddr().(*net.UDPAddr).AddrPort()
		s.probe(&Peer{Kind: UDP, Addr: addr})
		b := make([]byte, 16)
		if n, _, err := there.ReadFrom(b); err != nil || string(b[:n]) != "\r\n\r\n" {
			t.Errorf("%q %v", b[:n], err)
		}
		s.probe(&Peer{Kind: UDP, Addr: addr}) // it is being asked
		until(t, "the probe ends", func() bool {
			s.probes.mu.Lock()
			defer s.probes.mu.Unlock()
			return len(s.probes.at) == 0
		})
		if there.Close(); len(r.told) != 0 {
			t.Error("told of somebody who is there")
		}
		s.probe(&Peer{Kind: UDP, Addr: addr})
		if got := await(t, r.told); got != addr {
			t.Errorf("told of %v, not %v", got, addr)
		}
	}
}
