package lane

import (
	"math/bits"
	"time"
)

// The hierarchical timer wheel: three levels of 256 slots over ticks of 4 ms reach 1 s, 4.4 min and
// 18.6 h; a timer beyond that waits in the last slot and is sorted in again. Starting and stopping
// are O(1) and allocate nothing; a timer never fires early and at most one tick late.

const (
	tick      = Time(4 * time.Millisecond)
	slotBits  = 8
	slots     = 1 << slotBits
	slotMask  = slots - 1
	levels    = 3
	farthest  = int64(1)<<(slotBits*levels) - 1
	bitsWords = slots / 64
)

// Expirer is called when one of its timers runs out, with the token held. t says which, so that an
// owner with several timers embeds them and needs no closures.
type Expirer interface {
	Expire(t *Timer)
}

// Timer is a wheel entry, embedded in what it times. The zero value is a stopped timer. It belongs
// to its lane.
type Timer struct {
	next, prev *Timer
	owner      Expirer
	when       Time
	level      int8 // 1-based; 0: stopped
	slot       uint8
}

// Active reports whether the timer runs.
func (t *Timer) Active() bool { return t.level != 0 }

// When is the moment an active timer runs out.
func (t *Timer) When() Time { return t.when }

type wheel struct {
	at    int64 // tick up to which all has fired
	lists [levels][slots]*Timer
	used  [levels][bitsWords]uint64
	// Removed from their slot and about to fire; whoever turns the wheel next continues with them
	due     *Timer
	count   int
	nextDue Time // the earliest moment at which turn has something to do, 0: never
}

// levelDue is the level of timers in the due list.
const levelDue = levels + 1

func (w *wheel) start(now Time) { w.at = int64(now / tick) }

// After starts or restarts t to run out d from now, then telling owner. Holder only.
func (l *Lane) After(d time.Duration, t *Timer, owner Expirer) {
	if t.level != 0 {
		l.wheel.remove(t)
	}
	if d < 0 {
		d = 0
	}
	t.when, t.owner = l.now.Add(d), owner
	l.wheel.insert(t, l.wheel.at+1)
}

// StopTimer stops t; a stopped timer stays stopped. Holder only.
func (l *Lane) StopTimer(t *Timer) {
	if t.level != 0 {
		l.wheel.remove(t)
		t.owner = nil
	}
}

// Timers is how many timers run. Holder only.
func (l *Lane) Timers() int { return l.wheel.count }

// insert sorts t in; it fires at tick first or later.
func (w *wheel) insert(t *Timer, first int64) {
	due := max(int64((t.when+tick-1)/tick), first)
	delta := due - w.at
	if delta > farthest {
		due = w.at + farthest
		delta = farthest
	}
	level := 0
	for delta >= slots {
		level++
		delta >>= slotBits
	}
	// A slot of a higher level is emptied when its first tick comes, so the distance in slots
	// decides, not in ticks.
	for level > 0 && due>>(slotBits*level)-w.at>>(slotBits*level) >= slots {
		level++
	}
	if level >= levels {
		level = levels - 1
		due = (w.at>>(slotBits*level) + slotMask) << (slotBits * level)
	}
	slot := uint8(due >> (slotBits * level) & slotMask)
	t.level, t.slot = int8(level+1), slot
	head := w.lists[level][slot]
	t.prev, t.next = nil, head
	if head != nil {
		head.prev = t
	}
	w.lists[level][slot] = t
	w.used[level][slot>>6] |= 1 << (slot & 63)
	w.count++
	moment := Time(due>>(slotBits*level)<<(slotBits*level)) * tick
	if w.nextDue == 0 || moment < w.nextDue {
		w.nextDue = moment
	}
}

func (w *wheel) remove(t *Timer) {
	level, slot := int(t.level-1), t.slot
	if t.next != nil {
		t.next.prev = t.prev
	}
	switch {
	case t.prev != nil:
		t.prev.next = t.next
	case t.level == levelDue:
		w.due = t.next
	default:
		w.lists[level][slot] = t.next
		if t.next == nil {
			w.used[level][slot>>6] &^= 1 << (slot & 63)
		}
	}
	t.next, t.prev, t.level = nil, nil, 0
	w.count--
}

// turn fires what is due at l.now. An owner may lend the lane while it is called: then another
// goroutine continues to turn the wheel, and this one finds it further on.
func (l *Lane) turn() {
	w := &l.wheel
	end := int64(l.now / tick)
	l.fire()
	for w.at < end {
		next, ok := w.nextTick()
		if !ok || next > end {
			w.at = end
			break
		}
		w.at = next
		w.cascade(1)
		w.take(uint8(w.at & slotMask))
		l.fire()
	}
	w.nextDue = 0
	if next, ok := w.nextTick(); ok {
		w.nextDue = Time(next) * tick
	}
}

// take moves the timers of a slot of level 0 to the due list, which is empty.
func (w *wheel) take(slot uint8) {
	w.due, w.lists[0][slot] = w.lists[0][slot], nil
	w.used[0][slot>>6] &^= 1 << (slot & 63)
	for t := w.due; t != nil; t = t.next {
		t.level = levelDue
	}
}

// fire calls the owners of all due timers. A timer started by an owner goes to a later tick.
func (l *Lane) fire() {
	for t := l.wheel.due; t != nil; t = l.wheel.due {
		l.wheel.remove(t)
		owner := t.owner
		t.owner = nil
		l.expiry = expiry{t, owner}
		l.guarded(&l.expiry)
	}
}

// expiry is the work of one timer.
type expiry struct {
	t     *Timer
	owner Expirer
}

// Do empties e first: the lane may be lent meanwhile, and its next timer run out.
func (e *expiry) Do(*Lane) {
	t, owner := e.t, e.owner
	*e = expiry{}
	owner.Expire(t)
}

// cascade moves the timers of a higher level's slot that begins at this tick down to finer slots.
func (w *wheel) cascade(level int) {
	if level >= levels || w.at&(1<<(slotBits*level)-1) != 0 {
		return
	}
	w.cascade(level + 1)
	slot := uint8(w.at >> (slotBits * level) & slotMask)
	t := w.lists[level][slot]
	w.lists[level][slot] = nil
	w.used[level][slot>>6] &^= 1 << (slot & 63)
	for t != nil {
		next := t.next
		t.next, t.prev = nil, nil
		w.count--
		w.insert(t, w.at) // what is due at this very tick goes into the slot that fires next
		t = next
	}
}

// nextTick is the first tick after w.at at which a slot of any level has something in it.
func (w *wheel) nextTick() (int64, bool) {
	best, found := int64(0), false
	for level := range levels {
		base := w.at >> (slotBits * level)
		if d, ok := w.nextSlot(level, uint8((base+1)&slotMask)); ok {
			at := (base + 1 + int64(d)) << (slotBits * level)
			if !found || at < best {
				best, found = at, true
			}
		}
	}
	return best, found
}

// nextSlot is the distance from slot from to the first used slot of a level, going round once.
func (w *wheel) nextSlot(level int, from uint8) (int, bool) {
	used := &w.used[level]
	word, bit := int(from>>6), int(from&63)
	if b := used[word] >> bit; b != 0 {
		return bits.TrailingZeros64(b), true
	}
	for i := 1; i <= bitsWords; i++ {
		if b := used[(word+i)%bitsWords]; b != 0 {
			return i*64 - bit + bits.TrailingZeros64(b), true
		}
	}
	return 0, false
}
