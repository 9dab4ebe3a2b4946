//go:build unix

package dialog_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// bus is a Share without a server: what nodes have in common.
type bus struct {
	mu      sync.Mutex
	away    bool                       // guarded by mu
	slots   map[string]map[string]bool // guarded by mu: ids by key
	reports map[string][]byte          // guarded by mu: by node
	renewed map[string]bool            // guarded by mu: ids
	hears   []func([]byte)             // guarded by mu
	ready   chan struct{}              // receives when a node has begun to hear
}

func newBus() *bus { return &bus{slots: map[string]map[string]bool{}, ready: make(chan struct{}, 10)} }

func (b *bus) Take(_ context.Context, id string, l []dialog.Limit, _ time.Duration) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return "", errors.New("away")
	}
	for _, one := range l {
		if s := b.slots[one.Key]; !s[id] && len(s) >= one.Most {
			return one.Key, nil
		}
	}
	for _, one := range l {
		if b.slots[one.Key] == nil {
			b.slots[one.Key] = map[string]bool{}
		}
		b.slots[one.Key][id] = true
	}
	return "", nil
}

func (b *bus) Update(_ context.Context, renew, give []dialog.Slot, _ time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errors.New("away")
	}
	for _, s := range renew {
		if b.renewed == nil {
			b.renewed = map[string]bool{}
		}
		b.renewed[s.ID] = true
	}
	for _, s := range give {
		delete(b.slots[s.Key], s.ID)
	}
	return nil
}

func (b *bus) Exchange(ctx context.Context, out <-chan []byte, hear func([]byte)) error {
	b.mu.Lock()
	b.hears = append(b.hears, hear)
	b.mu.Unlock()
	b.ready <- struct{}{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case text := <-out:
			b.mu.Lock()
			list := b.hears
			b.mu.Unlock()
			for _, f := range list {
				f(text)
			}
		}
	}
}

func (b *bus) Report(_ context.Context, node string, text []byte, _ time.Duration) (all [][]byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return nil, errors.New("away")
	}
	if b.reports == nil {
		b.reports = map[string][]byte{}
	}
	b.reports[node] = text
	for _, text := range b.reports {
		all = append(all, text)
	}
	return all, nil
}

// empty waits until nothing is held.
func (b *bus) empty(t *testing.T) {
	t.Helper()
	eventually(t, "the slots are given back", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		n := 0
		for _, s := range b.slots {
			n += len(s)
		}
		return n == 0
	})
}

// eventually waits for what other goroutines do.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("not in time: %s", what)
}

func sharing(t *testing.T, s dialog.Share) *dialog.Dialogs {
	t.Helper()
	d, err := dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler), Share: s, ReportEvery: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Nodes count together, in one step; what a call had is given back once, wherever it was refused.
func TestNodesCount(t *testing.T) {
	b := newBus()
	script := scriptOf(`limits = { x = 1, y = 9 }, keepalive = 0`, "", "10.0.0.3")
	one, two := newWorldOf(t, sharing(t, b), script), newWorldOf(t, sharing(t, b), script,
		luabindtest.Engine(func(c *engine.Config) { c.Seed = 99 })) // their ids differ
	a1, b1 := one.Phone("alice", "10.0.0.2"), one.Phone("bob", "10.0.0.3")
	a2, b2 := two.Phone("alice", "10.0.0.2"), two.Phone("bob", "10.0.0.3")
	out, _ := one.talk(a1, b1)
	two.Answered(a2.Invite("sip:bob@example.com", phone.Spec{}), 486)
	if two.d.Count("x")+two.d.Count("y") != 0 {
		t.Error("a slot of a refused call is left")
	}
	one.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	one.calls(0)
	b.empty(t)
	out, _ = two.talk(a2, b2)
	two.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	b.empty(t)
	b.mu.Lock()
	b.away = true // each counts alone
	b.mu.Unlock()
	one.talk(a1, b1)
	one.Answered(a1.Invite("sip:bob@example.com", phone.Spec{}), 486)
	two.talk(a2, b2)
}

// A call whose BYE comes to another node ends at its own; what that has seen, a BYE of ours counts
// on.
func TestRequestsAtAnotherNode(t *testing.T) {
	for _, row := range []struct {
		name string
		send func(out *phone.Outgoing, in *phone.Incoming) *phone.Outgoing
		want string
	}{
		{"the caller's BYE", func(out *phone.Outgoing, _ *phone.Incoming) *phone.Outgoing {
			return out.Dialog().Send(phone.Spec{Method: "BYE"})
		}, "bye caller"},
		{"the callee's BYE", func(_ *phone.Outgoing, in *phone.Incoming) *phone.Outgoing {
			return in.Dialog().Send(phone.Spec{Method: "BYE"})
		}, "bye callee"},
	} {
		t.Run(row.name, func(t *testing.T) {
			bus := newBus()
			script := scriptOf(`limits = { x = 1 }, keepalive = 0`, "", "10.0.0.3")
			d := sharing(t, bus)
			w := newWorldOf(t, d, script, luabindtest.Engine(secretOf))
			<-bus.ready
			ended := make(chan dialog.View, 1)
			d.Watch(func(e dialog.Event) {
				if e.Kind == dialog.EventEnded {
					ended <- e.Call.View()
				}
			})
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			w.wire.Remove()
			other := newWorldOf(t, sharing(t, bus), script, w.sameNetwork())
			other.join(w)
			info := out.Dialog().Send(phone.Spec{Method: "INFO"})
			other.Reply(other.Came(bob, "INFO"), 200)
			other.Answered(info, 200)
			eventually(t, "the number is known", func() bool { return w.only().View().Legs[0].ToCallee == 2 })
			other.Answered(row.send(out, in), 200)
			select {
			case v := <-ended:
				if got := v.Cause + " " + v.By.String(); got != row.want {
					t.Errorf("%s, want %s", got, row.want)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the call goes on")
			}
			bus.empty(t)
		})
	}
}

// What Redis has of slots: all keys of a call or none, once for a call, until they are given back
// or their lease ends.
func TestRedisSlots(t *testing.T) {
	server := redistest.Start(t)
	s, err := dialog.OpenRedis(clients.New(clients.Options{}), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	take := func(id string, lease time.Duration, l ...dialog.Limit) string {
		t.Helper()
		full, err := s.Take(ctx, id, l, lease)
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	x, y := dialog.Limit{Key: "x", Most: 2}, dialog.Limit{Key: "y", Most: 1}
	for _, row := range []struct {
		name, got, want string
	}{
		{"the first", take("1", time.Minute, x, y), ""},
		{"again", take("1", time.Minute, x, y), ""},
		{"y is full", take("2", time.Minute, x, y), "y"},
		{"and x was not taken", take("3", time.Minute, x), ""},
		{"now it is full", take("4", time.Minute, x), "x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("full: %q, want %q", row.got, row.want)
			}
		})
	}
	if err := s.Update(ctx, []dialog.Slot{{Key: "y", ID: "1"}}, []dialog.Slot{{Key: "x", ID: "1"}}, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if full := take("4", time.Minute, x); full != "" {
		t.Errorf("%s is full after it was given back", full)
	}
	eventually(t, "the lease ends", func() bool { return take("5", time.Minute, y) == "" })
}

// Nodes hear each other through Redis.
func TestRedisExchange(t *testing.T) {
	server := redistest.Start(t)
	pool := clients.New(clients.Options{})
	heard := make(chan string, 100)
	out := make(chan []byte)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 2 {
		s, err := dialog.OpenRedis(pool, server.URL)
		if err != nil {
			t.Fatal(err)
		}
		own, hear := out, func(b []byte) { heard <- string(b) }
		if i > 0 {
			own, hear = nil, func([]byte) {}
		}
		go func() { _ = s.Exchange(ctx, own, hear) }()
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		select {
		case got := <-heard:
			if got != "hello" {
				t.Errorf("heard %q", got)
			}
			return
		case <-tick.C:
			select {
			case out <- []byte("hello"):
			case <-tick.C:
			}
		}
	}
	t.Fatal("nothing was heard")
}

// What a call held that rang when its node was killed is free as that starts again, and not a
// minute later; a call that was answered holds its own, whose leases are renewed at once.
func TestSlotsOfAKilledNode(t *testing.T) {
	bus, dir := newBus(), t.TempDir()
	script := scriptOf(`limits = { x = 2, y = 9 }, keepalive = 0`, "", "10.0.0.3")
	node := func(dir string) *dialog.Dialogs {
		d, err := dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler), Data: dir, Share: bus, ReportEvery: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	d := node(dir)
	w := newWorldOf(t, d, script, luabindtest.Engine(secretOf))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", func(p *phone.Options) { p.Manual = true })
	answered := alice.Invite("sip:bob@example.com", phone.Spec{})
	w.Reply(w.Came(bob, "INVITE"), 200)
	w.Answered(answered, 200)
	c := w.only()
	alice.Invite("sip:bob@example.com", phone.Spec{})
	w.Came(bob, "INVITE")
	w.Answered(alice.Invite("sip:bob@example.com", phone.Spec{}), 486) // it leaves nothing
	d.Flush()
	copied := t.TempDir() // of the moment when it is killed
	text, err := os.ReadFile(filepath.Join(dir, "dialog.journal"))
	if err == nil {
		err = os.WriteFile(filepath.Join(copied, "dialog.journal"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.wire.Remove()
	next := newWorldOf(t, node(copied), script, w.sameNetwork())
	next.join(w)
	eventually(t, "what rang holds nothing", func() bool {
		bus.mu.Lock()
		defer bus.mu.Unlock()
		return len(bus.slots["x"]) == 1 && len(bus.slots["y"]) == 1 && bus.slots["x"][c.ID().String()] && bus.renewed[c.ID().String()]
	})
	if text, err = os.ReadFile(filepath.Join(copied, "dialog.journal")); err != nil || strings.Contains(string(text), `"holds"`) {
		t.Errorf("%s, %v", text, err)
	}
}

// A session that is refreshed through another node goes on at its own, which knows the new Contact.
func TestRefreshAtAnotherNode(t *testing.T) {
	bus := newBus()
	script := scriptOf(`session_timer = { interval = 90 }, keepalive = 0`, "", "10.0.0.3")
	w := newWorldOf(t, sharing(t, bus), script, luabindtest.Engine(secretOf))
	<-bus.ready
	timers := func(p *phone.Options) { p.Manual = true }
	alice, bob := w.Phone("alice", "10.0.0.2", timers), w.Phone("bob", "10.0.0.3", timers)
	supported := proxy.HeaderEdit{Name: "Supported", Values: []string{"timer"}}
	expires := proxy.HeaderEdit{Name: "Session-Expires", Values: []string{"90;refresher=uac"}}
	out := alice.Invite("sip:bob@example.com", phone.Spec{Headers: []proxy.HeaderEdit{supported}})
	in := w.Came(bob, "INVITE")
	w.Reply(in, 200, expires)
	w.Answered(out, 200)
	w.Came(bob, "ACK")
	w.Run(60 * time.Second)
	c := w.only()
	w.wire.Remove()
	other := newWorldOf(t, sharing(t, bus), script, w.sameNetwork())
	other.join(w)
	update := out.Dialog().Send(phone.Spec{Method: "UPDATE", Headers: []proxy.HeaderEdit{supported, expires}})
	got := other.Came(bob, "UPDATE")
	other.Reply(got, 200, expires, proxy.HeaderEdit{Name: "Contact", Values: []string{"<sip:bob@10.0.0.3:5077>"}})
	other.Answered(update, 200)
	eventually(t, "the Contact is known", func() bool { return c.View().Legs[0].B.URI == "sip:bob@10.0.0.3:5077" })
	other.Run(60 * time.Second)
	if s := c.State(); s != track.Confirmed {
		t.Errorf("it is %s", s)
	}
	other.Run(40 * time.Second)
	if v := c.View(); v.Cause != track.CauseSession {
		t.Errorf("nobody has refreshed it: %s %s", v.State, v.Cause)
	}
}
