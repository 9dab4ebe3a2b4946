package b2b_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/dialog"
)

// A call of this server's own is a call like others: it is counted, listed, told of, limited in
// time and hung up, whether it was tracked before its INVITE was taken or as a leg.
func TestTrackedLegs(t *testing.T) {
	const talk = `
  local b, res = a:dial(bob)
  if not b then return a:reject(res) end
  a:bridge(b)`
	for _, c := range []struct {
		name, script string
		bob          int // what he answers; 0: nothing
		then         func(w *world, d *dialog.Dialogs, o *phone.Outgoing)
		want         []string
	}{
		{"the caller hangs up", talk, 200, func(w *world, _ *dialog.Dialogs, o *phone.Outgoing) {
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, []string{"early", "answered", "ended bye caller"}},
		{"the callee hangs up", talk, 200, func(w *world, _ *dialog.Dialogs, _ *phone.Outgoing) {
			w.bob.Inbox()[0].Dialog().Send(phone.Spec{Method: "BYE"})
		}, []string{"early", "answered", "ended bye callee"}},
		{"hang_up", talk, 200, func(_ *world, d *dialog.Dialogs, _ *phone.Outgoing) { d.List(dialog.Filter{})[0].Hangup("") },
			[]string{"early", "answered", "ended hung up server"}},
		{"hang_up of one that rings", talk, 180, func(_ *world, d *dialog.Dialogs, _ *phone.Outgoing) { d.List(dialog.Filter{})[0].Hangup("") },
			[]string{"early", "ended hung up server"}},
		{"max_duration", talk, 200, nil, []string{"early", "answered", "ended max_duration server"}},
		{"busy", talk, 486, nil, []string{"ended rejected server"}},
		{"the caller gives up", talk, 180, func(_ *world, _ *dialog.Dialogs, o *phone.Outgoing) { _ = o.Cancel(nil) }, []string{"early", "ended cancelled caller"}},
		{"nothing is done", "", 0, nil, []string{"ended hung up server"}},
		{"an error", "\n  error('oh')", 0, nil, []string{"ended hung up server"}},
		{"a transfer", `
  local b = a:dial(bob)
  a:join(b)
  sip.sleep(1)
  a:transfer(carol)`, 200, func(w *world, _ *dialog.Dialogs, o *phone.Outgoing) {
			w.Run(2 * time.Second)
			for _, i := range append(w.carol.Inbox(), append(w.alice.Inbox(), w.bob.Inbox()...)...) {
				if i.Method() == "INVITE" && i.Answered() == 0 {
					w.answer(i)
				}
			}
			w.Run(time.Second)
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, []string{"early", "answered", "ended bye caller"}},
	} {
		for _, begin := range []string{`
  local call, why = dialog.track(req, options)
  if not call then return req:reply(486, why) end
  local a = b2b.incoming(req)`, `
  local a = b2b.incoming(req)
  local call, why = dialog.track(a, options)
  if not call then return a:reject(486) end`} {
			t.Run(c.name, func(t *testing.T) {
				w, d := counting(t, `
local options = { limits = { all = 1 }, max_duration = 60, vars = { customer = "7" }, keepalive = 10 }
function route(req)`+begin+`
  if dialog.of(a) ~= call or dialog.of(a).vars.customer ~= "7" then error("another call") end
  if call:hold() then error("held") end`+c.script+`
end`)
				var heard []string
				d.Watch(func(e dialog.Event) {
					v := e.Call.View()
					heard = append(heard, e.Kind[len("dialog."):])
					if e.Kind == dialog.EventEnded {
						heard[len(heard)-1] += fmt.Sprintf(" %s %s", v.Cause, v.By)
					}
				})
				o := w.calls()
				if c.bob != 0 {
					in := w.Came(w.bob, "INVITE")
					if c.bob != 486 {
						w.Reply(in, 180)
						w.Run(100 * time.Millisecond)
					}
					if c.bob == 200 {
						w.answer(in)
						w.Answered(o, 200)
					} else if c.bob != 180 {
						w.Reply(in, c.bob)
					}
					w.Run(100 * time.Millisecond)
				}
				if c.bob == 200 || c.bob == 180 {
					if list := d.List(dialog.Filter{Key: "all"}); len(list) != 1 || d.Count("all") != 1 {
						t.Fatalf("%d calls, %d counted", len(list), d.Count("all"))
					}
					w.Answered(w.calls(), 486)
				}
				if c.then != nil {
					c.then(w, d, o)
				}
				w.Run(70 * time.Second)
				w.settle()
				w.over()
				if d.Count("") != 0 || d.Count("all") != 0 {
					t.Errorf("%d calls, %d counted", d.Count(""), d.Count("all"))
				}
				if !slices.Equal(heard, c.want) {
					t.Errorf("heard %q, want %q", heard, c.want)
				}
			})
		}
	}
}

// Legs end with the process, and so does their call: a restart finds none.
func TestTrackedLegsAreNotKept(t *testing.T) {
	dir := t.TempDir()
	d := luabindtest.Must(dialog.New(dialog.Options{Data: dir}))
	m := b2b.New()
	w := &world{World: luabindtest.New(t, `
local b2b, dialog = require "b2b", require "dialog"
function route(req)
  dialog.track(req, { limits = { all = 1 } })
  local a = b2b.incoming(req)
  if not a:answer('v=0\\r\\no=- 1 1 IN IP4 10.0.0.9\\r\\ns=-\\r\\nc=IN IP4 10.0.0.9\\r\\nt=0 0\\r\\nm=audio 4000 RTP/AVP 0\\r\\n') then error('no answer') end
  sip.sleep(10)
end`, luabindtest.Modules(m, d)), m: m}
	w.Answered(w.Phone("alice", "10.0.1.1").Invite("sip:bob@example.com", phone.Spec{Media: phone.Media{Own: true}}), 200)
	w.Run(time.Second)
	d.Flush()
	text, err := os.ReadFile(filepath.Join(dir, "dialog.journal"))
	if err != nil || len(text) > 0 || d.Count("all") != 1 {
		t.Errorf("%v, kept: %s; %d calls", err, text, d.Count("all"))
	}
}

// The media of a call are those of any two of its legs: when a daemon gives them up the call ends,
// also when the leg that began it has left.
func TestTrackedLegsLoseTheirMedia(t *testing.T) {
	for _, c := range []struct {
		name, goes string
		of         func(w *world) *phone.Phone // whose Call-ID the daemon names; nil: nobody's
		left       int
	}{
		{"the caller's", "", func(w *world) *phone.Phone { return w.alice }, 0},
		{"the callee's", "", func(w *world) *phone.Phone { return w.bob }, 0},
		{"somebody else's", "", nil, 1},
		{"the callee goes on to somebody", "b:transfer(carol)", func(w *world) *phone.Phone { return w.bob }, 0},
		{"and is called by another name", "b:transfer(carol)", func(w *world) *phone.Phone { return w.carol }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := counting(t, `
function route(req)
  dialog.track(req, { end_without_media = true })
  local a = b2b.incoming(req)
  local b = a:dial(bob)
  a:join(b)
  sip.sleep(1)
  `+c.goes+`
end`)
			o := w.calls()
			in := w.Came(w.bob, "INVITE")
			w.answer(in)
			w.Answered(o, 200)
			w.Run(2 * time.Second)
			w.settle()
			id := "another"
			if c.of != nil {
				if id = o.CallID(); c.of(w) != w.alice {
					id = string(c.of(w).Inbox()[0].Msg.CallID())
				}
			}
			if d.Count("") != 1 {
				t.Fatalf("%d calls", d.Count(""))
			}
			d.MediaLost(id)
			w.Run(2 * time.Second)
			w.settle()
			if d.Count("") != c.left {
				t.Errorf("%d calls", d.Count(""))
			}
			if c.left > 0 {
				w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
				w.Run(time.Second)
				w.settle()
			}
			w.over()
		})
	}
}
