package prefix

// Where in the table an address is to be looked for.

import "math/bits"

const (
	// together is how many networks are looked through without dividing them, and about share of
	// them are in a slot when they are divided.
	together, share = 12, 2
	// deepest is how often networks are divided, so that what it takes stays bounded for any
	// addresses: 4 bytes a network the first time, 5 each time after.
	deepest = 3
	// divided marks the slot that is a division, and bare one that no network before it has: what
	// is before its first network is in none.
	divided, bare = 1 << 31, 1 << 30
	number        = bare - 1
)

// division is networks of which all have some bits in common, by the bits after these. An address
// that doesn't have these bits is only in networks that all of the division are in, so that it
// finds them from anywhere in it.
type division struct {
	first, at  uint32 // the first network and slot; one slot more says where the last one ends
	skip, bits uint8  // how many bits all have, and how many divide them
}

// divide divides all networks.
func (t *table) divide() {
	n := t.len()
	t.slots = make([]uint32, 0, 2*n+2) // most lists need no more
	t.split(0, n, 0)
	t.slots = append([]uint32(nil), t.slots...)
}

// split divides the networks from first up to end, and returns the number of the division.
func (t *table) split(first, end, depth int) uint32 {
	width := 32
	if t.v6 {
		width = 128
	}
	own, common := uint32(len(t.divisions)), t.start(first)
	skip := min(common.shared(t.start(end-1)), width-1) // one bit is left at least
	wanted := bits.Len(uint((end-first)/share)) - 1
	if depth == 0 {
		wanted++ // most are found here
	}
	d := division{uint32(first), uint32(len(t.slots)), uint8(skip), uint8(min(max(wanted, 1), width-skip))}
	t.divisions = append(t.divisions, d)
	t.slots = append(t.slots, make([]uint32, 1<<d.bits+1)...)
	from := first
	for i := range 1 << d.bits {
		to := from
		for to < end && d.place(t.start(to)) == i {
			to++
		}
		at := uint32(from)
		if t.climb(from-1, common.with(i, &d)) < 0 {
			at |= bare
		}
		if to-from > together && depth < deepest && t.start(from) != t.start(to-1) {
			at = divided | t.split(from, to, depth+1)
		}
		t.slots[int(d.at)+i] = at
		from = to
	}
	t.slots[int(d.at)+1<<d.bits] = uint32(end)
	return own
}

// place is the slot of an address that begins as all do.
func (d *division) place(a addr) int { return int(a.from(int(d.skip)) >> (-d.bits & 63)) }

// with is the first address of a slot, for one that begins as all do.
func (a addr) with(slot int, d *division) addr {
	x, n := uint64(slot)<<(64-d.bits), int(d.skip)
	if n < 64 {
		return addr{a.hi>>(64-n)<<(64-n) | x>>n, x << (64 - n)}
	}
	return addr{a.hi, a.lo>>(128-n)<<(128-n) | x>>(n-64)}
}

// before is a network that is in the one sought: the last that begins at an address or before, or
// another one; -1 if no network has the address.
func (t *table) before(a addr) int {
	if len(t.divisions) == 0 {
		return -1
	}
	d := &t.divisions[0]
	for {
		i := int(d.at) + d.place(a)
		first, end := t.slots[i], t.slots[i+1]
		if first&divided == 0 {
			if end&divided != 0 {
				end = t.divisions[end&number].first
			}
			i := t.upTo(int(first&number), int(end&number), a) - 1
			if i < int(first&number) && first&bare != 0 {
				return -1
			}
			return i
		}
		d = &t.divisions[first&number]
	}
}

// upTo is where the networks end, of those between two places, that begin at an address or before.
func (t *table) upTo(first, end int, a addr) int {
	for end-first > together {
		if mid := int(uint(first+end) / 2); a.less(t.start(mid)) {
			end = mid
		} else {
			first = mid + 1
		}
	}
	count := first
	if !t.v6 {
		key := uint32(a.hi >> 32)
		for i := range t.small[first:end] {
			if t.small[first:end][i].start <= key {
				count++
			}
		}
		return count
	}
	for i := range t.large[first:end] {
		count += int(1 - a.below(t.large[first:end][i].start))
	}
	return count
}
