package b2b_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
	"github.com/sipscript/sipscript/modules/dialog"
)

// counting is a world whose legs are counted.
func counting(t *testing.T, script string) (*world, *dialog.Dialogs) {
	t.Helper()
	d := luabindtest.Must(dialog.New(dialog.Options{}))
	m := b2b.NewWith(b2b.Options{Dialogs: func() *dialog.Dialogs { return d }})
	w := &world{World: luabindtest.New(t, "local b2b, dialog = require 'b2b', require 'dialog'\nlocal bob, carol = 'sip:bob@10.0.2.1:5060', 'sip:carol@10.0.3.1:5060'\n"+script, luabindtest.Modules(m, d)), m: m}
	w.Ladder()
	w.alice, w.bob, w.carol = w.Phone("alice", "10.0.1.1"), w.Phone("bob", "10.0.2.1"), w.Phone("carol", "10.0.3.1")
	return w, d
}

// Slots are taken in one step, and given back once, whatever ends the leg.
func TestLimitsOfLegs(t *testing.T) {
	const script = `function route(req)
  local a, why, key = b2b.incoming(req, { limits = { ["in"] = 1, other = 9 } })
  if not a then sip.log.warn("%s %s", why, key) return req:reply(486) end
  local b, res = a:dial({ bob, carol }, { limits = { out = 1 }, timeout = 20 })
  if not b then sip.log.warn("dialled %s %s", res.code, res.cause) return a:reject(res) end
  a:bridge(b)
end`
	bye := func(w *world, o *phone.Outgoing) { w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200) }
	for _, c := range []struct {
		name    string
		answers bool
		end     func(w *world, o *phone.Outgoing)
	}{
		{"the caller's BYE", true, bye},
		{"the callee's BYE", true, func(w *world, _ *phone.Outgoing) { w.bob.Inbox()[0].Dialog().Send(phone.Spec{Method: "BYE"}) }},
		{"CANCEL", false, func(w *world, o *phone.Outgoing) {
			w.Reply(w.Came(w.bob, "INVITE"), 180)
			w.Answered(o, 180)
			if err := o.Cancel(nil); err != nil {
				w.T.Error(err)
			}
		}},
		{"a refusal", false, func(w *world, _ *phone.Outgoing) {
			w.Reply(w.Came(w.bob, "INVITE"), 603)
		}},
		{"nobody answers", false, func(w *world, _ *phone.Outgoing) { w.Run(30 * time.Second) }},
		{"a shutdown", true, func(w *world, _ *phone.Outgoing) { w.m.EndCalls() }},
		{"BYEs that cross", true, func(w *world, o *phone.Outgoing) {
			w.bob.Inbox()[0].Dialog().Send(phone.Spec{Method: "BYE"})
			o.Dialog().Send(phone.Spec{Method: "BYE"})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := counting(t, script)
			o := w.calls()
			if c.answers {
				w.answer(w.Came(w.bob, "INVITE"))
				w.Answered(o, 200)
			} else {
				w.Run(100 * time.Millisecond)
			}
			for key, n := range map[string]int{"in": 1, "other": 1, "out": 1} {
				if d.Count(key) != n {
					t.Errorf("%d legs have %s", d.Count(key), key)
				}
			}
			w.Answered(w.calls(), 486)
			w.logged("limit in")
			c.end(w, o)
			w.settle()
			w.over()
			for _, key := range []string{"in", "other", "out"} {
				if d.Count(key) != 0 {
					t.Errorf("%s is held by %d", key, d.Count(key))
				}
			}
		})
	}
	t.Run("dial", func(t *testing.T) {
		w, d := counting(t, `function route(req)
  local a = b2b.incoming(req)
  local b, res = a:dial(bob, { limits = { out = 0 } })
  sip.log.warn("dialled %s %s %s", b, res.code, res.cause)
  local c, res = b2b.originate({ target = carol, limits = { out = 0 } })
  sip.log.warn("called %s %s %s", c, res.code, res.cause)
end`)
		w.calls()
		w.over()
		w.logged("dialled nil 503 full", "called nil 503 full")
		if len(w.bob.Inbox())+len(w.carol.Inbox()) != 0 || d.Count("out") != 0 {
			t.Error("somebody was called, or counted")
		}
	})
	t.Run("without dialog", func(t *testing.T) {
		w := newWorld(t, "function route(req) b2b.incoming(req, { limits = { x = 1 } }) end")
		w.Answered(w.calls(), 500)
		w.logged("option limits needs the module dialog")
	})
}

// A leg ends when it has lasted as long as it may, and whoever it talks to is warned before.
func TestMaxDuration(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		at            time.Duration
		warned        string
	}{
		{"of the caller", "{ max_duration = 60, vars = { customer = '7' } }", "{}", 60 * time.Second, "expiring 7 10 answered"},
		{"of the callee", "{}", "{ max_duration = 60, warn = 20, vars = { customer = 8 } }", 60 * time.Second, "expiring 8 20 answered"},
		{"too short for a warning", "{ max_duration = 5 }", "{}", 5 * time.Second, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := counting(t, fmt.Sprintf(`
sip.on("b2b.expiring", function(leg, seconds) sip.log.warn("expiring %%s %%d %%s", leg.vars.customer, seconds, leg.state) end)
function route(req)
  local a = b2b.incoming(req, %s)
  sip.sleep(3)
  local b = a:dial(bob, %s)
  local ended, why = a:bridge(b)
  sip.log.warn("ended %%s", why)
end`, c.in, c.out))
			o := w.calls()
			w.answer(w.Came(w.bob, "INVITE"))
			w.Answered(o, 200)
			w.Run(c.at - 2*time.Second)
			if n := w.m.Calls(); n != 2 {
				t.Errorf("%d legs before the end", n)
			}
			if c.warned != "" {
				w.logged(c.warned)
			}
			w.Run(4 * time.Second)
			w.settle()
			w.logged("ended duration")
			if w.count(w.alice, "BYE") != 1 || w.count(w.bob, "BYE") != 1 {
				t.Error("not each has got its BYE")
			}
			w.over()
		})
	}
	t.Run("from outside", func(t *testing.T) {
		w, d := counting(t, "function route(req) end")
		x := w.serving(fields{})
		x.refused("bad-option", "originate", fields{"target": bobURI, "limits": fields{"out": "many"}})
		call := x.order("originate", fields{"target": bobURI, "limits": fields{"out": 1}, "max_duration": 30, "vars": fields{"job": "9"}})
		w.answer(w.Came(w.bob, "INVITE"))
		x.answer(call)
		if m := x.result("originate", fields{"target": carolURI, "limits": fields{"out": 1}}).(fields); m["response"].(fields)["cause"] != "full" {
			t.Errorf("%v", m)
		}
		if n := d.Count("out"); n != 1 {
			t.Errorf("%d are counted", n)
		}
		x.order("dial", fields{"leg": of(x.event("b2b.answered")), "targets": carolURI})
		w.answer(w.Came(w.carol, "INVITE"))
		if m := x.event("b2b.expiring"); m["seconds"] != 10.0 {
			t.Errorf("%v", m)
		}
		x.take("the end", func(m fields) bool { return m["event"] == "b2b.ended" && m["why"] == "duration" })
		w.m.EndCalls()
		w.settle()
		w.over()
		if n := d.Count("out"); n != 0 {
			t.Errorf("%d are counted", n)
		}
	})
}
