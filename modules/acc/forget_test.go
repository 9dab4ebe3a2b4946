package acc

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/acc/cdr"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/internal/ownleg"
)

// given is a module "given", whose function leg gives a leg to the test.
type given struct{ take func(*dialog.Leg) }

func (*given) Name() string                                 { return "given" }
func (*given) Doc() string                                  { return "Gives legs to a test." }
func (g *given) Open(*luabind.Host) (luabind.Module, error) { return g, nil }
func (*given) Close() error                                 { return nil }
func (g *given) Functions() []luabind.Function {
	leg := luabind.ArgOf(func(c *luabind.Call, n int) *dialog.Leg { return ownleg.At(c, n, "the test") }, luabind.Param{Name: "leg", Type: luabind.Any, Doc: "a leg"})
	return []luabind.Function{luabind.Do1(luabind.Function{Name: "leg", Where: luabind.InHandler, Doc: "Gives it.", Example: "given.leg(a)"},
		leg, func(_ *luabind.Call, l *dialog.Leg) { g.take(l) })}
}

// A call for which more and more are called keeps no more of them than a record has legs; fields of
// one that has ended are still its own.
func TestLegsAreForgotten(t *testing.T) {
	a := New(Options{Log: slog.New(slog.DiscardHandler), Record: func([]byte) {}})
	var x *legs
	g := &given{func(l *dialog.Leg) { x, _ = dialog.FollowerOf[*legs](l) }}
	w := luabindtest.New(t, `
local b2b, acc, given = require "b2b", require "acc", require "given"
acc.configure({ to = { "json:unused" } })
function route(req)
  local a = b2b.incoming(req)
  acc.record(a)
  given.leg(a)
  for i = 1, 70 do
    local b = a:dial("sip:bob@10.0.0.3:5060")
    b:hang_up()
    acc.set(b, { number = i })
  end
  sip.sleep(10)
end`, luabindtest.Modules(b2b.New(), a, g))
	w.Ladder()
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	alice.Invite("sip:bob@example.com", phone.Spec{Media: phone.Media{Own: true}})
	for range 70 {
		_ = w.Came(bob, "INVITE").Reply(200, phone.Reply{Media: phone.Media{Own: true}})
		w.Reply(w.Came(bob, "BYE"), 200)
	}
	w.Run(time.Second)
	if x == nil || len(x.c.r.Legs) != mostLegs || len(x.of) >= mostLegs || len(x.c.r.Fields) != 0 {
		t.Fatal("legs are left, or fields have become the call's")
	}
	if n := x.c.r.Legs[9].Fields["number"]; n != 10.0 {
		t.Errorf("the tenth leg has the number %v", n)
	}
}

// Calls of this server's own do not outlive the process: the next one writes their records at once,
// whether they were answered or not, and in whichever order it begins.
func TestOwnCallsAfterKill(t *testing.T) {
	for _, order := range []string{"attached first", "configured first"} {
		t.Run(order, func(t *testing.T) {
			dir, file := t.TempDir(), filepath.Join(t.TempDir(), "cdr.jsonl")
			log := slog.New(slog.DiscardHandler)
			killed := New(Options{Log: log, Data: dir})
			w := luabindtest.New(t, `
local b2b, acc = require "b2b", require "acc"
acc.configure({ to = { "json:`+file+`" } })
function route(req)
  if req.ruri.user == "early" then acc.record(req) end
  local a = b2b.incoming(req)
  acc.record(a)
  local b = a:dial("sip:bob@10.0.0.3:5060")
  a:bridge(b)
end`, luabindtest.Modules(b2b.New(), killed))
			w.Ladder()
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			media := phone.Media{Own: true}
			for _, user := range []string{"early", "late"} {
				out := alice.Invite("sip:"+user+"@example.com", phone.Spec{Media: media})
				_ = w.Came(bob, "INVITE").Reply(200, phone.Reply{Media: media})
				w.Answered(out, 200)
			}
			for _, user := range []string{"early", "late"} {
				alice.Invite("sip:"+user+"@example.com", phone.Spec{Media: media})
				w.Reply(w.Came(bob, "INVITE"), 180)
			}
			w.Run(time.Second)
			for _, x := range killed.workers {
				_ = x.Close(false)
			}
			killed.workers = nil
			if err := killed.Close(); err != nil { // which writes nothing of calls in progress
				t.Error(err)
			}
			second := New(Options{Log: log, Data: dir})
			use := func() error {
				p := DefaultPolicy()
				p.To = []string{"json:" + file}
				return second.Use(p, nil)
			}
			steps := []func() error{use, func() error { return second.Attach(w.Engine) }}
			if order == "attached first" {
				steps[0], steps[1] = steps[1], steps[0]
			}
			for _, f := range steps {
				if err := f(); err != nil {
					t.Fatal(err)
				}
				w.Run(time.Second)
			}
			if n := second.calls.size(); n != 0 {
				t.Errorf("%d calls are in progress", n)
			}
			if err := second.Close(); err != nil {
				t.Error(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			answered := 0
			for line := range strings.Lines(string(text)) {
				r, err := cdr.Read([]byte(line))
				if err != nil || r.Cause != CauseLost || r.Duration > 10 {
					t.Errorf("%v: %s", err, line)
				} else if !r.Answered.IsZero() {
					answered++
				}
			}
			if n := strings.Count(string(text), "\n"); n != 4 || answered != 2 {
				t.Errorf("%d records, %d of them answered", n, answered)
			}
		})
	}
}
