package spool

// This file tests which segments are removed.

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What a destination that is away needs stays while it is not attached: when readers stop one after
// another, and when they come one after another.
func TestAwayWhileDetached(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := quiet(dir)
		o.Segment = 2000
		s, _ := open(t, o)
		away, here := attach(t, s, "away"), attach(t, s, "here")
		put(t, s, 0, 300)
		time.Sleep(time.Second)
		take(t, here, 0, 300)
		before := len(files(t, dir))
		if err := away.Close(false); err != nil {
			t.Error(err)
		}
		put(t, s, 300, 310)
		time.Sleep(time.Minute)
		if n := len(files(t, dir)); n < before {
			t.Errorf("%d of %d files are left after it has stopped", n, before)
		}
		closed(t, s, here)
		s, _ = open(t, o)
		here = attach(t, s, "here")
		put(t, s, 310, 320)
		take(t, here, 300, 320)
		time.Sleep(time.Minute)
		if n := len(files(t, dir)); n < before {
			t.Errorf("%d of %d files are left before it has started", n, before)
		}
		away = attach(t, s, "away")
		take(t, away, 0, 320)
		put(t, s, 320, 321)
		take(t, here, 320, 321)
		time.Sleep(time.Minute)
		if left := s.Settle(); left != 0 || len(files(t, dir)) > 2 {
			t.Errorf("%d are gone, %d files are left", left, len(files(t, dir)))
		}
		closed(t, s, here, away)
	})
}

// A queue that was full goes on when its readers have caught up, whatever its size, and whatever is
// unfinished in it.
func TestFullAndBack(t *testing.T) {
	for _, row := range []struct {
		name  string
		calls int  // that begin at first
		end   bool // while it is full
	}{
		{"no calls", 0, false}, {"a call goes on", 1, false}, {"calls go on", 20, false}, {"calls end while it is full", 20, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				o := quiet(dir)
				o.Size = 32_000
				s, _ := open(t, o)
				r := attach(t, s, "r")
				for n := range row.calls {
					if err := s.Begin(keyOf(1000+n), []byte(strings.Repeat("c", 300))); err != nil {
						t.Fatal(err)
					}
				}
				put(t, s, 0, 600)
				time.Sleep(time.Minute)
				if st := s.Stats(); !errors.Is(st.Failing, errSize) || st.Bytes > o.Size || st.Memory == 0 {
					t.Errorf("full: %+v", st)
				}
				live := row.calls
				for n := 0; row.end && n < row.calls; n++ {
					live = 0
					if err := s.End(keyOf(1000 + n)); err != nil {
						t.Fatal(err)
					}
				}
				take(t, r, 0, 600)
				time.Sleep(time.Minute)
				put(t, s, 600, 601)
				take(t, r, 600, 601)
				time.Sleep(time.Minute)
				put(t, s, 601, 700) // there is room for them again
				time.Sleep(time.Minute)
				if st := s.Stats(); st.Failing != nil || st.Memory != 0 || st.Live != live || st.Lost != 0 {
					t.Errorf("after it: %+v", st)
				}
				take(t, r, 601, 700)
				closed(t, s, r)
				s, list := open(t, quiet(dir))
				if len(list) != live {
					t.Errorf("%d are unfinished, want %d", len(list), live)
				}
				closed(t, s)
			})
		})
	}
}
