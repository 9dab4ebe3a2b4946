package prefix

// The table, and looking it up.

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
	nodes   []node // by key; filled up with afterAll to a multiple of leaf
	size    int    // of nodes, without what fills up
	entries int
	// levels are a tree without pointers: the first has the key of every leaf-th node, each of the
	// others that of every fan-th key of the level before; the last has at most fan. Each is filled
	// up with afterAll to a multiple of fan.
	levels [][]Key
}

// afterAll comes after all keys.
const afterAll = Key(1<<64 - 1)

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
	t = &Table{nodes: make([]node, 0, roundUp(distinct, leaf)), size: distinct, entries: len(items)}
	for i, x := range items {
		order[i] = x.index
		if i == 0 || x.key != items[i-1].key {
			t.add(x.key, int32(i))
		}
		Breathe(i)
	}
	for len(t.nodes) < cap(t.nodes) {
		t.nodes = append(t.nodes, node{key: afterAll})
	}
	t.climb()
	return t, order
}

// climb makes the levels above the nodes.
func (t *Table) climb() {
	last := make([]Key, 0, roundUp(len(t.nodes)/leaf, fan))
	for i := 0; i < len(t.nodes); i += leaf {
		last = append(last, t.nodes[i].key)
	}
	for {
		count := len(last)
		for len(last) < cap(last) {
			last = append(last, afterAll)
		}
		t.levels = append(t.levels, last)
		if count <= fan {
			return
		}
		next := make([]Key, 0, roundUp((count+fan-1)/fan, fan))
		for i := 0; i < count; i += fan {
			next = append(next, last[i])
		}
		last = next
	}
}

// roundUp is the next multiple of m.
func roundUp(n, m int) int { return (n + m - 1) / m * m }

// add appends the next key in order: its prefixes are on the way up from the one before it.
func (t *Table) add(k Key, first int32) {
	up := int32(len(t.nodes)) - 1
	for up >= 0 && !t.nodes[up].key.Begins(k) {
		up = t.nodes[up].parent
	}
	t.nodes = append(t.nodes, node{k, up, first})
}

// Len is how many different prefixes there are.
func (t *Table) Len() int { return t.size }

// Key is the i-th prefix.
func (t *Table) Key(i int) Key { return t.nodes[i].key }

// Entries are where the entries of the i-th prefix are: from the first up to the second, not
// included.
func (t *Table) Entries(i int) (from, to int) {
	if i+1 < t.size {
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
// It halves each block by conditional moves: branches that depend on the keys would be predicted
// wrongly half of the time.
func (t *Table) before(number Key) int {
	if t.size == 0 {
		return -1
	}
	at := 0
	for l := len(t.levels) - 1; l >= 0; l-- {
		block := (*[fan]Key)(t.levels[l][at*fan:])
		i := 0
		if block[8] <= number {
			i = 8
		}
		if block[(i+4)&(fan-1)] <= number {
			i += 4
		}
		if block[(i+2)&(fan-1)] <= number {
			i += 2
		}
		if block[(i+1)&(fan-1)] <= number {
			i++
		}
		at = at*fan + i
	}
	block := (*[leaf]node)(t.nodes[at*leaf:])
	i := 0
	if block[4].key <= number {
		i = 4
	}
	if block[(i+2)&(leaf-1)].key <= number {
		i += 2
	}
	if block[(i+1)&(leaf-1)].key <= number {
		i++
	}
	if block[i&(leaf-1)].key > number {
		return -1 // it is before all
	}
	return at*leaf + i
}
