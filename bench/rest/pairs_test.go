package main

import (
	"slices"
	"testing"
	"time"
)

// Of calls, those count that nobody else's work disturbed, and that come when it is calm again.
func TestCalm(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	got := map[string]answered{}
	list := ""
	call := func(id string, at, took time.Duration, clock string) {
		got[id] = answered{moment{wall: start.Add(at), clock: 1000}, took}
		if clock != "" {
			list += id + "=" + clock + " "
		}
	}
	call("a", 0, 90*time.Microsecond, "61000")                   // idle: 60 µs of the server
	call("b", time.Millisecond, 900*time.Microsecond, "861000")  // behind other work of the server
	call("c", 2*time.Millisecond, 3*time.Millisecond, "81000")   // the core was somebody else's
	call("d", 3*time.Millisecond, 80*time.Microsecond, "71000")  // meanwhile
	call("e", 14*time.Millisecond, 80*time.Microsecond, "71000") // before it settled
	call("f", 16*time.Millisecond, 70*time.Microsecond, "61000") // calm again
	call("g", 17*time.Millisecond, 60*time.Microsecond, "")      // not noted
	call("h", 18*time.Millisecond, 60*time.Microsecond, "x")     // nonsense
	var s slot
	s.calm(got, list)
	slices.Sort(s.wall)
	if want := []float64{70, 90, 900}; !slices.Equal(s.wall, want) || s.calls != 6 {
		t.Errorf("%v of %d calls, want %v", s.wall, s.calls, want)
	}
}

func TestCompare(t *testing.T) {
	var pairs []pair
	for i := range 100 {
		var p pair
		p[0].wall, p[1].wall = []float64{float64(i + 1)}, []float64{float64(2 * (i + 1))}
		pairs = append(pairs, p)
	}
	same, ask, ratio := compare(pairs, 0.99)
	if same != 99 || ask != 198 || ratio != 2 {
		t.Errorf("%v, %v, %v", same, ask, ratio)
	}
	if low, high := interval(pairs, 0.99); low != 2 || high != 2 {
		t.Errorf("%v to %v: the pairs all say 2", low, high)
	}
	if _, _, ratio := compare(make([]pair, 3), 0.5); ratio == ratio {
		t.Errorf("a ratio of nothing: %v", ratio)
	}
}
