// Package transport moves SIP messages between sockets and the engine (RFC 3261 §18, RFC 3581, RFC
// 5626 §3.5 keep-alives): it frames and bounds what comes in, and sends to a [Peer] without ever
// blocking its caller.
//
// A [Wire] is what the layers above send on; [Stack] is the Wire of real sockets, engine/sim has
// one of virtual links. Reading goroutines call [Receiver.Receive] for each message and continue
// reading when it returns; the duty of a reading goroutine is in [Inbound.Carrier], so that work
// which waits hands over the reading (see package lane).
//
// Everything is bounded: message size, connections (in all, and from one address), bytes queued for
// a slow peer, and the time a connection may take to be made, to be idle, or to accept a write.
package transport
