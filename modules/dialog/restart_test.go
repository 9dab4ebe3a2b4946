package dialog_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// kept makes Dialogs with a directory.
func kept(t *testing.T, dir string) *dialog.Dialogs {
	t.Helper()
	d, err := dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler), Data: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// secretOf has servers share their secret, as one has that is started again.
func secretOf(c *engine.Config) { c.Secret = []byte("0123456789abcdef0123456789abcdef") }

// killed is the server of w started again after kill -9: with what is in the directory now, in the
// same network.
func (w *world) killed(dir, script string) *world {
	w.t.Helper()
	copied := w.t.TempDir()
	text, err := os.ReadFile(filepath.Join(dir, "dialog.journal"))
	if err == nil {
		err = os.WriteFile(filepath.Join(copied, "dialog.journal"), text, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.wire.Remove() // nothing it says at its end gets out
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.Engine.Shutdown(ctx)
	w.Sim.Release(append(w.Engine.Lanes(), w.Engine.Background())...)
	d := kept(w.t, copied)
	next := newWorldOf(w.t, d, script, append(w.more(), w.sameNetwork())...)
	next.join(w)
	next.dir = copied
	return next
}

// sameNetwork has a server be where w's was.
func (w *world) sameNetwork() luabindtest.Option {
	return luabindtest.Engine(func(c *engine.Config) {
		secretOf(c)
		c.Seed += 7919 // its branches are others
		c.Clock, c.Meter, c.Network = w.Sim, w.Sim, w.Sim.Network("udp:"+luabindtest.Addr, "tcp:"+luabindtest.Addr)
	})
}

// join has the server in w's world, whose time it shares.
func (w *world) join(other *world) {
	w.Sim = other.Sim
	w.Sim.Drive(append(w.Engine.Lanes(), w.Engine.Background())...)
	w.Ladder()
}

// After kill -9 the calls are there, with their slots and what was kept with them; they go on, and
// end, as if nothing had happened.
func TestRestart(t *testing.T) {
	script := scriptOf(`limits = { x = 1 }, keepalive = 0, max_duration = 600, vars = { account = "7" }`, "", "10.0.0.3")
	for _, row := range []struct {
		name string
		play func(w *world, out *phone.Outgoing, in *phone.Incoming, alice, bob *phone.Phone)
		want string
	}{
		{"the caller hangs up", func(w *world, out *phone.Outgoing, _ *phone.Incoming, _, _ *phone.Phone) {
			w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, "ended bye caller"},
		{"the callee hangs up", func(w *world, _ *phone.Outgoing, in *phone.Incoming, _, _ *phone.Phone) {
			w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, "ended bye callee"},
		{"hang_up", func(w *world, _ *phone.Outgoing, _ *phone.Incoming, alice, bob *phone.Phone) {
			w.hangUp(w.only(), "")
			for _, p := range []*phone.Phone{alice, bob} {
				if got := string(w.Came(p, "BYE").Msg.Header(message.HeaderCSeq)); p == bob && got != "3 BYE" {
					w.t.Errorf("CSeq %s", got)
				}
			}
		}, "ended hung up server"},
		{"a party that hung up in between", func(w *world, _ *phone.Outgoing, _ *phone.Incoming, alice, bob *phone.Phone) {
			w.Reply(w.Came(bob, "OPTIONS"), 481)
			w.Came(alice, "BYE")
		}, "ended keepalive server"},
		{"parties that are gone", func(w *world, _ *phone.Outgoing, _ *phone.Incoming, alice, bob *phone.Phone) {
			alice.Leave(false)
			bob.Leave(false)
			w.Run(200 * time.Second)
		}, "ended keepalive server"},
		{"max_duration", func(w *world, _ *phone.Outgoing, _ *phone.Incoming, alice, bob *phone.Phone) {
			w.Reply(w.Came(alice, "OPTIONS"), 200)
			w.Reply(w.Came(bob, "OPTIONS"), 500)
			w.Run(500 * time.Second)
			w.calls(1)
			w.Run(90 * time.Second)
			for _, p := range []*phone.Phone{alice, bob} {
				for _, r := range p.Inbox() {
					if r.Method() == "OPTIONS" && !r.Taken {
						w.t.Error("a party that has answered is pinged again")
					}
				}
			}
			w.Came(alice, "BYE")
			w.Came(bob, "BYE")
		}, "ended max_duration server"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			d := kept(t, dir)
			w := newWorldOf(t, d, script, luabindtest.Engine(secretOf))
			manual := func(o *phone.Options) { o.Manual = row.name != "hang_up" && !strings.HasPrefix(row.name, "the ") }
			alice, bob := w.Phone("alice", "10.0.0.2", manual), w.Phone("bob", "10.0.0.3", manual)
			out, in := w.talk(alice, bob)
			info := out.Dialog().Send(phone.Spec{Method: "INFO"})
			w.Reply(w.Came(bob, "INFO"), 200)
			w.Answered(info, 200)
			w.Run(time.Second)
			before := w.only().View()
			d.Flush()
			next := w.killed(dir, script)
			next.calls(1)
			v := next.only().View()
			if v.ID != before.ID || v.State != track.Confirmed || v.AnswerAt != before.AnswerAt || v.Vars["account"] != "7" || next.d.Count("x") != 1 ||
				len(v.Legs) != 1 || v.Legs[0].B.URI != before.Legs[0].B.URI || v.Legs[0].ToCallee != 2 {
				t.Errorf("%+v\nwas %+v", v, before)
			}
			row.play(next, out, in, alice, bob)
			next.heard(row.want)
			next.calls(0)
			if n := next.d.Count("x"); n != 0 {
				t.Errorf("%d slots", n)
			}
			next.d.Flush()
			next.killed(next.dir, script).calls(0)
		})
	}
}

// A line that was being written when the process ended is not a call; another file than ours is
// refused.
func TestJournal(t *testing.T) {
	for _, row := range []struct {
		name, text string
		ok         bool
	}{
		{"half a line", `{"call":{"ID":"0001020304050607`, true},
		{"something else", "hello\n", false},
		{"an end of nothing", `{"end":"000102030405060708090a0b"}` + "\n", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "dialog.journal"), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := dialog.New(dialog.Options{Data: dir})
			if err == nil {
				defer d.Close()
			}
			if (err == nil) != row.ok {
				t.Errorf("%v", err)
			}
		})
	}
}
