package dialog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	own "github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/internal/ownleg"
)

// given is a module "given", whose function leg gives a leg to the test.
type given struct{ take func(*own.Leg) }

func (*given) Name() string                                 { return "given" }
func (*given) Doc() string                                  { return "Gives legs to a test." }
func (g *given) Open(*luabind.Host) (luabind.Module, error) { return g, nil }
func (*given) Close() error                                 { return nil }
func (g *given) Functions() []luabind.Function {
	leg := luabind.ArgOf(func(c *luabind.Call, n int) *own.Leg { return ownleg.At(c, n, "the test") }, luabind.Param{Name: "leg", Type: luabind.Any, Doc: "a leg"})
	return []luabind.Function{luabind.Do1(luabind.Function{Name: "leg", Where: luabind.InHandler, Doc: "Gives it.", Example: "given.leg(a)"},
		leg, func(_ *luabind.Call, l *own.Leg) { g.take(l) })}
}

// Two handlers that track one leg at the same time, while other nodes are asked for room, have one
// call. Without room the first has none, and the second asks for itself.
func TestLegTrackedTwiceAtOnce(t *testing.T) {
	for _, full := range []bool{false, true} {
		t.Run(map[bool]string{false: "there is room", true: "there is none"}[full], func(t *testing.T) {
			bus := newBus()
			if full {
				bus.slots["y"] = map[string]bool{"another": true}
			}
			d := sharing(t, bus)
			m := b2b.NewWith(b2b.Options{Dialogs: func() *dialog.Dialogs { return d }})
			tried := false
			g := &given{func(l *own.Leg) {
				tried = true
				trackTwice(t, d, l, full)
			}}
			w := luabindtest.New(t, `
local b2b, given = require "b2b", require "given"
function route(req)
  local a = b2b.incoming(req)
  given.leg(a)
  sip.sleep(5)
end`, luabindtest.Modules(m, d, g))
			w.Ladder()
			w.Phone("alice", "10.0.1.1").Invite("sip:bob@example.com", phone.Spec{Media: phone.Media{Own: true}})
			w.Run(time.Second)
			if !tried || d.Count("") != 1 || d.Count("z") != 1 {
				t.Errorf("%d calls, %d counted", d.Count(""), d.Count("z"))
			}
			w.Run(10 * time.Second)
			if d.Count("")+d.Count("x")+d.Count("z") != 0 {
				t.Errorf("%d calls, %d counted at the end", d.Count(""), d.Count("x")+d.Count("z"))
			}
			bus.mu.Lock()
			delete(bus.slots, "y")
			bus.mu.Unlock()
			bus.empty(t)
		})
	}
}

// trackTwice has a second handler track the leg while the first waits.
func trackTwice(t *testing.T, d *dialog.Dialogs, l *own.Leg, full bool) {
	var second *dialog.Call
	var err2 error
	waits, first, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	call, err := dialog.TrackLegWith(d, l, dialog.TrackOptions{Limits: []dialog.Limit{{Key: "x", Most: 1}, {Key: "y", Most: 1}}}, func(f func(context.Context)) {
		f(context.Background())
		if d.OfLeg(l) != nil {
			t.Error("there is a call before it is known whether there is room")
		}
		go func() {
			defer close(done)
			n := 0
			second, err2 = dialog.TrackLegWith(d, l, dialog.TrackOptions{Limits: []dialog.Limit{{Key: "z", Most: 1}}}, func(f func(context.Context)) {
				if n++; n == 1 {
					close(waits)
					<-first
				}
				f(context.Background())
			})
		}()
		<-waits
	})
	close(first)
	<-done
	var no *dialog.FullError
	if full != (errors.As(err, &no) && no.Key == "y") || full != (call == nil) || err2 != nil || second != d.OfLeg(l) || !full && call != second {
		t.Errorf("%v, %v; %p and %p", err, err2, call, second)
	}
}

// refusing is a router.
type refusing struct{}

func (refusing) Route(r *engine.Request) error {
	_, err := r.Reply(403, "", nil)
	return err
}

// A call whose legs are to go to another lane and stay after all: nothing of it ever runs there.
func TestRunsWhereItsLegsAre(t *testing.T) {
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 2, Router: refusing{}})
	if err == nil {
		err = eng.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, now := context.WithCancel(context.Background())
		now()
		_ = eng.Shutdown(ctx)
	}()
	const many = 100_000
	from, to := eng.Lanes()[0], eng.Lanes()[1]
	leaves, run := dialog.LegsOn(from)
	var asked atomic.Bool
	var ran atomic.Int64
	begun, all := make(chan struct{}), make(chan struct{})
	from.Post(lane.Func(func(*lane.Lane) { // it keeps the lane: what it is asked for waits
		close(begun)
		for !asked.Load() {
			leaves(to)(from)
		}
	}))
	to.Post(lane.Func(func(*lane.Lane) {
		<-begun
		for range many {
			run(to, func() {
				if ran.Add(1) == many {
					close(all)
				}
			})
		}
		if n := ran.Load(); n != 0 {
			t.Errorf("it ran %d times on a lane that it has never come to", n)
		}
		asked.Store(true)
	}))
	select {
	case <-all:
	case <-time.After(60 * time.Second):
		t.Errorf("it ran %d of %d times", ran.Load(), many)
	}
}
