package relay

// When a reader looks for packets.

import "time"

// Where packets are few, a reader is woken by each. Being woken costs more than relaying does, so
// where they are many it looks once in a while, and takes what came meanwhile: it adds less than
// gatherTime to what a packet takes, as a network card does that holds interrupts back.
const (
	gatherTime  = time.Millisecond       // between two looks
	gatherFrom  = 4                      // packets in a gatherTime, from which on it is worth it
	gatherUntil = 2                      // packets of a look, below which it is not
	gatherAgain = 100 * time.Millisecond // after it was not
)

// pace is that of one reader. Times are nanoseconds of any clock that only goes on.
type pace struct {
	since int64 // when counting began
	count int   // packets since then
	not   int64 // it does not gather before
	last  int64 // when the last look began, while it gathers
}

// woken is told of packets that the reader was woken for, and reports whether it is to gather.
func (p *pace) woken(now int64, packets int) bool {
	if now-p.since >= int64(gatherTime) {
		p.since, p.count = now, 0
	}
	p.count += packets
	if p.count < gatherFrom || now < p.not {
		return false
	}
	p.last = now
	return true
}

// looked is told of packets that a look found, and when the look began; it reports whether the
// reader is to go on gathering.
func (p *pace) looked(began int64, packets int) bool {
	p.last = began
	if packets >= gatherUntil {
		return true
	}
	p.since, p.count, p.not = began, 0, began+int64(gatherAgain)
	return false
}

// pause is how long it is until the next look, or less than nothing.
func (p *pace) pause(now int64) time.Duration { return gatherTime - time.Duration(now-p.last) }
