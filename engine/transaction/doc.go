// Package transaction is RFC 3261 §17 as updated by RFC 6026 (INVITE) and RFC 4320 (non-INVITE):
// the four state machines, the tables that match messages to them (§17.1.3, §17.2.3, RFC 2543 peers
// too), CANCEL (§9) and the routing of responses (§18.2.2, RFC 3581).
//
// The machines are pure step functions over (state, event); a [Layer] feeds them and carries out
// the results. A Layer belongs to one lane, and everything in it to the holder of the lane's token:
// there are no locks here. The [User] above it (the proxy core) gets new requests; the [Owner] of a
// client transaction gets its responses.
//
// Ownership: a received request is copied once, into [Server.Req], whose memory is never reused for
// anything else; a sent request is written once, into storage of the layer that also serves
// retransmission, ACK and CANCEL. The layer's scratch is in use only between two calls to the
// outside, so a user may lend the lane in any callback.
//
// Retransmissions never reach the user, except for a 2xx to an INVITE, whose every copy belongs to
// the user agents (RFC 6026 §7). A transaction releases what it no longer needs: in Accepted a
// server transaction is a key and a timer.
package transaction
