package auth

// This file tests the limits of guessing.

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// wrong answers n fresh challenges with a wrong password.
func (d *desk) wrong(user string, n int, reason Reason) {
	d.t.Helper()
	for range n {
		d.expect(d.try(d.challenge(client{user: user, password: "wrong"})), reason)
	}
}

func TestBanOfUser(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) {
		p.Limits = Limits{PerUser: 3, PerSource: 100, Window: time.Minute, Ban: 2 * time.Minute}
	}))
	d.wrong("alice", 2, Failed)
	d.expect(d.try(d.challenge(client{})), "") // the right password clears the count
	d.wrong("alice", 2, Failed)
	d.now = d.now.Add(time.Minute) // and so does time
	d.wrong("alice", 3, Failed)
	v := d.try(d.challenge(client{}))
	d.expect(v, Banned)
	if v.Left != 2*time.Minute || v.User != "alice" {
		t.Errorf("%+v", v)
	}
	d.expect(d.try(d.challenge(client{user: "bob", password: "swordfish"})), "")
	d.source = netip.MustParseAddr("192.0.2.5")
	d.expect(d.try(d.challenge(client{})), "") // nobody locks out alice elsewhere
	d.source = home
	d.now = d.now.Add(2*time.Minute - 1)
	d.expect(d.try(d.challenge(client{})), Banned)
	d.now = d.now.Add(1)
	d.expect(d.try(d.challenge(client{})), "")
	last := d.events[len(d.events)-1]
	if last != "auth.banned alice 192.0.2.4" {
		t.Errorf("last event %q", last)
	}
	if s := d.Stats(); s.Bans != 1 || s.Refused[Failed] != 7 || s.Refused[Banned] != 2 {
		t.Errorf("%+v", s)
	}
}

// TestBanAndClock: a ban lasts no longer than it is to, also where the clock is set back.
func TestBanAndClock(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) {
		p.Limits = Limits{PerUser: 3, PerSource: 100, Window: time.Minute, Ban: 2 * time.Minute}
	}))
	d.wrong("alice", 3, Failed)
	d.now = d.now.Add(-24 * time.Hour)
	v := d.try(d.challenge(client{}))
	d.expect(v, Banned)
	if v.Left != 2*time.Minute {
		t.Errorf("banned for %v", v.Left)
	}
	d.now = d.now.Add(2 * time.Minute)
	d.expect(d.try(d.challenge(client{})), "")
}

func TestBanOfSource(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) { p.Limits = Limits{PerUser: 3, PerSource: 5, Window: time.Minute, Ban: time.Minute} }))
	for i := range 5 {
		d.wrong(fmt.Sprint("user", i), 1, Failed)
	}
	d.expect(d.try(d.challenge(client{})), Banned)
	for _, c := range []struct {
		source string
		reason Reason
	}{{"192.0.2.9", ""}, {"::ffff:192.0.2.4", Banned}} {
		d.source = netip.MustParseAddr(c.source)
		d.expect(d.try(d.challenge(client{})), c.reason)
	}
	// Of IPv6 a /64 is one source.
	for i := range 5 {
		d.source = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))
		d.wrong(fmt.Sprint("user", i), 1, Failed)
	}
	d.source = netip.MustParseAddr("2001:db8::ffff")
	d.expect(d.try(d.challenge(client{})), Banned)
	d.source = netip.MustParseAddr("2001:db8:0:1::1")
	d.expect(d.try(d.challenge(client{})), "")
	if want := "auth.banned  192.0.2.4"; d.events[5] != want {
		t.Errorf("event %q", d.events[5])
	}
}

// One phone with an old password does not ban the office behind its NAT: once it is banned it
// counts no more.
func TestOnePhoneBansNobodyElse(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) {
		p.Limits = Limits{PerUser: 3, PerSource: 10, Window: time.Hour, Ban: 20 * time.Minute}
	}))
	for range 50 {
		d.try(d.challenge(client{user: "bob", password: "old"}))
		d.now = d.now.Add(time.Minute)
	}
	d.expect(d.try(d.challenge(client{})), "")
}

// Who forges a source address bans nobody there: he never sees the challenges that go to it.
func TestForgedSource(t *testing.T) {
	limits := Limits{PerUser: 3, PerSource: 5, Window: time.Minute, Ban: time.Minute}
	d := newDesk(t, policyOf(func(p *Policy) { p.Limits = limits }))
	d.source = netip.MustParseAddr("203.0.113.66")
	seen := d.challenge(client{password: "wrong"}) // what he sees at home
	d.source = home
	for i := range 20 {
		seen.nc = uint32(i + 1)
		d.try(seen)
		d.try(client{password: "wrong", nonce: "made up"})
	}
	d.expect(d.try(d.challenge(client{})), "")
	for _, e := range d.events {
		if e == "auth.banned alice 192.0.2.4" || e == "auth.banned  192.0.2.4" {
			t.Errorf("event %q", e)
		}
	}
	// Such guesses are limited all the same: beyond it they are not looked at, right or wrong.
	right := seen
	right.password, right.nc = "open sesame", 100
	v := d.try(right)
	if v.Reason != Stale || !v.Stale || v.User != "" {
		t.Errorf("%+v", v)
	}
	// Over a connection the source is certain, whatever the nonce.
	d = newDesk(t, policyOf(func(p *Policy) { p.Limits = limits }))
	for range 3 {
		c := client{password: "wrong", nonce: "made up"}.filled()
		d.Verify(t.Context(), Question{Message: parsed(t, c.text("Authorization: "+c.credentials())), Source: home, Connected: true, Realm: "example.com", Now: d.now})
	}
	d.expect(d.try(d.challenge(client{})), Banned)
}

func TestNoLimits(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) { p.Limits = Limits{Window: time.Minute, Ban: time.Minute} }))
	d.wrong("alice", 300, Failed)
	d.expect(d.try(d.challenge(client{})), "")
}

// A user there isn't is answered as one with another password, and costs the same.
func TestUnknownUser(t *testing.T) {
	d := newDesk(t, Policy{})
	known := d.try(d.challenge(client{user: "alice", password: "wrong"}))
	unknown := d.try(d.challenge(client{user: "nobody", password: "wrong"}))
	known.User, unknown.User = "", ""
	if !reflect.DeepEqual(known, unknown) {
		t.Errorf("%+v and %+v", known, unknown)
	}
	for _, user := range []string{"alice", "nobody"} { // nor does being banned tell them apart
		d := newDesk(t, policyOf(func(p *Policy) { p.Limits = Limits{PerUser: 3, PerSource: 100, Window: time.Minute, Ban: time.Minute} }))
		d.wrong(user, 3, Failed)
		d.wrong(user, 1, Banned)
	}
	cost := func(user string) float64 {
		c := d.challenge(client{user: user, password: "wrong"}).filled()
		d.Auth.policy.Limits.PerUser, d.Auth.policy.Limits.PerSource = 0, 0
		m := parsed(t, c.text("Authorization: "+c.credentials()))
		return testing.AllocsPerRun(50, func() { d.Verify(t.Context(), Question{Message: m, Source: home, Realm: "example.com", Now: d.now}) })
	}
	// The race detector empties pools at random
	if a, b := cost("alice"), cost("nobod"); a != b && !raceEnabled {
		t.Errorf("%v allocations for a known user, %v for an unknown one", a, b)
	}
}

// The comparison takes as long without a secret, with a password and with a hash. Leaving out the
// hash of the password would save a third or more; the fastest of many runs is nearly free of
// noise.
func TestEqualWork(t *testing.T) {
	p := proof{algorithm: SHA256, realm: []byte("example.com"), nonce: make([]byte, 40), cnonce: []byte("0a4f113b"), nc: []byte("00000001"), qop: []byte("auth")}
	p.names[0] = []byte("alice")
	p.setHA2([]byte("REGISTER"), []byte("sip:example.com"), nil, false)
	p.response = p.ha2
	hash := &Secret{}
	if err := hash.SetHash("SHA-256", HashPassword(SHA256, "alice", "example.com", "x")); err != nil {
		t.Fatal(err)
	}
	secrets := [3]*Secret{nil, NewPassword("open sesame"), hash}
	var best [3]time.Duration
	for range 3000 {
		for i, s := range secrets {
			begun := time.Now()
			p.matches(s)
			if d := time.Since(begun); best[i] == 0 || d < best[i] {
				best[i] = d
			}
		}
	}
	if slices.Max(best[:]) > slices.Min(best[:])*4/3 {
		t.Errorf("no user %v, password %v, hash %v", best[0], best[1], best[2])
	}
}
