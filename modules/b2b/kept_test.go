package b2b_test

// This file tests what is kept of legs for the process after one that was killed.

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
)

// keeping is a world whose server keeps legs in a directory.
type keeping struct {
	*world
	dir    string
	wire   *sim.Wire
	log    *bytes.Buffer
	starts uint64 // of the server, before this one
}

func newKeeping(t *testing.T, dir, script string, options ...luabindtest.Option) *keeping {
	t.Helper()
	k := &keeping{dir: dir, log: &bytes.Buffer{}}
	m := b2b.NewWith(b2b.Options{Data: dir, Log: slog.New(slog.NewTextHandler(k.log, nil))})
	t.Cleanup(func() { _ = m.Close() })
	k.world = &world{m: m, World: luabindtest.New(t, script, append(options, luabindtest.Modules(m), luabindtest.Engine(func(c *engine.Config) {
		c.Secret = []byte("0123456789abcdef0123456789abcdef")
		network := c.Network
		c.Network = func(r transport.Receiver) (x transport.Wire, err error) {
			x, err = network(r)
			k.wire, _ = x.(*sim.Wire)
			return x, err
		}
	}))...)}
	return k
}

// killed is the server started again after kill -9, with what is in the directory now, in the same
// network. change may change the files.
func (k *keeping) killed(script string, change func(dir string)) *keeping {
	t := k.T.(*testing.T)
	t.Helper()
	b2b.Written(k.m)
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(k.dir)); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(copied)
	}
	k.wire.Remove() // nothing it says at its end gets out
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = k.Engine.Shutdown(ctx)
	k.Sim.Release(append(k.Engine.Lanes(), k.Engine.Background())...)
	next := newKeeping(t, copied, script, luabindtest.Engine(func(c *engine.Config) {
		c.Seed += 7919 * (k.starts + 1) // its branches are others
		c.Clock, c.Meter, c.Network = k.Sim, k.Sim, k.Sim.Network("udp:"+luabindtest.Addr, "tcp:"+luabindtest.Addr)
	}))
	next.starts = k.starts + 1
	next.Sim = k.Sim
	next.Sim.Drive(append(next.Engine.Lanes(), next.Engine.Background())...)
	next.Ladder()
	next.alice, next.bob, next.carol = k.alice, k.bob, k.carol
	return next
}

const joins = `
local b2b = require "b2b"
function route(req)
  local a = b2b.incoming(req)
  if not a then return end
  local b, res = a:dial("sip:bob@10.0.2.1:5060")
  if not b then return a:reject(res) end
  a:join(b)
end`

// After kill -9 the next process ends the calls that were answered, as both parties expect it: with
// their tags, at their Contact of now, by their route set, with a number that is higher than all
// before it. It ends none that had ended, and says it once.
func TestCallsOfKilledProcess(t *testing.T) {
	for _, c := range []struct {
		name  string
		after func(k *keeping, in *phone.Incoming, out *phone.Outgoing) // the call was set up
		alice string                                                    // where she is reached
		route string                                                    // of the callee
		ended bool
	}{
		{name: "joined"},
		{name: "a caller that has moved", alice: "sip:alice@10.0.1.1:5060;moved", after: func(k *keeping, _ *phone.Incoming, out *phone.Outgoing) {
			again := out.Dialog().Send(phone.Spec{Method: "INVITE", Media: own, Headers: header("Contact", "<sip:alice@10.0.1.1:5060;moved>")})
			k.answer(k.Came(k.bob, "INVITE"))
			k.Answered(again, 200)
		}},
		{name: "a callee behind a proxy", route: "<sip:10.0.2.1;lr>"},
		{name: "ended", ended: true, after: func(k *keeping, _ *phone.Incoming, out *phone.Outgoing) {
			out.Dialog().Send(phone.Spec{Method: "BYE"})
			k.Reply(k.Came(k.bob, "BYE"), 200)
		}},
		{name: "after many requests of ours", after: func(k *keeping, _ *phone.Incoming, out *phone.Outgoing) {
			for range 250 {
				out.Dialog().Send(phone.Spec{Method: "INFO"})
				k.Reply(k.Came(k.bob, "INFO"), 200)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKeeping(t, t.TempDir(), joins)
			k.Ladder()
			k.alice, k.bob = k.Phone("alice", "10.0.1.1"), k.Phone("bob", "10.0.2.1")
			out := k.alice.Invite("sip:someone@example.com", phone.Spec{Media: own})
			in := k.Came(k.bob, "INVITE")
			if c.route != "" {
				if err := in.Reply(200, phone.Reply{Media: own, Headers: header("Record-Route", c.route)}); err != nil {
					t.Fatal(err)
				}
			} else {
				k.answer(in)
			}
			k.Answered(out, 200)
			k.Run(time.Second)
			if c.after != nil {
				c.after(k, in, out)
				k.Run(time.Second)
			}
			var last [2]uint32
			for i, p := range []*phone.Phone{k.alice, k.bob} {
				for _, r := range p.Inbox() {
					if cs, err := r.Msg.CSeq(); err == nil && r.Msg.IsRequest() {
						last[i] = max(last[i], cs.Number)
					}
				}
			}
			next := k.killed(joins, nil)
			if c.ended {
				next.Run(40 * time.Second)
				if n := strings.Count(next.log.String(), "the process before"); n != 0 {
					t.Errorf("the log tells of calls: %s", next.log)
				}
				return
			}
			for i, p := range []*phone.Phone{k.alice, k.bob} {
				bye := next.Came(p, "BYE")
				if cs, _ := bye.Msg.CSeq(); cs.Number <= last[i] {
					t.Errorf("CSeq %d after %d", cs.Number, last[i])
				}
				if p == k.alice && c.alice != "" && string(bye.Msg.RequestURI()) != c.alice {
					t.Errorf("BYE %s, want %s", bye.Msg.RequestURI(), c.alice)
				}
				if p == k.bob && c.route != "" && string(bye.Msg.Header(message.HeaderRoute)) != c.route {
					t.Errorf("Route %q", bye.Msg.Header(message.HeaderRoute))
				}
				if d := []*phone.Dialog{out.Dialog(), in.Dialog()}[i]; bye.Dialog() != d || d == nil {
					t.Errorf("the BYE is of another dialog: %v, want %v", bye.Dialog(), d)
				}
				if reason := string(bye.Msg.HeaderName("Reason")); !strings.Contains(reason, "restarted") {
					t.Errorf("Reason %q", reason)
				}
				next.Reply(bye, 200) // which it refuses if it is of no dialog of the phone's
			}
			next.Run(time.Second)
			if !strings.Contains(next.log.String(), "all calls of the process before are ended") {
				t.Errorf("log: %s", next.log)
			}
			third := next.killed(joins, nil)
			third.Run(40 * time.Second)
			if third.log.Len() > 0 {
				t.Errorf("ended again: %s", third.log)
			}
		})
	}
}

// A party that is gone holds up nobody, and half a line and strangers' files hold up no start.
func TestCallsOfKilledProcessDamaged(t *testing.T) {
	k := talking(t, silent)
	next := k.killed(joins, func(dir string) {
		files, err := filepath.Glob(filepath.Join(dir, "b2b", "*.spool"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		text, err := os.ReadFile(files[0])
		if err == nil {
			err = os.WriteFile(files[0], append(text, "half a record"...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	next.Came(k.bob, "BYE") // nobody answers it
	next.Reply(next.Came(k.alice, "BYE"), 200)
	next.Run(40 * time.Second)
	if !strings.Contains(next.log.String(), "all calls of the process before are ended") {
		t.Errorf("log: %s", next.log)
	}
}

// The calls of a server that ends as it should are not ended again.
func TestNothingIsKeptAfterShutdown(t *testing.T) {
	k := talking(t)
	k.m.EndCalls()
	k.Reply(k.Came(k.bob, "BYE"), 200)
	k.Reply(k.Came(k.alice, "BYE"), 200)
	k.Run(time.Second)
	next := k.killed(joins, nil)
	next.Run(40 * time.Second)
	if next.log.Len() > 0 {
		t.Errorf("ended again: %s", next.log)
	}
}

// A server that ends before it has heard from the parties leaves them to the next one.
func TestCallsOfKilledProcessTwice(t *testing.T) {
	k := talking(t, silent)
	next := k.killed(joins, nil)
	next.Reply(next.Came(k.alice, "BYE"), 200)
	next.Came(k.bob, "BYE") // which he does not answer in time
	next.Run(time.Second)
	_ = next.m.Drain(t.Context())
	next.Run(40 * time.Second)
	third := next.killed(joins, nil)
	third.Reply(third.Came(k.bob, "BYE"), 200)
	third.Run(time.Second)
	if log := third.log.String(); !strings.Contains(log, "legs=1") || !strings.Contains(log, "all calls of the process before are ended") {
		t.Errorf("log: %s", log)
	}
}

// talking is a world where alice and bob do.
func talking(t *testing.T, bob ...func(*phone.Options)) *keeping {
	t.Helper()
	k := newKeeping(t, t.TempDir(), joins)
	k.alice, k.bob = k.Phone("alice", "10.0.1.1"), k.Phone("bob", "10.0.2.1", bob...)
	out := k.alice.Invite("sip:someone@example.com", phone.Spec{Media: own})
	k.answer(k.Came(k.bob, "INVITE"))
	k.Answered(out, 200)
	k.Run(time.Second)
	return k
}

func header(name, value string) []proxy.HeaderEdit {
	return []proxy.HeaderEdit{{Name: name, Values: []string{value}}}
}

// silent has a phone answer nothing by itself.
func silent(o *phone.Options) { o.Manual = true }
