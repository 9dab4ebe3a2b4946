package prefix

// The networks of one address family.

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"sort"
)

// table is sorted by the first address of each network, and those with the same by their size, the
// largest first. So the last network that begins at an address or before is the one sought, or lies
// within it.
//
// What matters to the time of a search is how many cache lines it touches that no cache has. With a
// million networks these are one or two: of IPv4 one of small, of IPv6 one of keys and one of
// large.
type table struct {
	v6    bool
	small []small4 // of IPv4
	// parents are, of IPv4, the smallest networks around each, or none; nil if no network is within
	// another.
	parents []uint32
	keys    []uint32 // of IPv6: 32 bits of the address, behind those of index
	large   []large6
	// index has, by 16 bits of the address, the first network that has these or greater ones. Of
	// IPv6 they come after the bits that nearly all networks begin with: the first skip of common.
	index  []uint32
	skip   int
	common addr
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
	indexBits = 16
)

// addr is an address: of IPv4 in the upper half of hi, so that bits count from the left.
type addr struct{ hi, lo uint64 }

func addrOf(a netip.Addr) addr {
	if a.Is4() {
		b := a.As4()
		return addr{uint64(binary.BigEndian.Uint32(b[:])) << 32, 0}
	}
	b := a.As16()
	return addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a addr) less(b addr) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// shared is how many leading bits two addresses share.
func (a addr) shared(b addr) int {
	if a.hi != b.hi {
		return bits.LeadingZeros64(a.hi ^ b.hi)
	}
	return 64 + bits.LeadingZeros64(a.lo^b.lo)
}

// from is the 64 bits from bit n on.
func (a addr) from(n int) uint64 {
	if n >= 64 {
		return a.lo << (n - 64)
	}
	return a.hi<<n | a.lo>>(64-n)
}

func newTable(items []Item, v6 bool) table {
	t := table{v6: v6}
	n := len(items)
	if n == 0 {
		return t
	}
	if v6 {
		// A few networks elsewhere, such as ::/0, must not cost the others the index
		a, b := addrOf(items[n/64].Prefix.Addr()), addrOf(items[n-1-n/64].Prefix.Addr())
		t.common, t.skip = a, min(a.shared(b), 128-indexBits-32)
		t.keys, t.large = make([]uint32, n), make([]large6, n)
	} else {
		t.small = make([]small4, n)
	}
	for i, item := range items {
		x, value := addrOf(item.Prefix.Addr()), uint32(item.Prefix.Bits())<<valueBits|item.Value
		if v6 {
			t.keys[i], t.large[i] = t.key(x), large6{x, value, none}
		} else {
			t.small[i] = small4{t.key(x), value}
		}
	}
	t.makeIndex()
	t.nest()
	return t
}

func (t *table) makeIndex() {
	t.index = make([]uint32, 1<<indexBits+1)
	n := t.len()
	next := 0
	for i := range n {
		if x := t.start(i); t.indexed(x) {
			for at := t.slot(x); next <= at; next++ {
				t.index[next] = uint32(i)
			}
		}
	}
	end := sort.Search(n, func(i int) bool { x := t.start(i); return t.common.less(x) && !t.indexed(x) })
	for ; next < len(t.index); next++ {
		t.index[next] = uint32(end)
	}
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

// indexed reports whether the index has an address's place.
func (t *table) indexed(a addr) bool { return t.skip == 0 || a.shared(t.common) >= t.skip }

// slot is the place in the index.
func (t *table) slot(a addr) int { return int(a.from(t.skip) >> (64 - indexBits)) }

func (t *table) key(a addr) uint32 {
	if !t.v6 {
		return uint32(a.hi >> 32)
	}
	return uint32(a.from(t.skip) >> (32 - indexBits))
}

// before is the last network that begins at an address or before, or -1.
func (t *table) before(a addr) int {
	if len(t.index) == 0 {
		return -1
	}
	if !t.indexed(a) {
		return t.within(0, len(t.large), a)
	}
	i := t.slot(a)
	first, end, key := int(t.index[i]), int(t.index[i+1]), t.key(a)
	lo, hi := first, end
	if !t.v6 {
		for lo < hi {
			if mid := int(uint(lo+hi) / 2); t.small[mid].start <= key {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return lo - 1
	}
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); t.keys[mid] <= key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == first || t.keys[lo-1] != key || !a.less(t.large[lo-1].start) {
		return lo - 1
	}
	return t.within(first, lo, a)
}

// within is before for IPv6, by whole addresses, between two places.
func (t *table) within(first, end int, a addr) int {
	return first + sort.Search(end-first, func(i int) bool { return a.less(t.large[first+i].start) }) - 1
}

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

// match is network i, which has a.
func (t *table) match(i int, a netip.Addr) (m Match, ok bool) {
	if i < 0 {
		return m, false
	}
	v := t.value(i)
	p, err := a.Prefix(int(v >> valueBits))
	return Match{p, v & MaxValue, i}, err == nil
}

func (t *table) bytes() int {
	return 4*(cap(t.keys)+cap(t.parents)+cap(t.index)) + 8*cap(t.small) + 24*cap(t.large)
}
