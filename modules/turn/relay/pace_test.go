package relay

import (
	"testing"
	"time"
)

// A reader gathers where packets are many, and leaves off where they are not.
func TestPace(t *testing.T) {
	const µs = int64(time.Microsecond)
	type step struct {
		at      int64 // microseconds
		packets int
		gather  bool
	}
	for _, row := range []struct {
		name  string
		steps []step
	}{
		{"a single packet", []step{{0, 1, false}}},
		{"a burst", []step{{0, gatherFrom, true}}},
		{"as many in a millisecond", []step{{0, 1, false}, {300, 2, false}, {900, 1, true}}},
		{"as many in longer", []step{{0, 1, false}, {500, 2, false}, {1000, 1, false}, {1500, 1, false}, {1900, 2, true}}},
		{"it goes on while there are some", []step{{0, 4, true}, {1000, 2, true}, {2000, 9, true}, {3000, 2, true}}},
		{"and ends", []step{{0, 4, true}, {1000, 1, false}, {1100, 50, false}, {100_999, 50, false}, {101_001, 50, true}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p pace
			gathering := false
			for _, s := range row.steps {
				if gathering {
					if d := p.pause(s.at * µs); d > 0 {
						t.Errorf("at %d there are %v left", s.at, d)
					}
					gathering = p.looked(s.at*µs, s.packets)
				} else {
					gathering = p.woken(s.at*µs, s.packets)
				}
				if gathering != s.gather {
					t.Errorf("at %d: %v", s.at, gathering)
				}
			}
		})
	}
}
