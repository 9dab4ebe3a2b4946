package gateways

// The order in which gateways are tried.

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/lane"
)

// By says how the gateways of one priority are ordered.
type By uint8

const (
	ByWeight By = iota // at random, by weight
	InTurn             // one after the other
	ByHash             // by a key: the same key, the same gateway
	ByCalls            // the one with the fewest calls first, by weight
	AtRandom           // at random, all alike
)

var byNames = [...]string{"weight", "round_robin", "hash", "least_calls", "random"}

// String is the name in scripts.
func (b By) String() string { return byNames[b] }

// ParseBy reads the name of an order.
func ParseBy(name string) (By, bool) {
	for i, n := range byNames {
		if n == name {
			return By(i), true
		}
	}
	return 0, false
}

// Choice is what Choose is asked for. Random is required.
type Choice struct {
	By     By            // the order of gateways of one priority
	Key    string        // of ByHash
	Limit  int           // at most so many targets; 0: all
	Random func() uint64 // a source of random numbers
}

// NoneError is the error of a set in which no gateway is up.
type NoneError struct {
	Set string // the name of the set
}

func (e *NoneError) Error() string { return fmt.Sprintf("no gateway of %s is up", e.Set) }

// group are the gateways of one priority.
type group struct {
	gateways []*Gateway
	alike    bool // they have one weight
	turn     atomic.Uint64
}

// candidate is a gateway with its place in the order: the lowest comes first.
type candidate struct {
	g   *Gateway
	key float64
}

// scratches are the candidates of choices under way.
var scratches = sync.Pool{New: func() any { s := make([]candidate, 0, 128); return &s }}

// Choose returns the targets of the gateways that are up, in the order to try them: those of the
// first priority, then of the next. Gateways that have no room for a call come last among those of
// their priority. The error is a *NoneError.
func (s *Set) Choose(o *Choice) ([]*Target, error) {
	v, now := s.view.Load(), s.now()
	limit := o.Limit
	if limit <= 0 || limit > v.places {
		limit = v.places
	}
	out := make([]*Target, 0, limit)
	scratch := scratches.Get().(*[]candidate)
	defer scratches.Put(scratch)
	var hash uint64
	if o.By == ByHash {
		hash = hashOf(o.Key)
	}
	for _, in := range v.groups {
		list := (*scratch)[:0]
		for _, g := range in.gateways {
			if g.usable(now) {
				list = append(list, candidate{g: g})
			}
		}
		*scratch = list[:0]
		s.order(list, in, o, hash, limit-len(out), now)
		for _, c := range list {
			if out = c.g.appendTargets(out, o, hash); len(out) >= limit {
				return out[:limit], nil
			}
		}
	}
	if len(out) == 0 {
		s.figures.none.Add(1)
		return nil, &NoneError{s.name}
	}
	return out, nil
}

// usable reports whether the gateway gets new requests.
func (g *Gateway) usable(now lane.Time) bool {
	if g.gate.marked(now) != Up {
		return false
	}
	for _, a := range g.spots {
		if !a.down.Load() {
			return true
		}
	}
	return false
}

// order puts the gateways of one group into order, or the first want of them.
func (s *Set) order(list []candidate, in *group, o *Choice, hash uint64, want int, now lane.Time) {
	if len(list) < 2 {
		return
	}
	for i := range list {
		list[i].key = list[i].g.score(o, hash, in.alike)
	}
	slowly, limited := o.By != ByHash && s.policy.Load().SlowStart > 0, s.view.Load().limited
	switch {
	case o.By == InTurn:
		rotate(list, int(in.turn.Add(1)%uint64(len(list))))
	case o.By == ByCalls:
		slices.SortFunc(list, func(a, b candidate) int { return cmp.Compare(a.key, b.key) })
	case slowly || limited:
		sortFirst(list, drawnFirst)
	default:
		sortFirst(list, min(want, drawnFirst))
	}
	if slowly {
		s.slowly(list, o, now)
	}
	if limited {
		later(list, func(c *candidate) bool { return c.g.gate.isFull() })
	}
}

// score is the place of a gateway in the order.
func (g *Gateway) score(o *Choice, hash uint64, alike bool) float64 {
	switch o.By {
	case ByWeight:
		return drawn(o.Random(), float64(g.Weight), alike)
	case ByHash:
		// Rendezvous hashing: each gateway has a number for each key, so that one which goes takes
		// with it the keys for which its number was the lowest, and no others.
		return drawn(mix(hash^g.hash), float64(g.Weight), alike)
	case ByCalls:
		if g.Weight <= 0 {
			return math.MaxFloat64
		}
		const tie = 1e-6 // equals in any order
		return float64(g.gate.calls.Load())/float64(g.Weight) + tie*float64(o.Random()>>11)/(1<<53)
	case AtRandom:
		return float64(o.Random() >> 11)
	}
	return 0
}

// drawn turns a random number into one that is the lowest of several with a probability in
// proportion to weight: an exponential distribution.
func drawn(random uint64, weight float64, alike bool) float64 {
	if alike {
		return float64(random >> 11)
	}
	if weight <= 0 {
		return math.MaxFloat64
	}
	return -math.Log((float64(random>>11)+1)/(1<<53)) / weight
}

// drawnFirst is how many places are drawn; few calls get beyond. The rest follow in any order.
const drawnFirst = 8

// sortFirst brings the first n elements of a list to their places.
func sortFirst(list []candidate, n int) {
	for i := range min(n, len(list)-1) {
		least := i
		for j := i + 1; j < len(list); j++ {
			if list[j].key < list[least].key {
				least = j
			}
		}
		list[i], list[least] = list[least], list[i]
	}
}

// rotate has the list begin at n.
func rotate(list []candidate, n int) {
	slices.Reverse(list[:n])
	slices.Reverse(list[n:])
	slices.Reverse(list)
}

// later moves the elements for which f holds to the end; both parts keep their order.
func later(list []candidate, f func(*candidate) bool) {
	first := slices.IndexFunc(list, func(c candidate) bool { return f(&c) })
	if first < 0 {
		return
	}
	moved := []candidate{list[first]} // f is asked once about each
	kept := list[:first]
	for _, c := range list[first+1:] {
		if f(&c) {
			moved = append(moved, c)
		} else {
			kept = append(kept, c)
		}
	}
	copy(list[len(kept):], moved)
}

// slowly gives gateways that came back a part of their share which grows with time: the rest of the
// time others are tried before them.
func (s *Set) slowly(list []candidate, o *Choice, now lane.Time) {
	over := float64(s.policy.Load().SlowStart)
	later(list, func(c *candidate) bool {
		since := lane.Time(c.g.gate.upSince.Load())
		if since == 0 {
			return false
		}
		part := max(float64(now.Sub(since))/over, 0.05)
		return part < 1 && float64(o.Random()>>11)/(1<<53) > part
	})
}

// appendTargets appends the addresses of a gateway that are up.
func (g *Gateway) appendTargets(out []*Target, o *Choice, hash uint64) []*Target {
	kind := 0
	if o.By == ByCalls {
		kind = 1
	}
	if len(g.spots) == 1 {
		return append(out, g.spots[0].targets[kind])
	}
	type placed struct {
		a   *address
		key float64
	}
	var room [8]placed
	list := room[:0]
	for _, a := range g.spots {
		if a.down.Load() {
			continue
		}
		random := mix(hash ^ a.hash)
		if o.By != ByHash {
			random = o.Random()
		}
		list = append(list, placed{a, drawn(random, a.weight, false)})
	}
	slices.SortFunc(list, func(x, y placed) int {
		return cmp.Or(cmp.Compare(x.a.tier, y.a.tier), cmp.Compare(x.key, y.key))
	})
	for _, p := range list {
		out = append(out, p.a.targets[kind])
	}
	return out
}
