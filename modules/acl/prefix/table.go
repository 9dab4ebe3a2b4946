package prefix

// The networks of one address family.

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"unsafe"

	"github.com/sipscript/sipscript/internal/largepages"
)

// table is sorted by the first address of each network, and those with the same by their size, the
// largest first. So the last network that begins at an address or before is the one sought, or lies
// within it.
//
// What matters to the time of a search is how many cache lines it touches that no cache has. With a
// million networks these are one or two, of small or large; slots has a few bytes for each.
type table struct {
	v6    bool
	small []small4 // of IPv4
	// parents are, of IPv4, the smallest networks around each, or none; nil if no network is within
	// another.
	parents []uint32
	large   []large6 // of IPv6
	// divisions divide the networks by some bits of their addresses, the first of them all. slots
	// has, for each value of these bits, the first network that has it or a greater one, or another
	// division.
	divisions []division
	slots     []uint32
}

// The networks. value is the length in the upper 8 bits, the caller's value below.
type (
	small4 struct{ start, value uint32 }
	large6 struct {
		start         addr
		value, parent uint32
	}
)

const (
	none      = math.MaxUint32
	valueBits = 24
)

// addr is an address: of IPv4 in the upper half of hi, so that bits count from the left.
type addr struct{ hi, lo uint64 }

// addrOf doesn't ask for an array ([netip.Addr.As16]), whose 16 bytes are read at once right after
// they were written in two steps: the processor then waits until all that came before is done, and
// searches can't overlap.
func addrOf(a netip.Addr) addr {
	if a.Is4() {
		b := a.As4()
		return addr{uint64(binary.BigEndian.Uint32(b[:])) << 32, 0}
	}
	if a.Zone() != "" {
		a = a.WithZone("") // the zone is written too
	}
	var b [16]byte
	if out, err := a.AppendBinary(b[:0]); err != nil || len(out) != len(b) {
		return addr{} // never: addresses without a zone have 16 bytes
	}
	return addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a addr) less(b addr) bool { return a.below(b) != 0 }

// below is 1 if an address is less than another, or 0. It has no branch, since one that depends on
// addresses is predicted wrongly half of the time.
func (a addr) below(b addr) uint64 {
	_, borrow := bits.Sub64(a.lo, b.lo, 0)
	_, borrow = bits.Sub64(a.hi, b.hi, borrow)
	return borrow
}

// shared is how many leading bits two addresses share.
func (a addr) shared(b addr) int {
	if a.hi != b.hi {
		return bits.LeadingZeros64(a.hi ^ b.hi)
	}
	return 64 + bits.LeadingZeros64(a.lo^b.lo)
}

// from is the 64 bits from bit n on; n is less than 128.
func (a addr) from(n int) uint64 {
	if n >= 64 {
		return a.lo << (n & 63)
	}
	return a.hi<<(n&63) | a.lo>>1>>(^n&63)
}

func newTable(items []Item, v6 bool) table {
	t := table{v6: v6}
	n := len(items)
	if n == 0 {
		return t
	}
	if v6 {
		t.large = make([]large6, n)
	} else {
		t.small = make([]small4, n)
	}
	for i, item := range items {
		x, value := addrOf(item.Prefix.Addr()), uint32(item.Prefix.Bits())<<valueBits|item.Value
		if v6 {
			t.large[i] = large6{x, value, none}
		} else {
			t.small[i] = small4{uint32(x.hi >> 32), value}
		}
	}
	t.nest()
	t.divide()
	largepages.Join(t.large)
	largepages.Join(t.small)
	largepages.Join(t.slots)
	return t
}

// nest finds the parents.
func (t *table) nest() {
	var open []int // each within the one before
	for i := range t.len() {
		for len(open) > 0 && !t.has(open[len(open)-1], t.start(i)) {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			t.setParent(i, uint32(open[len(open)-1]))
		}
		open = append(open, i)
	}
}

func (t *table) setParent(i int, parent uint32) {
	if t.v6 {
		t.large[i].parent = parent
		return
	}
	if t.parents == nil {
		t.parents = make([]uint32, len(t.small))
		for i := range t.parents {
			t.parents[i] = none
		}
	}
	t.parents[i] = parent
}

func (t *table) len() int { return len(t.small) + len(t.large) }

// climb is the smallest network around an address, if it is i or around i; -1 for none.
func (t *table) climb(i int, a addr) int {
	for i >= 0 && !t.has(i, a) {
		i = t.parent(i)
	}
	return i
}

// has reports whether an address is in network i.
func (t *table) has(i int, a addr) bool { return t.start(i).shared(a) >= int(t.value(i)>>valueBits) }

func (t *table) start(i int) addr {
	if t.v6 {
		return t.large[i].start
	}
	return addr{uint64(t.small[i].start) << 32, 0}
}

func (t *table) value(i int) uint32 {
	if t.v6 {
		return t.large[i].value
	}
	return t.small[i].value
}

func (t *table) parent(i int) int {
	p := uint32(none)
	if t.v6 {
		p = t.large[i].parent
	} else if t.parents != nil {
		p = t.parents[i]
	}
	if p == none {
		return -1
	}
	return int(p)
}

func (t *table) address(i int) netip.Addr {
	x := t.start(i)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], x.hi)
	if !t.v6 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	binary.BigEndian.PutUint64(b[8:], x.lo)
	return netip.AddrFrom16(b)
}

// match is network i, or nothing if that is negative.
func (t *table) match(i int) (m Match, ok bool) {
	if i < 0 {
		return m, false
	}
	v := t.value(i)
	return Match{v & MaxValue, uint32(i), uint8(v >> valueBits), t.v6}, true
}

func (t *table) bytes() int {
	return 4*(cap(t.parents)+cap(t.slots)) + 8*cap(t.small) + 24*cap(t.large) + int(unsafe.Sizeof(division{}))*cap(t.divisions)
}
