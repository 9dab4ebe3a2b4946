package storetest

// This file is about clocks that jump. No jump may lose a binding for ever, or keep one for ever:
// what has ended by the current time of day is gone; what is registered by it stays until its end,
// and is reported soon after.

import "time"

const day = 24 * time.Hour

func testClockBack(b *bench) {
	b.set("sip:bob@h", b.make("sip:1@h", time.Hour))
	b.sweep(30 * time.Second)
	b.now = b.now.Add(-day)
	b.set("sip:alice@h", b.make("sip:2@h", time.Minute)) // before a sweep has seen the jump
	b.sweep(0)
	b.set("sip:carol@h", b.make("sip:3@h", time.Minute))
	b.has("sip:alice@h", "sip:2@h")
	b.has("sip:carol@h", "sip:3@h")
	b.has("sip:bob@h", "sip:1@h")
	// Refreshed: it ends by the current clock.
	b.set("sip:bob@h", b.make("sip:1@h", 30*time.Minute))
	b.swept(2*time.Minute, "sip:alice@h sip:2@h", "sip:carol@h sip:3@h")
	b.has("sip:alice@h")
	b.has("sip:carol@h")
	b.counts(1)
	b.swept(31*time.Minute, "sip:bob@h sip:1@h")
	b.has("sip:bob@h")
	b.counts(0)
}

func testClockForward(b *bench) {
	b.set("sip:bob@h", b.make("sip:1@h", time.Hour), b.make("sip:2@h", 2*day))
	b.sweep(0)
	b.now = b.now.Add(day)
	b.has("sip:bob@h", "sip:2@h")
	b.set("sip:alice@h", b.make("sip:3@h", time.Minute))
	b.swept(0, "sip:bob@h sip:1@h")
	b.has("sip:bob@h", "sip:2@h")
	b.has("sip:alice@h", "sip:3@h")
	b.set("sip:carol@h", b.make("sip:4@h", time.Minute))
	b.swept(2*time.Minute, "sip:alice@h sip:3@h", "sip:carol@h sip:4@h")
	b.swept(day+time.Minute, "sip:bob@h sip:2@h")
	b.counts(0)
}

func testClockThereAndBack(b *bench) {
	b.set("sip:bob@h", b.make("sip:1@h", time.Hour))
	b.set("sip:alice@h", b.make("sip:2@h", 3*day))
	b.now = b.now.Add(day)
	b.set("sip:carol@h", b.make("sip:3@h", time.Hour))
	b.swept(0, "sip:bob@h sip:1@h")
	b.now = b.now.Add(-day)
	b.set("sip:bob@h", b.make("sip:1@h", time.Hour)) // it registers again
	b.has("sip:bob@h", "sip:1@h")
	b.has("sip:alice@h", "sip:2@h")
	b.has("sip:carol@h", "sip:3@h")
	b.swept(0)
	b.swept(2*time.Hour, "sip:bob@h sip:1@h")
	b.has("sip:carol@h", "sip:3@h")
	// Granted before the clock was set back, it lasts longer, but not for ever.
	b.swept(day+2*time.Hour, "sip:carol@h sip:3@h")
	b.swept(4*day, "sip:alice@h sip:2@h")
	b.counts(0)
}

// swept sweeps as after the time, and a few seconds more, which a store may take to notice.
func (b *bench) swept(after time.Duration, want ...string) {
	b.Helper()
	gone := b.sweep(after + 10*time.Second)
	for _, w := range want {
		if gone[w] != 1 {
			b.Errorf("after %v, %q was swept %d times, want once", after, w, gone[w])
		}
	}
	if len(gone) != len(want) {
		b.Errorf("after %v, swept %v, want %q", after, gone, want)
	}
}
