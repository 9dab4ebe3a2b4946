package notifier

// This file is when a subscription reports, and when it ends: states and times without messages
// (RFC 6665 §4.2.2).

import (
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// machine is the state of one subscription. Its functions are told the time, and what has happened;
// they send nothing.
type machine struct {
	granted time.Duration
	ends    lane.Time
	next    lane.Time // when the next NOTIFY of a change may be sent
	// Nothing but the end is reported before: the subscriber asked for that, or there is nothing to
	// report yet
	hold   lane.Time
	ending string        // the reason, once it ends
	retry  time.Duration // with that reason: when the subscriber should come back; 0: not said
	tries  uint8         // NOTIFYs in a row that were put off
	full   bool          // report everything, at once
	flying bool          // a NOTIFY has no answer yet: one is under way at a time
	final  bool          // the last NOTIFY was sent
	gone   bool
}

// maxTries is how often a NOTIFY is sent that is answered with Retry-After.
const maxTries = 5

// last makes the subscription last for d, 0 for no longer, and report everything: each SUBSCRIBE is
// followed by a NOTIFY at once (RFC 6665 §4.2.1.2).
func (m *machine) last(now lane.Time, d time.Duration) {
	m.extend(now, d)
	m.full, m.hold = true, 0
}

// extend is last for a subscriber that knows everything (RFC 5839 §6.3).
func (m *machine) extend(now lane.Time, d time.Duration) {
	m.granted, m.ends = d, now.Add(d)
	if d == 0 {
		m.end("timeout", 0)
	}
}

// end makes it end, for the first reason that is given.
func (m *machine) end(reason string, retry time.Duration) {
	if m.ending == "" {
		m.ending, m.retry = reason, retry
	}
}

// step reports whether a NOTIFY is due; dirty: something has changed since the last.
func (m *machine) step(now lane.Time, dirty bool) bool {
	if m.gone || m.flying {
		return false
	}
	if now >= m.ends {
		m.end("timeout", 0)
	}
	return m.ending != "" || m.full && now >= m.hold || dirty && now >= max(m.next, m.hold)
}

// due is when step may have something new to say, unless something happens before.
func (m *machine) due(dirty bool) lane.Time {
	switch {
	case m.full:
		return min(m.ends, m.hold)
	case dirty:
		return min(m.ends, max(m.next, m.hold))
	}
	return m.ends
}

// sends records that a NOTIFY is on its way, and the next of a change comes after interval.
func (m *machine) sends(now lane.Time, interval time.Duration) {
	m.flying, m.next = true, now.Add(interval)
}

// told records that what is on its way says all there is to say, and if it ends, so.
func (m *machine) told() { m.full, m.final = false, m.ending != "" }

// answered records a 2xx.
func (m *machine) answered() {
	m.flying, m.tries = false, 0
	m.gone = m.final
}

// failed records any other outcome: later says that the subscriber wants everything once more after
// wait. Otherwise the subscription is over (RFC 6665 §4.2.2).
func (m *machine) failed(now lane.Time, later bool, wait time.Duration) {
	m.flying = false
	if m.tries++; m.final || !later || m.tries > maxTries {
		m.gone = true
		return
	}
	m.putOff(now, wait)
}

// putOff reports everything after d, or at the end.
func (m *machine) putOff(now lane.Time, d time.Duration) { m.full, m.hold = true, now.Add(d) }
