package auth

// This file tests the memory in front of databases.

import (
	"context"
	"errors"
	"testing"
	"time"
)

// shelf is a store that counts.
type shelf struct {
	users   map[string]*Secret
	asked   int
	err     error
	fetched func()
}

func (s *shelf) FetchSecret(_ context.Context, user, _ string) (*Secret, error) {
	s.asked++
	if s.fetched != nil {
		s.fetched()
	}
	return s.users[user], s.err
}

func TestCache(t *testing.T) {
	s := &shelf{users: map[string]*Secret{"alice": NewPassword("open sesame")}}
	d := newDesk(t, policyOf(func(p *Policy) {
		p.Users, p.Cache, p.Limits = NewCache(s), time.Minute, Limits{Window: time.Minute, Ban: time.Minute}
	}))
	step := func(c client, reason Reason, asked int) {
		t.Helper()
		s.asked = 0
		d.expect(d.try(d.challenge(c)), reason)
		if s.asked != asked {
			t.Errorf("the store was asked %d times, want %d", s.asked, asked)
		}
	}
	for range 3 { // names there aren't must not push out those there are
		step(client{user: "nobody"}, Failed, 1)
	}
	if n := d.policy.Users.(*Cache).keyed.Len(); n != 0 {
		t.Errorf("%d users are remembered that there are not", n)
	}
	step(client{}, "", 1)
	step(client{}, "", 0)
	d.now = d.now.Add(time.Minute - 1)
	step(client{}, "", 0)
	d.now = d.now.Add(1)
	step(client{}, "", 1)
	// A known user's wrong password and an unknown user cost the store one question each, every
	// time.
	for range 3 {
		step(client{password: "wrong"}, Failed, 1)
		step(client{user: "nobody"}, Failed, 1)
	}
	// A password that was changed counts at once; the old one no longer does once anybody failed.
	s.users["alice"] = NewPassword("new")
	step(client{password: "new"}, "", 1)
	step(client{password: "new"}, "", 0)
	step(client{}, Failed, 1)
	// What is gone is let in for the time of the cache, or until it is forgotten.
	delete(s.users, "alice")
	step(client{password: "new"}, "", 0)
	d.Forget("alice")
	step(client{password: "new"}, Failed, 1)
	// The store is unavailable: who is remembered gets in.
	s.users["alice"] = NewPassword("open sesame")
	step(client{}, "", 1)
	s.err = errors.New("away")
	step(client{}, "", 0)
	step(client{user: "nobody"}, Unavailable, 1)
	if st := d.Stats(); st.CacheHits == 0 || st.CacheMiss == 0 {
		t.Errorf("%+v", st)
	}
	d.Auth.policy.Cache = 0
	s.err = nil
	step(client{}, "", 1)
	step(client{}, "", 1)
}

// Credentials outlive the message they came in: while the store is asked its buffer may serve
// another.
func TestFetchNeedsNoMessage(t *testing.T) {
	s := &shelf{users: map[string]*Secret{`a"b\c`: NewPassword("x")}}
	d := newDesk(t, policyOf(func(p *Policy) { p.Users, p.Info = NewCache(s), "always" }))
	c := d.challenge(client{user: `a"b\c`, password: "x"}).filled()
	creds := c.credentials()
	c.user = `a\"b\\c`
	creds = `Digest username="` + c.user + creds[len(`Digest username="a"b\c`):]
	text := []byte(c.text("Authorization: " + creds))
	m := parsed(t, "OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")
	if err := m.Parse(text, nil); err != nil {
		t.Fatal(err)
	}
	s.fetched = func() { clear(text) }
	v := d.Verify(t.Context(), Question{Message: m, Source: home, Realm: "example.com", Now: d.now})
	d.expect(v, "")
	if v.User != `a"b\c` || param(v.Info, "rspauth") == "" || param(v.Info, "cnonce") != c.cnonce {
		t.Errorf("%+v", v)
	}
}
