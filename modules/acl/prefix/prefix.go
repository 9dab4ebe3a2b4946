// Package prefix finds which of many networks an address is in: the smallest one.
//
// A [Set] is built once and never changes. It holds a million networks in 11 bytes each for IPv4
// and 27 for IPv6, and is searched without a lock and without an allocation.
package prefix

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
)

// MaxValue is the greatest value that a network can have.
const MaxValue = 1<<24 - 1

// Item is a network and what the caller knows it by.
type Item struct {
	Prefix netip.Prefix // the network
	Value  uint32       // at most MaxValue
}

// Set is networks, none of them twice.
type Set struct {
	v4, v6 table
}

// Match is a network that an address was found in.
type Match struct {
	Value uint32 // what the caller knows it by
	at    uint32 // in the table of its family
	bits  uint8  // how long the network's mask is
	v6    bool
}

// Bits is how long the network's mask is.
func (m Match) Bits() int { return int(m.bits) }

// Canonical is a network as a Set has it: without the bits below its mask and without a zone, and
// for IPv4-mapped IPv6 the network of IPv4.
func Canonical(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// Host is the network of one address.
func Host(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen())
}

var errItem = errors.New("prefix: not a network, or its value is too large")

// Build makes a Set. It sorts items and changes them. The value of a network that is there twice is
// what same returns, or the later one if same is nil.
func Build(items []Item, same func(a, b uint32) uint32) (*Set, error) {
	for i := range items {
		if !items[i].Prefix.IsValid() || items[i].Value > MaxValue {
			return nil, errItem
		}
		items[i].Prefix = Canonical(items[i].Prefix)
	}
	slices.SortStableFunc(items, compare)
	items = unite(items, same)
	first6, _ := slices.BinarySearchFunc(items, netip.IPv6Unspecified(), func(i Item, a netip.Addr) int { return i.Prefix.Addr().Compare(a) })
	return &Set{v4: newTable(items[:first6], false), v6: newTable(items[first6:], true)}, nil
}

// compare puts IPv4 before IPv6, and a network before those in it.
func compare(a, b Item) int {
	if c := a.Prefix.Addr().Compare(b.Prefix.Addr()); c != 0 {
		return c
	}
	return a.Prefix.Bits() - b.Prefix.Bits()
}

func unite(items []Item, same func(a, b uint32) uint32) []Item {
	out := items[:0]
	for _, item := range items {
		if n := len(out); n > 0 && out[n-1].Prefix == item.Prefix {
			if same != nil {
				item.Value = same(out[n-1].Value, item.Value)
			}
			out[n-1] = item
			continue
		}
		out = append(out, item)
	}
	return out
}

// Lookup finds the smallest network that has the address. An IPv4-mapped address is that of IPv4; a
// zone is ignored.
func (s *Set) Lookup(a netip.Addr) (m Match, ok bool) {
	if s == nil || !a.IsValid() {
		return m, false
	}
	if a.Is4() || a.Is4In6() {
		b := a.As4()
		x := addr{uint64(binary.BigEndian.Uint32(b[:])) << 32, 0}
		return s.v4.match(s.v4.climb(s.v4.before(x), x))
	}
	x := addrOf(a)
	return s.v6.match(s.v6.climb(s.v6.before(x), x))
}

// Around finds the smallest network around one that was found.
func (s *Set) Around(m Match) (Match, bool) {
	t := s.of(m)
	return t.match(t.parent(int(m.at)))
}

// Prefix is the network that was found.
func (s *Set) Prefix(m Match) netip.Prefix {
	return netip.PrefixFrom(s.of(m).address(int(m.at)), int(m.bits))
}

func (s *Set) of(m Match) *table {
	if m.v6 {
		return &s.v6
	}
	return &s.v4
}

// Each calls f for all networks, those of IPv4 first, by address, until it returns false.
func (s *Set) Each(f func(m Match) bool) {
	if s == nil {
		return
	}
	for _, t := range []*table{&s.v4, &s.v6} {
		for i := range t.len() {
			if m, _ := t.match(i); !f(m) {
				return
			}
		}
	}
}

// Len is the number of networks.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.v4.len() + s.v6.len()
}

// Bytes is the memory that the set takes.
func (s *Set) Bytes() int {
	if s == nil {
		return 0
	}
	return s.v4.bytes() + s.v6.bytes()
}
