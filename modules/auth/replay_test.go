package auth

// This file tests that credentials are good once, in bounded memory.

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestReplay(t *testing.T) {
	d := newDesk(t, Policy{})
	c := d.challenge(client{})
	for row, step := range []struct {
		nc     uint32
		reason Reason
	}{
		{1, ""}, {1, Replay}, {2, ""}, {5, ""}, {4, ""}, {4, Replay}, {3, ""}, {2, Replay},
		{70, ""}, {6, Replay}, // 64 behind
		{7, ""}, {7, Replay}, {69, ""}, {1 << 31, ""}, {70, Replay}, {1<<32 - 1, ""}, {1<<32 - 1, Replay},
	} {
		t.Run(fmt.Sprint(row), func(t *testing.T) {
			c.nc = step.nc
			v := d.try(c)
			d.expect(v, step.reason)
			if v.Stale != (step.reason == Replay) {
				t.Errorf("nc %d: stale %v", step.nc, v.Stale)
			}
		})
	}
	// Without qop a nonce is good for one request, with or without counts.
	d = newDesk(t, policyOf(func(p *Policy) { p.QOP = []string{"auth", "none"} }))
	c = d.challenge(client{qop: "none"})
	d.expect(d.try(c), "")
	d.expect(d.try(c), Replay)
	c.qop = "auth"
	d.expect(d.try(c), Replay)
}

// The window against a set that forgets nothing.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newReplays(0)
		key, used, highest := nonceKey{0xff}, map[uint32]bool{}, uint32(0)
		for range 200 {
			nc := rapid.Uint32Range(1, 300).Draw(t, "nc")
			want := !used[nc] && (nc > highest || highest-nc < windowSize)
			if got := r.use(key, nc, nil, true) == ""; got != want {
				t.Fatalf("nc %d, highest %d: %v, want %v", nc, highest, got, want)
			}
			if want {
				used[nc], highest = true, max(highest, nc)
			}
		}
	})
}

// A nonce that fell out of the memory is refused, not forgotten.
func TestReplayMemory(t *testing.T) {
	d := newDesk(t, Policy{})
	first := d.challenge(client{})
	d.live.Load().replays = newReplays(16 * 4)
	d.expect(d.try(first), "")
	for range 1000 {
		d.now = d.now.Add(time.Millisecond)
		d.expect(d.try(d.challenge(client{})), "")
	}
	if n := d.live.Load().replays.table.Len(); n > 16*4 {
		t.Errorf("%d nonces are remembered", n)
	}
	d.expect(d.try(first), Stale)
	first.nc = 2
	d.expect(d.try(first), Stale)
	d.now = d.now.Add(time.Millisecond)
	d.expect(d.try(d.challenge(client{})), "")
}

// Of many that use the same credentials at once, one gets through.
func TestReplayRace(t *testing.T) {
	r := newReplays(0)
	key := nonceKey{0xff}
	var won atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for nc := uint32(1); nc <= 50; nc++ {
				if r.use(key, nc, nil, true) == "" {
					won.Add(1)
				}
			}
		})
	}
	group.Wait()
	if won.Load() != 50 {
		t.Errorf("%d of 50 counts got through", won.Load())
	}
}

// -sess: later requests may use the session key of the first one's cnonce (RFC 7616 §3.4.2), or
// make one of their own.
func TestSessionKey(t *testing.T) {
	d := newDesk(t, policyOf(func(p *Policy) { p.Algorithms, p.Info = []Algorithm{SHA256Sess}, "always" }))
	c := d.challenge(client{algorithm: "SHA-256-sess", cnonce: "first"}).filled()
	d.expect(d.try(c), "")
	c.cnonce, c.nc = "second", 2 // session stays "first"
	v := d.try(c)
	d.expect(v, "")
	h := func(s string) string { return hashed("SHA-256", s) }
	key := h(h("alice:example.com:open sesame") + ":" + c.nonce + ":first")
	if want := h(key + ":" + c.nonce + ":00000002:second:auth:" + h(":"+c.uri)); param(v.Info, "rspauth") != want {
		t.Errorf("info %q, want rspauth %s", v.Info, want)
	}
	c.session, c.nc = "second", 3
	d.expect(d.try(c), "")
	c.session, c.nc = "third", 4
	d.expect(d.try(c), Failed)
}
