package prefix

// The table, and looking it up.

import (
	"math/bits"

	"github.com/sipscript/sipscript/modules/internal/breathe"
)

// node is one prefix, with what is needed of it together.
type node struct {
	key    Key
	parent int32 // the longest other prefix of it, -1 for none
	first  int32 // where its entries begin; they end where the next one's do
}

// Table is a set of prefixes, each with a run of entries. It is never changed.
//
// A look-up in a million prefixes takes as long as memory takes that no cache has: it touches a
// line of slots, one or two of rests and one of ups, which are kept small for that, and no node.
type Table struct {
	nodes   breathe.List[node] // by key
	entries int
	// slots has, by the first symbols of a number, the prefixes that begin with these.
	slots []slot
	lead  int      // how many symbols these are
	rests []uint32 // of each node: the eight symbols after the first lead
	// ups is of each node how far before it its parent is, 0 if not in the same slot. If it is
	// further than far, the way leads by another one, which has that parent too.
	ups []uint8
}

// far is how long a way in ups may be.
const far = 255

// Build makes a table of keys, which may be there several times. order says where the entries are:
// order[j] is the index in keys of the j-th entry by prefix, in the order given for equal ones. It
// lets others run every so often, since a million keys take a moment.
func Build(keys *breathe.List[Key]) (t *Table, order []int32) {
	order = make([]int32, keys.Len())
	t = &Table{entries: len(order)}
	i, before := 0, Key(0)
	for _, piece := range sorted(keys) {
		for _, x := range piece {
			order[i] = x.index
			if i == 0 || x.key != before {
				t.add(x.key, int32(i))
			}
			i, before = i+1, x.key
		}
		breathe.Every(1, 0)
	}
	if t.Len() > 0 {
		t.makeSlots()
	}
	return t, order
}

// add appends the next key in order: its prefixes are on the way up from the one before it.
func (t *Table) add(k Key, first int32) {
	up := int32(t.nodes.Len()) - 1
	for up >= 0 && !t.node(up).key.Begins(k) {
		up = t.node(up).parent
	}
	t.nodes.Append(node{k, up, first})
}

// node is the i-th one.
func (t *Table) node(i int32) *node { return t.nodes.At(int(i)) }

// Len is how many different prefixes there are.
func (t *Table) Len() int { return t.nodes.Len() }

// Key is the i-th prefix.
func (t *Table) Key(i int) Key { return t.nodes.At(i).key }

// Entries are where the entries of the i-th prefix are: from the first up to the second, not
// included.
func (t *Table) Entries(i int) (from, to int) {
	from, to = int(t.nodes.At(i).first), t.entries
	if i+1 < t.nodes.Len() {
		to = int(t.nodes.At(i + 1).first)
	}
	return from, to
}

// Up is the longest prefix of the i-th prefix besides itself, -1 for none.
func (t *Table) Up(i int) int { return int(t.nodes.At(i).parent) }

// Find is the longest prefix of a number, -1 for none.
func (t *Table) Find(number Key) int {
	if len(t.slots) == 0 {
		return -1
	}
	first, end, outer := t.slot(number)
	rest := t.rest(number)
	i := first + upTo(t.rests[first:end], rest) - 1
	if i < first {
		return outer
	}
	if t.rests[i] == rest && rest&0xf != 0 {
		return t.findLong(first, end, number, outer)
	}
	// The longest prefix of the number is the one found, or one of that one's prefixes: whatever
	// lies between a prefix and the number begins with that prefix too.
	for {
		own := t.rests[i]
		if (own^rest)>>(bits.TrailingZeros32(own)&^3) == 0 {
			return i
		}
		up := t.ups[i]
		if up == 0 {
			return outer
		}
		i -= int(up)
	}
}

// findLong is Find among the prefixes of a slot, by whole keys, for those that are longer than what
// rests have of them.
func (t *Table) findLong(first, end int, number Key, outer int) int {
	lo, hi := first, end
	for lo < hi {
		if mid := int(uint(lo+hi) / 2); t.nodes.At(mid).key <= number {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo - 1; i >= first; i = int(t.nodes.At(i).parent) {
		if t.nodes.At(i).key.Begins(number) {
			return i
		}
	}
	return outer
}

// rest is what rests have of a key.
func (t *Table) rest(k Key) uint32 { return uint32(k << (4 * t.lead) >> 32) }

// upTo is how many of a sorted list are not greater than x.
//
// It halves the list by conditional moves: branches that depend on the numbers would be predicted
// wrongly half of the time.
func upTo(list []uint32, x uint32) int {
	from, n := 0, len(list)
	for n > 8 {
		half := n / 2
		if list[from+half-1] <= x {
			from += half
		}
		n -= half
	}
	count := from
	for _, y := range list[from : from+n] {
		if y <= x {
			count++
		}
	}
	return count
}
