package dialog_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
)

// Whatever ends a call: one end is told, and its slots are free again.
func TestEnds(t *testing.T) {
	const limited = `limits = { x = 1, y = 5 }`
	refused := func(w *world, out *phone.Outgoing, code int) { w.Answered(out, code) }
	for _, row := range []struct {
		name    string
		options string
		relay   string
		targets []string
		play    func(w *world, alice, bob *phone.Phone)
		events  string
		script  string // instead
	}{
		{name: "busy", play: func(w *world, alice, bob *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 486)
			refused(w, out, 486)
		}, events: "ended rejected callee"},
		{name: "redirected by the callee", play: func(w *world, alice, bob *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 302, proxy.HeaderEdit{Name: "Contact", Values: []string{"<sip:c@10.0.0.9>"}})
			refused(w, out, 302)
		}, events: "ended rejected callee"},
		{name: "nobody there", play: func(w *world, alice, bob *phone.Phone) {
			bob.Leave(false)
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			refused(w, out, 408)
		}, events: "ended timeout server"},
		{name: "rings for too long", relay: "ring_timeout = 20", play: func(w *world, alice, bob *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 180)
			refused(w, out, 408)
		}, events: "early,ended timeout server"},
		{name: "no target", targets: []string{}, play: func(w *world, alice, bob *phone.Phone) {
			refused(w, alice.Invite("sip:bob@example.com", phone.Spec{}), 480)
		}, events: "ended rejected server"},
		{name: "a next hop that can't be sent to", targets: []string{"10.0.0.3:5060;transport=tls;x=y"}, play: func(w *world, alice, bob *phone.Phone) {
			refused(w, alice.Invite("sip:bob@example.com", phone.Spec{}), 500)
		}, events: "ended unreachable server"},
		{name: "cancelled", play: func(w *world, alice, bob *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Reply(w.Came(bob, "INVITE"), 180)
			w.Answered(out, 180)
			_ = out.Cancel(nil)
			refused(w, out, 487)
		}, events: "early,ended cancelled caller"},
		{name: "a CANCEL that crosses the 200", play: func(w *world, alice, bob *phone.Phone) {
			out := alice.Invite("sip:bob@example.com", phone.Spec{})
			in := w.Came(bob, "INVITE")
			w.Reply(in, 180)
			w.Answered(out, 180)
			_ = out.Cancel(nil)
			_ = in.Reply(200, phone.Reply{})
			w.Answered(out, 200)
			w.calls(1)
			w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, events: "early,answered,ended bye caller"},
		{name: "the script refuses", play: func(w *world, alice, bob *phone.Phone) {
			refused(w, alice.Invite("sip:bob@example.com", phone.Spec{}), 603)
		}, events: "ended rejected server", script: `req:reply(603)`},
		{name: "the script redirects", play: func(w *world, alice, bob *phone.Phone) {
			refused(w, alice.Invite("sip:bob@example.com", phone.Spec{}), 302)
		}, events: "ended rejected server", script: `req:redirect("sip:c@10.0.0.9")`},
		{name: "the script fails", play: func(w *world, alice, bob *phone.Phone) {
			refused(w, alice.Invite("sip:bob@example.com", phone.Spec{}), 500)
		}, events: "ended rejected server", script: `error("no")`},
		{name: "the script decides nothing", play: func(w *world, alice, bob *phone.Phone) {
			refused(w, alice.Invite("sip:bob@example.com", phone.Spec{}), 500)
		}, events: "ended rejected server", script: ``},
		{name: "the script drops it", play: func(w *world, alice, bob *phone.Phone) {
			alice.Invite("sip:bob@example.com", phone.Spec{})
			w.Run(200 * time.Millisecond)
		}, events: "ended dropped server", script: `req:drop()`},
		{name: "the caller hangs up", play: func(w *world, alice, bob *phone.Phone) {
			out, _ := w.talk(alice, bob)
			w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, events: "early,answered,ended bye caller"},
		{name: "the callee hangs up", play: func(w *world, alice, bob *phone.Phone) {
			_, in := w.talk(alice, bob)
			w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		}, events: "early,answered,ended bye callee"},
		{name: "both hang up at once", play: func(w *world, alice, bob *phone.Phone) {
			out, in := w.talk(alice, bob)
			a, b := out.Dialog().Send(phone.Spec{Method: "BYE"}), in.Dialog().Send(phone.Spec{Method: "BYE"})
			w.Sim.RunUntil(time.Minute, func() bool { return a.Done() && b.Done() })
		}, events: "early,answered,ended bye callee"},
		{name: "a BYE that is not answered", play: func(w *world, alice, bob *phone.Phone) {
			out, _ := w.talk(alice, bob)
			bob.Leave(false)
			out.Dialog().Send(phone.Spec{Method: "BYE"})
			w.Run(33 * time.Second)
		}, events: "early,answered,ended bye caller"},
		{name: "a re-INVITE finds nobody", play: func(w *world, alice, bob *phone.Phone) {
			out, _ := w.talk(alice, bob)
			again := out.Dialog().Send(phone.Spec{Method: "INVITE"})
			w.Reply(w.Came(bob, "INVITE"), 481)
			w.Answered(again, 481)
		}, events: "early,answered,ended gone"},
		{name: "an INFO is not answered", play: func(w *world, alice, bob *phone.Phone) {
			_, in := w.talk(alice, bob)
			alice.Leave(false)
			in.Dialog().Send(phone.Spec{Method: "INFO"})
			w.Run(33 * time.Second)
		}, events: "early,answered,ended gone"},
		{name: "max_duration", options: "max_duration = 60", play: func(w *world, alice, bob *phone.Phone) {
			w.talk(alice, bob)
			w.Run(59 * time.Second)
			w.calls(1)
			w.Run(2 * time.Second)
			w.Came(alice, "BYE")
			w.Came(bob, "BYE")
		}, events: "early,answered,ended max_duration server"},
	} {
		t.Run(row.name, func(t *testing.T) {
			targets := row.targets
			if targets == nil {
				targets = []string{"10.0.0.3"}
			}
			script := scriptOf(limited+", "+row.options, row.relay, targets...)
			if row.targets != nil && len(targets) > 0 {
				script = strings.Replace(script, ":5060", "", 1)
				script = strings.Replace(script, `y:5060"`, `y"`, 1)
			}
			if strings.HasPrefix(row.name, "the script") {
				before, _, _ := strings.Cut(script, "  req:relay({")
				script = before + row.script + "\nend"
			}
			w := newWorld(t, script)
			alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
			row.play(w, alice, bob)
			w.heard(strings.Split(row.events, ",")...)
			w.Run(40 * time.Second)
			if len(w.events) > 0 && !strings.HasSuffix(row.events, "dropped server") {
				t.Errorf("and later %q", w.events)
			}
			w.calls(0)
			for _, key := range []string{"x", "y"} {
				if n := w.d.Count(key); n != 0 {
					t.Errorf("%d calls have %s", n, key)
				}
			}
		})
	}
}

// The failover, the voicemail, and the branches that lose are legs of one call; another call
// through here is another.
func TestLegs(t *testing.T) {
	t.Run("failover", func(t *testing.T) {
		w := newWorld(t, scriptOf("", `order = "serial", on_failure = function(res, req) req:relay("sip:mail@10.0.0.5:5060") end`, "10.0.0.3", "10.0.0.4"))
		alice, bob, carol, mail := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4"), w.Phone("mail", "10.0.0.5")
		out := alice.Invite("sip:bob@example.com", phone.Spec{})
		w.Reply(w.Came(bob, "INVITE"), 486)
		w.Reply(w.Came(carol, "INVITE"), 480)
		w.Reply(w.Came(mail, "INVITE"), 200)
		w.Answered(out, 200)
		var codes []int
		var uris []string
		for _, l := range w.only().View().Legs {
			codes, uris = append(codes, l.Code), append(uris, l.URI)
		}
		if !slices.Equal(codes, []int{486, 480, 200}) || !slices.Equal(uris, []string{"sip:bob@10.0.0.3:5060", "sip:bob@10.0.0.4:5060", "sip:mail@10.0.0.5:5060"}) {
			t.Errorf("legs %v %v", codes, uris)
		}
		w.Answered(out.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.heard("answered", "ended bye caller")
	})
	t.Run("parallel", func(t *testing.T) {
		w := newWorld(t, scriptOf("", "", "10.0.0.3", "10.0.0.4"))
		alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
		out := alice.Invite("sip:bob@example.com", phone.Spec{})
		b, c := w.Came(bob, "INVITE"), w.Came(carol, "INVITE")
		w.Reply(b, 180)
		w.Reply(c, 180)
		w.Reply(c, 200)
		w.Answered(out, 200)
		w.heard("early", "answered")
		w.calls(1)
		w.Answered(c.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.heard("ended bye callee")
		w.Run(time.Minute)
	})
	t.Run("two answers", func(t *testing.T) {
		w := newWorld(t, scriptOf("limits = { x = 1 }", "", "10.0.0.3", "10.0.0.4"))
		alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4", func(o *phone.Options) { o.Manual = true })
		out := alice.Invite("sip:bob@example.com", phone.Spec{})
		b, c := w.Came(bob, "INVITE"), w.Came(carol, "INVITE")
		_ = b.Reply(200, phone.Reply{})
		_ = c.Reply(200, phone.Reply{})
		w.Answered(out, 200)
		w.Run(time.Second)
		w.heard("answered")
		w.Answered(b.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.calls(1)
		w.Answered(c.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
		w.heard("ended bye callee")
		w.calls(0)
	})
}

// An INVITE that comes through here again is a call of its own, with slots of its own: what a
// server before us forks, here ourselves, and what comes back. Asked twice, it is one.
func TestPassages(t *testing.T) {
	w := newWorld(t, `
dialog = require "dialog"
local to = { b = "sip:bob@10.0.0.3:5060", c = "sip:carol@10.0.0.4:5060" }
function route(req)
  if req.in_dialog then return req:relay() end
  local call = dialog.track(req, { limits = { x = 3 } })
  if not call then return req:reply(486) end
  assert(dialog.track(req, { limits = { x = 3 }, vars = { user = req.ruri.user } }).id == dialog.of(req).id)
  assert(dialog.of(call.id).id == call.id)
  req:relay(to[req.ruri.user] or { "sip:b@10.0.0.1:5060", "sip:c@10.0.0.1:5060" })
end`)
	alice, bob, carol := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3"), w.Phone("carol", "10.0.0.4")
	out := alice.Invite("sip:bob@example.com", phone.Spec{})
	in := w.Came(bob, "INVITE")
	w.Came(carol, "INVITE")
	w.calls(3)
	if n := w.d.Count("x"); n != 3 {
		t.Errorf("%d slots", n)
	}
	other := w.Phone("dave", "10.0.0.5").Invite("sip:bob@example.com", phone.Spec{})
	w.Answered(other, 486)
	w.Reply(in, 200)
	w.Answered(out, 200)
	w.Came(bob, "ACK")
	w.calls(2) // carol's is cancelled
	var users []any
	for _, c := range w.d.List(dialog.Filter{Key: "x"}) {
		users = append(users, c.View().Vars["user"])
	}
	if fmt.Sprint(users) != "[bob b]" {
		t.Errorf("calls of %v", users)
	}
	w.Answered(in.Dialog().Send(phone.Spec{Method: "BYE"}), 200)
	w.calls(0)
	if n := w.d.Count("x"); n != 0 {
		t.Errorf("%d slots", n)
	}
}

// A browser that vanishes ends its call, unless it comes back.
func TestLostFlow(t *testing.T) {
	browser := func(o *phone.Options) { o.Kind, o.Proxy = transport.WS, netip.MustParseAddrPort("10.0.0.1:8080") }
	for _, row := range []struct {
		name   string
		caller bool
		back   bool
		events []string
	}{
		{"the caller", true, false, []string{"early", "answered", "ended flow_lost server"}},
		{"the callee", false, false, []string{"early", "answered", "ended flow_lost server"}},
		{"the caller, and comes back", true, true, []string{"early", "answered"}},
		{"the callee, and is found again", false, true, []string{"early", "answered"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			script := scriptOf("flow_lost = 5, limits = { x = 1 }", "", "10.0.0.3")
			if !row.caller {
				script = `
dialog, registrar = require "dialog", require "registrar"
function route(req)
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "INVITE" and req.in_dialog then return req:relay(registrar.lookup("sip:bob@example.com")) end
  if req.in_dialog then return req:relay() end
  dialog.track(req, { flow_lost = 5, limits = { x = 1 } })
  req:relay(registrar.lookup(req.ruri))
end`
			}
			w := newWorld(t, script, luabindtest.Listen("udp:10.0.0.1:5060", "ws:10.0.0.1:8080"), withRegistrar(t))
			var alice, bob *phone.Phone
			if row.caller {
				alice, bob = w.Phone("alice", "10.0.0.2", browser), w.Phone("bob", "10.0.0.3")
			} else {
				alice, bob = w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3", browser)
				w.Answered(bob.Register(phone.Registration{Expires: 300}), 200)
			}
			out, _ := w.talk(alice, bob)
			gone, stays := alice, bob
			if !row.caller {
				gone, stays = bob, alice
			}
			gone.Leave(false)
			w.Run(4 * time.Second)
			w.calls(1)
			if row.back {
				if err := gone.Return(); err != nil {
					t.Fatal(err)
				}
				if !row.caller {
					w.Answered(bob.Register(phone.Registration{Expires: 300}), 200)
				}
				again := out.Dialog().Send(phone.Spec{Method: "INVITE", Contact: true})
				w.Reply(w.Came(bob, "INVITE"), 200)
				w.Answered(again, 200)
			}
			w.Run(4 * time.Second)
			w.heard(row.events...)
			if row.back {
				w.calls(1)
				gone.Leave(false) // its new connection is looked after as well
				w.Run(6 * time.Second)
				w.heard("ended flow_lost server")
				return
			}
			w.Came(stays, "BYE")
			w.calls(0)
			if n := w.d.Count("x"); n != 0 {
				t.Errorf("%d slots", n)
			}
		})
	}
}

// What a second track switches off stays off.
func TestLostFlowNotWatchedAnyMore(t *testing.T) {
	w := newWorld(t, scriptOf("flow_lost = 5 }) dialog.track(req, { flow_lost = 0", "", "10.0.0.3"), luabindtest.Listen("udp:10.0.0.1:5060", "ws:10.0.0.1:8080"))
	alice := w.Phone("alice", "10.0.0.2", func(o *phone.Options) { o.Kind, o.Proxy = transport.WS, netip.MustParseAddrPort("10.0.0.1:8080") })
	w.talk(alice, w.Phone("bob", "10.0.0.3"))
	alice.Leave(false)
	w.Run(30 * time.Second)
	w.calls(1)
}
