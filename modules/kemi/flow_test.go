package kemi_test

// Calls through KEMI scripts: routes by name, what arrives, and what the caller gets.

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// stock is the example of Kamailio's Debian package.
const stock = "/usr/share/doc/kamailio/examples/kemi/kamailio-basic-kemi-lua.lua"

func stockScript(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(stock)
	if err != nil {
		t.Skipf("the example of the Debian package kamailio is not installed: %v", err)
	}
	return string(text)
}

// cfg is a configuration for k.lua that loads modules and has further lines.
func config(modules, lines string) string {
	text := ""
	for m := range strings.FieldsSeq("tm tmx sl rr pv maxfwd usrloc registrar textops textopsx siputils xlog sanity kemix corex app_lua " + modules) {
		text += "loadmodule \"" + m + ".so\"\n"
	}
	return text + lines + "\nmodparam(\"app_lua\", \"load\", \"/etc/kamailio/k.lua\")\ncfgengine \"lua\"\n"
}

// flows is a world with three phones.
type flows struct {
	*luabindtest.World
	alice, bob, carol *phone.Phone
}

func phones(w *luabindtest.World) flows {
	w.Ladder()
	password := func(o *phone.Options) { o.Password = "secret" }
	return flows{w, w.Phone("alice", "10.0.0.5", password), w.Phone("bob", "10.0.0.3", password), w.Phone("carol", "10.0.0.4", password)}
}

func run(t *testing.T, head, text, cfg string, options ...luabindtest.Option) flows {
	t.Helper()
	w, err := loadFiles(t, head, "kamailio.cfg", map[string]string{"k.lua": text, "kamailio.cfg": cfg}, append(options, luabindtest.Engine(func(c *engine.Config) { c.Domains = []string{"example.com"} }))...)
	if err != nil {
		t.Fatal(err)
	}
	return phones(w)
}

func TestStockRegistersAndCalls(t *testing.T) {
	f := run(t, "", stockScript(t), config("htable pike", `modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")`))
	reg := f.bob.Register(phone.Registration{Expires: 600})
	f.Answered(reg, 200)
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	in := f.Came(f.bob, "INVITE")
	f.Reply(in, 180)
	f.Answered(out, 180)
	f.Reply(in, 200)
	f.Answered(out, 200)
	if !f.Sim.RunUntil(time.Minute, func() bool { return in.Dialog() != nil && in.Dialog().Confirmed() }) {
		t.Fatal("the ACK did not come")
	}
	bye := out.Dialog().Send(phone.Spec{Method: "BYE"})
	f.Answered(bye, 200)
	f.Came(f.bob, "BYE")
}

func TestStockAnswers(t *testing.T) {
	f := run(t, "", stockScript(t), config("htable pike", `modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")`))
	for _, c := range []struct {
		name, method, uri, headers string
		code                       int
		reason                     string
	}{
		{"keepalive", "OPTIONS", "sip:10.0.0.1:5060", "", 200, "Keepalive"},
		{"scanner", "OPTIONS", "sip:bob@example.com", "User-Agent: friendly-scanner\r\n", 200, "OK"},
		{"nobody", "INVITE", "sip:nobody@example.com", "", 404, "Not Found"},
		{"no user", "MESSAGE", "sip:example.com", "", 484, "Address Incomplete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := f.Ask(c.method, c.uri, c.headers)
			if res == nil || res.Status() != c.code || string(res.ReasonPhrase()) != c.reason {
				t.Errorf("%v", res)
			}
		})
	}
	t.Run("within a dialog that is not ours", func(t *testing.T) {
		text := strings.Replace(string(f.Request("BYE", "sip:bob@example.com", "", "")), "To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=x", 1)
		if res := f.Send([]byte(text)); res == nil || res.Status() != 404 || string(res.ReasonPhrase()) != "Not here" {
			t.Errorf("%v", res)
		}
	})
}

func TestStockAuthenticates(t *testing.T) {
	f := run(t, `require("auth").users{ alice = "secret", bob = "secret" }`, stockScript(t), config("htable pike auth auth_db", `modparam("htable", "htable", "ipban=>size=8;autoexpire=300;")`))
	f.Answered(f.bob.Register(phone.Registration{Expires: 600}), 200)
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	in := f.Came(f.bob, "INVITE")
	if in.Msg.HeaderName("Proxy-Authorization") != nil {
		t.Error("the credentials went on")
	}
	f.Reply(in, 200)
	f.Answered(out, 200)
	t.Run("a wrong password", func(t *testing.T) {
		dave := f.Phone("alice", "10.0.0.7", func(o *phone.Options) { o.Password = "wrong" })
		f.Answered(dave.Register(phone.Registration{Expires: 600}), 401)
	})
	t.Run("another's identity", func(t *testing.T) {
		mallory := f.Phone("bob", "10.0.0.8", func(o *phone.Options) { o.User, o.Password = "alice", "secret" })
		f.Answered(mallory.Register(phone.Registration{Expires: 600}), 401)
	})
	t.Run("a relay for strangers", func(t *testing.T) {
		res := f.Send([]byte(strings.Replace(string(f.Request("INVITE", "sip:x@192.0.2.7", "", "")), "sip:alice@example.com", "sip:alice@elsewhere.example", 1)))
		if res == nil || res.Status() != 403 || string(res.ReasonPhrase()) != "Not relaying" {
			t.Errorf("%v", res)
		}
	})
}

// routes reports where a script's functions run, in headers.
const routes = show + `
local function mark(name) KSR.hdr.append("X-Route: " .. name .. "\r\n") end
function ksr_request_route()
  if KSR.is_ACK() or KSR.siputils.has_totag() > 0 then
    if KSR.rr.loose_route() > 0 then KSR.tm.t_relay() end
    return
  end
  KSR.rr.record_route()
  KSR.pv.sets("$avp(kept)", "yes")
  KSR.setflag(7)
  KSR.tm.t_on_branch("branch")
  KSR.tm.t_on_reply("reply")
  KSR.tm.t_on_failure("failure")
  KSR.setdsturi("sip:10.0.0.3:5060")
  mark("request")
  first = show(KSR.tm.t_relay())
end
function branch()
  mark("branch " .. KSR.pv.get("$T_branch_idx") .. " " .. show(KSR.tmx.t_is_branch_route(), KSR.pv.get("$avp(kept)"), KSR.isflagset(7)))
  KSR.pv.sets("$rU", "changed")
end
function reply()
  mark("reply " .. show(KSR.kx.get_status(), KSR.kx.get_ruri(), KSR.siputils.is_reply(), KSR.pv.get("$T_req($rU)"), KSR.pv.get("$rs"), KSR.pv.get("$rm")))
end
function failure()
  failed = show(KSR.tm.t_is_set("branch_route"), KSR.tm.t_is_set("onreply_route"), KSR.pv.get("$T_reply_code"), KSR.pv.get("$T_branch_idx"), KSR.tm.t_check_status("486|408"), KSR.kx.get_status(), KSR.pv.get("$rs"), KSR.pv.get("$avp(kept)"))
  KSR.pv.sets("$ru", "sip:carol@example.com")
  KSR.pv.sets("$du", "sip:10.0.0.4:5060")
  KSR.tm.t_relay()
end
`

func TestRoutesByName(t *testing.T) {
	f := run(t, "", routes, config("", ""))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	in := f.Came(f.bob, "INVITE")
	if got, want := values(in, "X-Route"), `request|branch 0 1; "yes"; true`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(in.Msg.RequestURI()); got != "sip:changed@example.com" {
		t.Error(got)
	}
	f.Reply(in, 180)
	if got, want := header(f.Answered(out, 180), "X-Route"), `reply 180; nil; 1; "bob"; 180; "INVITE"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	f.Reply(in, 486)
	second := f.Came(f.carol, "INVITE")
	if got := string(second.Msg.RequestURI()); got != "sip:carol@example.com" {
		t.Error(got)
	}
	if got, want := values(second, "X-Route"), "request"; got != want {
		t.Errorf("the branch function must be named again: got %s", got)
	}
	if got, err := f.Eval("return failed, first"); err != nil || got[0] != `-1; 1; 486; 1; 1; -1; nil; "yes"` || got[1] != "1" {
		t.Errorf("%v, %v", got, err)
	}
	f.Reply(second, 200)
	if got, want := header(f.Answered(out, 200), "X-Route"), `reply 200; nil; 1; "carol"; 200; "INVITE"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !f.Sim.RunUntil(time.Minute, func() bool { return second.Dialog() != nil && second.Dialog().Confirmed() }) {
		t.Error("the ACK did not come")
	}
	f.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
}

func values(in *phone.Incoming, name string) string {
	var list []string
	for i := in.Msg.FindName(name, 0); i >= 0; i = in.Msg.FindName(name, i+1) {
		list = append(list, string(in.Msg.Value(i)))
	}
	return strings.Join(list, "|")
}

// Each script relays to bob; what differs is what happens to the call.
func TestFlowRows(t *testing.T) {
	const to = `KSR.setdsturi("sip:10.0.0.3:5060") `
	for _, c := range []struct {
		name, script string
		reply        int // bob's, 0 for none
		want         int // alice's
		reason       string
	}{
		{"1/nothing done", `function ksr_request_route() end`, 0, 0, ""},
		{"1/exit", `function ksr_request_route() KSR.sl.send_reply(480, "Exit") KSR.x.exit() KSR.sl.send_reply(481, "x") end`, 0, 480, "Exit"},
		{"1/exit inside pcall", `function ksr_request_route() pcall(KSR.x.exit) KSR.sl.send_reply(480, "On") end`, 0, 480, "On"},
		{"1/exit from deep within", `local function deep(n) if n == 0 then KSR.x.exit() end deep(n - 1) end
function ksr_request_route() KSR.sl.send_reply(480, "Deep") deep(40) KSR.setflag(1) error("on") end`, 0, 480, "Deep"},
		{"1/exit as a tail call", `local function out() return KSR.x.exit() end function ksr_request_route() KSR.sl.send_reply(480, "Tail") out() error("on") end`, 0, 480, "Tail"},
		{"1/exit as a tail call, after one that is refused", `local function out() return KSR.x.exit() end function ksr_request_route() KSR.sl.send_reply(480, "Tail") KSR.x.exit("stray") out() error("on") end`, 0, 480, "Tail"},
		{"1/exit inside pcall, after one that is refused", `function ksr_request_route() KSR.x.exit("stray") local _, why = pcall(KSR.x.exit) KSR.sl.send_reply(480, why) end`, 0, 480, "~~ksr~exit~~"},
		{"1/exit in a coroutine, after one that is refused", `function ksr_request_route() KSR.x.exit("stray") local ok = coroutine.resume(coroutine.create(KSR.x.exit)) KSR.sl.send_reply(480, tostring(ok)) end`, 0, 480, "false"},
		{"1/exit in a function that Lua calls", `function ksr_request_route() KSR.sl.send_reply(480, "Called") string.gsub("abc", ".", function() KSR.x.exit() end) error("on") end`, 0, 480, "Called"},
		{"1/exit in a comparison", `function ksr_request_route() KSR.sl.send_reply(480, "Sorted") table.sort({ 3, 2, 1 }, function() KSR.x.exit() end) error("on") end`, 0, 480, "Sorted"},
		{"1/exit in an iterator", `function ksr_request_route() KSR.sl.send_reply(480, "Iterated") for _ in function() KSR.x.exit() end do end error("on") end`, 0, 480, "Iterated"},
		{"1/exit in a metamethod", `local x = setmetatable({}, { __index = function() KSR.x.exit() end })
function ksr_request_route() KSR.sl.send_reply(480, "Meta") if x.y then error("on") end error("on") end`, 0, 480, "Meta"},
		{"1/exit in a coroutine ends that", `function ksr_request_route() local ok, why = coroutine.resume(coroutine.create(function() KSR.x.exit() end))
if ok or why ~= "~~ksr~exit~~" then error("x") end local on = pcall(function() return 1 end) KSR.sl.send_reply(480, on and "On" or "Off") end`, 0, 480, "On"},
		{"1/what pcall says of exit", `function ksr_request_route() local u = {} local ok, why = pcall(function() local z = 7 u.f = function() z = z + 1 return z end KSR.x.exit() end)
KSR.sl.send_reply(480, tostring(ok) .. " " .. why .. u.f() .. u.f()) end`, 0, 480, "false ~~ksr~exit~~89"},
		{"1/exit in every function", `local function gone() KSR.x.exit() end
function ksr_request_route() KSR.tm.t_on_branch("gone_b") KSR.tm.t_on_failure("f") ` + to + ` KSR.tm.t_relay() KSR.x.exit() end
function gone_b() KSR.hdr.append("Subject: b\r\n") gone() error("on") end function ksr_reply_route() gone() error("on") end
function f() KSR.tm.t_reply(480, "F") gone() error("on") end`, 486, 480, "F"},
		{"1/error with the text of exit", `function ksr_request_route() KSR.sl.send_reply(480, "E") error("~~ksr~exit~~", 0) end`, 0, 480, "E"},
		{"1/drop after a relay", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() KSR.x.drop() end`, 486, 486, "Busy Here"},
		{"1/runtime error: 500, not silence", `function ksr_request_route() error("x") end`, 0, 500, "Server Internal Error"},
		{"1/runtime error after a relay", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() error("x") end`, 486, 486, "Busy Here"},
		{"1/ksr_request_route is missing", `x = 1`, 0, 500, "Server Internal Error"},
		{"1/a branch that is dropped", `function ksr_request_route() KSR.tm.t_on_branch("b") ` + to + ` KSR.tm.t_relay() end function b() KSR.x.drop() end`, 0, 500, "Server Internal Error"},
		{"1/an error in a branch", `function ksr_request_route() KSR.tm.t_on_branch("b") ` + to + ` KSR.tm.t_relay() end function b() error("x") end`, 486, 486, "Busy Here"},
		{"1/a branch function that is none", `function ksr_request_route() KSR.tm.t_on_branch("nosuch") KSR.tm.t_on_reply("nosuch") ` + to + ` KSR.tm.t_relay() end`, 486, 486, "Busy Here"},
		{"1/a final reply is not dropped", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() end function ksr_reply_route() KSR.x.drop() end`, 200, 200, "OK"},
		{"1/an error in a reply route", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() end function ksr_reply_route() error("x") end`, 200, 200, "OK"},
		{"1/an error in a failure route", `function ksr_request_route() KSR.tm.t_on_failure("f") ` + to + ` KSR.tm.t_relay() end function f() error("x") end`, 486, 486, "Busy Here"},
		{"2/send_reply in a failure route", `function ksr_request_route() KSR.tm.t_on_failure("f") ` + to + ` KSR.tm.t_relay() end function f() KSR.sl.send_reply(480, "Mine") end`, 486, 480, "Mine"},
		{"4/t_reply in a failure route", `function ksr_request_route() KSR.tm.t_on_failure("f") ` + to + ` KSR.tm.t_relay() end function f() KSR.tm.t_reply(480, "Mine") end`, 486, 480, "Mine"},
		{"2/sl_reply_error", `function ksr_request_route() KSR.sl.sl_reply_error() end`, 0, 500, "I'm terribly sorry, server error occurred"},
		{"2/one answer: the first", `function ksr_request_route() KSR.sl.sl_send_reply(480, "A") KSR.sl.sl_send_reply(481, "B") end`, 0, 480, "A"},
		{"2/a reply after a relay is not sent", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() KSR.sl.send_reply(480, "A") end`, 486, 486, "Busy Here"},
		{"2/a relay after a reply is not sent", `function ksr_request_route() KSR.sl.send_reply(480, "A") ` + to + ` if KSR.tm.t_relay() > 0 then error("x") end end`, 0, 480, "A"},
		{"2/t_relay twice", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() if KSR.tm.t_relay() ~= -1 then error("x") end end`, 486, 486, "Busy Here"},
		{"4/t_set_fr", `function ksr_request_route() KSR.tm.t_set_fr(2000, 1000) ` + to + ` KSR.tm.t_relay() end`, 0, 408, "Request Timeout"},
		{"4/t_any_timeout", `function ksr_request_route() KSR.tm.t_set_fr(2000, 1000) KSR.tm.t_on_failure("f") ` + to + ` KSR.tm.t_relay() end function f() KSR.tm.t_reply(480, "T" .. KSR.tm.t_any_timeout() .. KSR.tm.t_any_replied()) end`, 0, 480, "T1-1"},
		{"4/forward", `function ksr_request_route() ` + to + ` KSR.forward() end`, 486, 486, "Busy Here"},
		{"2/hdr.append_to_reply", `function ksr_request_route() KSR.hdr.append_to_reply("Subject: x\r\n") KSR.sl.send_reply(480, "A") end`, 0, 480, "A"},
		{"1/onsend changes nothing", `function ksr_request_route() ` + to + ` KSR.tm.t_relay() end function ksr_onsend_route() KSR.hdr.append("X-Route: x\r\n") KSR.x.drop() end`, 486, 486, "Busy Here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := run(t, "", c.script, config("", ""))
			out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
			if c.reply > 0 {
				in := f.Came(f.bob, "INVITE")
				if header(in.Msg, "X-Route") != "" {
					t.Error("the change reached the wire")
				}
				f.Reply(in, c.reply)
			}
			f.Sim.RunUntil(40*time.Second, func() bool { return out.Final() != nil })
			f.Run(time.Second)
			switch got := out.Final(); {
			case got == nil && c.want != 0:
				t.Error("no answer")
			case got != nil && (got.Status() != c.want || string(got.ReasonPhrase()) != c.reason):
				t.Errorf("%d %s", got.Status(), got.ReasonPhrase())
			}
			finals := 0
			for _, a := range out.Answers {
				if a.Msg.Status() >= 200 {
					finals++
				}
			}
			if c.want != 0 && finals != 1 {
				t.Errorf("%d finals", finals)
			}
			if n := f.Router.Stats().Errors; n > 0 && strings.HasPrefix(c.name, "1/exit") {
				t.Errorf("%d errors", n)
			}
		})
	}
}

func TestDroppedProvisional(t *testing.T) {
	f := run(t, "", `function ksr_request_route() KSR.setdsturi("sip:10.0.0.3:5060") KSR.tm.t_on_reply("r") KSR.tm.t_relay() end function r() if KSR.kx.get_status() == 183 then KSR.set_drop() end end`, config("", ""))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	in := f.Came(f.bob, "INVITE")
	f.Reply(in, 183)
	f.Reply(in, 180)
	f.Answered(out, 180)
	for _, a := range out.Answers {
		if a.Msg.Status() == 183 {
			t.Error("the 183 was not dropped")
		}
	}
}

func TestBranches(t *testing.T) {
	f := run(t, "", `function ksr_request_route() KSR.setdsturi("sip:10.0.0.3:5060") KSR.corex.append_branch_uri("sip:carol@10.0.0.4:5060") KSR.tm.t_on_branch("b") KSR.tm.t_relay() end
function b() KSR.hdr.append("X-Route: " .. KSR.pv.get("$T_branch_idx") .. "\r\n") end`, config("", ""))
	out := f.alice.Invite("sip:bob@example.com", phone.Spec{})
	one, two := f.Came(f.bob, "INVITE"), f.Came(f.carol, "INVITE")
	if values(one, "X-Route") != "0" || values(two, "X-Route") != "1" {
		t.Errorf("%s, %s", values(one, "X-Route"), values(two, "X-Route"))
	}
	f.Reply(two, 200)
	f.Answered(out, 200)
	f.Came(f.bob, "CANCEL")
}

func TestSaveAndLookup(t *testing.T) {
	f := run(t, "", show+`
function ksr_request_route()
  if KSR.is_REGISTER() then
    saved = show(KSR.registrar.save("location", 0))
    return
  end
  found = show(KSR.registrar.lookup("location"), KSR.pv.get("$ru"), KSR.pv.get("$branch(count)"))
  KSR.tm.t_relay()
end`, config("", ""))
	for _, c := range []struct {
		name, want string
		reg        phone.Registration
	}{
		{"2/registrar.save: new", "1", phone.Registration{Expires: 600}},
		{"2/registrar.save: refreshed", "2", phone.Registration{Expires: 600}},
		{"2/registrar.save: another", "1", phone.Registration{Expires: 600, Contacts: []string{"<sip:bob@10.0.0.4:5060>;q=0.5"}}},
		{"2/registrar.save: removed", "3", phone.Registration{Expires: 600, Contacts: []string{"<sip:bob@10.0.0.4:5060>;expires=0"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.Answered(f.bob.Register(c.reg), 200)
			if got, err := f.Eval("return saved"); err != nil || got[0] != c.want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	f.alice.Invite("sip:bob@example.com", phone.Spec{})
	f.Came(f.bob, "INVITE")
	if got, err := f.Eval("return found"); err != nil || got[0] != `1; "sip:bob@10.0.0.3:5060"; 0` {
		t.Errorf("%v, %v", got, err)
	}
}
