package spool

import (
	"context"
	"runtime"
	"testing"
)

// BenchmarkAppend is what a record of 700 bytes costs with all that follows: it is written, synced,
// read by one reader, and removed.
func BenchmarkAppend(b *testing.B) {
	s, _, err := Open(quiet(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	r, err := s.Reader("r")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			list, err := r.Next(ctx, 500, 1<<20)
			if err != nil {
				return
			}
			r.Done(list[len(list)-1].Seq)
		}
	}()
	data := make([]byte, 700)
	b.ReportAllocs()
	for b.Loop() {
		for s.Append(Key{}, data) != nil { // as fast as the disk takes them
			runtime.Gosched()
		}
	}
	cancel()
	<-ended
	if err := r.Close(false); err != nil {
		b.Error(err)
	}
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
