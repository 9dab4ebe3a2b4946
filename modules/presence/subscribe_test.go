package presence_test

// This file tests who may watch, and what watchers are told.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// Who may watch whom, and what is seen.
func TestAuthorize(t *testing.T) {
	for _, x := range []struct {
		name, options, watcher, lines string
		code                          int
		state, sees                   string
	}{
		{name: "oneself, without authorize", watcher: "bob", code: 200, state: "active", sees: "open"},
		{name: "another, without authorize", watcher: "alice", code: 403},
		{name: "not authenticated", watcher: "bob", lines: "X-User: \r\n", code: 403},
		{name: "trusted", watcher: "bob", lines: "X-Trusted: y\r\n", code: 200, state: "active", sees: "open"},
		{name: "true", options: `authorize = function(w, u, p) return w == "sip:alice@example.com" and u == "sip:bob@example.com" and p == "presence" end`, watcher: "alice", code: 200, state: "active", sees: "open"},
		{name: "false", options: `authorize = function() return false end`, watcher: "alice", code: 403},
		{name: "nil", options: `authorize = function() end`, watcher: "alice", code: 403},
		{name: "pending", options: `authorize = function() return "pending" end`, watcher: "alice", code: 200, state: "pending"},
		{name: "polite", options: `authorize = function() return "polite" end`, watcher: "alice", code: 200, state: "active", sees: "closed"},
		{name: "nonsense", options: `authorize = function() return "perhaps" end`, watcher: "alice", code: 503},
		{name: "an error", options: `authorize = function() error("x") end`, watcher: "alice", code: 503},
		{name: "a rule", options: `authorize = { { watcher = "sip:alice@example.com", user = "sip:bob@example.com" } }`, watcher: "alice", code: 200, state: "active", sees: "open"},
		{name: "a rule about others", options: `authorize = { { watcher = "sip:carol@example.com" } }`, watcher: "alice", code: 403},
		{name: "a rule of a domain", options: `authorize = { { watcher = "*@example.com", allow = "polite" } }`, watcher: "alice", code: 200, state: "active", sees: "closed"},
		{name: "the more specific rule", options: `authorize = { { user = "sip:bob@example.com", allow = "pending" }, { watcher = "sip:alice@example.com" } }`, watcher: "alice", code: 200, state: "pending"},
		{name: "a rule of the package", options: `authorize = { { package = "presence" }, { allow = "false" } }`, watcher: "alice", code: 200, state: "active", sees: "open"},
		{name: "rules, and oneself", options: `authorize = { { allow = "false" } }`, watcher: "bob", code: 200, state: "active", sees: "open"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, x.options)
			bob, p := w.phone("bob"), w.phone(x.watcher)
			bob.Publish("presence", "", pidf("a", "open"))
			res, _ := p.Subscribe("bob", "presence", x.lines)
			if res.Status() != x.code {
				t.Fatalf("%d", res.Status())
			}
			if x.code != 200 {
				return
			}
			state, body, _ := p.Told()
			if !strings.HasPrefix(state, x.state) || !strings.Contains(body, x.sees) || x.sees == "" && body != "" {
				t.Errorf("told %s\n%s", state, body)
			}
		})
	}
}

// A user says yes or no later: refresh asks again, and watchers hear what has become of them.
func TestRefresh(t *testing.T) {
	w := newWorld(t, `interval = 0, authorize = function(watcher) local v = sip.shared("said"):get(watcher) if v == nil then return "pending" end return v end`)
	bob, alice, carol := w.phone("bob"), w.phone("alice"), w.phone("carol")
	bob.Publish("presence", "", pidf("a", "open"))
	alice.Subscribe("bob", "presence", "")
	alice.Hears("pending")
	carol.Subscribe("bob", "presence", "")
	carol.Hears("pending")
	bob.Publish("presence", "", pidf("b", "open"))
	alice.Quiet(10 * time.Second) // she learns nothing, not even that something has changed
	eval := func(text string, want ...any) {
		t.Helper()
		got, err := w.Eval(text)
		if err != nil || len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	eval(`sip.shared("said"):set("sip:alice@example.com", true) return require("presence").refresh("sip:BOB@example.com".."")`, 0.0)
	eval(`return require("presence").refresh("sip:bob@example.com")`, 1.0)
	alice.Hears("active", `id="a"`, `id="b"`)
	carol.Quiet(time.Second)
	eval(`sip.shared("said"):set("sip:carol@example.com", false) return require("presence").refresh("sip:bob@example.com")`, 1.0)
	carol.Hears("terminated;reason=rejected", "!tuple")
	eval(`sip.shared("said"):set("sip:alice@example.com", "polite") return require("presence").refresh("sip:bob@example.com")`, 1.0)
	alice.Hears("active", "closed", "!open")
	eval(`return #require("presence").watchers("sip:bob@example.com")`, 1.0)
	eval(`return require("presence").watchers("sip:bob@example.com", "presence")[1].state`, "polite")
	eval(`local w = require("presence").watchers("sip:bob@example.com")[1] assert(w.watcher.user == "alice" and w.package == "presence" and w.expires > 3000 and tostring(w) == "sip:alice@example.com")
		return require("presence").terminate(w.id, { reason = "probation", retry_after = 60 })`, true)
	alice.Hears("terminated;reason=probation;retry-after=60")
	eval(`return require("presence").terminate("nobody")`, false)
	if _, err := w.Eval(`require("presence").terminate("x", { reason = "because" })`); err == nil || !strings.Contains(err.Error(), "reason") {
		t.Error(err)
	}
}

// RFC 3857: a user sees who watches, by whom it was asked for and what became of them.
func TestWatcherInfo(t *testing.T) {
	w := newWorld(t, `interval = 0, authorize = function(watcher, user, package) if watcher == user then return true end return package == "presence" and (sip.shared("said"):get("yes") or "pending") end`)
	bob, alice := w.phone("bob"), w.phone("alice")
	if res, _ := alice.Subscribe("bob", "presence.winfo", ""); res.Status() != 403 {
		t.Errorf("somebody else's watchers: %d", res.Status())
	}
	bob.Subscribe("bob", "presence.winfo", "")
	bob.Hears("active", `version="0" state="full"`, `<watcher-list resource="sip:bob@example.com" package="presence"/>`)
	_, id := alice.Subscribe("bob", "presence", "")
	bob.Hears("active", `version="1" state="partial"`, `status="pending" event="subscribe" expiration="3600">sip:alice@example.com</`)
	if _, err := w.Eval(`sip.shared("said"):set("yes", true) require("presence").refresh("sip:bob@example.com")`); err != nil {
		t.Fatal(err)
	}
	bob.Hears("active", `version="2" state="partial"`, `status="active" event="approved"`)
	alice.Again(id, "Expires: 0\r\n")
	bob.Hears("active", `version="3" state="partial"`, `status="terminated" event="timeout"`)
}

// Events and types: what the server says it can do, it can, and no more.
func TestAllowEvents(t *testing.T) {
	for _, x := range []struct {
		name, options, event, lines string
		code                        int
		head                        string
	}{
		{name: "the default", event: "x", code: 489, head: "Allow-Events: presence, presence.winfo, dialog, message-summary, reg"},
		{name: "fewer", options: `packages = { "dialog" }`, event: "presence", code: 489, head: "Allow-Events: dialog, reg"},
		{name: "reg is the registrar's", event: "reg", code: 200, head: "Allow-Events: reg"},
		{name: "another type", event: "presence", lines: "Accept: text/plain\r\n", code: 406, head: "Accept: application/pidf+xml, application/pidf-diff+xml"},
		{name: "dialog", event: "dialog", code: 200},
		{name: "message-summary", event: "message-summary", code: 200},
		{name: "too brief", event: "presence", lines: "Expires: 10\r\n", code: 423, head: "Min-Expires: 60"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, x.options)
			res, _ := w.phone("bob").Subscribe("bob", x.event, x.lines)
			name, value, _ := strings.Cut(x.head, ": ")
			if res.Status() != x.code || x.head != "" && string(res.HeaderName(name)) != value {
				t.Errorf("%d, %s: %q", res.Status(), name, res.HeaderName(name))
			}
		})
	}
	w := newWorld(t, everybody)
	if res, _ := w.phone("alice").Subscribe("bob", "reg", ""); res.Status() != 200 {
		t.Errorf("reg of another, who may: %d", res.Status())
	}
	w = newWorld(t, "")
	if res, _ := w.phone("alice").Subscribe("bob", "reg", ""); res.Status() != 403 {
		t.Errorf("reg of another, who may not: %d", res.Status())
	}
}

// Phones that never publish: they are there while they are registered.
func TestRegistrations(t *testing.T) {
	w := newWorld(t, everybody+` from = "registrations"`)
	bob, alice := w.phone("bob"), w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Hears("active", "closed")
	bob.Register("")
	register := func(expires string) {
		t.Helper()
		if res := bob.Register(expires); res.Status() != 200 {
			t.Fatal(res.Status())
		}
	}
	register("60")
	alice.Hears("active", "open", "<contact priority=\"1\">sip:bob@example.com</contact>", "!10.0.1")
	register("60") // refreshed
	alice.Quiet(30 * time.Second)
	alice.Hears("active", "closed") // it expired
	register("60")
	alice.Hears("active", "open")
	bob.Publish("presence", "", pidf("mine", "closed"))
	alice.Hears("active", `id="mine"`, "!open") // who publishes is believed
	register("0")
	alice.Quiet(10 * time.Second)
}

// Watchers of the same user in one change: each is told once, whatever happens meanwhile.
func TestBurst(t *testing.T) {
	w := newWorld(t, `authorize = function() return true end`)
	bob, alice := w.phone("bob"), w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Told()
	for i := range 20 {
		bob.Publish("presence", "", pidf(strings.Repeat("x", i+1), "open"))
	}
	alice.Told()
	alice.Quiet(30 * time.Second)
}

// The end: each watcher is told to come back.
func TestDetach(t *testing.T) {
	w := newWorld(t, everybody)
	alice := w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Told()
	w.Sim.Do(func() { _ = w.module.Detach(t.Context(), w.Engine) })
	alice.Hears("terminated;reason=deactivated")
}

func TestConfigureRefuses(t *testing.T) {
	for options, want := range map[string]string{
		`packages = { "presense" }`:           `did you mean "presence"`,
		`from = "nothing"`:                    "registrations",
		`min_expires = 100, max_expires = 50`: "min_expires is greater",
		`authorize = { { watcher = "x y" } }`: "watcher",
		`authorize = { { allow = "maybe" } }`: "allow",
		`autorize = function() end`:           "authorize",
	} {
		t.Run(options, func(t *testing.T) {
			m := newModule()
			_, err := luabindtest.Try(t, `require("presence").configure { `+options+` } function route(req) end`, luabindtest.Modules(m))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Who watches a user is told to others only if the answer is a plain yes about just that.
func TestWatcherInfoIsPrivate(t *testing.T) {
	for _, x := range []struct {
		name, authorize, watcher string
		code                     int
	}{
		{"oneself", `{}`, "bob", 200},
		{"pending", `function() return "pending" end`, "alice", 403},
		{"polite", `function() return "polite" end`, "alice", 403},
		{"yes", `function() return true end`, "alice", 200},
		{"a rule that names no package", `{ { watcher = "sip:alice@example.com" } }`, "alice", 403},
		{"a rule that names it", `{ { watcher = "sip:alice@example.com", package = "presence.winfo" } }`, "alice", 200},
		{"a pending rule that names it", `{ { package = "presence.winfo", allow = "pending" } }`, "alice", 403},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, "authorize = "+x.authorize)
			if res, _ := w.phone(x.watcher).Subscribe("bob", "presence.winfo", ""); res.Status() != x.code {
				t.Errorf("%d, want %d", res.Status(), x.code)
			}
		})
	}
}

// A user who authenticated, but whose From nobody has compared with that, watches and publishes as
// nobody.
func TestIdentityUnchecked(t *testing.T) {
	w := newWorld(t, everybody)
	bob := w.phone("bob")
	const unchecked = "X-User: mallory\r\nX-Any: y\r\n"
	if res, _ := bob.Subscribe("bob", "presence", unchecked); res.Status() != 403 {
		t.Errorf("SUBSCRIBE: %d", res.Status())
	}
	if res := bob.Publish("presence", unchecked, pidf("a", "open")); res.Status() != 403 {
		t.Errorf("PUBLISH: %d", res.Status())
	}
}

// A document that was suppressed (RFC 5839 §6.3) is none that a later one can change: that says
// everything.
func TestSuppressedThenWhole(t *testing.T) {
	for _, x := range []struct {
		name, event, lines, want string
		change                   func(w *world, bob *sim.Phone)
	}{
		{"presence", "presence", "Accept: application/pidf-diff+xml\r\n", "<p:pidf-full ", func(_ *world, bob *sim.Phone) { bob.Publish("presence", "", pidf("a", "closed")) }},
		{"watchers", "presence.winfo", "", `state="full"`, func(w *world, _ *sim.Phone) { w.phone("carol").Subscribe("bob", "presence", "") }},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, everybody)
			bob := w.phone("bob")
			for i := range 5 { // a difference is shorter
				w.phone("bob").Publish("presence", "", pidf(fmt.Sprint("t", i), "open"))
			}
			alice := bob
			if x.event == "presence" {
				alice = w.phone("alice")
			}
			alice.Subscribe("bob", x.event, x.lines+"Suppress-If-Match: *\r\n")
			alice.Hears("active", "!<")
			x.change(w, bob)
			alice.Hears("active", x.want)
		})
	}
}
