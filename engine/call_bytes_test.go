package engine_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/engine"
)

// A call through the engine (INVITE, 180, 200, ACK, BYE, 200, relayed with Record-Route) takes no
// more of the heap than this: what is taken is what the collector has to look at.
func TestBytesPerCall(t *testing.T) {
	const most = 4100 // seen: 3850; a collection that empties the pools costs some
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	targets := to("sip:bob@" + loop.Contact)
	c, err := loop.NewCalls(routerFunc(func(r *engine.Request) error {
		if r.InDialog() {
			_, err := r.Relay(nil, nil)
			return err
		}
		_ = r.RecordRoute()
		_, err := r.Relay(targets, nil)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	calls := func(n int) {
		for range n {
			if err := c.Call("bob"); err != nil {
				t.Fatal(err)
			}
			c.Pass(5 * time.Second)
		}
	}
	calls(200) // fills the pools and the tables
	c.Count = true
	calls(200)
	if each := c.Allocated / 200; each > most {
		t.Errorf("%d bytes a call, the most is %d", each, most)
	} else {
		t.Logf("%d bytes a call", each)
	}
}
