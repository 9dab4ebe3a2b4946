package dispatch_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dispatch"
	"github.com/sipscript/sipscript/ops/openapi"
)

// Whatever ends a call, its place at the gateway is free again, and once: a call beside it keeps
// its own.
func TestEachEndFreesOnePlace(t *testing.T) {
	const script = `dispatch.configure { sets = { carriers = { { next_hop = "sip:10.0.0.11", max_calls = 2 } } } }
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(dispatch.targets("carriers"), { reply_timeout = 4, ring_timeout = 20 })
end`
	const calls = `return dispatch.list("carriers")[1].calls`
	talk := func(w *luabindtest.World, alice, gw *phone.Phone) (*phone.Outgoing, *phone.Incoming) {
		out := alice.Invite("sip:b@example.com", phone.Spec{})
		in := w.Came(gw, "INVITE")
		w.Reply(in, 200)
		w.Answered(out, 200)
		return out, in
	}
	bye := phone.Spec{Method: "BYE"}
	for _, row := range []struct {
		name string
		play func(w *luabindtest.World, alice, gw *phone.Phone)
	}{
		{"busy", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out := alice.Invite("sip:b@example.com", phone.Spec{})
			w.Reply(w.Came(gw, "INVITE"), 486)
			w.Answered(out, 486)
		}},
		{"it fails, and nobody is left", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out := alice.Invite("sip:b@example.com", phone.Spec{})
			w.Reply(w.Came(gw, "INVITE"), 503)
			w.Answered(out, 500)
		}},
		{"silent", func(w *luabindtest.World, alice, gw *phone.Phone) {
			w.Answered(alice.Invite("sip:b@example.com", phone.Spec{}), 408)
		}},
		{"rings for too long", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out := alice.Invite("sip:b@example.com", phone.Spec{})
			w.Reply(w.Came(gw, "INVITE"), 180)
			w.Answered(out, 408)
		}},
		{"cancelled", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out := alice.Invite("sip:b@example.com", phone.Spec{})
			w.Reply(w.Came(gw, "INVITE"), 180)
			w.Answered(out, 180)
			_ = out.Cancel(nil)
			w.Answered(out, 487)
		}},
		{"a CANCEL that crosses the 200", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out := alice.Invite("sip:b@example.com", phone.Spec{})
			in := w.Came(gw, "INVITE")
			w.Reply(in, 180)
			w.Answered(out, 180)
			_ = out.Cancel(nil)
			_ = in.Reply(200, phone.Reply{})
			w.Answered(out, 200)
			w.Answered(out.Dialog().Send(bye), 200)
		}},
		{"the caller hangs up", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out, _ := talk(w, alice, gw)
			w.Answered(out.Dialog().Send(bye), 200)
		}},
		{"the callee hangs up", func(w *luabindtest.World, alice, gw *phone.Phone) {
			_, in := talk(w, alice, gw)
			w.Answered(in.Dialog().Send(bye), 200)
		}},
		{"both hang up at once", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out, in := talk(w, alice, gw)
			a, b := out.Dialog().Send(bye), in.Dialog().Send(bye)
			w.Sim.RunUntil(time.Minute, func() bool { return a.Done() && b.Done() })
		}},
		{"a second BYE", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out, _ := talk(w, alice, gw)
			again := out.Dialog().Send(bye)
			w.Answered(again, 200)
			late := out.Dialog().Send(bye)
			w.Sim.RunUntil(time.Minute, late.Done)
		}},
		{"a BYE that is not answered", func(w *luabindtest.World, alice, gw *phone.Phone) {
			out, _ := talk(w, alice, gw)
			gw.Leave(false)
			out.Dialog().Send(bye)
			w.Run(33 * time.Second)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := world(t, script)
			alice, gw := w.Phone("alice", "10.0.0.2"), w.Phone("gw", "10.0.0.11")
			talk(w, alice, gw) // the call beside it
			if got := eval(t, w, calls); got != "1" {
				t.Fatalf("%s calls before", got)
			}
			row.play(w, alice, gw)
			w.Run(40 * time.Second)
			if got := eval(t, w, calls); got != "1" {
				t.Errorf("%s calls are counted, and one goes on", got)
			}
		})
	}
}

// A gateway that drains gets no new call; that of before goes on until its BYE.
func TestDraining(t *testing.T) {
	w := world(t, `dispatch.configure { sets = { carriers = { { next_hop = "sip:10.0.0.11", max_calls = 9 }, { next_hop = "sip:10.0.0.12", priority = 1 } } } }
function route(req)
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(dispatch.targets("carriers"))
end`)
	alice, one, two := w.Phone("alice", "10.0.0.2"), w.Phone("one", "10.0.0.11"), w.Phone("two", "10.0.0.12")
	out := alice.Invite("sip:b@example.com", phone.Spec{})
	w.Reply(w.Came(one, "INVITE"), 200)
	w.Answered(out, 200)
	if got := eval(t, w, `return dispatch.mark("carriers", "sip:10.0.0.11", "draining")`); got != "true" {
		t.Fatal(got)
	}
	next := alice.Invite("sip:c@example.com", phone.Spec{})
	w.Reply(w.Came(two, "INVITE"), 200)
	w.Answered(next, 200)
	again := out.Dialog().Send(phone.Spec{Method: "INVITE"})
	w.Reply(w.Came(one, "INVITE"), 200)
	w.Answered(again, 200)
	state := `local g = dispatch.list("carriers")[1] return g.state, g.calls`
	if got := eval(t, w, state); got != "draining 1" {
		t.Errorf("while it talks: %s", got)
	}
	w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.Run(time.Second)
	if got := eval(t, w, state); got != "draining 0" {
		t.Errorf("afterwards: %s", got)
	}
}

// What one lane marks, all see with their next request, and so does who asks from outside.
func TestAllLanesSeeAMark(t *testing.T) {
	d := dispatch.New(dispatch.Options{Quiet: true})
	w := luabindtest.New(t, `local dispatch = require "dispatch"
dispatch.configure { sets = { carriers = { "sip:10.0.0.11", "sip:10.0.0.12" } } }
local seen, lane = sip.shared("seen"), tostring({})
sip.on("dispatch.down", function(set, uri) seen:set("down", uri) end)
function route(req)
  for _ = 1, 8 do seen:set(lane .. " " .. dispatch.targets("carriers")[1].next_hop, true) end
  req:reply(200)
end`, luabindtest.Modules(d), luabindtest.Lanes(4))
	ask := func() {
		for range 60 {
			w.Code("OPTIONS", "sip:example.com")
		}
	}
	// How many lanes chose, and which gateways
	const said = `local lanes, hops, n = {}, {}, 0
		for _, key in ipairs(sip.shared("seen"):keys()) do
			local lane, hop = key:match("^(table.*) (sip:.*)$")
			if lane then hops[hop] = true if not lanes[lane] then lanes[lane] = true n = n + 1 end end
		end
		return n, hops["sip:10.0.0.11"] or false, hops["sip:10.0.0.12"] or false`
	ask()
	if got := eval(t, w, said); got != "4 true true" {
		t.Fatalf("before: %s", got)
	}
	if got := eval(t, w, `sip.shared("seen"):flush() return dispatch.mark("carriers", "sip:10.0.0.11", "down")`); got != "true" {
		t.Fatal(got)
	}
	ask()
	if got := eval(t, w, said+`, sip.shared("seen"):get("down")`); got != "4 false true sip:10.0.0.11" {
		t.Errorf("after: %s", got)
	}
	rec := httptest.NewRecorder()
	openapi.Handler(d.API()).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/gateways?set=carriers", nil))
	if text := rec.Body.String(); strings.Count(text, `"state": "down"`) != 1 {
		t.Errorf("the API says %s", text)
	}
}
