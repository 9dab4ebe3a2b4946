package sqlitestore

// This file measures: registrations per second by durability and by how many come at once, the load
// of a million rows, and the heap of one.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/registrar"
)

// typical is the binding of a softphone.
func typical(user int, now time.Time) (aor string, b *registrar.Binding) {
	return fmt.Sprintf("sip:user%07d@example.com", user), registrar.NewBinding(&registrar.Record{
		Contact: fmt.Sprintf("sip:user%07d@10.%d.%d.%d:5060;transport=udp", user, user>>16&255, user>>8&255, user&255),
		Params:  fmt.Sprintf(`;+sip.instance="<urn:uuid:%08x-0000-1000-8000-000A95A0E128>"`, user), Q: 1,
		CallID: fmt.Sprintf("%016x%016x", user*7919, user*104729), CSeq: 1, UserAgent: "Softphone/5.6.1 (Linux)",
		Expires: now.Add(24 * time.Hour), Updated: now})
}

// benchPath is in SIPSCRIPT_BENCH_DIR, where that is set: on a disk whose fsync is to be measured.
func benchPath(b *testing.B) string {
	dir, err := os.MkdirTemp(os.Getenv("SIPSCRIPT_BENCH_DIR"), "store")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "location.db")
}

// BenchmarkUpdate refreshes bindings of 100,000 addresses, so many at a time.
func BenchmarkUpdate(b *testing.B) {
	const users = 100_000
	for _, d := range []struct {
		name       string
		durability registrar.Durability
		disk       bool
	}{{"commit", registrar.Commit, true}, {"relaxed", registrar.Relaxed, true}, {"memory", registrar.Commit, false}} {
		for _, atOnce := range []int{1, 16, 256, 2048} {
			b.Run(fmt.Sprintf("%s/%d", d.name, atOnce), func(b *testing.B) {
				var store registrar.Store = registrar.NewMemory()
				var own *Store
				if d.disk {
					own = open(b, benchPath(b), Options{})
					store = own
				}
				now := time.Now()
				next := make(chan int, 4096)
				go func() { // ends with the benchmark
					for i := range b.N {
						next <- i
					}
					close(next)
				}()
				ended := make(chan struct{})
				b.ResetTimer()
				for range atOnce {
					go func() { // ends when nothing is left
						for i := range next {
							aor, x := typical(i*7919%users, now)
							if err := store.Update(context.Background(), aor, d.durability, func([]*registrar.Binding) ([]*registrar.Binding, error) {
								return []*registrar.Binding{x}, nil
							}); err != nil {
								b.Error(err)
							}
						}
						ended <- struct{}{}
					}()
				}
				for range atOnce {
					<-ended
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
				if own != nil {
					own.file.mu.Lock()
					b.ReportMetric(float64(b.N)/float64(max(1, own.file.transactions)), "updates/transaction")
					own.file.mu.Unlock()
				}
			})
		}
	}
}

// BenchmarkOpen reads a file of a million rows.
func BenchmarkOpen(b *testing.B) {
	const n = 1_000_000
	if testing.Short() {
		b.Skip("a million rows: -short")
	}
	path, now := benchPath(b), time.Now()
	s := open(b, path, Options{})
	for from := 0; from < n; from += 10_000 {
		if err := s.write(func() error {
			for i := range 10_000 {
				aor, x := typical(from+i, now)
				if err := s.file.put(aor, []*registrar.Binding{x}); err != nil {
					return err
				}
			}
			return nil
		}, func() {}); err != nil {
			b.Fatal(err)
		}
	}
	closeStore(b, s)
	before := heap()
	for b.Loop() {
		var err error // not by open, which would keep it until the end
		if s, err = Open(path, Options{}); err != nil {
			b.Fatal(err)
		}
		if count, _ := s.Count(b.Context()); count != n {
			b.Fatal(count)
		}
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/n, "B/binding")
		runtime.KeepAlive(s)
		closeStore(b, s)
		s = nil
		b.StartTimer()
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
