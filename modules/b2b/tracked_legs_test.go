package b2b_test

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/dialog"
)

// A party of a call of this server's own that knows nothing of it any more, or is silent three
// times, has its leg ended, and so the call; whatever else it answers is a sign of life.
func TestTrackedLegsArePinged(t *testing.T) {
	for _, row := range []struct {
		name  string
		codes []int // of the callee's answers; 0: none
		ends  bool
	}{
		{"481", []int{481}, true},
		{"three losses", []int{0, 0, 0}, true},
		{"two losses and an answer", []int{0, 0, 500, 0, 408, 200}, false},
		{"other failures", []int{404, 500, 501, 603}, false},
	} {
		for _, begin := range []string{"dialog.track(req, options)\n  local a = b2b.incoming(req)", "local a = b2b.incoming(req)\n  dialog.track(a, options)"} {
			t.Run(row.name, func(t *testing.T) {
				w, d := counting(t, "local options = { limits = { all = 1 }, keepalive = 60 }\nfunction route(req)\n  "+begin+"\n  local b = a:dial(bob)\n  local left, why = a:bridge(b)\n  sip.log.warn(\"%s %s\", left == b, why)\nend")
				end := ""
				d.Watch(func(e dialog.Event) { end = e.Call.View().Cause + " " + e.Call.View().By.String() })
				o := w.calls()
				w.answer(w.Came(w.bob, "INVITE"))
				w.Answered(o, 200)
				for _, code := range row.codes {
					w.Reply(w.Came(w.alice, "OPTIONS"), 200)
					if ping := w.Came(w.bob, "OPTIONS"); code == 0 {
						_ = ping.Ignore()
					} else {
						w.Reply(ping, code)
					}
					w.Run(40 * time.Second)
				}
				if !row.ends {
					if d.Count("all") != 1 || w.count(w.alice, "BYE") != 0 {
						t.Errorf("%d calls", d.Count("all"))
					}
					return
				}
				w.Came(w.bob, "BYE")
				w.Came(w.alice, "BYE")
				w.settle()
				w.over()
				w.logged("true keepalive")
				if end != "keepalive server" || d.Count("") != 0 || d.Count("all") != 0 {
					t.Errorf("it ended by %q; %d calls, %d counted", end, d.Count(""), d.Count("all"))
				}
			})
		}
	}
}

// What is known of a call of this server's own are those who were called for it, with what became
// of them; a call with ever more of them stays within bounds.
func TestLegsOfTrackedLegs(t *testing.T) {
	w, d := counting(t, `
function route(req)
  local a = b2b.incoming(req)
  local call = dialog.track(a)
  local function say(when)
    local text = when
    for _, l in ipairs(call.legs) do
      text = text .. " " .. l.uri:sub(5, 7) .. " " .. l.state .. " " .. (l.code or 0) .. " " .. (l.cause or "") .. (l.tag and "+" or "") .. ";"
      if (l.answered ~= nil) ~= (l.state == "confirmed" or l.cause == "bye") or (l.ended ~= nil) ~= (l.state == "ended") or l.started < call.started then error("times") end
    end
    sip.log.warn("%s", text)
  end
  a:dial(carol)
  say("refused:")
  local b = a:dial(bob)
  say("answered:")
  if call.b.tag ~= call.legs[2].tag then error("another tag") end
  a:bridge(b)
  say("hung up:")
  for i = 1, 70 do a:dial(carol) end
  sip.log.warn("many: %d", #call.legs)
end`)
	o := w.calls()
	w.Reply(w.Came(w.carol, "INVITE"), 486)
	w.answer(w.Came(w.bob, "INVITE"))
	w.Answered(o, 200)
	w.Run(time.Second)
	w.bob.Inbox()[0].Dialog().Send(phone.Spec{Method: "BYE"})
	for range 70 {
		w.Reply(w.Came(w.carol, "INVITE"), 486)
	}
	w.settle()
	w.over()
	w.logged("refused: car ended 486 ;", "answered: car ended 486 ; bob confirmed 200 +;", "hung up: car ended 486 ; bob ended 200 bye+;", "many: 64")
	if d.Count("") != 0 {
		t.Errorf("%d calls", d.Count(""))
	}
}
