package dict

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// shelf is a Keeper in memory.
type shelf struct {
	mu      sync.Mutex
	entries map[string]Change
	saves   int
	fail    bool
}

func (s *shelf) Load(_ string, each func(Change)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.entries {
		each(c)
	}
	return nil
}

func (s *shelf) Save(_ string, changes []Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail {
		return errors.New("disk full")
	}
	s.saves++
	for _, c := range changes {
		if c.Value == nil {
			delete(s.entries, c.Key)
		} else {
			s.entries[c.Key] = c
		}
	}
	return nil
}

func durable(t *testing.T, k Keeper, capacity int) (*Set, *Dict) {
	t.Helper()
	s := New()
	s.Keep(k, lane.NewSystem(), slog.New(slog.DiscardHandler))
	d := s.Open("d", capacity, 0, 0, false)
	if err := s.Durable(d); err != nil {
		t.Fatal(err)
	}
	if err := s.Durable(d); err != nil { // of another lane
		t.Fatal(err)
	}
	return s, d
}

// What a dictionary holds when its process ends is there in the next one.
func TestDurable(t *testing.T) {
	k := &shelf{entries: map[string]Change{}}
	s, d := durable(t, k, 100)
	now := s.clock.Now()
	values := map[string]any{"text": "a\x00\xff", "number": 0.1, "yes": true, "list": []any{"a", 2.0, []any{}}, "table": map[string]any{"k": map[string]any{"n": 1.0}}}
	for key, v := range values {
		d.Put(key, v, now, 0, Always)
	}
	d.Put("gone", "x", now, 0, Always)
	d.Put("later", "x", now, time.Hour, Always)
	d.Put("soon", "x", now, time.Nanosecond, Always)
	d.Remove("gone", now)
	d.Incr("count", 5, 0, now, 0)
	s.Close()
	s.Close()

	s, d = durable(t, k, 100)
	defer s.Close()
	now = s.clock.Now()
	for key, want := range values {
		if got, _ := d.Get(key, now); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, want %#v", key, got, want)
		}
	}
	if n, _ := d.Get("count", now); n != 5.0 {
		t.Error("count:", n)
	}
	if left, forever, present := d.Left("later", now); !present || forever || left < 59*time.Minute || left > time.Hour {
		t.Error("later:", left, forever, present)
	}
	s.Close()
	if _, kept := k.entries["soon"]; kept {
		t.Error("what ran out is kept for ever")
	}
	for _, key := range []string{"gone", "soon"} {
		if v, ok := d.Get(key, now); ok {
			t.Errorf("%s is still there: %v", key, v)
		}
	}
}

// What a full dictionary drops, and what is flushed, is no longer kept either.
func TestDroppedIsForgotten(t *testing.T) {
	k := &shelf{entries: map[string]Change{}}
	s, d := durable(t, k, 3)
	for i := range 10 {
		d.Put(fmt.Sprint(i), "x", 0, 0, Always)
	}
	s.Close()
	if len(k.entries) != 3 {
		t.Errorf("%d entries are kept, want 3", len(k.entries))
	}
	s, d = durable(t, k, 3)
	d.Flush()
	s.Close()
	if len(k.entries) != 0 {
		t.Errorf("%d entries are kept after flush", len(k.entries))
	}
}

// Many changes of one key are one write; what could not be written is written later.
func TestWritesGather(t *testing.T) {
	k := &shelf{entries: map[string]Change{}, fail: true}
	s, d := durable(t, k, 10)
	for range 1000 {
		d.Incr("n", 1, 0, 0, 0)
	}
	s.save(d) // which fails
	k.mu.Lock()
	k.fail = false
	k.mu.Unlock()
	s.Close()
	if k.saves == 0 || k.saves > 3 {
		t.Errorf("written %d times", k.saves)
	}
	if v, err := decode(k.entries["n"].Value); v != 1000.0 || err != nil {
		t.Error(v, err)
	}
}

func TestNoKeeper(t *testing.T) {
	s := New()
	if err := s.Durable(s.Open("d", 0, 0, 0, false)); !errors.Is(err, ErrNoKeeper) {
		t.Error(err)
	}
	s.Close()
}

// A file that somebody has changed is an error, not a crash.
func TestUnreadableValues(t *testing.T) {
	for _, text := range [][]byte{nil, {}, []byte("nonsense"), []byte("nx")} {
		s := New()
		s.Keep(&shelf{entries: map[string]Change{"k": {Key: "k", Value: text}}}, lane.NewSystem(), slog.New(slog.DiscardHandler))
		if err := s.Durable(s.Open("d", 0, 0, 0, false)); err == nil {
			t.Errorf("%q was read", text)
		}
		s.Close()
	}
}
