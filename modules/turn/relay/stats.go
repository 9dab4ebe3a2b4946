package relay

// Figures.

import "sync/atomic"

// Why an allocation or a permission was refused.
const (
	refusedUser     = iota // PerUser
	refusedIP              // PerIP
	refusedTotal           // Total
	refusedPorts           // there was no port
	refusedDraining        // the server is about to stop
	refusedPeer            // a peer that must not be reached
	refusedRoutes          // too many permissions or channels of an allocation
	refusals
)

// Why a packet was not relayed.
const (
	droppedUnknown   = iota // the client has no allocation, channel or permission for it
	droppedPeer             // the allocation has no permission for the peer that sent it
	droppedBandwidth        // the user's share is spent
	droppedLong             // it is longer than what is relayed
	droppedSend             // it could not be sent
	drops
)

// stats are counted by all goroutines.
type stats struct {
	allocated, expired               atomic.Uint64
	bindings                         atomic.Uint64
	challenged, stale, rejected      atomic.Uint64
	malformed                        atomic.Uint64
	streamsRefused                   atomic.Uint64
	refused                          [refusals]atomic.Uint64
	dropped                          [drops]atomic.Uint64
	fromClients, toClients           atomic.Uint64 // packets relayed
	bytesFromClients, bytesToClients atomic.Uint64 // their payloads
}

// Stats are figures of a server since it was made.
type Stats struct {
	Allocations, Users, Streams int // at present
	// Allocated are the allocations that were made, Expired those that nobody refreshed.
	Allocated, Expired uint64
	Bindings           uint64 // requests that asked for the client's address
	// Challenged requests had no credentials, Stale ones an old nonce, and those of Rejected were
	// wrong or had expired.
	Challenged, Stale, Rejected uint64
	Malformed                   uint64            // packets that were not understood
	StreamsRefused              uint64            // connections beyond the bound
	Refused                     map[string]uint64 // allocations, permissions and channels, by why
	Dropped                     map[string]uint64 // packets, by why
	FromClients, ToClients      Traffic           // what was relayed
}

// Traffic is what passed in one direction.
type Traffic struct {
	Packets uint64 // that left
	Bytes   uint64 // of payloads
}

// Stats returns the figures.
func (s *Server) Stats() Stats {
	t := s.table
	t.mu.RLock()
	allocations, users := len(t.all), len(t.users)
	t.mu.RUnlock()
	c := &s.stats
	out := Stats{Allocations: allocations, Users: users, Streams: int(s.streams.Load()), Allocated: c.allocated.Load(), Expired: c.expired.Load(), Bindings: c.bindings.Load(),
		Challenged: c.challenged.Load(), Stale: c.stale.Load(), Rejected: c.rejected.Load(), Malformed: c.malformed.Load(), StreamsRefused: c.streamsRefused.Load(),
		Refused: map[string]uint64{}, Dropped: map[string]uint64{},
		FromClients: Traffic{c.fromClients.Load(), c.bytesFromClients.Load()}, ToClients: Traffic{c.toClients.Load(), c.bytesToClients.Load()}}
	for i, name := range Refusals() {
		out.Refused[name] = c.refused[i].Load()
	}
	for i, name := range Drops() {
		out.Dropped[name] = c.dropped[i].Load()
	}
	return out
}

// Refusals are the keys of Stats.Refused.
func Refusals() []string {
	return []string{"user", "ip", "total", "ports", "draining", "peer", "routes"}
}

// Drops are the keys of Stats.Dropped.
func Drops() []string { return []string{"unknown", "peer", "bandwidth", "long", "send"} }
