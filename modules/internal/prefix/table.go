package prefix

// The table, and looking it up.

import "math/bits"

const (
	// fan is how many keys of one level are below one of the next: two cache lines.
	fan = 16
	// leaf is how many prefixes are below one key of the lowest level: two cache lines.
	leaf = 8
)

// node is one prefix, with what is needed next in the same cache line.
type node struct {
	key    Key
	parent int32 // the longest other prefix of it, -1 for none
	first  int32 // where its entries begin; they end where the next one's do
}

// Table is a set of prefixes, each with a run of entries. It is never changed.
type Table struct {
	nodes   []node // by key
	entries int
	// levels are a tree without pointers: the first has the key of every leaf-th node, each of the
	// others that of every fan-th key of the level before; the last has at most fan.
	levels [][]Key
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
	t = &Table{nodes: make([]node, 0, distinct), entries: len(items)}
	for i, x := range items {
		order[i] = x.index
		if i == 0 || x.key != items[i-1].key {
			t.add(x.key, int32(i))
		}
		Breathe(i)
	}
	last := make([]Key, 0, (distinct+leaf-1)/leaf)
	for i := 0; i < distinct; i += leaf {
		last = append(last, t.nodes[i].key)
	}
	t.levels = append(t.levels, last)
	for len(last) > fan {
		next := make([]Key, 0, (len(last)+fan-1)/fan)
		for i := 0; i < len(last); i += fan {
			next = append(next, last[i])
		}
		t.levels = append(t.levels, next)
		last = next
	}
	return t, order
}

// add appends the next key in order: its prefixes are on the way up from the one before it.
func (t *Table) add(k Key, first int32) {
	up := int32(len(t.nodes)) - 1
	for up >= 0 && !t.nodes[up].key.Begins(k) {
		up = t.nodes[up].parent
	}
	t.nodes = append(t.nodes, node{k, up, first})
}

// Len is how many different prefixes there are.
func (t *Table) Len() int { return len(t.nodes) }

// Key is the i-th prefix.
func (t *Table) Key(i int) Key { return t.nodes[i].key }

// Entries are where the entries of the i-th prefix are: from the first up to the second, not
// included.
func (t *Table) Entries(i int) (from, to int) {
	if i+1 < len(t.nodes) {
		return int(t.nodes[i].first), int(t.nodes[i+1].first)
	}
	return int(t.nodes[i].first), t.entries
}

// Find is the longest prefix of a number, -1 for none.
func (t *Table) Find(number Key) int {
	i := t.before(number)
	if i < 0 {
		return -1
	}
	// The longest prefix of the number is the key found, or one of that key's prefixes: whatever
	// lies between a prefix and the number begins with that prefix too.
	for n := common(t.nodes[i].key, number); t.nodes[i].key.Len() > n; {
		if i = int(t.nodes[i].parent); i < 0 {
			return -1
		}
	}
	return i
}

// Up is the longest prefix of the i-th prefix besides itself, -1 for none.
func (t *Table) Up(i int) int { return int(t.nodes[i].parent) }

// before is the last prefix in order that is not after the number, -1 for none.
//
// It counts without a branch that depends on the keys, which would be predicted wrongly each time.
func (t *Table) before(number Key) int {
	at := 0
	for l := len(t.levels) - 1; l >= 0; l-- {
		level := t.levels[l]
		from := at * fan
		at = from - 1
		for _, k := range level[from:min(from+fan, len(level))] {
			at += notAfter(k, number)
		}
		if at < from {
			return -1 // before all: on the highest level only
		}
	}
	if len(t.nodes) == 0 {
		return -1
	}
	from := at * leaf
	at = from - 1
	part := t.nodes[from:min(from+leaf, len(t.nodes))]
	for i := range part {
		at += notAfter(part[i].key, number)
	}
	return at
}

// notAfter is 1 if a is not greater than b, otherwise 0.
func notAfter(a, b Key) int {
	_, less := bits.Sub64(uint64(b), uint64(a), 0)
	return 1 - int(less)
}
