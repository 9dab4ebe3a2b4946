package auth

// This file measures a check, and holds it to its allocations.

import (
	"context"
	"testing"
	"time"
)

func benchCheck(b *testing.B, algorithm string) {
	d := newDesk(b, Policy{})
	c := d.challenge(client{algorithm: algorithm}).filled()
	m := parsed(b, c.text("Authorization: "+c.credentials()))
	q := Question{Message: m, Source: home, Realm: "example.com", Now: d.now}
	d.Verify(context.Background(), q)
	key := d.live.Load().nonces.read([]byte(c.nonce), d.now, time.Minute, "example.com", home).key
	b.ReportAllocs()
	for b.Loop() {
		s := d.live.Load().replays.table.Lock(key)
		s.Entries.Remove(key)
		s.Unlock()
		s.Evicted = 0
		if v := d.Verify(context.Background(), q); v.Reason != "" {
			b.Fatal(v)
		}
	}
}

func BenchmarkCheckMD5(b *testing.B)    { benchCheck(b, "MD5") }
func BenchmarkCheckSHA256(b *testing.B) { benchCheck(b, "SHA-256") }

func BenchmarkChallenge(b *testing.B) {
	d := newDesk(b, Policy{})
	b.ReportAllocs()
	for b.Loop() {
		d.Challenges(Challenge{Realm: "example.com", Source: home, Now: d.now})
	}
}

// A check allocates the user's name, and what remembers the nonce.
func TestAllocations(t *testing.T) {
	for _, algorithm := range []string{"MD5", "SHA-256", "SHA-512-256"} {
		d := newDesk(t, policyOf(func(p *Policy) { p.Algorithms = []Algorithm{MD5, SHA256, SHA512256} }))
		c := d.challenge(client{algorithm: algorithm}).filled()
		m := parsed(t, c.text("Authorization: "+c.credentials()))
		q := Question{Message: m, Source: home, Realm: "example.com", Now: d.now}
		if n := testing.AllocsPerRun(100, func() { d.Verify(context.Background(), q) }); n > 4 && !raceEnabled { // the race detector empties pools at random
			t.Errorf("%s: %v allocations", algorithm, n)
		}
	}
}
