package dict

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

func open(t *testing.T, capacity, bytes int, ttl time.Duration) *Dict {
	t.Helper()
	d := New().Open("d", capacity, bytes, ttl, true)
	if d == nil {
		t.Fatal("no dictionary")
	}
	return d
}

// Replace stores only over what Look saw: another value, a removed key, one that ran out and one
// that was set to the same again are all changes.
func TestReplace(t *testing.T) {
	second := lane.Time(0).Add(time.Second)
	for _, row := range []struct {
		name      string
		before    any
		meanwhile func(d *Dict)
		want      bool
	}{
		{"nothing happened", "a", func(*Dict) {}, true},
		{"nothing there", nil, func(*Dict) {}, true},
		{"another value", "a", func(d *Dict) { d.Put("k", "b", 0, 0, Always) }, false},
		{"the same value again", "a", func(d *Dict) { d.Put("k", "a", 0, 0, Always) }, false},
		{"removed", "a", func(d *Dict) { d.Remove("k", 0) }, false},
		{"removed and set", "a", func(d *Dict) { d.Remove("k", 0); d.Put("k", "a", 0, 0, Always) }, false},
		{"set where nothing was", nil, func(d *Dict) { d.Put("k", "a", 0, 0, Always) }, false},
		{"flushed", "a", (*Dict).Flush, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := open(t, 10, 0, 0)
			if row.before != nil {
				d.Put("k", row.before, 0, 0, Always)
			}
			value, held := d.Look("k", 0)
			if value != row.before {
				t.Fatalf("looked at %v", value)
			}
			row.meanwhile(d)
			if got := d.Replace("k", held, "new", second, -1); got != row.want {
				t.Errorf("replaced: %v, want %v", got, row.want)
			}
		})
	}
	t.Run("ran out", func(t *testing.T) {
		d := open(t, 10, 0, 0)
		d.Put("k", "a", 0, time.Second, Always)
		_, held := d.Look("k", 0)
		if d.Replace("k", held, "b", second, -1) {
			t.Error("stored over a value that had run out")
		}
	})
	t.Run("keeps its time", func(t *testing.T) {
		d := open(t, 10, 0, 0)
		d.Put("k", "a", 0, time.Second, Always)
		_, held := d.Look("k", 0)
		if !d.Replace("k", held, "b", 0, -1) {
			t.Fatal("not stored")
		}
		if left, forever, present := d.Left("k", 0); left != time.Second || forever || !present {
			t.Error(left, forever, present)
		}
	})
	t.Run("nil removes", func(t *testing.T) {
		d := open(t, 10, 0, 0)
		d.Put("k", "a", 0, 0, Always)
		_, held := d.Look("k", 0)
		if !d.Replace("k", held, nil, 0, -1) || len(d.Keys(0)) != 0 {
			t.Error("is still there")
		}
	})
}

// Many count at once by Look and Replace, and none of them is lost.
func TestReplaceIsAtomic(t *testing.T) {
	d := open(t, 10, 0, 0)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				for {
					value, held := d.Look("n", 0)
					n, _ := value.(float64)
					if d.Replace("n", held, n+1, 0, -1) {
						break
					}
				}
			}
		})
	}
	all.Wait()
	if n, _ := d.Get("n", 0); n != 4000.0 {
		t.Errorf("counted to %v, want 4000", n)
	}
}

func TestBounds(t *testing.T) {
	t.Run("entries", func(t *testing.T) {
		d := open(t, 3, 0, 0)
		for i := range 5 {
			d.Put(fmt.Sprint(i), "x", 0, 0, Always)
		}
		if _, ok := d.Get("1", 0); ok || len(d.Keys(0)) != 3 {
			t.Errorf("has %v", d.Keys(0))
		}
	})
	t.Run("bytes", func(t *testing.T) {
		d := open(t, 100, 2000, 0)
		for i := range 20 {
			d.Put(fmt.Sprint(i), string(make([]byte, 300)), 0, 0, Always)
		}
		if n := len(d.Keys(0)); n < 2 || n > 4 {
			t.Errorf("%d entries of 500 bytes within 2000", n)
		}
	})
	t.Run("dictionaries", func(t *testing.T) {
		s := New()
		for i := range MaxDicts {
			if s.Open(fmt.Sprint(i), 1, 0, 0, false) == nil {
				t.Fatalf("dictionary %d was refused", i)
			}
		}
		if s.Open("one more", 1, 0, 0, false) != nil {
			t.Error("one too many")
		}
	})
}
