package bucket

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const second = int64(time.Second)

func TestTake(t *testing.T) {
	b := New(100)
	k := b.Key("x")
	r := RateOf(2, time.Second, 3)
	at := 100 * second
	for i, want := range []Result{{OK: true, First: true}, {OK: true}, {OK: true}, {Retry: 500 * time.Millisecond}} {
		if got := b.Take(k, r, at); got != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	at += second / 4
	if got := b.Take(k, r, at); got != (Result{Retry: 250 * time.Millisecond}) {
		t.Errorf("%+v", got)
	}
	at += second / 4
	if !b.Take(k, r, at).OK || b.Take(k, r, at).OK {
		t.Error("half a second is one token")
	}
	if n := b.Pending(k); n != 4 || b.Pending(k) != 0 {
		t.Errorf("%d are pending", n)
	}
}

func TestCount(t *testing.T) {
	b := New(100)
	k := b.Key("x")
	at := 100 * second
	for i, want := range []Result{{OK: true, First: true}, {OK: true}, {Retry: 10 * time.Second}} {
		if got := b.Count(k, 2, 10*time.Second, at); got != want {
			t.Errorf("%d: %+v", i, got)
		}
	}
	if got := b.Count(k, 2, 10*time.Second, at+9*second); got != (Result{Retry: time.Second}) {
		t.Errorf("%+v", got)
	}
	if !b.Count(k, 2, 10*time.Second, at+10*second).OK {
		t.Error("the next window")
	}
	if !b.Count(k, 2, 10*time.Second, at-100*second).OK {
		t.Error("a clock that was set back")
	}
	if b.Count(b.Key("y"), 0, time.Second, at).OK {
		t.Error("none is too many")
	}
}

// In no time are there more than the burst and what the rate gives.
func TestTakeKeepsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(10)
		k := b.Key("x")
		n, burst := rapid.IntRange(1, 50).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "burst")
		r := RateOf(float64(n), time.Second, burst)
		start := 1000 * second
		at, taken := start, 0
		for range 200 {
			at += rapid.Int64Range(0, second/10).Draw(t, "pause")
			res := b.Take(k, r, at)
			if res.OK {
				taken++
			} else if b.Take(k, r, at+int64(res.Retry)-1).OK {
				t.Fatalf("a token %v too early", 1)
			}
			if most := float64(burst) + float64(at-start)/float64(r.Interval) + 1e-6; float64(taken) > most {
				t.Fatalf("%d of %v", taken, most)
			}
		}
	})
}

func TestShare(t *testing.T) {
	b := New(10)
	k := b.Key("x")
	at := 100 * second
	r := RateOf(10, time.Second, 10)
	b.Take(k, r, at)
	b.MergeRate(k, r, 900*time.Millisecond, at) // the others took nine, one is pending
	if b.Take(k, r, at).OK {
		t.Error("a token of ten that are taken")
	}
	if n := b.Pending(k); n != 1 || !b.Return(k, 1) || b.Pending(k) != 1 || b.Return(b.Key("nobody"), 1) {
		t.Errorf("%d", n)
	}
	w := b.Key("w")
	b.Count(w, 5, time.Minute, at)
	b.MergeCount(w, 3, 30*time.Second, at)
	if !b.Count(w, 5, time.Minute, at).OK {
		t.Error("the fifth of five")
	}
	if got := b.Count(w, 5, time.Minute, at); got.OK || got.Retry != 30*time.Second {
		t.Errorf("%+v", got)
	}
}

func TestMark(t *testing.T) {
	b := New(10)
	k := b.Key("x")
	if b.Marked(k, 0) {
		t.Error("before")
	}
	b.Mark(k, 10, 0)
	b.Mark(k, 5, 0)
	if !b.Marked(k, 9) || b.Marked(k, 10) || b.Marked(b.Key("y"), 0) {
		t.Error("wrong")
	}
}

// A million keys have little to do with each other, and take a bounded amount of memory; then those
// go that matter least.
func TestManyKeys(t *testing.T) {
	const n = 100_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b := New(n)
	r := RateOf(1, time.Hour, 1)
	for i := range n {
		b.Take(b.Key(fmt.Sprint(i)), r, second)
	}
	if lost := b.Lost(); lost > n/100 {
		t.Errorf("%d of %d keys went", lost, n)
	}
	again := 0
	for i := range n {
		if b.Take(b.Key(fmt.Sprint(i)), r, second).OK {
			again++
		}
	}
	if again > n/50 {
		t.Errorf("%d of %d keys were forgotten", again, n)
	}
	for i := range 5 * n {
		b.Take(b.Key("other", uint64(i)), RateOf(1, time.Minute, 1), second)
	}
	kept := 0
	for i := range n {
		if !b.Take(b.Key(fmt.Sprint(i)), r, second).OK {
			kept++
		}
	}
	if kept < n*9/10 {
		t.Errorf("of %d keys that matter for an hour %d were kept over those that matter for a minute", n, kept)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / n; each > 64 {
		t.Errorf("%d bytes each", each)
	}
	runtime.KeepAlive(b)
}

// Three million keys in a table for a million: what it takes is bounded.
func BenchmarkMillionKeys(b *testing.B) {
	const n = 1_000_000
	var before, after runtime.MemStats
	r := RateOf(1, time.Hour, 1)
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		t := New(n)
		for i := range 3 * n {
			t.Take(t.Key("key", uint64(i)), r, second)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "bytes/key")
		b.ReportMetric(float64(t.keys.Load()), "keys")
		runtime.KeepAlive(t)
	}
}

// Many at once take no more than there is.
func TestAtOnce(t *testing.T) {
	b := New(1000)
	r := RateOf(100, time.Hour, 100)
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 1000 {
				if b.Take(b.Key("x", uint64(i%3)), r, second).OK {
					taken.Add(1)
				}
			}
		}()
	}
	all.Wait()
	if n := taken.Load(); n != 300 {
		t.Errorf("%d", n)
	}
}

func BenchmarkTake(b *testing.B) {
	for _, n := range []int{1, 1000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := New(1_000_000)
			keys := make([]Key, n)
			for i := range keys {
				keys[i] = t.Key("k", uint64(i))
			}
			r := RateOf(10, time.Second, 10)
			now := second
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				now += 1000
				t.Take(keys[i%n], r, now)
			}
		})
	}
}
