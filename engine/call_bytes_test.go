package engine_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/sipscript/sipscript/bench/loop"
	"github.com/sipscript/sipscript/engine"
)

// A call through the engine (INVITE, 180, 200, ACK, BYE, 200, relayed with Record-Route) takes no
// more of the heap than this: what is taken is what the collector has to look at.
func TestBytesPerCall(t *testing.T) {
	const most = 2400
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	c := recordedCalls(t)
	calls := func(n int) {
		for range n {
			makeCall(t, c)
			c.Pass(5 * time.Second)
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would empty the pools
	calls(200)                                       // fills them, and the tables
	c.Count = true
	calls(200)
	if each := c.Allocated / 200; each > most {
		t.Errorf("%d bytes a call, the most is %d", each, most)
	} else {
		t.Logf("%d bytes a call", each)
	}
}

// What is kept of a call 30 s after its end: the transactions of its INVITE and of its BYE wait for
// retransmissions for 32 s.
func TestBytesKeptOfACall(t *testing.T) {
	const calls, most = 5000, 2500
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	c := recordedCalls(t)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	makeCall(t, c)
	before := heap()
	for range calls {
		makeCall(t, c)
	}
	c.Pass(30 * time.Second)
	if n := c.Engine.Stats().ServerTransactions; n < 2*calls {
		t.Fatalf("%d server transactions", n)
	}
	if each := (heap() - before) / calls; each > most {
		t.Errorf("%d bytes of each call, the most is %d", each, most)
	} else {
		t.Logf("%d bytes of each call", each)
	}
	runtime.KeepAlive(c)
}

func makeCall(t *testing.T, c *loop.Calls) {
	t.Helper()
	if err := c.Call("bob"); err != nil {
		t.Fatal(err)
	}
}

// recordedCalls are relayed with Record-Route.
func recordedCalls(t *testing.T) *loop.Calls {
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
	return c
}
