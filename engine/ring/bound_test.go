package ring

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// A call with very many messages is told by its first and its last.
func TestCallIsBounded(t *testing.T) {
	for _, n := range []int{mostOfCall - 1, mostOfCall, mostOfCall + 1, 2*mostOfCall + 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := newBench(t, 1<<24)
			for i := range n {
				b.clock.now++
				b.message(strings.Replace(invite(1), "Allow: INVITE", fmt.Sprintf("X: %d\r\nAllow: INVITE", i), 1))
			}
			c, list, err := b.ring.Call("1@10.0.0.2")
			if err != nil || c == nil {
				t.Fatal(err)
			}
			if want := max(0, n-mostOfCall); c.LeftOut != want || len(list) != n-want {
				t.Fatalf("%d records, %d left out", len(list), c.LeftOut)
			}
			for i, r := range list {
				of := i
				if i >= mostOfCall/2 {
					of += c.LeftOut
				}
				if !strings.Contains(string(r.Text), fmt.Sprintf("X: %d\r\n", of)) {
					t.Fatalf("record %d is not that of message %d:\n%s", i, of, r.Text)
				}
			}
		})
	}
}

// A lane that is busy keeps a follower from none of the others.
func TestFollowerTakesTurns(t *testing.T) {
	clock := &standing{}
	r := New(Options{Size: 1 << 24, Lanes: 2})
	var lanes [2]engine.Observer
	for i := range lanes {
		l := lane.New(i, lane.Options{Clock: clock})
		t.Cleanup(l.Stop)
		lanes[i] = r.Observe(l)
	}
	say := func(o engine.Observer, n int) {
		o.Message(&engine.Observed{Bytes: []byte(invite(n)), Kind: transport.UDP, Peer: peer, Local: local})
	}
	f := r.Follow(true)
	say(lanes[1], 1)
	for range 3 {
		for i := range mostAtOnce + 1 {
			say(lanes[0], i)
		}
		for _, rec := range f.Next() {
			if rec.Lane == 1 {
				return
			}
		}
	}
	t.Error("the other lane never has its turn")
}
