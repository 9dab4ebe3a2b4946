package engine_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim"
)

// moves is a bench with lanes, where dialogs move from the first to the second.
func moves(t *testing.T, parts ...engine.Part) *bench {
	return newBenchWith(t, 1, refuseAll, func(c *engine.Config, _ *sim.World) { c.Lanes, c.Parts = 3, parts })
}

// move has dialogs move.
func (b *bench) move(list ...engine.Dialog) (err error) {
	b.onLane(func(l *lane.Lane) { err = b.eng.MoveHomes(list, l, b.eng.Lanes()[1], func() {}) })
	return err
}

// end has moved dialogs end.
func (b *bench) end(list ...engine.Dialog) {
	b.onLane(func(l *lane.Lane) {
		for _, d := range list {
			b.eng.LeaveHome(l, d)
		}
	})
}

// dialogs are so many, each with a Call-ID of its own that belongs to the first lane.
func (b *bench) dialogs(n int, name string) (list []engine.Dialog) {
	for i := 0; len(list) < n; i++ {
		if id := fmt.Sprint(name, i); b.eng.LaneOf(id).ID() == 0 {
			list = append(list, engine.Dialog{CallID: id, Local: "us", Remote: "them"})
		}
	}
	return list
}

// Dialogs that have moved and ended are forgotten when their transactions are over, so that more
// than 17 a second may move for ever; those that go on take no room from others.
func TestMovedDialogsAreForgotten(t *testing.T) {
	b := moves(t)
	const many = 6000
	for round := range 4 {
		list := b.dialogs(many, fmt.Sprint("round", round, "-"))
		if err := b.move(list...); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if got := b.eng.LaneOfOwn(list[0]).ID(); got != 1 {
			t.Fatalf("it is on lane %d", got)
		}
		b.end(list...)
		b.w.Run(31 * time.Second)
		if got := b.eng.LaneOfOwn(list[0]).ID(); got != 1 {
			t.Errorf("a late message goes to lane %d", got)
		}
		b.w.Run(2 * time.Second)
	}
	going := b.dialogs(2*many, "going-")
	for i := 0; i < len(going); i += 64 {
		if err := b.move(going[i:min(i+64, len(going))]...); err != nil {
			t.Fatalf("dialog %d of those that go on: %v", i, err)
		}
	}
	b.end(going...) // now there are too many of them, for a while
	one := engine.Dialog{CallID: "one", Local: "us", Remote: "them"}
	if err := b.move(one); !errors.Is(err, engine.ErrManyMoved) {
		t.Errorf("one more: %v", err)
	}
	b.w.Run(33 * time.Second)
	if err := b.move(one); err != nil {
		t.Errorf("later: %v", err)
	}
	b.end(one)
	for range 200 { // each forgets some
		b.end(one)
	}
	if got := b.eng.LaneOfOwn(going[0]).ID(); got != 0 {
		t.Errorf("it is on lane %d still", got)
	}
}

// Several dialogs with one Call-ID may move, each by itself: the two sides of a call of this
// server with itself. Of many the others stay, and that is said.
func TestDialogsWithOneCallIDMove(t *testing.T) {
	b := moves(t)
	id := b.dialogs(1, "x")[0].CallID
	x, y := engine.Dialog{CallID: id, Local: "a", Remote: "b"}, engine.Dialog{CallID: id, Local: "b", Remote: "a"}
	where := func(want ...int) {
		t.Helper()
		if i, j := b.eng.LaneOfOwn(x).ID(), b.eng.LaneOfOwn(y).ID(); i != want[0] || j != want[1] {
			t.Errorf("the two are on %d and %d, not on %v", i, j, want)
		}
	}
	if err := b.move(x); err != nil {
		t.Fatal(err)
	}
	where(1, 0)
	b.onLane(func(l *lane.Lane) {
		if err := b.eng.MoveHomes([]engine.Dialog{y}, l, b.eng.Lanes()[2], func() {}); err != nil {
			t.Error(err)
		}
	})
	where(1, 2)
	for i := range 3 {
		err := b.move(engine.Dialog{CallID: id, Local: fmt.Sprint("c", i), Remote: "d"})
		if want := i == 2; errors.Is(err, engine.ErrSameCallID) != want || (err == nil) == want {
			t.Errorf("number %d: %v", i, err)
		}
	}
	where(1, 2)
	b.end(x)
	b.w.Run(33 * time.Second)
	if err := b.move(engine.Dialog{CallID: id, Local: "c2", Remote: "d"}); err != nil {
		t.Errorf("when another is over: %v", err)
	}
	where(0, 2)
	z := b.dialogs(5, "z")
	for i := range z {
		z[i].CallID, z[i].Local = z[0].CallID, fmt.Sprint(i)
	}
	if err := b.move(z...); !errors.Is(err, engine.ErrSameCallID) {
		t.Errorf("five at a time: %v", err)
	}
	if err := b.move(z[:4]...); err != nil {
		t.Errorf("four at a time: %v", err)
	}
}

// settler notes on which lane it is asked.
type settler struct{ at int }

func (s *settler) Attach(*engine.Engine) error { return nil }

func (s *settler) Settles(l *lane.Lane, _ string) bool {
	s.at = l.ID()
	return true
}

// An INVITE with Replaces is looked at where the dialog is that it names, by its tags: as who has
// sent it knows it, or as the party of the peer does.
func TestReplacesGoesToItsDialog(t *testing.T) {
	s := &settler{}
	b := moves(t, s)
	id := b.dialogs(1, "x")[0].CallID
	if err := b.move(engine.Dialog{CallID: id, Local: "a", Remote: "b"}); err != nil {
		t.Fatal(err)
	}
	b.onLane(func(l *lane.Lane) {
		if err := b.eng.MoveHomes([]engine.Dialog{{CallID: id, Local: "b", Remote: "a"}}, l, b.eng.Lanes()[2], func() {}); err != nil {
			t.Error(err)
		}
	})
	if err := b.move(engine.Dialog{CallID: id, Local: "c", Remote: "d"}); err != nil {
		t.Fatal(err)
	}
	alice := b.phone("10.0.0.2:5060")
	for i, c := range []struct {
		tags string
		want int
	}{{"to-tag=a;from-tag=b", 1}, {"to-tag=b;from-tag=a", 2}, {"from-tag=c; to-tag=d", 1}, {"to-tag=e;from-tag=f", 0}} {
		t.Run(c.tags, func(t *testing.T) {
			own := fmt.Sprint("c", i)
			for b.eng.LaneOf(own).ID() == c.want { // it would come there anyway
				own += "x"
			}
			k := alice.call(own, "sip:bob@example.com")
			k.extra = "Replaces: " + id + ";" + c.tags + "\r\n"
			s.at = -1
			k.send("INVITE")
			k.ack(alice.expect("403"))
			if s.at != c.want {
				t.Errorf("it is looked at on lane %d, not on %d", s.at, c.want)
			}
		})
	}
	b.w.Run(time.Minute)
}

// BenchmarkMoveHomesFull is 64 dialogs that may not move: there is no room.
func BenchmarkMoveHomesFull(b *testing.B) {
	w := sim.New(1)
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:" + proxyAddr), Lanes: 2, Domains: []string{"example.com"}, Router: routerFunc(refuseAll)})
	if err != nil {
		b.Fatal(err)
	}
	l, to := eng.Lanes()[0], eng.Lanes()[1]
	name := func(i int) engine.Dialog { return engine.Dialog{CallID: fmt.Sprint(i), Local: "us"} }
	for i := range 10_000 {
		if err := eng.MoveHomes([]engine.Dialog{name(i)}, l, to, func() {}); err != nil {
			b.Fatal(err)
		}
		eng.LeaveHome(l, name(i))
	}
	var list []engine.Dialog
	for i := range 64 {
		list = append(list, name(-1-i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if eng.MoveHomes(list, l, to, func() {}) == nil {
			b.Fatal("they move")
		}
	}
}
