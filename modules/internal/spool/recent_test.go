package spool

import (
	"fmt"
	"testing"
	"time"
)

// A reader gets what a record was appended with while that is in memory, and nil afterwards:
// nothing is kept for the sync, nor while the disk takes nothing.
func TestValues(t *testing.T) {
	s, _, err := Open(quiet(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Reader("r")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(false)
	get := func(want any) {
		t.Helper()
		if err := s.AppendValue(Key{}, []byte("text"), "value"); err != nil {
			t.Fatal(err)
		}
		list, err := r.Next(t.Context(), 1, 1<<20)
		if err != nil || len(list) != 1 || list[0].Value != want || string(list[0].Data) != "text" {
			t.Fatalf("%+v, %v; want %v", list, err, want)
		}
		r.Done(list[0].Seq)
	}
	get("value")
	s.mu.Lock()
	for _, e := range s.unsure {
		if e.value != nil {
			t.Errorf("%v is kept for the sync", e.value)
		}
	}
	s.failing = errSize
	s.mu.Unlock()
	get(nil)
}

// A reader that keeps up gets what was written from memory, as far as that is kept; one that is far
// behind gets it from files. Each gets all of it, in order.
func TestRecent(t *testing.T) {
	for name, row := range map[string]struct{ records, size int }{"keeps up": {20, 100}, "is far behind": {40, 100 << 10}} {
		t.Run(name, func(t *testing.T) {
			s, _, err := Open(quiet(t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			r, err := s.Reader("r")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close(false)
			for i := range row.records {
				if err := s.Begin(Key{byte(i)}, []byte("begun")); err != nil {
					t.Fatal(err)
				}
				if err := s.Append(Key{byte(i)}, fmt.Appendf(make([]byte, row.size), "%d", i)); err != nil {
					t.Fatal(err)
				}
			}
			for deadline := time.Now().Add(20 * time.Second); s.Stats().Memory > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("it is not written")
				}
			}
			s.mu.Lock()
			held := s.held
			s.mu.Unlock()
			for i := 0; i < row.records; {
				list, err := r.Next(t.Context(), 7, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range list {
					if got := string(x.Data[row.size:]); got != fmt.Sprint(i) || x.Key != (Key{byte(i)}) || x.At.IsZero() {
						t.Fatalf("%q of %v, want %d", got, x.Key, i)
					}
					i++
				}
				r.Done(list[len(list)-1].Seq)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if all := row.records * row.size; held > mostRecent || all < mostRecent && r.f != nil || all > mostRecent && r.f == nil {
				t.Errorf("%d bytes were held, the file is %v", held, r.f)
			}
			if s.held != 0 || len(s.recent) != 0 {
				t.Errorf("%d records of %d bytes are held for nobody", len(s.recent), s.held)
			}
		})
	}
}
