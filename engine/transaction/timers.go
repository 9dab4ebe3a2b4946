package transaction

import (
	"math"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// This file holds the values of the timers of §17 (Table 4), and the one wheel entry that serves
// both timers a transaction may have at a time.

// Timers are the base values of §17 (Table 4). The zero value of a field means its default; a
// transaction keeps the values it began with.
type Timers struct {
	T1 time.Duration // RTT estimate, default 500 ms
	T2 time.Duration // longest retransmission interval, default 4 s
	T4 time.Duration // how long a message stays in the network, default 5 s
	// How long retransmitted non-2xx final responses are waited for over UDP; default 32 s, at
	// least that, or 64*T1 if T1 is shorter than its default
	D time.Duration
	// An INVITE unanswered for this long is answered 100, default 200 ms (§17.2.1)
	Trying time.Duration
}

// terms are what transactions that begin at a time have in common. They are never written: a
// transaction keeps those it began with.
type terms struct {
	Timers
	layer *Layer
}

// resolved is t with defaults in place of zeros.
func (t Timers) resolved() Timers {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&t.T1, 500*time.Millisecond)
	def(&t.T2, 4*time.Second)
	def(&t.T4, 5*time.Second)
	// §17.1.1.2: at least 32 s, which is Timer H of the other side; shorter only if T1 is
	t.D = max(t.D, min(64*t.T1, 32*time.Second))
	def(&t.Trying, 200*time.Millisecond)
	t.T2 = max(t.T2, t.T1)
	return t
}

// end is the length of a timer that bounds a state. D, I, J and K wait for retransmissions, which a
// reliable transport has none of: they are zero there (§17.1.1.2, §17.1.2.2, §17.2.1, §17.2.2).
func (t *Timers) end(name timer, invite, reliable bool) time.Duration {
	switch name {
	case timerD:
		if reliable {
			return 0
		}
		return t.D
	case timerI, timerK:
		if reliable {
			return 0
		}
		return t.T4
	case timerJ:
		if reliable {
			return 0
		}
	case timerTrying:
		if invite {
			return t.Trying
		}
		return t.reachT2()
	}
	return 64 * t.T1 // B, F, H, J, L, M
}

// reachT2 is how long a client's Timer E takes until it is reset to T2 (RFC 4320 §4.1): T1 + 2*T1 +
// 4*T1 … , 3.5 s.
func (t *Timers) reachT2() (sum time.Duration) {
	for d := t.T1; d < t.T2; d *= 2 {
		sum += d
	}
	return sum
}

// next is the interval of a retransmission timer after last, 0 for the first. A doubles without
// bound (§17.1.1.2); E and G up to T2 (§17.1.2.2, §17.2.1), and E is at T2 in Proceeding.
func (t *Timers) next(name timer, last time.Duration, s State) time.Duration {
	switch {
	case name == timerE && s == Proceeding:
		return t.T2
	case last == 0:
		return t.T1
	case name == timerA:
		return 2 * last
	}
	return min(2*last, t.T2)
}

// clock is the time of one transaction: a wheel entry for the earlier of two timers.
type clock struct {
	entry    lane.Timer
	again    lane.Time // when the retransmission timer runs out, 0: it doesn't run
	end      lane.Time // when the timer that bounds the state runs out, 0: it doesn't run
	interval micros    // last one of the retransmission timer
	againOf  timer
	endOf    timer
}

// micros is a time in microseconds, of at most 71 minutes.
type micros uint32

func microsOf(d time.Duration) micros {
	return micros(min(d.Microseconds(), math.MaxUint32))
}

func (m micros) duration() time.Duration { return time.Duration(m) * time.Microsecond }

// start starts the retransmission timer for its next interval.
func (k *clock) start(t *Timers, name timer, s State, now lane.Time) {
	d := t.next(name, k.interval.duration(), s)
	k.interval, k.again, k.againOf = microsOf(d), now.Add(d), name
}

// stop stops both timers; the wheel entry is left to arm.
func (k *clock) stop() { k.again, k.end, k.interval = 0, 0, 0 }

// arm brings the wheel entry in line with the timers.
func (k *clock) arm(l *lane.Lane, owner lane.Expirer) {
	due := k.end
	if k.again != 0 && (due == 0 || k.again < due) {
		due = k.again
	}
	switch {
	case due == 0:
		l.StopTimer(&k.entry)
	case !k.entry.Active() || k.entry.When() != due:
		l.After(due.Sub(l.Now()), &k.entry, owner)
	}
}

// due removes the timer that has run out from the clock and returns it, or none.
func (k *clock) due(now lane.Time) timer {
	switch {
	case k.end != 0 && now >= k.end:
		k.end = 0
		return k.endOf
	case k.again != 0 && now >= k.again:
		k.again = 0
		return k.againOf
	}
	return none
}

// needed reports whether somebody may still need the transaction: see Layer.Unfinished.
func (k *clock) needed(t *Timers, now lane.Time) bool {
	switch k.endOf {
	case timerD, timerJ, timerK, timerL, timerM:
		waited := t.end(k.endOf, false, false) - k.end.Sub(now)
		return k.end == 0 || waited < t.T1+t.T2
	}
	return true
}
