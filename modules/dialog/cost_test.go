package dialog_test

import (
	"testing"
	"time"
)

// What tracking adds to a call through a script, with two limits: it took 60 pieces of memory, and
// half as many bytes more, when each of them was made for itself. Three pieces, of 0.8 kB, are what
// the proxy keeps apart of calls that somebody follows; it was part of every call before.
func TestTrackingAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	const mostPieces, mostBytes = 29, 3100
	pieces, bytes := [2]float64{}, [2]uint64{}
	for i, script := range []string{"../../bench/route.lua", "../../bench/dialog.lua"} {
		c := scripted(t, script)
		call := func() {
			if err := c.Call("bob"); err != nil {
				t.Fatal(err)
			}
			c.Pass(5 * time.Second)
		}
		for range 100 { // fills the pools and the tables
			call()
		}
		for n := range 3 { // the least counts: others may work beside, and pools be emptied
			one := testing.AllocsPerRun(70, call)
			c.Count, c.Allocated = true, 0
			for range 30 {
				call()
			}
			c.Count = false
			if n == 0 || one < pieces[i] {
				pieces[i] = one
			}
			if n == 0 || c.Allocated/30 < bytes[i] {
				bytes[i] = c.Allocated / 30
			}
		}
	}
	if more := pieces[1] - pieces[0]; more > mostPieces {
		t.Errorf("%.0f pieces of memory more a call, the most is %d", more, mostPieces)
	} else {
		t.Logf("%.0f pieces of memory more a call", more)
	}
	if more := int64(bytes[1]) - int64(bytes[0]); more > mostBytes {
		t.Errorf("%d bytes more a call, the most is %d", more, mostBytes)
	} else {
		t.Logf("%d bytes more a call", more)
	}
}
