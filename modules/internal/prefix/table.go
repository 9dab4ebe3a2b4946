package prefix

// The table, and looking it up.

import "math/bits"

// fan is how many keys of one level are below one of the next: two cache lines.
const fan = 16

// Table is a set of prefixes, each with a run of entries. It is never changed.
type Table struct {
	// levels are a tree without pointers: the first has all keys in order, each of the others the
	// first key of every fan of the level before; the last has at most fan.
	levels [][]Key
	parent []int32 // the longest other prefix of each prefix, -1 for none
	first  []int32 // where the entries of each prefix begin; the last is their number
}

// Build makes a table of keys, which may be there several times. order says where the entries are:
// order[j] is the index in keys of the j-th entry by prefix, in the order given for equal ones. It
// lets others run every so often, since a million keys take a moment.
func Build(keys []Key) (t *Table, order []int32) {
	items := sorted(keys)
	order = make([]int32, len(items))
	distinct := 0
	for i := range items {
		if i == 0 || items[i].key != items[i-1].key {
			distinct++
		}
	}
	t = &Table{parent: make([]int32, distinct), first: make([]int32, 0, distinct+1)}
	all := make([]Key, 0, distinct)
	for i, x := range items {
		order[i] = x.index
		if i == 0 || x.key != items[i-1].key {
			all = append(all, x.key)
			t.first = append(t.first, int32(i))
		}
		breathe(i)
	}
	t.first = append(t.first, int32(len(items)))
	t.levels = append(t.levels, all)
	for last := all; len(last) > fan; {
		next := make([]Key, 0, (len(last)+fan-1)/fan)
		for i := 0; i < len(last); i += fan {
			next = append(next, last[i])
		}
		t.levels = append(t.levels, next)
		last = next
	}
	t.link()
	return t, order
}

// link finds the parents: in this order a key's prefixes are on the way up from the key before it.
func (t *Table) link() {
	all := t.levels[0]
	for i, k := range all {
		up := int32(i) - 1
		for up >= 0 && !all[up].Begins(k) {
			up = t.parent[up]
		}
		t.parent[i] = up
		breathe(i)
	}
}

// Len is how many different prefixes there are.
func (t *Table) Len() int { return len(t.parent) }

// Key is the i-th prefix.
func (t *Table) Key(i int) Key { return t.levels[0][i] }

// Entries are where the entries of the i-th prefix are: from the first up to the second, not
// included.
func (t *Table) Entries(i int) (from, to int) { return int(t.first[i]), int(t.first[i+1]) }

// Find is the longest prefix of a number, -1 for none.
func (t *Table) Find(number Key) int {
	i := t.before(number)
	if i < 0 {
		return -1
	}
	// The longest prefix of the number is the key found, or one of that key's prefixes: whatever
	// lies between a prefix and the number begins with that prefix too.
	all := t.levels[0]
	for n := common(all[i], number); all[i].Len() > n; {
		if i = int(t.parent[i]); i < 0 {
			return -1
		}
	}
	return i
}

// Up is the longest prefix of the i-th prefix besides itself, -1 for none.
func (t *Table) Up(i int) int { return int(t.parent[i]) }

// before is the last key that is not greater, -1 for none.
func (t *Table) before(number Key) int {
	at := 0
	for l := len(t.levels) - 1; l >= 0; l-- {
		level := t.levels[l]
		from := at * fan
		at = from - 1
		// Without a branch that depends on the keys: it would be predicted wrongly each time.
		for _, k := range level[from:min(from+fan, len(level))] {
			_, greater := bits.Sub64(uint64(number), uint64(k), 0)
			at += 1 - int(greater)
		}
		if at < from {
			return -1 // smaller than all: on the highest level only
		}
	}
	return at
}
