package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/modules/dialog"
)

// What a script sees of a call, before and after its end.
func TestFields(t *testing.T) {
	w := newWorld(t, scriptOf(`vars = { account = "7", n = 3, on = true }, limits = { x = 2 }`, "", "10.0.0.3")+`
sip.on("dialog.ended", function(call) sip.shared("seen"):set("end", call.state .. " " .. call.by .. " " .. call.cause .. " " .. call.vars.account) end)`)
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	out, _ := w.talk(alice, bob)
	id := w.only().ID().String()
	for _, row := range []struct{ lua, want string }{
		{`return call.id, call.state, call.caller, call.callee`, "[" + id + " confirmed sip:alice@example.com sip:bob@example.com]"},
		{`return call.call_id`, "[" + out.CallID() + "]"},
		{`return call.from_uri, call.to_uri`, "[sip:alice@example.com sip:bob@example.com]"},
		{`return call.answered >= call.started, call.ended, call.by, call.cause, call.code`, "[true <nil> <nil> <nil> 200]"},
		{`return call.a.contact, call.b.contact`, "[sip:alice@10.0.0.2:5060 sip:bob@10.0.0.3:5060]"},
		{`return call.b.tag == call.legs[1].tag, #call.legs, call.legs[1].uri, call.legs[1].code`, "[true 1 sip:bob@10.0.0.3:5060 200]"},
		{`return call.vars.account, call.vars.n, call.vars.on`, "[7 3 true]"},
		{`call:keep("account", "8") call:keep("n", nil) return call.vars.account, call.vars.n`, "[8 <nil>]"},
		{`return dialog.count(), dialog.count("x"), dialog.count("y")`, "[1 1 0]"},
		{`return call:limit({ x = 1, y = 1 })`, "[true]"},
		{`return call:limit({ z = 0, y = 1 })`, "[false z]"},
		{`return dialog.count("x"), dialog.count("y"), dialog.count("z")`, "[1 1 0]"},
		{`return #dialog.list({ key = "y" }), #dialog.list({ key = "z" }), #dialog.list({ from = "sip:alice@example.com" }), #dialog.list({ to = "sip:x@y" })`, "[1 0 1 0]"},
		{`return dialog.of("00"), dialog.of(call.id) ~= nil`, "[<nil> true]"},
		{`return call:hang_up("SIP;cause=200")`, "[true]"},
	} {
		t.Run(row.lua, func(t *testing.T) {
			got, err := w.Eval(`local dialog = require "dialog" local call = dialog.list()[1] ` + row.lua)
			if err != nil || fmt.Sprint(got) != row.want {
				t.Errorf("%v %v, want %s", got, err, row.want)
			}
		})
	}
	w.Run(time.Second)
	got, err := w.Eval(`return sip.shared("seen"):get("end"), require("dialog").of("` + id + `")`)
	if err != nil || fmt.Sprint(got) != "[ended server hung up 8 <nil>]" {
		t.Errorf("%v %v", got, err)
	}
}

// What is refused.
func TestMisuse(t *testing.T) {
	for _, row := range []struct{ name, route, why string }{
		{"another method", `dialog.track(req)`, "track is for an INVITE"},
		{"an unknown option", `dialog.track(req, { limit = {} })`, "limit"},
		{"limits that are not numbers", `dialog.track(req, { limits = { x = "1" } })`, "whole numbers"},
		{"limits that are a list", `dialog.track(req, { limits = { 1 } })`, "limits"},
		{"vars that are tables", `dialog.track(req, { vars = { x = {} } })`, "texts, numbers"},
		{"pings too often", `dialog.track(req, { keepalive = 5 })`, "keepalive"},
		{"a refresher that a proxy may not choose", `dialog.track(req, { session_timer = { refresher = "uas" } })`, "refresher"},
		{"a session interval below 90", `dialog.track(req, { session_timer = { min = 30 } })`, "at least 90"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, `dialog = require "dialog"
function route(req)
  local ok, err = pcall(function() `+row.route+` end)
  req:reply(299, err)
end`)
			method := "INVITE"
			if strings.Contains(row.name, "method") {
				method = "OPTIONS"
			}
			m := w.Ask(method, "sip:bob@example.com")
			if m == nil || !strings.Contains(string(m.ReasonPhrase()), row.why) {
				t.Errorf("%v", m)
			}
			w.calls(0)
		})
	}
}

// A call can be extended, also several times.
func TestExtend(t *testing.T) {
	w := newWorld(t, scriptOf("max_duration = 60", "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	w.talk(alice, bob)
	w.only().Extend(30 * time.Second)
	w.only().Extend(30 * time.Second)
	w.Run(119 * time.Second)
	w.calls(1)
	w.Run(2 * time.Second)
	w.calls(0)
}

// A script may ask for what the other party's phone asks for: that a request is of the call.
func TestValidate(t *testing.T) {
	for _, row := range []struct {
		name string
		send func(out *phone.Outgoing, in *phone.Incoming)
		want string
	}{
		{"in order", func(out *phone.Outgoing, _ *phone.Incoming) { out.Dialog().Send(phone.Spec{Method: "INFO"}) }, "true"},
		{"of the callee", func(_ *phone.Outgoing, in *phone.Incoming) { in.Dialog().Send(phone.Spec{Method: "INFO"}) }, "true"},
		{"an old number", func(out *phone.Outgoing, _ *phone.Incoming) {
			out.Dialog().Send(phone.Spec{Method: "INFO", Headers: lines("CSeq: 1 INFO")})
		}, "its CSeq is not higher than that of its sender's last request"},
		{"another target", func(out *phone.Outgoing, _ *phone.Incoming) {
			out.Dialog().Send(phone.Spec{Method: "INFO", URI: "sip:carol@10.0.0.3:5060"})
		}, "its Request-URI is not the Contact of the other party"},
		{"another tag", func(out *phone.Outgoing, _ *phone.Incoming) {
			out.Dialog().Send(phone.Spec{Method: "INFO", To: "<sip:bob@example.com>;tag=zz"})
		}, "its Route does not prove that it belongs to a call of this server's"},
		{"without a Route", func(out *phone.Outgoing, _ *phone.Incoming) {
			out.Phone().Send(phone.Spec{Method: "INFO", URI: "sip:bob@10.0.0.3:5060", To: "<sip:bob@example.com>;tag=zz"})
		}, "its Route does not prove that it belongs to a call of this server's"},
		{"outside", func(out *phone.Outgoing, _ *phone.Incoming) {
			out.Phone().Send(phone.Spec{Method: "OPTIONS", URI: "sip:bob@10.0.0.3:5060"})
		}, "it is not within a dialog"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got string
			w := newWorld(t, `
dialog = require "dialog"
function route(req)
  if req.method == "INVITE" then dialog.track(req) return req:relay("sip:bob@10.0.0.3:5060") end
  if req.method ~= "ACK" then
    local ok, why = dialog.validate(req)
    sip.shared("seen"):set("why", why or tostring(ok))
  end
  if req.in_dialog then return req:relay() end
  req:reply(200)
end`)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			out, in := w.talk(alice, bob)
			row.send(out, in)
			w.Run(time.Second)
			list, err := w.Eval(`return sip.shared("seen"):get("why")`)
			if err == nil {
				got = fmt.Sprint(list[0])
			}
			if got != row.want {
				t.Errorf("%s %v, want %s", got, err, row.want)
			}
		})
	}
}

// Values of JSON keep their digits: ids of 64 bits are text.
func TestVarsOfJSON(t *testing.T) {
	var o dialog.VarsOption
	if err := o.UnmarshalJSON([]byte(`{"id": 9007199254740993, "n": 7, "on": true}`)); err != nil || o["id"] != "9007199254740993" || o["n"] != 7.0 || o["on"] != true {
		t.Errorf("%v %v", o, err)
	}
}
