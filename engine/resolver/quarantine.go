package resolver

// This file remembers addresses that failed, so that they are tried last for a while.

import (
	"net/netip"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/sipscript/sipscript/engine/transport"
)

type endpoint struct {
	kind transport.Kind
	addr netip.AddrPort
}

// quarantine holds the addresses that failed, each with the time it is released.
type quarantine struct {
	until *lru.Cache[endpoint, time.Time]
	// When the last of them is over: before any failed, and long after, nothing is looked up
	last atomic.Pointer[time.Time]
}

func newQuarantine(size int) (*quarantine, error) {
	until, err := lru.New[endpoint, time.Time](size)
	return &quarantine{until: until}, err
}

// Failed says that a peer could not be reached, or did not answer (RFC 3263 §4.3): for
// Options.Quarantine it comes last among the addresses of its name. It may be called on any
// goroutine.
func (r *Resolver) Failed(peer *transport.Peer) {
	end := r.opts.Now().Add(r.opts.Quarantine)
	r.quarantine.until.Add(endpoint{peer.Kind, peer.Addr}, end)
	r.quarantine.last.Store(&end)
}

// Succeeded says that a peer answered: it takes its place again.
func (r *Resolver) Succeeded(peer *transport.Peer) {
	if r.quarantine.last.Load() != nil {
		r.quarantine.until.Remove(endpoint{peer.Kind, peer.Addr})
	}
}

// demote moves the peers that failed recently to the end, and otherwise keeps the order.
func (q *quarantine) demote(peers []transport.Peer, now time.Time) {
	last := q.last.Load()
	if last == nil || !now.Before(*last) || len(peers) < 2 {
		return
	}
	var failed []transport.Peer
	good := 0
	for _, p := range peers {
		// Peek, because looking an address up must not keep it in.
		if end, ok := q.until.Peek(endpoint{p.Kind, p.Addr}); ok && now.Before(end) {
			failed = append(failed, p)
			continue
		}
		peers[good] = p
		good++
	}
	copy(peers[good:], failed)
}
