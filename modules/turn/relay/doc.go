// Package relay is a STUN and TURN server (RFC 8489, RFC 8656) for Go programs; the module "turn"
// has it for scripts.
//
// A [Server] answers binding requests, and gives clients that show time-limited credentials
// ([Secrets]) an address from which their media is relayed over UDP. What it relays to is bounded:
// peers on loopback, in private networks and on the server's own addresses are out of reach unless
// a [Policy] allows them, and so are more allocations than it grants.
//
//	s, err := relay.New(relay.Options{
//		Listeners: []relay.Listener{{Kind: relay.TURN, Addr: netip.MustParseAddrPort("192.0.2.1:3478")}},
//		Secrets:   relay.Secrets{secret},
//	})
//	err = s.Listen()
//	s.Serve()
//	defer s.Close()
//
// The messages are those of pion/stun. One goroutine reads each socket of clients, handles requests
// on the spot, and passes data on; it is the only one that changes the allocations of its clients.
// What peers send is read by goroutines of their own, which see an allocation's channels and
// permissions as a snapshot.
package relay
