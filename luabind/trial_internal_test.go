package luabind

import (
	"math"
	"net/netip"
	"testing"
)

// Fisher's exact test, by figures that were counted by hand.
func TestChance(t *testing.T) {
	for _, c := range []struct {
		name                string
		af, an, bf, bn, nth uint64 // nth: one in
	}{
		{"all of one, none of the other", 5, 5, 0, 5, 252}, {"one of two", 1, 1, 0, 1, 2}, {"no failure", 0, 5, 0, 5, 1}, {"nothing to compare", 5, 5, 0, 0, 1},
		{"three and one", 4, 4, 0, 4, 70},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := chance(TrialSide{Answered: c.an, Failed: c.af}, TrialSide{Answered: c.bn, Failed: c.bf})
			if math.Abs(got*float64(c.nth)-1) > 1e-9 {
				t.Errorf("%v, want 1/%d", got, c.nth)
			}
		})
	}
	// 3 of 4 and 1 of 4, the lady tasting tea: 17/70
	if got := chance(TrialSide{Answered: 4, Failed: 3}, TrialSide{Answered: 4, Failed: 1}); math.Abs(got-17./70) > 1e-9 {
		t.Error(got)
	}
}

// TrialCalls is how many dialogs the trial remembers; room, unless it is 0, how many it may for a
// lane.
func (r *Router) TrialCalls(room int) (n int) {
	t := r.trial.Load()
	if room > 0 {
		t.room = room
	}
	for _, calls := range t.calls {
		n += len(calls)
	}
	return n
}

// An address of a link, which has a zone, and one of IPv4 as IPv6 has it, are in the networks they
// are of.
func TestTrialFromNetworks(t *testing.T) {
	x := &trial{Trial: Trial{Sources: []netip.Prefix{netip.MustParsePrefix("fe80::/64"), netip.MustParsePrefix("192.0.2.0/24")}}}
	for text, want := range map[string]bool{"fe80::1%eth0": true, "fe80::1": true, "::ffff:192.0.2.7": true, "192.0.3.7": false, "fe80:0:0:1::1%eth0": false} {
		t.Run(text, func(t *testing.T) {
			if got := x.from(netip.MustParseAddr(text)); got != want {
				t.Errorf("%v", got)
			}
		})
	}
}
