package resolver

// This file holds the result of a resolution, and draws the order in which to try it (RFC 2782, RFC
// 3263 §4.2).

import (
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

const (
	maxTargets = 32 // SRV records of one name that are used
	maxPeers   = 64 // addresses of one query
)

// target is one SRV record, or the name itself, with its addresses in order.
type target struct {
	weight uint16
	peers  []transport.Peer
}

// tier is the targets of one priority, those of weight 0 first; at most maxTargets. They share the
// load by weight.
type tier []target

// plan is all that a query resolved to; it never changes. Tiers are tried in their order.
type plan struct {
	tiers   []tier
	count   int // peers
	err     error
	expires time.Time
	hosts   *hostTable        // in force when it was made; under another it is worth nothing
	kinds   *[]transport.Kind // likewise
}

// order draws one order of all the peers. The slice is the caller's.
func (p *plan) order(random func() uint64) []transport.Peer {
	out := make([]transport.Peer, 0, p.count)
	for _, t := range p.tiers {
		if len(t) == 1 {
			out = append(out, t[0].peers...)
		} else {
			out = t.draw(out, random)
		}
	}
	return out
}

// draw appends the peers of a tier's targets in an order drawn by weight, as RFC 2782 describes: of
// the targets left, in an order that has those of weight 0 first, the one is next at which the
// running sum of weights reaches a random number from 0 to the sum of all.
func (t tier) draw(out []transport.Peer, random func() uint64) []transport.Peer {
	var places [maxTargets]int
	left := places[:len(t)]
	sum := uint64(0)
	for i := range t {
		left[i] = i
		sum += uint64(t[i].weight)
	}
	for len(left) > 0 {
		goal, running, at := random()%(sum+1), uint64(0), 0
		for i, n := range left {
			if running += uint64(t[n].weight); running >= goal {
				at = i
				break
			}
		}
		n := left[at]
		out = append(out, t[n].peers...)
		sum -= uint64(t[n].weight)
		left = append(left[:at], left[at+1:]...)
	}
	return out
}

// seeded is a random source that gives the same numbers for the same seed (splitmix64).
func seeded(seed uint64) func() uint64 {
	return func() uint64 {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
}
