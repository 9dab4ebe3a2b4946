package gateways

// What is told about a set.

import (
	"cmp"
	"slices"
	"time"
)

// Status is the state of a gateway at one moment.
type Status struct {
	Set      string  `json:"set"`                   // the name of its set
	URI      string  `json:"uri"`                   // as the list has it
	State    string  `json:"state"`                 // "up", "down", "draining" or "disabled"
	Why      string  `json:"why,omitempty"`         // of a state other than up: what was found
	Since    float64 `json:"since_seconds"`         // how long ago that became so
	Left     float64 `json:"for_seconds,omitempty"` // how long a mark still lasts
	Priority int     `json:"priority"`              // as the list has it
	Weight   int     `json:"weight"`                // its share among those of its priority
	Carrier  string  `json:"carrier,omitempty"`     // as the list has it
	Calls    int     `json:"calls"`                 // that it has now
	MaxCalls int     `json:"max_calls,omitempty"`   // 0: no limit
	Sent     uint64  `json:"sent"`                  // requests since the start
	Failed   uint64  `json:"failed"`                // those that it failed
	Full     uint64  `json:"full"`                  // calls that it had no room for

	Addresses []AddressStatus `json:"addresses"` // those its name leads to

	Gateway *Gateway `json:"-"` // whose state it is
}

// AddressStatus is the state of one address.
type AddressStatus struct {
	Address string  `json:"address"`       // "udp:192.0.2.1:5060"
	Up      bool    `json:"up"`            // requests are sent there
	Why     string  `json:"why,omitempty"` // of one that is not: what was found
	Since   float64 `json:"since_seconds"` // how long ago that became so
}

// List is the state of all gateways, in the order of the list.
func (s *Set) List() []*Status {
	v, now := s.view.Load(), s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Status, 0, len(v.all))
	for _, g := range v.all {
		x := g.gate
		st := &Status{Set: s.name, URI: g.NextHop, Why: x.why, Since: now.Sub(x.since).Seconds(), Priority: g.Priority, Weight: g.Weight, Carrier: g.Carrier,
			Calls: int(x.calls.Load()), MaxCalls: g.MaxCalls, Sent: x.sent.Load(), Failed: x.failed.Load(), Full: x.full.Load(), Gateway: g}
		up := false
		for _, a := range g.spots {
			if a.addr == "" {
				up = up || !a.down.Load()
				st.Why = cmp.Or(st.Why, a.why)
				continue
			}
			one := AddressStatus{Address: a.addr, Up: !a.down.Load(), Why: a.why, Since: now.Sub(a.since).Seconds()}
			up = up || one.Up
			st.Addresses = append(st.Addresses, one)
		}
		if st.Addresses == nil {
			st.Addresses = []AddressStatus{}
		}
		switch m := x.marked(now); {
		case m != Up:
			st.State = m.String()
			if until := x.until.Load(); until != 0 {
				st.Left = (time.Duration(until) - time.Duration(now)).Seconds()
			}
		case up:
			st.State = "up"
		default:
			st.State = "down"
		}
		list = append(list, st)
	}
	return list
}

// Stats are the figures of a set. Up, Down, Draining and Disabled are how many gateways are so now;
// the others count since the set was made.
type Stats struct {
	Up, Down, Draining, Disabled int
	Calls                        int    // that its gateways have now
	Sent, Failed, Full           uint64 // requests, those that failed, calls without room
	Probes, Missed               uint64 // probes, and those that were not answered well
	Changes                      uint64 // how often a gateway went down or came back
	None                         uint64 // choices that found none up
}

// Stats gathers the figures.
func (s *Set) Stats() Stats {
	f := &s.figures
	st := Stats{Probes: f.probes.Load(), Missed: f.missed.Load(), Changes: f.changes.Load(), None: f.none.Load()}
	for _, g := range s.List() {
		st.Calls += g.Calls
		st.Sent += g.Sent
		st.Failed += g.Failed
		st.Full += g.Full
		*map[string]*int{"up": &st.Up, "down": &st.Down, "draining": &st.Draining, "disabled": &st.Disabled}[g.State]++
	}
	return st
}

// SortSets sorts sets by name.
func SortSets(sets []*Set) {
	slices.SortFunc(sets, func(a, b *Set) int { return cmp.Compare(a.name, b.name) })
}
