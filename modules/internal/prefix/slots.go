package prefix

// Slots: where the prefixes are that begin with the first symbols of a number.

const (
	// base is how many codes of symbols there are, that of no symbol included.
	base = len(symbols) + 1
	// most is how many prefixes a slot has before it is divided by the next symbol, and deepest how
	// often that is done: one that is divided takes 120 bytes more.
	most, deepest = 64, 3
	// divided marks the first of a slot that is divided.
	divided = 1 << 31
)

// slot is the prefixes that begin with some symbols, up to the next slot's. If it is divided, first
// is instead where the slots by the next symbol begin.
type slot struct {
	first uint32
	outer int32 // the longest prefix of these symbols that is not in the slot itself, -1 for none
}

// makeSlots takes as many symbols for the slots as leave fewer slots than there are prefixes.
func (t *Table) makeSlots() {
	n := base
	for t.lead = 1; n*base <= t.Len(); t.lead++ {
		n *= base
	}
	t.rests, t.ups = make([]uint32, t.Len()), make([]uint8, t.Len())
	for i := range t.rests {
		t.rests[i] = t.rest(t.Key(i))
		Breathe(i)
	}
	t.slots = make([]slot, n+1)
	t.fill(0, n, t.lead, 0, t.Len())
}

// fill fills count slots from at on, with the prefixes from first up to end, by their first symbols
// or the last one of these, and divides those that have too many.
func (t *Table) fill(at, count, symbols, first, end int) {
	before := Key(0) // the symbols that all have
	if count == base {
		before = t.Key(first).first(symbols - 1)
	}
	from := first
	for i := range count {
		own := before | spread(i, symbols)
		to := from
		for to < end && t.Key(to).first(symbols) == own {
			to++
		}
		t.slots[at+i] = slot{uint32(from), t.outer(from, own)}
		if to-from > most && symbols < t.lead+deepest && own.Len() == symbols {
			below := len(t.slots)
			t.slots[at+i].first = divided | uint32(below)
			t.slots = append(t.slots, make([]slot, base+1)...)
			t.fill(below, base, symbols+1, from, to)
		} else {
			t.link(from, to)
		}
		from = to
		Breathe(i)
	}
	t.slots[at+count] = slot{uint32(end), -1}
}

// outer is the longest prefix of some symbols that comes before them: what is before a place, or a
// prefix of that.
func (t *Table) outer(place int, symbols Key) int32 {
	i := int32(place) - 1
	for i >= 0 && !t.node(i).key.Begins(symbols) {
		i = t.node(i).parent
	}
	return i
}

// link notes the parents within a slot.
func (t *Table) link(first, end int) {
	for i := first; i < end; i++ {
		if up := t.Up(i); up >= first {
			t.ups[i] = uint8(min(i-up, far))
		}
		Breathe(i)
	}
}

// slot is where the prefixes are that begin with the first symbols of a number, and the longest of
// the shorter ones.
func (t *Table) slot(number Key) (first, end, outer int) {
	symbols, at := t.lead, gather(number, t.lead)
	for {
		s, next := t.slots[at], t.slots[at+1]
		if s.first&divided == 0 {
			for next.first&divided != 0 {
				next = t.slots[next.first&^divided]
			}
			return int(s.first), int(next.first), int(s.outer)
		}
		symbols++
		at = int(s.first&^divided) + int(number>>(64-4*symbols)&0xf)
	}
}

// gather is the number that the first n symbols of a key are, by their codes.
func gather(k Key, n int) (at int) {
	for range n {
		at = at*base + int(k>>60)
		k <<= 4
	}
	return at
}

// spread is the key whose n first symbols are a number.
func spread(at, n int) (k Key) {
	for i := n - 1; i >= 0; i-- {
		k |= Key(at%base) << (60 - 4*i)
		at /= base
	}
	return k
}

// first is the key's first n symbols.
func (k Key) first(n int) Key { return k &^ (1<<(64-4*n) - 1) }
