//go:build unix

package redisstore

// This file measures: registrations per second by how many come at once, and lookups from the
// cache, and the sweep. Redis is a process of its own on the same machine, and takes its share of
// it.

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/modules/registrar"
)

const benchUsers = 10_000

// typical is the binding of a softphone.
func typical(user int, now time.Time) (aor string, b *registrar.Binding) {
	return fmt.Sprintf("sip:user%07d@example.com", user), registrar.NewBinding(&registrar.Record{
		Contact: fmt.Sprintf("sip:user%07d@10.%d.%d.%d:5060;transport=udp", user, user>>16&255, user>>8&255, user&255),
		Params:  fmt.Sprintf(`;+sip.instance="<urn:uuid:%08x-0000-1000-8000-000A95A0E128>"`, user), Q: 1,
		CallID: fmt.Sprintf("%016x%016x", user*7919, user*104729), CSeq: 1, UserAgent: "Softphone/5.6.1 (Linux)",
		Expires: now.Add(time.Hour), Updated: now})
}

// BenchmarkUpdate refreshes bindings, so many at a time.
func BenchmarkUpdate(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, server.URL, Options{})
	for _, atOnce := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(atOnce), func(b *testing.B) {
			next, now := make(chan int, 4096), time.Now()
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
						aor, x := typical(i*7919%benchUsers, now)
						if err := s.Update(context.Background(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
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
		})
	}
}

// BenchmarkLookup looks up what the cache has, and what it has not.
func BenchmarkLookup(b *testing.B) {
	server := redistest.Start(b)
	s := open(b, server.URL, Options{})
	now := time.Now()
	aors := make([]string, benchUsers)
	for i := range aors {
		aor, x := typical(i, now)
		aors[i] = aor
		if err := s.Update(b.Context(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
			return []*registrar.Binding{x}, nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	look := func(b *testing.B, s *Store, i int) {
		if list, err := s.Lookup(context.Background(), aors[i%benchUsers], now); err != nil || len(list) != 1 {
			b.Fatal(list, err)
		}
	}
	b.Run("cached", func(b *testing.B) {
		for i := range aors {
			eventually(b, "it is known", func() bool { look(b, s, i); _, ok := s.Peek(aors[i], now); return ok })
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			look(b, s, i*7919)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
	})
	b.Run("asked", func(b *testing.B) {
		forgetful := open(b, server.URL, Options{Cache: 1})
		for i := 0; b.Loop(); i++ {
			look(b, forgetful, i*7919)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
	})
}

// BenchmarkSweep is the sweep of each second, over bindings of which none ends.
func BenchmarkSweep(b *testing.B) {
	for _, n := range []int{0, benchUsers} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, now := open(b, redistest.Start(b).URL, Options{}), time.Now()
			for i := range n {
				aor, x := typical(i, now)
				if err := s.Update(b.Context(), aor, registrar.Commit, func([]*registrar.Binding) ([]*registrar.Binding, error) {
					return []*registrar.Binding{x}, nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if err := s.Sweep(b.Context(), now, func(string, *registrar.Binding) { b.Error("idle") }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
