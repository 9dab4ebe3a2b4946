package registrar

// This file holds what idle bindings cost to bounds: the heap of each, and the sweep, to which they
// cost nothing.

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// maxHeap is the bound on the heap of a typical binding in bytes, its address and all indexes
// included, as it is promised for a million.
const maxHeap = 320

func TestHeapOfABinding(t *testing.T) {
	n := 1_000_000
	if raceEnabled { // which makes it ten times as slow
		n = 100_000
	}
	before := heap()
	m := NewMemory()
	fillIdle(m, n, start)
	each := float64(heap()-before) / float64(n)
	t.Logf("%.0f bytes", each)
	if each > maxHeap {
		t.Errorf("a binding takes %.0f bytes, at most %d are allowed", each, maxHeap)
	}
	runtime.KeepAlive(m)
}

// fillIdle registers n softphones for a day, as registrations do it.
func fillIdle(m *Memory, n int, now time.Time) {
	for i := range n {
		b := NewBinding(&Record{
			Contact: fmt.Sprintf("sip:user%07d@10.%d.%d.%d:5060;transport=udp", i, i>>16&255, i>>8&255, i&255),
			Params:  fmt.Sprintf(`;+sip.instance="<urn:uuid:%08X-0000-1000-8000-000A95A0E128>"`, i), Q: 1,
			CallID: fmt.Sprintf("%016x%016x", i*7919, i*104729), CSeq: 1, UserAgent: "Softphone/5.6.1 (Linux)",
			Expires: now.Add(day), Updated: now})
		m.Put(fmt.Sprintf("sip:user%07d@example.com", i), []*Binding{b})
	}
}

const day = 24 * time.Hour

// TestSweepLooksAtNothingIdle: bindings that have not ended are not looked at. Their records are
// emptied behind the store's back: one that is looked at is thrown away.
func TestSweepLooksAtNothingIdle(t *testing.T) {
	const n = 10_000
	m := NewMemory()
	fillIdle(m, n, start)
	for i := range m.shards {
		for _, r := range m.shards[i].records {
			r.bind(nil)
		}
	}
	m.put(t, "short", 10*time.Second)
	gone := 0
	sweep := func(after time.Duration) {
		if err := m.Sweep(context.Background(), start.Add(after), func(string, *Binding) { gone++ }); err != nil {
			t.Error(err)
		}
	}
	for after := time.Duration(0); after < day; after += time.Minute {
		sweep(after)
	}
	if records, _ := m.filed(); records != n || gone != 1 {
		t.Errorf("%d records are left, and %d have ended; want %d, and 1", records, gone, n)
	}
	sweep(2 * day)
	if records, _ := m.filed(); records != 0 {
		t.Errorf("%d records are left though looked at: this test shows nothing", records)
	}
}

// BenchmarkSweep is the sweep of each second.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{0, 1000, 1_000_000} {
		if n > 1000 && testing.Short() {
			b.Skipf("%d bindings: -short", n)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, now := NewMemory(), start
			fillIdle(m, n, now)
			for b.Loop() {
				now = now.Add(10 * time.Millisecond) // not to the end of the day
				if now.Sub(start) > day/2 {
					now = start
				}
				_ = m.Sweep(context.Background(), now, func(string, *Binding) { b.Error("idle") })
			}
		})
	}
}
