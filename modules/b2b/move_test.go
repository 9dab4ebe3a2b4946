package b2b_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/b2b"
)

// settle answers what the phones are asked, for a while.
func (w *world) settle() {
	for range 60 {
		w.Run(100 * time.Millisecond)
		for _, p := range []*phone.Phone{w.alice, w.bob, w.carol} {
			for _, i := range p.Inbox() {
				if i.Answered() == 0 && i.Method() != "ACK" && i.Method() != "CANCEL" {
					_ = i.Reply(200, phone.Reply{Media: phone.Media{Own: i.Method() == "INVITE"}})
				}
			}
		}
	}
}

func (w *world) count(p *phone.Phone, method string) (n int) {
	for _, i := range p.Inbox() {
		if i.Method() == method {
			n++
		}
	}
	return n
}

func (w *world) logged(want ...string) {
	w.T.Helper()
	for _, text := range want {
		if !strings.Contains(w.Log(), text) {
			w.T.Errorf("the log has no %q:\n%s", text, w.Log())
		}
	}
}

// A script moves a party to somebody else, or to whom it has called before; the legs outlive the
// handler, and a bridge that waits is told.
func TestTransfer(t *testing.T) {
	for _, c := range []struct{ name, body, log string }{
		{"to a target", `
  sip.spawn(function() sip.sleep(2) local ok, res = a:transfer(carol) sip.log.warn("moved %s %s", ok, res) end)
  sip.log.warn("bridge %s %s", a:bridge(b))`, "bridge nil moved"},
		{"to a leg", `
  a:bridge(b, { timeout = 2 })
  a:hold()
  local c = a:dial(carol)
  local ok, res = a:transfer(c)
  sip.log.warn("moved %s %s", ok, res)
  b:hang_up()`, ""},
		{"of a joined pair", `
  a:join(b)
  sip.sleep(2)
  local ok, res = a:transfer(carol)
  sip.log.warn("moved %s %s", ok, res)`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "sip.on('b2b.moved', function(leg, other) sip.log.warn('event %s %s', leg.state, other.to) end)\n"+route+"  local b = a:dial(bob)"+c.body+" end")
			o := w.calls()
			w.settle()
			w.settle()
			w.logged("moved true nil", "event answered sip:carol@10.0.3.1:5060", c.log)
			if w.count(w.bob, "BYE") != 1 || w.m.Calls() != 2 {
				t.Errorf("bob got %d BYEs, %d legs", w.count(w.bob, "BYE"), w.m.Calls())
			}
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.settle()
			w.over()
		})
	}
	t.Run("refused", func(t *testing.T) {
		w := newWorld(t, route+"local b = a:dial(bob) a:join(b) sip.sleep(2) local ok, res = a:transfer(carol) sip.log.warn('%s %s', ok, res.code) sip.log.warn('%s', a.peer == b) end")
		o := w.calls()
		w.answer(w.Came(w.bob, "INVITE"))
		w.Reply(w.Came(w.carol, "INVITE"), 486)
		w.settle()
		w.logged("nil 486", "true")
		w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.settle()
		w.over()
	})
}

// A REFER is refused unless the file says whom it leads to.
func TestRefer(t *testing.T) {
	for _, c := range []struct {
		name, says string
		code       int
	}{
		{"not configured", "", 603}, {"refused", `b2b.configure({ refer = "refuse" })`, 603},
		{"a code", "b2b.configure({ refer = function(refer, leg) return nil, 488 end })", 488},
		{"an error", "b2b.configure({ refer = function(refer, leg) error('broken') end })", 500},
		{"no code", "b2b.configure({ refer = function() end })", 603},
		{"a target", "b2b.configure({ refer = function(refer, leg) sip.log.warn('%s %s %s %s', refer.to, refer.by, refer.attended, leg.state) return refer.to end })", 202},
		{"targets", "b2b.configure({ refer = function(refer, leg) return { carol } end })", 202},
		{"a target of a table", "b2b.configure({ refer = function(refer, leg) return { { uri = carol } } end })", 202},
		{"a lookup that failed", "b2b.configure({ refer = function(refer, leg) return nil, 'not_found' end })", 603},
		{"no target", "b2b.configure({ refer = function(refer, leg) return { 1 } end })", 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.says+"\n"+route+"local b = a:dial(bob) a:join(b) end")
			o := w.calls()
			w.answer(w.Came(w.bob, "INVITE"))
			w.Answered(o, 200)
			w.Run(time.Second)
			refer := o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: []proxy.HeaderEdit{{Name: "Refer-To", Values: []string{"<sip:carol@10.0.3.1:5060>"}}}})
			w.Answered(refer, c.code)
			w.settle()
			if c.code == 202 {
				if w.count(w.carol, "INVITE") != 1 || w.count(w.alice, "BYE") != 1 || w.count(w.alice, "NOTIFY") != 2 {
					t.Errorf("carol got %d INVITEs, alice %d BYEs and %d NOTIFYs", w.count(w.carol, "INVITE"), w.count(w.alice, "BYE"), w.count(w.alice, "NOTIFY"))
				}
				if c.name == "a target" {
					w.logged("sip:carol@10.0.3.1:5060 nil false answered")
				}
			}
			w.m.EndCalls()
			w.settle()
			w.over()
		})
	}
	t.Run("parked", func(t *testing.T) {
		w := newWorld(t, "b2b.configure({ refer = function(refer, leg) return leg.peer:park('701') end })\n"+route+"local b = a:dial(bob) a:join(b) sip.sleep(5) sip.log.warn('waits %s', b2b.take('701') == b) end")
		o := w.calls()
		w.answer(w.Came(w.bob, "INVITE"))
		w.Answered(o, 200)
		w.Run(time.Second)
		refer := o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: []proxy.HeaderEdit{{Name: "Refer-To", Values: []string{"<sip:701@example.com>"}}}})
		w.Answered(refer, 202)
		w.settle()
		w.logged("waits true")
		if w.count(w.alice, "NOTIFY") != 1 || w.count(w.alice, "BYE") != 1 || w.count(w.bob, "BYE") != 1 {
			t.Errorf("alice got %d NOTIFYs, %d BYEs", w.count(w.alice, "NOTIFY"), w.count(w.alice, "BYE"))
		}
		w.over()
	})
	t.Run("parked, and refused", func(t *testing.T) {
		w := newWorld(t, "b2b.configure({ refer = function(refer, leg) leg.peer:park('701', { timeout = 10 }) return nil, 488 end })\n"+route+"local b = a:dial(bob) a:join(b) end")
		o := w.calls()
		w.answer(w.Came(w.bob, "INVITE"))
		w.Answered(o, 200)
		w.Run(time.Second)
		refer := o.Dialog().Send(phone.Spec{Method: "REFER", Contact: true, Headers: []proxy.HeaderEdit{{Name: "Refer-To", Values: []string{"<sip:701@example.com>"}}}})
		w.Answered(refer, 488)
		w.settle()
		if w.count(w.alice, "BYE") != 1 {
			t.Error("whom nobody talks to is left")
		}
		w.settle()
		w.over()
	})
	t.Run("nonsense", func(t *testing.T) {
		_, err := luabindtest.Try(t, "local b2b = require 'b2b' b2b.configure({ refer = 'what' })", luabindtest.Modules(b2b.New()))
		if err == nil || !strings.Contains(err.Error(), `option refer must be "refuse", "pass" or a function`) {
			t.Errorf("%v", err)
		}
	})
}

// One who waits is on hold until somebody takes it: one taker, its party's end frees the place, and
// one whom nobody takes is ended.
func TestPark(t *testing.T) {
	t.Run("taken", func(t *testing.T) {
		w := newWorld(t, route+`
  if req.ruri.user == "701" then
    local b, why = b2b.take("701")
    sip.log.warn("take %s %s, again %s", b ~= nil, why, b2b.take("701"))
    sip.log.warn("bridge %s %s", a:bridge(b))
    return
  end
  local b = a:dial(bob)
  a:bridge(b, { timeout = 2 })
  sip.log.warn("park %s", a:park("701"))
  sip.log.warn("busy %s %s", b:park("701"))
end`)
		o := w.calls()
		w.answer(w.Came(w.bob, "INVITE"))
		w.Answered(o, 200)
		w.Run(3 * time.Second)
		held := w.Came(w.alice, "INVITE")
		if !strings.Contains(string(held.Msg.Body()), "a=inactive") {
			t.Errorf("who waits:\n%s", held.Msg.Body())
		}
		w.settle()
		if w.count(w.bob, "BYE") != 1 || w.m.Calls() != 1 {
			t.Errorf("bob got %d BYEs, %d legs", w.count(w.bob, "BYE"), w.m.Calls())
		}
		picks := w.carol.Invite("sip:701@example.com", phone.Spec{Media: own})
		w.settle()
		w.Answered(picks, 200)
		w.Answered(picks.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.settle()
		w.over()
		w.logged("park true", "busy nil busy", "take true nil, again nil", "bridge", "bye")
	})
	for _, c := range []struct {
		name string
		wait time.Duration
		bye  bool
	}{{"nobody takes it", 70 * time.Second, false}, {"it leaves", time.Second, true}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, route+`local b = a:dial(bob) a:join(b) a:park("701", { timeout = 60 }) sip.sleep(80) sip.log.warn("take %s %s", b2b.take("701")) end`)
			o := w.calls()
			w.settle()
			if w.count(w.bob, "BYE") != 1 {
				t.Error("its peer of a joined pair is left")
			}
			if c.bye {
				w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			}
			w.Run(c.wait)
			w.settle()
			w.over()
			w.logged("take nil")
			if got := w.count(w.alice, "BYE"); (got == 1) == c.bye {
				t.Errorf("alice got %d BYEs", got)
			}
		})
	}
}
