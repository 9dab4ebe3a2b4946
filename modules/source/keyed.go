package source

// Lists that are looked up by key, and never held as a whole.

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/internal/sharded"
	"github.com/sipscript/sipscript/modules/clients"
)

// defaultRemembered bounds what a Keyed remembers.
const defaultRemembered = 1 << 16

// KeyedOptions of NewKeyed. Fetch is required.
type KeyedOptions[K comparable, V any] struct {
	// Fetch looks up one key; there: it is in the list.
	Fetch func(ctx context.Context, key K) (value V, there bool, err error)
	// Slot is the name a key is remembered under, where the last key of a slot replaces the others;
	// nil: fmt.Sprint of it.
	Slot func(key K) string
	// Max bounds what is remembered, default 65,536.
	Max int
}

// Keyed looks up entries one at a time, and remembers those that exist. It never remembers that one
// does not: what is added is seen at once, and to outsiders a user who does not exist looks like
// one with another password. It is safe for concurrent use.
type Keyed[K comparable, V any] struct {
	o     KeyedOptions[K, V]
	table *sharded.Table[string, remembered[K, V]]
}

type remembered[K comparable, V any] struct {
	key   K
	value V
	at    time.Time
}

// NewKeyed makes one that remembers nothing yet.
func NewKeyed[K comparable, V any](o KeyedOptions[K, V]) *Keyed[K, V] {
	if o.Slot == nil {
		o.Slot = func(key K) string { return fmt.Sprint(key) }
	}
	if o.Max <= 0 {
		o.Max = defaultRemembered
	}
	return &Keyed[K, V]{o: o, table: sharded.New[string, remembered[K, V]](o.Max, nil)}
}

// Peek is what is remembered of a key for less than ttl. It never waits.
func (k *Keyed[K, V]) Peek(key K, now time.Time, ttl time.Duration) (value V, ok bool) {
	slot := k.o.Slot(key)
	s := k.table.Lock(slot)
	defer s.Unlock()
	r, ok := s.Entries.Get(slot)
	if age := now.Sub(r.at); !ok || r.key != key || age < 0 || age >= ttl {
		return value, false
	}
	return r.value, true
}

// Get asks, and remembers the answer.
func (k *Keyed[K, V]) Get(ctx context.Context, key K, now time.Time) (value V, there bool, err error) {
	value, there, err = k.o.Fetch(ctx, key)
	if err != nil {
		return value, false, err
	}
	slot := k.o.Slot(key)
	s := k.table.Lock(slot)
	defer s.Unlock()
	if there {
		s.Entries.Add(slot, remembered[K, V]{key: key, value: value, at: now})
	} else {
		s.Entries.Remove(slot)
	}
	return value, there, nil
}

// Len is how many keys are remembered.
func (k *Keyed[K, V]) Len() int { return k.table.Len() }

// Forget drops what is remembered under a slot.
func (k *Keyed[K, V]) Forget(slot string) {
	s := k.table.Lock(slot)
	defer s.Unlock()
	s.Entries.Remove(slot)
}

// Clear drops everything that is remembered.
func (k *Keyed[K, V]) Clear() { k.table.Clear() }

// Rows asks a database for entries. Columns that do not correspond to fields are ignored.
type Rows[T any] struct {
	typ     *entryType
	max     int
	learned atomic.Pointer[binding]
}

// NewRows makes one; max bounds the rows of one answer.
func NewRows[T any](max int) *Rows[T] { return &Rows[T]{typ: typeOf(reflect.TypeFor[T]()), max: max} }

// Query asks. query is written with "?".
func (r *Rows[T]) Query(ctx context.Context, db *clients.DB, query string, args ...any) ([]T, error) {
	c := &collector[T]{typ: r.typ, max: r.max, loose: true, learned: &r.learned}
	err := readDatabase(ctx, c, db, query, "", args...)
	return c.list, err
}

// One reads an entry that is a table with names.
func One[T any](fields map[string]any) (entry T, err error) {
	c := &collector[T]{typ: typeOf(reflect.TypeFor[T]()), max: 1, place: func(int) string { return "the entry" }}
	c.value(1, "", fields)
	if err := c.err(); err != nil || len(c.list) == 0 {
		return entry, err
	}
	return c.list[0], nil
}
