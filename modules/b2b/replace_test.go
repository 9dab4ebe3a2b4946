package b2b_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const replacing = "b2b.configure({ replaces = function(req, leg) sip.log.warn('asked %s %s', req.method, leg.state) return " // a value follows

const took = "\nfunction route(req)\n  local a, why = b2b.incoming(req)\n  sip.log.warn('incoming %s', why)\n  if not a then return end\n"

// A script says whether an INVITE takes the place of a leg: the legs belong to no handler then, and
// a bridge that waits is told.
func TestTakesPlace(t *testing.T) {
	for _, c := range []struct {
		name, says string
		code       int
		logs       []string
		lanes      int
	}{
		{"as the file says", replacing + "true end })", 200, []string{"asked INVITE answered", "incoming replaced", "bridge nil moved", "event sip:bob@10.0.2.1:5060 sip:alice@example.com"}, 1},
		{"on whatever lane", replacing + "true end })", 200, []string{"incoming replaced", "bridge nil moved"}, 4},
		{"as the file does not", replacing + "false end })", 603, []string{"asked INVITE answered", "cannot"}, 1},
		{"as the file cannot say", replacing + "error('broken') end })", 500, []string{"broken"}, 1},
		{"of nobody's", "", 481, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, "sip.on('b2b.moved', function(leg, other) sip.log.warn('event %s %s', leg.to, other.to) end)\n"+c.says+took+"local b = a:dial(bob) sip.log.warn('bridge %s %s', a:bridge(b)) end", luabindtest.Lanes(c.lanes))
			o := w.calls()
			w.answer(w.Came(w.bob, "INVITE"))
			m := w.Answered(o, 200)
			w.settle()
			p := w.carol.Invite("sip:alice@example.com", phone.Spec{Media: own, Headers: with("Replaces", fmt.Sprintf("%s;to-tag=%s;from-tag=%s", o.CallID(), m.ToTag(), m.FromTag()))})
			w.settle()
			w.Answered(p, c.code)
			for _, text := range c.logs {
				w.logged(strings.ReplaceAll(text, "cannot", "can take no leg's place"))
			}
			if c.code == 200 {
				if w.count(w.alice, "BYE") != 1 {
					t.Error("alice is not ended")
				}
				w.Answered(p.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
				w.settle()
				w.over()
				return
			}
			if w.count(w.alice, "BYE") != 0 {
				t.Error("alice is ended")
			}
			w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
			w.settle()
			w.over()
		})
	}
}

// A call that rings is picked up: the dial of its script has another leg, which it bridges.
func TestPickUp(t *testing.T) {
	w := newWorld(t, replacing+"true end })"+took+"local b = a:dial(bob) sip.log.warn('got %s', b.from) a:bridge(b) end")
	o := w.calls()
	in := w.Came(w.bob, "INVITE")
	w.Reply(in, 180)
	w.Answered(o, 180)
	tag := in.Dialog().ReplacedBy("sip:x")
	_, tag, _ = strings.Cut(tag, "from-tag%3D")
	p := w.carol.Invite("sip:bob@example.com", phone.Spec{Media: own, Headers: with("Replaces", fmt.Sprintf("%s;to-tag=%s;from-tag=%s;early-only", in.Msg.CallID(), in.Msg.FromTag(), strings.TrimSuffix(tag, ">")))})
	w.settle()
	w.Answered(p, 200)
	w.Answered(o, 200)
	w.logged("asked INVITE calling", "incoming replaced", "got sip:carol@example.com")
	w.Answered(o.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.settle()
	w.over()
}

// dial names the dialog of a leg, or one that the script knows of.
func TestDialReplaces(t *testing.T) {
	w := newWorld(t, route+`
  local b = a:dial(bob)
  a:bridge(b, { timeout = 1 })
  local _, res = a:dial(carol, { replaces = "0.nobody" })
  sip.log.warn("nobody %s", res.code)
  _, res = a:dial(carol, { replaces = "x;to-tag=1;from-tag=2" })
  sip.log.warn("text %s", res.code)
  sip.log.warn("%s", select(2, pcall(a.dial, a, carol, { replaces = "a b" })))
  _, res = a:dial(bob, { replaces = b.id })
  sip.log.warn("leg %s", res.code)
end`)
	o := w.calls()
	first := w.Came(w.bob, "INVITE")
	w.answer(first)
	w.Answered(o, 200)
	in := w.Came(w.carol, "INVITE")
	if got := string(in.Msg.HeaderName("Replaces")); got != "x;to-tag=1;from-tag=2" {
		t.Errorf("Replaces: %s", got)
	}
	w.Reply(in, 481)
	in = w.Came(w.bob, "INVITE")
	if in.Replaced() == nil || in.Replaced() != first.Dialog() || string(in.Msg.HeaderName("Require")) != "replaces" {
		t.Errorf("Replaces: %s", in.Msg.HeaderName("Replaces"))
	}
	w.Reply(in, 486)
	w.settle()
	w.Run(time.Second)
	w.logged("nobody 481", "text 481", "option replaces must be", "leg 486")
	w.over()
}
