package acl

// Entries that are added and removed while the server runs.

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostDynamic bounds the entries of one list that were added.
	mostDynamic = 1 << 20
	// leastSettled is from how many entries on not all are built again for each that is added.
	leastSettled = 512
)

// dynamic are the added entries of one list. They belong to the process. Looking at them takes no
// lock: layers are replaced. Adding builds the recent ones again; of many the rest is built again
// when the recent ones are about the root of them, which is least work in all.
type dynamic struct {
	layers atomic.Pointer[layers]

	mu      sync.Mutex       // guards the fields below, and stores to layers
	byKey   map[string]*rule // those that were not removed; some may have ended
	recent  []*rule          // not yet in settled
	merging bool             // a goroutine builds settled
	merged  sync.WaitGroup   // that goroutine
}

type layers struct{ recent, settled *rules }

func newDynamic() *dynamic {
	d := &dynamic{byKey: map[string]*rule{}}
	d.layers.Store(&layers{})
	return d
}

var errFull = errors.New("the list has as many added entries as it can hold")

// add adds entries, each in place of one with the same key. They are looked at when add returns.
func (d *dynamic) add(now time.Time, list ...*item) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var replaced []*rule
	for _, i := range list {
		key := i.key()
		old := d.byKey[key]
		if old == nil && len(d.byKey) >= mostDynamic {
			if d.purge(now); len(d.byKey) >= mostDynamic {
				return errFull
			}
		}
		if old != nil {
			replaced = append(replaced, old)
		}
		x := &rule{item: i, dynamic: true}
		d.byKey[key] = x
		d.recent = append(d.recent, x)
	}
	if err := d.build(); err != nil {
		return err
	}
	for _, old := range replaced {
		old.gone.Store(true)
	}
	d.settle(now)
	return nil
}

// get is the entry of a key, or nil.
func (d *dynamic) get(key string, now time.Time) *item {
	d.mu.Lock()
	defer d.mu.Unlock()
	if x := d.byKey[key]; x != nil && (x.entry.Expires.IsZero() || now.Before(x.entry.Expires)) {
		return x.item
	}
	return nil
}

// fill adds many at once.
func (d *dynamic) fill(list []*item, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, i := range list {
		d.byKey[i.key()] = &rule{item: i, dynamic: true}
	}
	return d.merge(now)
}

// remove removes an entry by its key. It reports whether it was there, and had not ended.
func (d *dynamic) remove(key string, now time.Time) (i *item, there bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.byKey[key]
	if x == nil {
		return nil, false
	}
	x.gone.Store(true)
	delete(d.byKey, key)
	return x.item, x.entry.Expires.IsZero() || now.Before(x.entry.Expires)
}

// build builds the recent ones. d.mu is held.
func (d *dynamic) build() error {
	recent, err := newRules(d.recent, true)
	if err == nil {
		d.layers.Store(&layers{recent, d.layers.Load().settled})
	}
	return err
}

// settle builds all again if there are enough recent ones: a few at once, many beside the others'
// work. d.mu is held.
func (d *dynamic) settle(now time.Time) {
	n := len(d.byKey)
	switch {
	case d.merging || len(d.recent) < max(leastSettled/2, int(math.Sqrt(float64(n)))):
	case n <= leastSettled:
		_ = d.merge(now)
	default:
		d.merging = true
		d.merged.Add(1)
		list, count := d.list(now), len(d.recent)
		go func() { // ends with the building
			defer d.merged.Done()
			settled, err := newRules(list, true)
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.merging = false; err != nil {
				return
			}
			d.recent = append([]*rule(nil), d.recent[count:]...)
			d.layers.Store(&layers{d.layers.Load().recent, settled})
			_ = d.build()
		}()
	}
}

// merge builds all again. d.mu is held.
func (d *dynamic) merge(now time.Time) error {
	settled, err := newRules(d.list(now), true)
	if err == nil {
		d.recent = nil
		d.layers.Store(&layers{nil, settled})
	}
	return err
}

// list are the entries that have not ended. d.mu is held.
func (d *dynamic) list(now time.Time) []*rule {
	d.purge(now)
	list := make([]*rule, 0, len(d.byKey))
	for _, x := range d.byKey {
		list = append(list, x)
	}
	return list
}

// purge forgets the entries that have ended. d.mu is held.
func (d *dynamic) purge(now time.Time) {
	for key, x := range d.byKey {
		if e := x.entry.Expires; !e.IsZero() && !now.Before(e) {
			delete(d.byKey, key)
		}
	}
}

// items are the entries that have not ended, by address.
func (d *dynamic) items(now time.Time) []*item {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.list(now)
	items := make([]*item, len(list))
	for i, x := range list {
		items[i] = x.item
	}
	slices.SortFunc(items, func(a, b *item) int {
		return cmp.Or(a.net.Addr().Compare(b.net.Addr()), strings.Compare(a.key(), b.key()))
	})
	return items
}

// len is the number of entries, some of which may have ended.
func (d *dynamic) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.byKey)
}
