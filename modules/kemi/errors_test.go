package kemi_test

// What of a script's mistakes is counted, and what a script gets back for them.

import (
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind"
)

// An error in any function of the script is counted, as for a canary; what a script may do is not.
func TestErrorsAreCounted(t *testing.T) {
	const relay = `KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() end `
	for _, c := range []struct {
		name, script string
		reply        int // bob's, 0 for none
		errors       uint64
	}{
		{"request", `function ksr_request_route() KSR.sl.send_reply(486, "Busy Here") error("oops") end`, 0, 1},
		{"branch", `function ksr_request_route() KSR.tm.t_on_branch("b") ` + relay + `function b() error("oops") end`, 486, 1},
		{"reply", `function ksr_request_route() KSR.tm.t_on_reply("r") ` + relay + `function r() error("oops") end`, 486, 1},
		{"every reply", `function ksr_request_route() ` + relay + `function ksr_reply_route() error("oops") end`, 486, 1},
		{"failure", `function ksr_request_route() KSR.tm.t_on_failure("f") ` + relay + `function f() error("oops") end`, 486, 1},
		{"onsend", `function ksr_request_route() ` + relay + `function ksr_onsend_route() if KSR.siputils.is_request() > 0 then error("oops") end end`, 486, 1},
		{"exit is none", `function ksr_request_route() KSR.tm.t_on_branch("b") KSR.tm.t_on_reply("b") KSR.tm.t_on_failure("b") ` + relay + `function b() KSR.x.exit() end`, 486, 0},
		{"a dropped branch is none", `function ksr_request_route() KSR.tm.t_on_branch("b") ` + relay + `function b() KSR.x.drop() end`, 0, 0},
		{"nor is one that is marked", `function ksr_request_route() KSR.tm.t_on_branch("b") ` + relay + `function b() KSR.set_drop() end`, 0, 0},
		{"a relay after a reply is none", `function ksr_request_route() KSR.sl.send_reply(486, "Busy Here") ` + relay, 0, 0},
		{"a statelessly forwarded one after a reply is none", `function ksr_request_route() KSR.sl.send_reply(486, "Busy Here") KSR.forward() KSR.forward_uri("sip:10.0.0.3:5060") end`, 0, 0},
		{"a relay after a challenge is none", `function ksr_request_route() KSR.auth.auth_challenge("example.com", 0) ` + relay, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := run(t, `require("auth").users{ alice = "secret" }`, c.script, config("auth auth_db", ""))
			out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
			if c.reply > 0 {
				f.Reply(f.Came(f.bob, "INVITE"), c.reply)
			}
			f.Sim.RunUntil(40*time.Second, func() bool { return out.Final() != nil })
			f.Run(time.Second)
			if got := out.Final(); got == nil {
				t.Error("no answer")
			}
			if got := f.Router.Stats().Errors; got != c.errors {
				t.Errorf("%d errors, want %d", got, c.errors)
			}
			if c.errors > 0 && !strings.Contains(f.Log(), "oops") {
				t.Error("the log does not tell")
			}
		})
	}
}

// Rows of the table of behaviour that need a reply's function, or a wrong password.
func TestResultRows(t *testing.T) {
	const relay = `KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() end `
	const check = `got = show(KSR.auth_db.auth_check("example.com", "subscriber", 1), KSR.pv.get("$au"), KSR.pv.get("$ar")) `
	for _, c := range []struct{ name, script, want string }{
		{"4/t_reply after a final", `KSR.sl.send_reply(486, "A") got = show(KSR.tm.t_reply(480, "B")) end`, "-1"},
		{"4/t_reply twice", `KSR.tm.t_newtran() local first = KSR.tm.t_reply(486, "A") got = show(first, KSR.tm.t_reply(480, "B")) end`, "1; -1"},
		{"4/t_reply after a relay", `KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() got = show(KSR.tm.t_reply(480, "B")) end`, "-1"},
		{"2/sl_send_reply twice", `KSR.sl.sl_send_reply(486, "A") got = show(KSR.sl.sl_send_reply(480, "B")) end`, "1"},
		{"2/t_relay in a reply callback", `KSR.tm.t_on_reply("r") ` + relay + `function r() got = show(KSR.tm.t_relay()) end`, "0"},
		{"2/t_relay in ksr_reply_route", relay + `function ksr_reply_route() got = show(KSR.tm.t_relay()) end`, "0"},
		{"2/forward in a reply callback", `KSR.tm.t_on_reply("r") ` + relay + `function r() got = show(KSR.forward(), KSR.forward_uri("sip:h")) end`, "-1; -1"},
		{"2/t_relay after a final", `KSR.sl.send_reply(486, "A") got = show(KSR.tm.t_relay()) end`, "-1"},
		{"2/forward after a final", `KSR.sl.send_reply(486, "A") got = show(KSR.forward(), KSR.forward_uri("sip:h")) end`, "-1; -1"},
		{"2/auth_check: none", check + `KSR.sl.send_reply(486, "A") end`, "-5; nil; nil"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := run(t, `require("auth").users{ alice = "secret" }`, show+"function ksr_request_route() "+c.script, config("auth auth_db", ""))
			out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
			if strings.Contains(c.script, "setdsturi") {
				f.Reply(f.Came(f.bob, "INVITE"), 486)
			}
			f.Answered(out, 486)
			if got, err := f.Eval("return got"); err != nil || got[0] != c.want {
				t.Errorf("%v, %v, want %s", got, err, c.want)
			}
		})
	}
}

// $au names who the credentials say they are of, also when they are wrong.
func TestWrongPasswordNamesTheUser(t *testing.T) {
	for _, c := range []struct{ name, user, password, claims, want string }{
		{"right", "alice", "secret", "alice", `1; "alice"; "example.com"`},
		{"a wrong password", "alice", "wrong", "alice", `-2; "alice"; "example.com"`},
		{"an unknown user", "dave", "secret", "dave", `-2; "dave"; "example.com"`},
		{"another's identity", "alice", "secret", "bob", `-8; "alice"; "example.com"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := run(t, `require("auth").users{ alice = "secret" }`, show+`function ksr_request_route()
  local code = KSR.auth_db.auth_check("example.com", "subscriber", 1)
  if code == -5 then KSR.auth.auth_challenge("example.com", 0) return end
  got = show(code, KSR.pv.get("$au"), KSR.pv.get("$ar"))
  KSR.sl.send_reply(486, "Done")
end`, config("auth auth_db", ""))
			p := f.Phone(c.claims, "10.0.0.9", func(o *phone.Options) { o.User, o.Password = c.user, c.password })
			f.Answered(p.Invite("sip:x@example.com", phone.Spec{}), 486)
			if got, err := f.Eval("return got"); err != nil || got[0] != c.want {
				t.Errorf("%v, %v, want %s", got, err, c.want)
			}
		})
	}
}

// A canary is rolled back for an error in a function that t_on_branch named, and not for a branch
// that is dropped.
func TestCanaryAndErrorsInABranch(t *testing.T) {
	for _, c := range []struct{ name, branch, state string }{
		{"an error", `error("oops")`, luabind.TrialEnded},
		{"a drop", `KSR.x.drop()`, luabind.TrialRuns},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := run(t, "", `function ksr_request_route() KSR.sl.send_reply(480, "Old") end`, config("", ""))
			err := f.Router.TryAs(t.Context(), luabind.Options{Name: "k.lua", Source: `require("kemi").load("k.lua")`, Files: fstest.MapFS{"k.lua": &fstest.MapFile{Data: []byte(
				`function ksr_request_route() KSR.tm.t_on_branch("b") KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() end function b() ` + c.branch + ` end`)}}}, luabind.Trial{Share: 1})
			if err != nil {
				t.Fatal(err)
			}
			out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
			if c.state == luabind.TrialEnded {
				f.Reply(f.Came(f.bob, "INVITE"), 486)
			}
			f.Sim.RunUntil(time.Minute, func() bool { return out.Final() != nil })
			i, _ := f.Router.Trial()
			for end := time.Now().Add(30 * time.Second); i.State != c.state && time.Now().Before(end); i, _ = f.Router.Trial() {
				f.Run(0)
				runtime.Gosched()
			}
			if i.State != c.state || i.New.Errors != 0 && c.state == luabind.TrialRuns {
				t.Errorf("%+v", i)
			}
		})
	}
}
