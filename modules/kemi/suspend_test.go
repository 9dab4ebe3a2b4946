package kemi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
)

const suspending = show + `
function ksr_request_route()
  if KSR.is_OPTIONS() then
    local i, l = KSR.pv.get("$shv(index)"), KSR.pv.get("$shv(label)")
    KSR.hdr.append_to_reply("X-Got: " .. show(KSR.tmx.t_continue(i + 1, l, "go_on"), KSR.tmx.t_continue(i, l, KSR.pv.get("$rU")), KSR.tmx.t_continue(i, l, "go_on")) .. "\r\n")
    KSR.sl.send_reply(299, "Got")
    return
  end
  KSR.tm.t_newtran()
  KSR.pv.sets("$avp(kept)", "yes")
  KSR.pv.seti("$shv(index)", KSR.pv.get("$T(id_index)"))
  KSR.pv.seti("$shv(label)", KSR.pv.get("$T(id_label)"))
  local first = KSR.tmx.t_suspend()
  KSR.pv.sets("$avp(first)", show(first, KSR.tmx.t_suspend()))
end
function go_on(...)
  KSR.hdr.append_to_reply("X-Got: " .. show(select("#", ...), KSR.pv.get("$avp(first)"), KSR.pv.get("$avp(kept)"), KSR.pv.get("$rU"), KSR.tmx.t_is_request_route()) .. "\r\n")
  KSR.sl.send_reply(480, "Went On")
end
function relays() KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_relay() end
function fails() error("oops") end
function again() KSR.tmx.t_suspend() end
`

func TestSuspend(t *testing.T) {
	t.Run("4/tmx.t_continue", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Run(time.Second)
		if got := header(f.Ask("OPTIONS", "sip:go_on@example.com"), "X-Got"); got != "-1; 1; -1" {
			t.Error(got)
		}
		if got := header(f.Answered(out, 480), "X-Got"); got != `0; "1; -1"; "yes"; "bob"; 1` {
			t.Error(got)
		}
	})
	t.Run("4/tmx.t_continue: a relay", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Run(time.Second)
		f.Ask("OPTIONS", "sip:relays@example.com")
		f.Reply(f.Came(f.bob, "INVITE"), 486)
		f.Answered(out, 486)
	})
	t.Run("4/tmx.t_suspend: for ever: 408", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Sim.RunUntil(40*time.Second, func() bool { return out.Final() != nil })
		f.Answered(out, 408)
	})
	t.Run("4/tmx.t_suspend: again", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Run(time.Second)
		f.Ask("OPTIONS", "sip:again@example.com")
		f.Run(time.Second)
		f.Ask("OPTIONS", "sip:go_on@example.com")
		f.Answered(out, 480)
	})
	t.Run("4/tmx.t_suspend: cancelled", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Run(time.Second)
		out.Cancel(nil)
		f.Answered(out, 487)
		f.Run(time.Second)
		if got := header(f.Ask("OPTIONS", "sip:go_on@example.com"), "X-Got"); got != "-1; -1; -1" {
			t.Error(got)
		}
	})
	t.Run("4/tmx.t_continue: an error", func(t *testing.T) {
		f := run(t, "", suspending, config("", ""))
		out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
		f.Run(time.Second)
		f.Ask("OPTIONS", "sip:fails@example.com")
		f.Run(time.Second)
		if got := f.Router.Stats().Errors; got != 1 || !strings.Contains(f.Log(), "oops") {
			t.Errorf("%d errors\n%s", got, f.Log())
		}
		_ = out
	})
}

// The function for a branch that failed runs before that for the failure of all.
func TestBranchFailure(t *testing.T) {
	script := heard + `
function ksr_request_route()
  if KSR.is_OPTIONS() then return tell() end
  KSR.tm.t_on_failure("failure")
  note(KSR.tm.t_on_branch_failure("broken"), KSR.tm.t_is_set("branch_failure_route"))
  KSR.tm.t_set_fr(2000, 1000)
  KSR.setdsturi("sip:10.0.0.3:5060") KSR.corex.append_branch_uri("sip:carol@10.0.0.4:5060") KSR.tm.t_relay()
end
function broken(...) note("broken", select("#", ...), KSR.pv.get("$T_reply_code"), KSR.pv.get("$T_branch_idx"), KSR.tm.t_check_status("486"), KSR.kx.get_status(), KSR.tmx.t_is_failure_route(), KSR.tmx.t_is_reply_route(), KSR.tm.t_is_set("branch_failure_route"), KSR.tm.t_relay()) end
function failure() note("failure", KSR.tm.t_is_set("branch_failure_route")) end`
	f := run(t, "", script, config("", ""))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	f.Came(f.carol, "INVITE")
	f.Reply(f.Came(f.bob, "INVITE"), 486)
	f.Answered(out, 486)
	f.heard(t, `1; 1|"broken"; 0; 486; 0; 1; -1; -1; -1; -1; -1|"broken"; 0; 408; 1; -1; -1; -1; -1; -1; -1|"failure"; -1`)
}

func TestKeepsMessages(t *testing.T) {
	script := heard + `
function ksr_request_route()
  if KSR.is_OPTIONS() then return tell() end
  if KSR.is_REGISTER() then KSR.registrar.save("location", 0) note(KSR.msilo.mdump(), KSR.msilo.mdump_uri("sip:x@example.com")) return end
  local u = KSR.pv.get("$rU")
  if u == "other" then note(KSR.msilo.mstore_uri("sip:bob@example.com")) elseif u == "bad" then note(KSR.msilo.mstore_uri("x y")) else note(KSR.msilo.mstore()) end
  KSR.tm.t_reply(202, "Stored")
end`
	f := run(t, "", script, config("msilo", ""))
	for _, c := range []struct {
		name, uri, headers, body string
	}{
		{"msilo.mstore", "sip:bob@example.com", "Content-Type: text/plain\r\n", "one"},
		{"msilo.mstore: no body", "sip:bob@example.com", "Content-Type: text/plain\r\n", ""},
		{"msilo.mstore: no type", "sip:bob@example.com", "", "x"},
		{"msilo.mstore_uri", "sip:other@example.com", "Content-Type: text/plain\r\n", "two"},
		{"msilo.mstore_uri: no URI", "sip:bad@example.com", "Content-Type: text/plain\r\n", "three"},
		{"msilo.mstore: no user", "sip:example.com", "Content-Type: text/plain\r\n", "four"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if res := f.Send(f.Request("MESSAGE", c.uri, c.headers, c.body)); res == nil || res.Status() != 202 {
				t.Errorf("%v", res)
			}
		})
	}
	f.Answered(f.bob.Register(phone.Registration{Expires: 600}), 200)
	for _, want := range []string{"one", "two"} {
		in := f.Came(f.bob, "MESSAGE")
		if got := string(in.Msg.Body()); got != want {
			t.Errorf("%q came, want %q", got, want)
		}
		f.Reply(in, 200)
	}
	f.heard(t, "1|-1|-1|1|-1|-1|1; 1")
}

func TestPasswordOfTheScript(t *testing.T) {
	for _, c := range []struct{ name, password, flags, want string }{
		{"4/auth.pv_auth_check", `"secret"`, "0, 1", `1; "alice"`},
		{"4/auth.pv_auth_check: another password", `"wrong"`, "0, 1", `-2; "alice"`},
		{"4/auth.pv_auth_check: HA1", `"b1726872c344b6dc8365b774f8fd6412"`, "1, 0", `1; "alice"`},
		{"4/auth.pv_auth_check: no HA1", `"x"`, "1, 0", `-1; nil`},
		{"4/auth.pv_auth_check: none", `""`, "0, 0", `-1; nil`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := run(t, "", show+`function ksr_request_route()
  if not KSR.hdr.get("Proxy-Authorization") then got0 = KSR.auth.pv_auth_check("example.com", "secret", 0, 1) KSR.auth.auth_challenge("example.com", 0) return end
  got = show(KSR.auth.pv_auth_check("example.com", `+c.password+`, `+c.flags+`), KSR.pv.get("$au"))
  KSR.sl.send_reply(486, "Done")
end`, config("auth", ""))
			f.Answered(f.alice.Invite("sip:x@example.com", phone.Spec{}), 486)
			if got, err := f.Eval("return got, got0"); err != nil || got[0] != c.want || got[1] != -5.0 {
				t.Errorf("%v, %v, want %s", got, err, c.want)
			}
		})
	}
}
