// What the stack counts, per transport.

package transport

import "sync/atomic"

// Stats are the figures of one kind of transport since the start, and the connections open now.
type Stats struct {
	MessagesIn, BytesIn   uint64 // messages handed to the Receiver
	MessagesOut, BytesOut uint64 // messages accepted by Send
	BadFrames             uint64 // told to Receiver.BadFrame
	// Keepalives received: CRLFs, on streams answered (RFC 5626 §3.5.1), STUN binding requests,
	// WebSocket pings
	Keepalives uint64
	// Datagrams that can't be SIP: too short, or STUN that is not a binding request we serve
	Dropped      uint64
	Connected    uint64 // connections opened by the stack
	Accepted     uint64 // connections accepted
	Refused      uint64 // connections over a cap, closed at once
	AcceptErrors uint64 // errors of accepting, survived
	// Accepted connections whose TLS handshake or WebSocket upgrade failed or took too long
	HandshakeErrors uint64
	Closed          uint64 // connections closed, for whatever reason
	Open            int64  // connections open now
	SendErrors      uint64 // messages that Send refused or that failed later
	Unreachable     uint64 // ICMP errors that say that a datagram could not be delivered
	// Datagrams dropped, and connections refused or closed, because a [Doorkeeper] said so
	Unheard uint64
}

// counters count the Stats. What readers write and what senders write is on different cache lines.
type counters struct {
	messagesIn, bytesIn, badFrames, keepalives, dropped, unheard atomic.Uint64
	_                                                            [64]byte
	messagesOut, bytesOut, sendErrors, unreachable               atomic.Uint64
	_                                                            [64]byte
	connected, accepted, refused, acceptErrors, closed           atomic.Uint64
	handshakeErrors                                              atomic.Uint64
	open                                                         atomic.Int64
}

// Stats are the figures of a kind; they may be read at any time.
func (s *Stack) Stats(k Kind) Stats {
	c := s.count(k)
	return Stats{
		MessagesIn: c.messagesIn.Load(), BytesIn: c.bytesIn.Load(),
		MessagesOut: c.messagesOut.Load(), BytesOut: c.bytesOut.Load(),
		BadFrames: c.badFrames.Load(), Keepalives: c.keepalives.Load(), Dropped: c.dropped.Load(),
		Connected: c.connected.Load(), Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		AcceptErrors: c.acceptErrors.Load(), HandshakeErrors: c.handshakeErrors.Load(), Closed: c.closed.Load(), Open: c.open.Load(),
		SendErrors: c.sendErrors.Load(), Unreachable: c.unreachable.Load(), Unheard: c.unheard.Load(),
	}
}

// count returns the counters of a kind; an unknown kind has counters that nobody reads.
func (s *Stack) count(k Kind) *counters {
	if k > WSS {
		k = 0
	}
	return &s.counts[k]
}

// in counts a message delivered to the Receiver.
func (c *counters) in(n int) {
	c.messagesIn.Add(1)
	c.bytesIn.Add(uint64(n))
}

// out counts a message accepted by Send.
func (c *counters) out(n int) {
	c.messagesOut.Add(1)
	c.bytesOut.Add(uint64(n))
}
