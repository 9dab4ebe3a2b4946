package sink

// This file tests the worker, in virtual time.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipscript/sipscript/modules/internal/spool"
)

func worker(t *testing.T, name string, fail func(list []spool.Record) error, test func(b *bench)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, fail)
			defer b.close()
			test(b)
		})
	})
}

// pass lets time pass, and waits until nobody has anything to do. What the test has read before is
// ordered before what the worker does.
func (b *bench) pass(d time.Duration) {
	b.f.set(b.f.failing())
	time.Sleep(d)
	synctest.Wait()
}

func TestWorker(t *testing.T) {
	away := errors.New("it is away")
	refuse := func(list []spool.Record) error {
		for _, r := range list {
			if string(r.Data) == "3" {
				return fmt.Errorf("%w: 3", ErrRefused)
			}
		}
		return nil
	}
	worker(t, "many at once", nil, func(b *bench) {
		b.put(0, 1200)
		b.pass(time.Second)
		if len(b.f.got) != 1200 || b.f.got[1199] != "1199" || b.w.Figures() != (Figures{Name: "fake", Written: 1200}) {
			b.t.Errorf("%d, %+v", len(b.f.got), b.w.Figures())
		}
	})
	worker(t, "away for an hour", func([]spool.Record) error { return away }, func(b *bench) {
		b.put(0, 10)
		b.pass(time.Hour)
		f := b.w.Figures()
		if f.Away != "it is away" || f.Waiting != 10 || f.Oldest != time.Hour || f.Failed < 100 || f.Failed > 140 {
			b.t.Errorf("%+v", f)
		}
		b.put(10, 20)
		b.f.set(nil)
		b.pass(mostPause + time.Second)
		if len(b.f.got) != 20 || strings.Join(b.told, ", ") != "it is away, <nil>" || b.w.Figures().Away != "" {
			b.t.Errorf("%v; told %q; %+v", b.f.got, b.told, b.w.Figures())
		}
	})
	worker(t, "one is refused", refuse, func(b *bench) {
		b.put(0, 6)
		b.pass(time.Second)
		if fmt.Sprint(b.f.got, b.dead) != "[0 1 2 4 5] [3]" || b.w.Figures().Dead != 1 || b.w.Figures().Waiting != 0 || len(b.told) != 0 {
			b.t.Errorf("%v %v %+v %v", b.f.got, b.dead, b.w.Figures(), b.told)
		}
	})
	worker(t, "all are refused", func([]spool.Record) error { return ErrRefused }, func(b *bench) {
		b.put(0, 6)
		b.pass(time.Minute)
		if len(b.dead) != 0 || b.w.Figures().Waiting != 6 || len(b.told) != 1 {
			b.t.Errorf("%v %+v", b.dead, b.w.Figures())
		}
		b.f.set(refuse)
		b.pass(time.Minute)
		if fmt.Sprint(b.f.got, b.dead) != "[0 1 2 4 5] [3]" {
			b.t.Errorf("%v %v", b.f.got, b.dead)
		}
	})
	only := func(why error, left ...string) func(list []spool.Record) error {
		return func(list []spool.Record) error {
			for _, r := range list {
				if !slices.Contains(left, string(r.Data)) {
					return why
				}
			}
			return nil
		}
	}
	worker(t, "the only one is refused for its values", only(ErrValues), func(b *bench) {
		b.put(3, 4)
		b.pass(time.Second)
		if len(b.dead) != 0 {
			b.t.Error("set aside at once")
		}
		b.pass(time.Minute)
		if len(b.dead) != 1 || b.w.Figures().Waiting != 0 || b.w.Figures().Away != "" || len(b.told) != 0 {
			b.t.Errorf("%v %+v %v", b.dead, b.w.Figures(), b.told)
		}
	})
	worker(t, "nobody waits for the only one", only(ErrValues, "4"), func(b *bench) {
		b.put(3, 4)
		b.pass(time.Second)
		b.put(4, 5)
		b.pass(time.Second)
		if fmt.Sprint(b.f.got, b.dead, b.told, b.w.Figures().Waiting) != "[4] [3] [] 0" {
			b.t.Errorf("%v %v %v", b.f.got, b.dead, b.told)
		}
	})
	worker(t, "all there are are refused for their values", only(ErrValues), func(b *bench) {
		b.put(3, 5)
		b.pass(time.Minute)
		if fmt.Sprint(b.dead, b.told, b.w.Figures().Waiting) != "[3 4] [] 0" {
			b.t.Errorf("%v %v %+v", b.dead, b.told, b.w.Figures())
		}
	})
	worker(t, "the only one is refused, and may be right", only(ErrRefused), func(b *bench) {
		b.put(3, 4)
		b.pass(time.Hour)
		if len(b.dead) != 0 || b.w.Figures().Waiting != 1 || len(b.told) != 1 {
			b.t.Errorf("%v %+v %v", b.dead, b.w.Figures(), b.told)
		}
		b.f.set(only(ErrRefused, "4", "5"))
		b.put(4, 6)
		b.pass(mostPause + time.Second)
		if fmt.Sprint(b.f.got, b.dead, b.w.Figures().Waiting) != "[4 5] [3] 0" {
			b.t.Errorf("%v %v", b.f.got, b.dead)
		}
	})
	worker(t, "a dead letter that can't be kept", refuse, func(b *bench) {
		b.keepsNothing(errors.New("disk full"))
		b.put(3, 5)
		b.pass(time.Minute)
		if fmt.Sprint(b.f.got) != "[4]" || b.w.Figures().Waiting != 2 {
			b.t.Errorf("%v %+v", b.f.got, b.w.Figures())
		}
		b.keepsNothing(nil)
		b.pass(2 * time.Minute)
		if fmt.Sprint(b.f.got, b.dead) != "[4] [3]" {
			b.t.Errorf("%v %v", b.f.got, b.dead)
		}
	})
	worker(t, "the end during a pause", func([]spool.Record) error { return away }, func(b *bench) {
		b.put(0, 1)
		b.pass(time.Minute)
	})
}
