package auth

// This file tests that secrets change, and that nonces outlive them only as long as they should.

import (
	"fmt"
	"testing"
	"time"
)

func TestOwnRing(t *testing.T) {
	r := &ownRing{}
	at := func(d time.Duration) int64 { return start.Add(d).UnixMilli() }
	current := func(d time.Duration) uint32 { return r.current(at(d), time.Minute).number &^ ownSecret }
	for _, step := range []struct {
		at     time.Duration
		number uint32
	}{{0, 1}, {59 * time.Minute, 1}, {time.Hour, 2}, {30 * time.Minute, 1}, {90 * time.Minute, 2}, {10 * time.Hour, 3}, {-time.Hour, 4}, {-time.Minute, 4}} {
		t.Run(fmt.Sprint(step.at), func(t *testing.T) {
			if n := current(step.at); n != step.number {
				t.Errorf("at %v: secret %d, want %d", step.at, n, step.number)
			}
		})
	}
	for i := range 100 { // it doesn't grow
		current(20*time.Hour + time.Duration(i)*time.Hour)
	}
	if n := len(r.all()); n > 30 {
		t.Errorf("%d secrets are kept", n)
	}
	if s := r.current(at(time.Hour*200), 12*time.Hour); r.current(at(time.Hour*211), 12*time.Hour) != s {
		t.Error("a secret ended before a nonce's life")
	}
}

// A nonce outlives its secret's time, but none is made with a secret after it: one that leaked is
// good for nothing.
func TestOldSecret(t *testing.T) {
	d := newDesk(t, Policy{})
	d.now = start.Add(59 * time.Minute)
	d.challenge(client{}) // begins the first secret, which is then asked for once its hour is over
	d.now = start.Add(118 * time.Minute)
	c := d.challenge(client{})
	n := d.live.Load().nonces
	old := n.own.all()[0]
	d.now = start.Add(122 * time.Minute)
	if next := d.challenge(client{}).nonce; next == "" || len(n.own.all()) != 2 {
		t.Fatalf("%d secrets", len(n.own.all()))
	}
	d.expect(d.try(c), "") // made four minutes ago, with the first
	d.now = start.Add(125 * time.Minute)
	forged := &nonces{}
	forged.own.list.Store(&[]*secret{{number: old.number, from: old.from, keyed: old.keyed}})
	if o := n.read([]byte(forged.issue(start.Add(110*time.Minute), 5*time.Minute, "example.com", home)), d.now, time.Hour, "example.com", home); !o.ours {
		t.Error("the forger of this test is none")
	}
	forged.own.list.Store(&[]*secret{{number: old.number, from: start.Add(2 * time.Hour).UnixMilli(), keyed: old.keyed}})
	d.expect(d.try(client{nonce: forged.issue(d.now, 5*time.Minute, "example.com", home)}), Stale)
}
