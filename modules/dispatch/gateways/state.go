package gateways

// The states of gateways and addresses. What calls look at is atomic; what changes it holds the
// set's mutex.

import (
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/lane"
)

// Mark is what somebody has decided about a gateway.
type Mark uint32

const (
	Up       Mark = iota // nothing: what probes and requests tell counts
	Down                 // it is down until a probe is answered, or the time is over
	Draining             // it gets no new requests; calls go on
	Disabled             // it gets nothing, not even probes
)

var markNames = [...]string{"up", "down", "draining", "disabled"}

// String is the name in scripts.
func (m Mark) String() string { return markNames[m] }

// ParseMark reads the name of a mark.
func ParseMark(name string) (Mark, bool) {
	for i, n := range markNames {
		if n == name {
			return Mark(i), true
		}
	}
	return 0, false
}

// gate is the state of one gateway. It outlives the lists that name it.
type gate struct {
	set  *Set
	key  string
	name string // the gateway's next hop

	calls    atomic.Int64 // INVITEs under way and calls in progress
	maxCalls atomic.Int64 // 0: no limit
	mark     atomic.Uint32
	until    atomic.Int64 // lane.Time at which the mark ends, 0: it stays
	upSince  atomic.Int64 // lane.Time at which it came back, 0: it was never down

	sent, failed, full atomic.Uint64 // requests, those it failed, calls it had no room for

	spots map[string]*spot // guarded by set.mu; by address
	up    bool             // guarded by set.mu: as it was last reported
	why   string           // guarded by set.mu: of the last change
	since lane.Time        // guarded by set.mu
}

// marked is the mark in force.
func (g *gate) marked(now lane.Time) Mark {
	m := Mark(g.mark.Load())
	if m == Up {
		return Up
	}
	if until := lane.Time(g.until.Load()); until != 0 && now >= until {
		return Up
	}
	return m
}

// isFull reports whether another call would be refused.
func (g *gate) isFull() bool {
	most := g.maxCalls.Load()
	return most > 0 && g.calls.Load() >= most
}

// spot is the state of one address of a gateway.
type spot struct {
	gate *gate
	addr string // "udp:192.0.2.1:5060"; "" while the name has not been looked up

	down     atomic.Bool
	failures atomic.Int32 // of requests, in a row
	lastFail atomic.Int64 // lane.Time of the last

	probing atomic.Bool // a probe is under way

	missed, answered int       // guarded by set.mu: probes in a row
	retry            lane.Time // guarded by set.mu: it is tried again, without probes; 0: never
	why              string    // guarded by set.mu
	since            lane.Time // guarded by set.mu
}
