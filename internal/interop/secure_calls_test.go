package interop

// Calls over TLS: of sipgo, and of sipp as load.

import (
	"fmt"
	"testing"

	"github.com/sipscript/sipscript/internal/peer"
)

func TestPeersCallOverTLS(t *testing.T) {
	a := newAuthority(t)
	s := startSecure(t, a)
	phone := func(user, transport string) *peer.Peer {
		via := s.via(transport)
		if transport == "tls" {
			via.TLS = a.config(user)
		}
		p := peer.New(t, user, "example.com", via)
		p.Register()
		return p
	}
	for i, c := range []struct{ caller, callee string }{{"tls", "tls"}, {"tls", "udp"}, {"udp", "tls"}, {"tcp", "tls"}} {
		t.Run(c.caller+" to "+c.callee, func(t *testing.T) {
			alice, bob := phone(fmt.Sprintf("alice%d", i), c.caller), phone(fmt.Sprintf("bob%d", i), c.callee)
			to := bob.AOR()
			answered(t, alice, bob, to.String())
			cancelled(t, alice, bob, to.String())
			refused(t, alice, bob, to.String())
			hungUpByCallee(t, alice, bob, to.String())
		})
	}
}
