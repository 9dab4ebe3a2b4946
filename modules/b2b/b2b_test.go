package b2b_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
)

var own = phone.Media{Own: true}

// world is a server with a script, a caller and two who are called.
type world struct {
	*luabindtest.World
	m                 *b2b.B2B
	alice, bob, carol *phone.Phone
}

func newWorld(t *testing.T, route string, options ...luabindtest.Option) *world {
	t.Helper()
	m := b2b.New()
	script := "local b2b = require 'b2b'\nlocal bob, carol = 'sip:bob@10.0.2.1:5060', 'sip:carol@10.0.3.1:5060'\n" + route
	w := luabindtest.New(t, script, append([]luabindtest.Option{luabindtest.Modules(m)}, options...)...)
	w.Ladder()
	return &world{World: w, m: m, alice: w.Phone("alice", "10.0.1.1"), bob: w.Phone("bob", "10.0.2.1"), carol: w.Phone("carol", "10.0.3.1")}
}

// calls has alice call.
func (w *world) calls() *phone.Outgoing {
	return w.alice.Invite("sip:someone@example.com", phone.Spec{Media: own})
}

func (w *world) answer(r *phone.Incoming) {
	w.T.Helper()
	if err := r.Reply(200, phone.Reply{Media: own}); err != nil {
		w.T.Fatal(err)
	}
}

// over checks that no leg is left.
func (w *world) over() {
	w.T.Helper()
	w.Run(100 * time.Second)
	if n := w.m.Calls(); n != 0 {
		w.T.Errorf("%d legs are left", n)
	}
}

const route = "function route(req)\n  local a = b2b.incoming(req)\n  if not a then return end\n"

// A leg ends with its handler, whatever ends that.
func TestOwnership(t *testing.T) {
	for _, c := range []struct {
		name, body string
		answers    bool
		code       int
		failsLog   string
	}{
		{"nothing", "end", false, 480, ""},
		{"an error", "error('broken') end", false, 500, "broken"},
		{"an error in pcall", "pcall(error, 'x') end", false, 480, ""},
		{"answered far leg", "local b = a:dial(bob) end", true, 480, ""},
		{"an error after an answer", "local b = a:dial(bob) error('broken') end", true, 500, "broken"},
		{"rejected", "a:reject(486) end", false, 486, ""},
		{"a redirection is not passed", "local b, res = a:dial(carol) a:reject(res) end", false, 480, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+c.body)
			o := w.calls()
			if c.answers {
				w.answer(w.Came(w.bob, "INVITE"))
			}
			if strings.Contains(c.body, "carol") {
				w.Reply(w.Came(w.carol, "INVITE"), 302, proxy.HeaderEdit{Name: "Contact", Values: []string{"<sip:x@10.0.9.9>"}})
			}
			w.Answered(o, c.code)
			if c.answers {
				w.Reply(w.Came(w.bob, "BYE"), 200)
			}
			w.over()
			if c.failsLog != "" && !strings.Contains(w.Log(), c.failsLog) {
				t.Errorf("the log has no %q", c.failsLog)
			}
		})
	}
}

// The caller gives up while the script waits for something else: that goes on, and the next call
// says so. Within pcall the script waits where it stands.
func TestCancelled(t *testing.T) {
	for _, c := range []struct{ name, body string }{
		{"dial", "local b, res = a:dial(bob)"},
		{"dial in pcall", "local ok, b, res = pcall(a.dial, a, bob)"},
		{"sleep", "sip.sleep(30)\n  local b, res = a:dial(bob)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+c.body+"\n  sip.log.warn('%s %s %s %s', b, res.code, res.cause, a.state) end")
			o := w.calls()
			w.Run(time.Second)
			if c.name != "sleep" {
				w.Reply(w.Came(w.bob, "INVITE"), 180)
				w.Answered(o, 180)
			}
			if err := o.Cancel(nil); err != nil {
				t.Fatal(err)
			}
			w.Answered(o, 487)
			w.over()
			if !strings.Contains(w.Log(), "nil 487 cancelled ended") {
				t.Errorf("the log:\n%s", w.Log())
			}
		})
	}
}

// What bridge returns, and what it leaves.
func TestBridge(t *testing.T) {
	w := newWorld(t, route+`
  local b = a:dial(bob)
  local ended, why = a:bridge(b, { timeout = 5 })
  sip.log.warn("%s %s %s", ended, why, a.state)
  ended, why = a:bridge(b)
  sip.log.warn("%s %s %s", ended == b, why, a.state)
  b = a:dial(carol)
  ended, why = a:bridge(b)
  sip.log.warn("%s %s %s", ended == a, why, b.state) end`)
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	w.Run(10 * time.Second)
	in.Dialog().Send(phone.Spec{Method: "BYE"})
	w.answer(w.Came(w.carol, "INVITE"))
	w.answer(w.Came(w.alice, "INVITE"))
	w.Run(time.Second)
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.Reply(w.Came(w.carol, "BYE"), 200)
	w.over()
	for _, want := range []string{"nil timeout answered", "true bye answered", "true bye answered"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("the log has no %q:\n%s", want, w.Log())
		}
	}
}

// join gives the legs away; when one ends, so does the other.
func TestJoin(t *testing.T) {
	w := newWorld(t, route+"local b = a:dial(bob) a:join(b) end")
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.answer(in)
	w.Answered(o, 200)
	w.Run(60 * time.Second)
	if n := w.m.Calls(); n != 2 {
		t.Fatalf("%d legs after the handler's end", n)
	}
	in.Dialog().Send(phone.Spec{Method: "BYE"})
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.over()
}

// Two whose phones have vanished do not stay for ever.
func TestLongest(t *testing.T) {
	for _, c := range []struct {
		name, body string
		up         time.Duration
	}{
		{"join", "a:join(b)", 12 * time.Hour},
		{"join for a while", "a:join(b, { max_duration = 60 })", time.Minute},
		{"bridge", "a:bridge(b)", 12 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+"local b = a:dial(bob) "+c.body+" end")
			o := w.calls()
			w.answer(w.Came(w.bob, "INVITE"))
			w.Answered(o, 200)
			w.Run(c.up - 10*time.Second)
			if n := w.m.Calls(); n != 2 {
				t.Fatalf("%d legs", n)
			}
			w.Run(20 * time.Second)
			w.Reply(w.Came(w.alice, "BYE"), 200)
			w.Reply(w.Came(w.bob, "BYE"), 200)
			w.over()
		})
	}
}

// An INVITE that would take the place of a dialog finds none (RFC 3891 §3).
func TestReplaces(t *testing.T) {
	w := newWorld(t, "function route(req) sip.log.warn('%s %s', b2b.incoming(req)) end")
	o := w.alice.Invite("sip:someone@example.com", phone.Spec{Media: own, Headers: []proxy.HeaderEdit{{Name: "Replaces", Values: []string{"x;to-tag=1;from-tag=2"}}}})
	w.Answered(o, 481)
	w.over()
	if !strings.Contains(w.Log(), "nil the INVITE has Replaces") {
		t.Errorf("the log:\n%s", w.Log())
	}
}

// A reload ends no call; the end of the server ends all.
func TestReloadAndShutdown(t *testing.T) {
	w := newWorld(t, route+"local b = a:dial(bob) a:bridge(b) sip.log.warn('it came back') end")
	o := w.calls()
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(o, 200)
	if err := w.Router.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.Run(60 * time.Second)
	if n := w.m.Calls(); n != 2 || strings.Contains(w.Log(), "it came back") {
		t.Fatalf("%d legs after a reload\n%s", n, w.Log())
	}
	w.m.EndCalls()
	w.Reply(w.Came(w.alice, "BYE"), 200)
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	if !strings.Contains(w.Log(), "it came back") {
		t.Error("the script still waits")
	}
}

// A call of nobody's, from a task of the process, on a lane of its own: each use of it goes there.
func TestOriginate(t *testing.T) {
	w := newWorld(t, `
sip.on("b2b.answered", function(leg) sip.log.warn("answered %s %s", leg.to, b2b.leg(leg.id) == leg) end)
sip.after(1, function()
  local a, res = b2b.originate({ from = "sip:alarm@example.com", target = { { uri = bob } }, timeout = 20 })
  sip.log.warn("%d legs", #b2b.list())
  local b = a:dial(carol)
  local ended, why = a:bridge(b)
  sip.log.warn("over %s %s", ended == b, why)
end)
function route(req) req:reply(403) end`, luabindtest.Lanes(3))
	w.answer(w.Came(w.bob, "INVITE"))
	in := w.Came(w.carol, "INVITE")
	w.answer(in)
	w.answer(w.Came(w.bob, "INVITE"))
	w.Run(4 * time.Second)
	in.Dialog().Send(phone.Spec{Method: "BYE"})
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	for _, want := range []string{"1 legs", "answered sip:bob@10.0.2.1:5060 true", "over true bye"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("the log has no %q:\n%s", want, w.Log())
		}
	}
}

// What is wrong raises; what fails at run time is nil, err.
func TestMisuse(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"twice", "b2b.incoming(req)", "decided already"},
		{"early all", "a:dial(bob, { early = 'all' })", "early must be"},
		{"unknown option", "a:dial(bob, { medium = 'rtpengine' })", "medium"},
		{"pass", "a:dial(bob, {}) a:bridge(a, { pass = { 'REFER' } })", "cannot be passed"},
		{"not provisional", "a:reply(200)", "not a provisional"},
		{"no leg", "a:bridge('x')", "must be a leg"},
		{"from is no URI", "a:dial(bob, { from = 'alarm' })", "is not a URI, such as"},
		{"from is no URI for nobody", "b2b.originate({ target = bob, from = 'alarm' })", "is not a URI, such as"},
		{"an owned header", "a:dial(bob, { headers = { ['Call-ID'] = 'x' } })", "option headers: "},
		{"an owned header for nobody", "b2b.originate({ target = bob, headers = { ['Call-ID'] = 'x' } })", "option headers: "},
		{"an owned header of a refusal", "a:reject(486, { headers = { ['Content-Length'] = '0' } })", "option headers: "},
		{"a copied one", "a:dial(bob, { copy = { 'Call-ID' } })", "each leg has a Call-ID of its own"},
		{"an id like ours", "a:dial(bob, { id = '0.x' })", "is not an id"},
		{"an id that is taken", "sip.log.warn('%s %s', a:dial({ bob, carol }, { id = 'x', timeout = 1 })) b2b.originate({ target = bob, id = 'x-2', timeout = 1 }) sip.log.warn('free')", "free"},
		{"no such leg", "sip.log.warn('%s %s, %s, %s', b2b.leg('0.x'), b2b.leg('7.x'), b2b.leg('x'), b2b.leg(a.id) == a)", "nil nil, nil, true"},
		{"a leg that has ended", "local id = a.id a:reject(486) sip.log.warn('%s %s', b2b.leg(id))", "nil ended"},
		{"itself", "sip.log.warn('%s %s', a:bridge(a))", "nil busy"},
		{"answer without sdp", "sip.log.warn('%s %s', a:answer(''))", "nil a session description is wanted"},
		{"late", "a:reject(486) sip.log.warn('%s %s', a:reply(180))", "nil the leg is not in a state for that"},
		{"lookup failed", "local b, res = a:dial(nil, 'away') sip.log.warn('%s %s', b, res.code)", "nil 503"},
		{"nobody", "local b, res = a:dial({}) sip.log.warn('%s %s %s', b, res.code, res.cause)", "nil 480 empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+c.body+" end")
			w.calls()
			if strings.Contains(c.body, "{})") && strings.Contains(c.body, "bob") {
				w.Reply(w.Came(w.bob, "INVITE"), 486)
			}
			w.over()
			if !strings.Contains(w.Log(), c.want) {
				t.Errorf("the log has no %q:\n%s", c.want, w.Log())
			}
		})
	}
}

// A leg has the id that its caller chose, until it ends, and nobody else has it meanwhile.
func TestChosenID(t *testing.T) {
	w := newWorld(t, `
sip.on("b2b.ringing", function(leg)
  sip.log.warn("rings %s %s", leg.id, b2b.leg("desk") == leg)
  local x, err = b2b.originate({ target = carol, id = "desk" })
  sip.log.warn("%s %s", x, err)
end)
sip.after(1, function()
  b2b.originate({ target = bob, id = "desk", timeout = 20 })
  sip.log.warn("over %s", b2b.leg("desk"))
  sip.sleep(3)
  local a, res = b2b.originate({ target = bob, id = "desk", timeout = 20 })
  sip.log.warn("again %s", a.id)
end)
function route(req) req:reply(403) end`, luabindtest.Lanes(3))
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	w.Run(time.Second)
	w.Reply(in, 486)
	w.answer(w.Came(w.bob, "INVITE"))
	w.Reply(w.Came(w.bob, "BYE"), 200)
	w.over()
	for _, want := range []string{"rings desk true", "nil a leg has that id", "over nil", "again desk"} {
		if !strings.Contains(w.Log(), want) {
			t.Errorf("the log has no %q:\n%s", want, w.Log())
		}
	}
}
