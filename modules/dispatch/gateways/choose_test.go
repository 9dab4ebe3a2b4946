package gateways

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// clock is a time that a test sets.
type clock struct{ at lane.Time }

func (c *clock) now() lane.Time { return c.at }

// made is a set of entries.
func made(t testing.TB, c *clock, entries ...Entry) *Set {
	t.Helper()
	s := New("carriers", Options{Now: c.now})
	if at, err := CheckList(entries); err != nil {
		t.Fatalf("entry %d: %v", at+1, err)
	}
	s.Swap(entries)
	return s
}

// gw is an entry n: sip:10.0.0.n.
func gw(n int, change ...func(*Entry)) Entry {
	e := NewEntry()
	e.NextHop = fmt.Sprintf("sip:10.0.%d.%d", n/256, n%256)
	for _, f := range change {
		f(&e)
	}
	return e
}

func priority(n int) func(*Entry) { return func(e *Entry) { e.Priority = n } }
func weight(n int) func(*Entry)   { return func(e *Entry) { e.Weight = n } }
func calls(n int) func(*Entry)    { return func(e *Entry) { e.MaxCalls = n } }

func seeded(t testing.TB) func() uint64 {
	const seed = 7
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0)).Uint64
}

// chosen are the last bytes of the addresses, in order.
func chosen(t testing.TB, s *Set, o Choice) string {
	t.Helper()
	list, err := s.Choose(&o)
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, x := range list {
		a := x.Address.Addr().As4()
		out = append(out, fmt.Sprint(int(a[2])*256+int(a[3])))
	}
	return strings.Join(out, " ")
}

func TestGroupsAndStates(t *testing.T) {
	c := &clock{at: 1}
	s := made(t, c, gw(3, priority(2)), gw(1, priority(-1)), gw(2))
	o := Choice{Random: seeded(t)}
	for _, step := range []struct {
		name string
		do   func() error
		want string
	}{
		{"by priority", func() error { return nil }, "1 2 3"},
		{"one is down", func() error { return s.Mark("sip:10.0.0.1", Down, 0) }, "2 3"},
		{"one drains", func() error { return s.Mark("10.0.0.2:5060", Draining, 0) }, "3"},
		{"none is left", func() error { return s.Mark("sip:10.0.0.3", Disabled, 10*time.Second) }, "no gateway of carriers is up"},
		{"a mark ends", func() error { c.at = c.at.Add(10 * time.Second); return nil }, "3"},
		{"they are back", func() error { return errors.Join(s.Mark("sip:10.0.0.1", Up, 0), s.Mark("sip:10.0.0.2", Up, 0)) }, "1 2 3"},
		{"one is removed", func() error { return s.Remove("sip:10.0.0.2") }, "1 3"},
		{"and stays so when the list is read again", func() error {
			s.Swap([]Entry{gw(3, priority(2)), gw(1, priority(-1)), gw(2)})
			return nil
		}, "1 3"},
		{"one is added", func() error { return s.Add(gw(4, priority(-2))) }, "4 1 3"},
		{"one comes again", func() error { return s.Add(gw(2)) }, "4 1 2 3"},
		{"unknown", func() error {
			if err := errors.Join(s.Mark("sip:10.0.0.9", Up, 0), s.Remove("sip:x")); !errors.Is(err, ErrUnknown) {
				return fmt.Errorf("want ErrUnknown, not %w", err)
			}
			return nil
		}, "4 1 2 3"},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if got := chosen(t, s, o); got != step.want {
				t.Errorf("%s, want %s", got, step.want)
			}
		})
	}
	o.Limit = 2
	if got := chosen(t, s, o); got != "4 1" {
		t.Errorf("two: %s", got)
	}
}

// A new list keeps what is known of gateways that stay.
func TestSwapKeepsStates(t *testing.T) {
	c := &clock{}
	s := made(t, c, gw(1, calls(1)), gw(2))
	targets, _ := s.Choose(&Choice{Random: seeded(t)})
	guard := targets[slices.IndexFunc(targets, func(x *Target) bool { return x.Gateway.MaxCalls == 1 })].engine.Gateway.Guard
	if !guard.Enter(true) || guard.Enter(true) {
		t.Fatal("one call has room, two have not")
	}
	_ = s.Mark("sip:10.0.0.2", Down, 0)
	s.Swap([]Entry{gw(1, calls(2), weight(5)), gw(2), gw(3)})
	if list := s.List(); list[0].Calls != 1 || list[0].Weight != 5 || list[1].State != "down" || list[2].State != "up" {
		t.Errorf("%+v %+v %+v", *list[0], *list[1], *list[2])
	}
	if !guard.Enter(true) {
		t.Error("the new limit does not hold")
	}
	s.Swap([]Entry{gw(3)})
	guard.Exit()
	s.Swap([]Entry{gw(1), gw(3)})
	if n := s.List()[0].Calls; n != 1 {
		t.Errorf("%d calls of a gateway that was away; one goes on", n)
	}
}

// Shares are those of the weights, for the first place and, among the rest, for the next.
func TestWeights(t *testing.T) {
	s := made(t, &clock{}, gw(1, weight(1)), gw(2, weight(2)), gw(3, weight(7)), gw(4, weight(0)))
	o := Choice{Random: seeded(t)}
	const n = 100000
	var first, second [5]int
	for range n {
		list, _ := s.Choose(&o)
		first[list[0].Gateway.index()]++
		if list[0].Gateway.index() == 3 {
			second[list[1].Gateway.index()]++
		}
		if list[3].Gateway.index() != 4 {
			t.Fatal("weight 0 does not come last")
		}
	}
	for i, want := range [5]float64{0, .1, .2, .7, 0} {
		if got := float64(first[i]) / n; math.Abs(got-want) > .01 {
			t.Errorf("gateway %d is first %.3f of the time, want %.1f", i, got, want)
		}
	}
	if got := float64(second[2]) / float64(second[1]+second[2]); math.Abs(got-2./3) > .02 {
		t.Errorf("after 3, 2 follows %.3f of the time", got)
	}
}

// index is the last byte of the address.
func (g *Gateway) index() int { return int(g.spots[0].peer.Addr.Addr().As4()[3]) }

func TestInTurn(t *testing.T) {
	s := made(t, &clock{}, gw(1), gw(2), gw(3), gw(8, priority(1)), gw(9, priority(1)))
	o := Choice{By: InTurn, Random: seeded(t)}
	var got []string
	for range 4 {
		got = append(got, chosen(t, s, o))
	}
	if text := strings.Join(got, ", "); text != "2 3 1 9 8, 3 1 2 8 9, 1 2 3 9 8, 2 3 1 8 9" {
		t.Error(text)
	}
}

// One of ten that goes moves its own keys and no others, and they come back with it; the others
// share them.
func TestHashIsConsistent(t *testing.T) {
	var list []Entry
	for i := range 10 {
		list = append(list, gw(i+1))
	}
	s := made(t, &clock{}, list...)
	const keys = 100000
	first := func() (of [keys]int, share [11]int) {
		for i := range keys {
			x, err := s.Choose(&Choice{By: ByHash, Key: fmt.Sprintf("call-%d@example.com", i), Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			of[i] = x[0].Gateway.index()
			share[of[i]]++
		}
		return of, share
	}
	before, share := first()
	for i, n := range share[1:] {
		if n < keys/10*95/100 || n > keys/10*105/100 {
			t.Errorf("gateway %d has %d of %d keys", i+1, n, keys)
		}
	}
	_ = s.Mark("sip:10.0.0.4", Down, 0)
	after, share := first()
	moved := 0
	for i := range before {
		if before[i] != after[i] {
			moved++
			if before[i] != 4 {
				t.Fatalf("key %d moved from %d to %d", i, before[i], after[i])
			}
		}
	}
	t.Logf("%d of %d keys moved: %.2f %%", moved, keys, 100*float64(moved)/keys)
	if moved > keys*11/100 {
		t.Errorf("%d of %d keys moved", moved, keys)
	}
	for i, n := range share[1:] {
		if i+1 != 4 && n > keys/9*106/100 {
			t.Errorf("gateway %d has %d keys: they were not shared", i+1, n)
		}
	}
	_ = s.Mark("sip:10.0.0.4", Up, 0)
	if again, _ := first(); again != before {
		t.Error("keys did not come back")
	}
}

func TestFewestCalls(t *testing.T) {
	s := made(t, &clock{}, gw(1, weight(2)), gw(2), gw(3, calls(1)))
	o := Choice{By: ByCalls, Limit: 1, Random: seeded(t)}
	var got [4]int
	for range 9 {
		list, err := s.Choose(&o)
		if err != nil || !list[0].engine.Gateway.Counted {
			t.Fatal(list, err)
		}
		if !list[0].engine.Gateway.Guard.Enter(true) {
			t.Fatal("full")
		}
		got[list[0].Gateway.index()]++
	}
	if got[3] != 1 || got[1] < 5 || got[2] < 2 {
		t.Errorf("calls %v, want 2 for 1, and one at most for the third", got[1:])
	}
}

// Full gateways come last among those of their priority.
func TestFullLast(t *testing.T) {
	for by := ByWeight; by <= AtRandom; by++ {
		t.Run(by.String(), func(t *testing.T) {
			s := made(t, &clock{}, gw(1, calls(1)), gw(2), gw(3, priority(1)))
			s.view.Load().all[0].spots[0].Enter(true)
			for i := range 20 {
				if got := chosen(t, s, Choice{By: by, Key: fmt.Sprint(i), Random: seeded(t)}); got != "2 1 3" {
					t.Fatal(got)
				}
			}
		})
	}
}

// A gateway that came back gets its share little by little.
func TestSlowStart(t *testing.T) {
	c := &clock{at: 1}
	s := made(t, c, gw(1), gw(2))
	p := DefaultPolicy()
	p.SlowStart = 100 * time.Second
	s.SetPolicy(p)
	_ = s.Mark("sip:10.0.0.1", Down, 0)
	_ = s.Mark("sip:10.0.0.1", Up, 0)
	random := seeded(t)
	for _, tt := range []struct {
		after    time.Duration
		by       By
		low, top float64
	}{{0, ByWeight, .01, .04}, {50 * time.Second, ByWeight, .23, .27}, {50 * time.Second, InTurn, .23, .27}, {50 * time.Second, AtRandom, .23, .27},
		{100 * time.Second, ByWeight, .48, .52}, {200 * time.Second, InTurn, .48, .52}, {0, ByHash, .48, .52}} {
		t.Run(fmt.Sprint(tt.by, tt.after), func(t *testing.T) {
			c.at = lane.Time(1).Add(tt.after)
			n := 0
			for i := range 20000 {
				list, _ := s.Choose(&Choice{By: tt.by, Key: fmt.Sprint(i), Random: random})
				if list[0].Gateway.index() == 1 {
					n++
				}
			}
			if got := float64(n) / 20000; got < tt.low || got > tt.top {
				t.Errorf("it is first %.3f of the time, want %.2f to %.2f", got, tt.low, tt.top)
			}
		})
	}
}
