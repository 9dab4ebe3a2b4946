package kemi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const putOff = `
function ksr_request_route()
  KSR.pv.sets("$avp(seen)", "before")
  local how = KSR.pv.get("$rU")
  if how == "route" then KSR.pv.seti("$avp(n)", KSR.async.route("later", 1)) end
  if how == "ms" then KSR.pv.seti("$avp(n)", KSR.async.ms_route("later", 200)) end
  if how == "task" then KSR.pv.seti("$avp(n)", KSR.async.task_route("later")) end
  if how == "nothing" then KSR.async.route("nothing", 1) end
  if how == "again" then KSR.async.route("again", 1) end
  if how == "twice" then KSR.async.route("later", 1) KSR.pv.seti("$avp(n)", KSR.async.route("later", 1)) end
  if how == "exit" then KSR.async.route("later", 1) KSR.x.exit() end
  if how == "after" then KSR.async.route("later", 1) KSR.sl.send_reply(486, "At Once") end
  if how == "fails" then KSR.async.route("fails", 1) end
  if how == "relays" then KSR.async.route("relays", 1) end
  if how == "bounds" then KSR.sl.send_reply(404, KSR.async.route("later", 0) .. " " .. KSR.async.route("later", -1) .. " " .. KSR.async.route("later", 100) .. " " .. KSR.async.ms_route("later", 30000)) end
end
function later(...)
  KSR.hdr.append_to_reply("X-Got: " .. select("#", ...) .. " " .. KSR.pv.getw("$avp(n)") .. " " .. KSR.pv.get("$avp(seen)") .. " " .. KSR.pv.get("$rU") .. "\r\n")
  KSR.tm.t_reply(480, "Later")
end
function again() KSR.async.route("later", 1) end
function relays() KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() end
function fails() error("oops") end
`

// What the caller gets, and after how long, is what Kamailio 5.6.3 answers.
func TestAsync(t *testing.T) {
	for _, c := range []struct {
		how, want string
		code      int
		after     time.Duration
	}{
		{"route", "0 0 before route", 480, time.Second},
		{"ms", "0 0 before ms", 480, 200 * time.Millisecond},
		{"task", "0 0 before task", 480, 0},
		{"nothing", "", 500, time.Second},
		{"again", "0 <null> before again", 480, 2 * time.Second},
		{"twice", "0 -1 before twice", 480, time.Second},
		{"exit", "0 <null> before exit", 480, time.Second},
		{"after", "", 486, 0},
		{"bounds", "", 404, 0},
	} {
		t.Run("4/async: "+c.how, func(t *testing.T) {
			w := world(t, putOff)
			begun := w.Sim.Now()
			res := w.Ask("MESSAGE", "sip:"+c.how+"@example.com")
			if took := w.Sim.Now().Sub(begun); took < c.after || took > c.after+100*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			if res == nil || res.Status() != c.code || header(res, "X-Got") != c.want {
				t.Errorf("%v %s", res, header(res, "X-Got"))
			}
			if reason := "-1 -1 -1 -1"; c.how == "bounds" && string(res.ReasonPhrase()) != reason {
				t.Errorf("%s, want %s", res.ReasonPhrase(), reason)
			}
		})
	}
}

func TestAsyncCalls(t *testing.T) {
	f := run(t, "", putOff, config("async", ""), luabindtest.Lanes(1))
	out := f.alice.Invite("sip:relays@example.com", phone.Spec{})
	f.Reply(f.Came(f.bob, "INVITE"), 486)
	f.Answered(out, 486)
	out = f.alice.Invite("sip:route@example.com", phone.Spec{})
	f.Run(500 * time.Millisecond)
	out.Cancel(nil)
	f.Answered(out, 487)
	f.Run(2 * time.Second)
	out = f.alice.Invite("sip:fails@example.com", phone.Spec{})
	f.Run(2 * time.Second)
	if got := f.Router.Stats().Errors; got != 1 || !strings.Contains(f.Log(), "oops") {
		t.Errorf("%d errors\n%s", got, f.Log())
	}
	_ = out
}
