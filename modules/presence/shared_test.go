//go:build unix

package presence_test

// This file tests several nodes with one state, by a real Redis server.

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/redis"
	"github.com/sipscript/sipscript/modules/presence"
)

// patience is for what takes milliseconds on an idle machine.
const patience = 30 * time.Second

// nodeScript is script without a registrar: calls go where X-To says.
const nodeScript = `
local presence = require "presence"
local heard = sip.shared("heard")
presence.configure { %s }
sip.on("presence.changed", function(aor, package) heard:incr(package) end)
function route(req)
  if req.method == "PUBLISH" then return presence.publish(req) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req) end
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(req:header("X-To"))
end`

// node is a server among others.
type node struct {
	t    *testing.T
	p    *presence.Presence
	e    *engine.Engine
	r    *luabind.Router
	addr *net.UDPAddr
	c    *redis.Client
}

func newNode(t *testing.T, url, options string) *node { return newNodeFor(t, 0, url, options) }

// newNodeFor is newNode with another lease than the default, which no busy machine misses.
func newNodeFor(t *testing.T, lease time.Duration, url, options string) *node {
	t.Helper()
	n := &node{t: t, c: luabindtest.Must(redis.Open(clients.New(clients.Options{}), url, 500*time.Millisecond))}
	n.p = luabindtest.Must(presence.New(presence.Options{Redis: n.c, Lease: lease}))
	router, err := luabind.NewRouter(luabind.Options{Source: fmt.Sprintf(nodeScript, everybody+options), Name: "route.lua", Budget: 10 * time.Second, Modules: []luabind.Opener{n.p}})
	if err != nil {
		t.Fatal(err)
	}
	n.r = router
	n.e, err = engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Lanes: 2, Router: vouching{router}, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = n.e.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	n.addr = net.UDPAddrFromAddrPort(n.e.Locals()[0].Addr)
	t.Cleanup(n.end)
	return n
}

// end stops the node in an orderly way; it may be called again.
func (n *node) end() {
	if n.e == nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	_ = n.e.Shutdown(ctx)
	_ = n.p.Close()
	n.e = nil
}

// handset is a user's phone on a socket, with one subscription.
type handset struct {
	*luabindtest.Socket
	t    *testing.T
	call string // of its subscription
}

func newHandset(t *testing.T, user string) *handset {
	t.Helper()
	h := &handset{Socket: luabindtest.NewSocket(t, user), t: t}
	h.Always = "X-User: " + user
	return h
}

func (h *handset) publish(n *node, event, lines, body string) *message.Message {
	h.t.Helper()
	return h.Ask(n.addr, h.Publication(event, body, lines))
}

func (h *handset) subscribe(n *node, user, event string, lines ...string) {
	h.t.Helper()
	text, id := h.Subscription(user, event, lines...)
	m := h.Ask(n.addr, text)
	if err := h.Subscribed(user, event, m); err != nil || m.Status() != 200 {
		h.t.Fatalf("SUBSCRIBE: %d, %v", m.Status(), err)
	}
	h.call = id
}

// refresh sends the next SUBSCRIBE of the dialog to a node, whichever began it.
func (h *handset) refresh(n *node, lines ...string) int {
	h.t.Helper()
	h.Dialogs[h.call].URI = "sip:presence@" + n.addr.String()
	return h.Ask(n.addr, h.Refresh(h.call, lines...)).Status()
}

// hears waits for a NOTIFY with all those texts in it, and returns its Contact and CSeq; one with
// "!" before it, it has not.
func (h *handset) hears(texts ...string) (contact string, cseq uint32) {
	h.t.Helper()
	last, end := "", time.Now().Add(patience)
	for {
		m := h.Take(time.Until(end), func(m *message.Message) bool { return m.Method() == message.MethodNotify })
		if m == nil {
			h.t.Fatalf("%s does not hear %q, but at last\n%s", h.User, texts, last)
		}
		last = string(m.Header(message.HeaderSubscriptionState)) + "\n" + string(m.Body())
		if !slices.ContainsFunc(texts, func(text string) bool {
			without, not := strings.CutPrefix(text, "!")
			return strings.Contains(last, without) == not
		}) {
			number, _ := m.CSeq()
			return string(m.Header(message.HeaderContact)), number.Number
		}
	}
}

// eval runs Lua at a node and returns what it returns.
func (n *node) eval(source string) string {
	n.t.Helper()
	done := make(chan string, 1)
	n.r.Eval(n.e.Lanes()[0], source, func(r []any, err error) { done <- fmt.Sprint(r, err) })
	select {
	case got := <-done:
		return got
	case <-time.After(patience):
		n.t.Fatalf("it does not end: %s", source)
		return ""
	}
}

// What is published at one node is told at another, modified at a third, and ends at all.
func TestNodesPublish(t *testing.T) {
	server := redistest.Start(t)
	a, b, c := newNode(t, server.URL, ""), newNode(t, server.URL, ""), newNode(t, server.URL, "")
	alice, bob := newHandset(t, "alice"), newHandset(t, "bob")
	alice.subscribe(b, "bob", "presence")
	alice.hears("closed")
	tag := string(bob.publish(a, "presence", "", pidf("a", "open")).HeaderName("SIP-ETag"))
	alice.hears(`id="a"`, "open")
	// At once, by the tag that the first has given
	res := bob.publish(c, "presence", "SIP-If-Match: "+tag+"\r\n", pidf("a", "closed"))
	if res.Status() != 200 {
		t.Fatalf("modified at another node: %d", res.Status())
	}
	alice.hears(`id="a"`, "closed", "!open")
	if old := bob.publish(a, "presence", "SIP-If-Match: "+tag+"\r\n", ""); old.Status() != 412 {
		t.Errorf("the old tag: %d", old.Status())
	}
	next := string(res.HeaderName("SIP-ETag"))
	if res := bob.publish(b, "presence", "SIP-If-Match: "+next+"\r\nExpires: 0\r\n", ""); res.Status() != 200 {
		t.Errorf("removed at another node: %d", res.Status())
	}
	alice.hears("closed", `!id="a"`)
	// What a script sets, and events: each change is told to scripts at one node
	if got := a.eval(`return require("presence").set("sip:alice@example.com", "message-summary", { voice = { new = 2 } })`); got != "[true] <nil>" {
		t.Error(got)
	}
	carol := newHandset(t, "alice")
	carol.subscribe(b, "alice", "message-summary")
	carol.hears("Messages-Waiting: yes", "2/0")
	c.eval(`return require("presence").set("sip:alice@example.com", "message-summary", { voice = { new = 3 } })`)
	carol.hears("3/0")
	waitFor(t, func() bool { // scripts hear of it a moment later
		total := ""
		for _, n := range []*node{a, b, c} {
			total += n.eval(`return sip.shared("heard"):get("message-summary") or 0`) + " "
		}
		return total == "[1] <nil> [0] <nil> [1] <nil> "
	})
}

// Who watches is known at all nodes: to the user's phone, to scripts, and to those who end it.
func TestNodesWatchers(t *testing.T) {
	server := redistest.Start(t)
	const rule = `authorize = function(watcher, user) return watcher == user or sip.shared("rule"):get("mode") or true end,`
	a, b := newNode(t, server.URL, rule), newNode(t, server.URL, rule)
	alice, bob := newHandset(t, "alice"), newHandset(t, "bob")
	bob.subscribe(a, "bob", "presence.winfo")
	bob.hears(`state="full"`)
	alice.subscribe(b, "bob", "presence")
	alice.hears("active")
	bob.hears("sip:alice@example.com", `status="active"`)
	const first = `local p = require("presence") local w = p.watchers("sip:bob@example.com", "presence")[1] return w and (w.watcher.user .. " " .. w.state)`
	if got := a.eval(first); got != "[alice active] <nil>" {
		t.Error(got)
	}
	if got := a.eval(`sip.shared("rule"):set("mode", "pending") return require("presence").refresh("sip:bob@example.com")`); got != "[1] <nil>" {
		t.Error(got)
	}
	alice.hears("pending")
	bob.hears("sip:alice@example.com", `status="pending"`)
	if got := a.eval(first); got != "[alice pending] <nil>" {
		t.Error(got)
	}
	if got := a.eval(`local p = require("presence") return p.terminate(p.watchers("sip:bob@example.com", "presence")[1].id, { reason = "rejected" })`); got != "[true] <nil>" {
		t.Error(got)
	}
	alice.hears("terminated;reason=rejected")
	bob.hears("sip:alice@example.com", `status="terminated"`, `event="rejected"`)
	if got := a.eval(first); got != "[<nil>] <nil>" {
		t.Error(got)
	}
}

// What is refused about several members of a list is refused to its watcher at another node.
func TestNodesListWatchers(t *testing.T) {
	server := redistest.Start(t)
	const rule = `lists = { { uri = "sip:friends@example.com", members = { "sip:bob@example.com", "sip:carol@example.com" } } },
		authorize = function(watcher, user) return watcher == user or user == "sip:friends@example.com" or sip.shared("rule"):get("mode") or true end,`
	a, b := newNode(t, server.URL, rule), newNode(t, server.URL, rule)
	alice := newHandset(t, "alice")
	alice.subscribe(b, "friends", "presence", knowsLists)
	alice.hears("active")
	waitFor(t, func() bool { return len(a.p.Watchers("sip:carol@example.com", "presence")) == 1 })
	if got := a.eval(`sip.shared("rule"):set("mode", "pending") local p = require("presence") return p.refresh("sip:bob@example.com") + p.refresh("sip:carol@example.com")`); got != "[2] <nil>" {
		t.Error(got)
	}
	for _, user := range []string{"bob", "carol"} {
		t.Run(user, func(t *testing.T) {
			waitFor(t, func() bool {
				return b.eval(`return require("presence").watchers("sip:`+user+`@example.com", "presence")[1].state`) == "[pending] <nil>"
			})
		})
	}
}

// A node that is gone hands its watchers over: another one tells them everything, with higher
// numbers and a Contact of its own, and takes their SUBSCRIBEs.
func TestNodesHandOver(t *testing.T) {
	// Of one that is killed nothing is heard any more
	for _, x := range []struct {
		name  string
		lease time.Duration
		gone  func(n *node)
	}{
		{"killed", 1500 * time.Millisecond, func(n *node) { _ = n.c.Close() }},
		{"stopped", 0, func(n *node) { n.end() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			server := redistest.Start(t)
			const list = `lists = { { uri = "sip:friends@example.com", members = { "sip:bob@example.com" } } },`
			a, b := newNodeFor(t, x.lease, server.URL, list), newNodeFor(t, x.lease, server.URL, list)
			alice, bob, carol, dave := newHandset(t, "alice"), newHandset(t, "bob"), newHandset(t, "carol"), newHandset(t, "dave")
			bob.publish(b, "presence", "", pidf("a", "open"))
			alice.subscribe(a, "bob", "presence")
			_, before := alice.hears(`id="a"`)
			carol.subscribe(a, "friends", "presence", knowsLists)
			carol.hears("rlmi", `id="a"`)
			waitFor(t, func() bool { return len(b.p.Watchers("sip:bob@example.com", "presence")) == 2 })
			dave.subscribe(b, "bob", "presence.winfo")
			dave.hears("sip:alice@", "sip:carol@")
			x.gone(a)
			contact, after := alice.hears(`id="a"`)
			if !strings.Contains(contact, b.addr.String()) || after <= before {
				t.Errorf("told by %s, CSeq %d after %d", contact, after, before)
			}
			carol.hears("rlmi", `fullState="true"`, `id="a"`)
			bob.publish(b, "presence", "", pidf("b", "open"))
			alice.hears(`id="b"`)
			carol.hears(`id="b"`)
			if code := alice.refresh(b, "Expires: 600\r\n"); code != 200 {
				t.Errorf("refreshed: %d", code)
			}
			if code := alice.refresh(b, "Expires: 0\r\n"); code != 200 {
				t.Errorf("ended: %d", code)
			}
			alice.hears("terminated")
			dave.hears("sip:alice@", `status="terminated"`)
		})
	}
}

// A SUBSCRIBE of the dialog that comes to another node, as a load balancer sends it, moves the
// subscription there: the first node is silent about it from then on.
func TestNodesRefreshElsewhere(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, ""), newNode(t, server.URL, "")
	alice, bob := newHandset(t, "alice"), newHandset(t, "bob")
	alice.subscribe(a, "bob", "presence")
	alice.hears("closed")
	bob.subscribe(b, "bob", "presence.winfo")
	bob.hears("sip:alice@") // b knows
	for i, n := range []*node{b, a, b} {
		if code := alice.refresh(n, "Expires: 600\r\n"); code != 200 {
			t.Fatalf("%d: %d", i, code)
		}
		if contact, _ := alice.hears("closed"); !strings.Contains(contact, n.addr.String()) {
			t.Errorf("%d: told by %s", i, contact)
		}
		waitFor(t, func() bool { return subscriptions(a)+subscriptions(b) == 1+1 }) // and bob's
	}
	if code := alice.refresh(a, "Expires: 1\r\n"); code != 423 { // it moves
		t.Errorf("too brief: %d", code)
	}
	alice.hears("closed")
	waitFor(t, func() bool { return subscriptions(a)+subscriptions(b) == 1+1 })
	bob.publish(a, "presence", "", pidf("a", "open"))
	alice.hears(`id="a"`)
	if got := a.eval(`return #require("presence").watchers("sip:bob@example.com", "presence")`); got != "[1] <nil>" {
		t.Error(got)
	}
	mallory := newHandset(t, "mallory")
	if code := mallory.Ask(b.addr, mallory.Request("SUBSCRIBE", "sip:presence@"+b.addr.String(), "", "To: <sip:bob@example.com>;tag=x", "Event: presence")).Status(); code != 481 {
		t.Errorf("a dialog that nobody knows: %d", code)
	}
}

func subscriptions(n *node) int {
	for _, m := range n.p.Metrics() {
		if m.Name == "presence_subscriptions" {
			return int(m.Value())
		}
	}
	return -1
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("not in time")
		}
	}
}

// A node that was stopped for longer than the lease has not heard of the others: that is not their
// end. One that is silent from then on is gone.
func TestNodesAfterAStop(t *testing.T) {
	server := redistest.Start(t)
	a, _ := newNodeFor(t, time.Hour, server.URL, ""), newNodeFor(t, time.Hour, server.URL, "")
	waitFor(t, func() bool { return presence.Nodes(a.p, 0) == 1 })
	for _, x := range []struct {
		name string
		at   time.Duration
		want int
	}{{"stopped", 61 * time.Minute, 1}, {"a tick", 100 * time.Minute, 1}, {"silent", 122 * time.Minute, 0}} {
		t.Run(x.name, func(t *testing.T) {
			if got := presence.Nodes(a.p, x.at); got != x.want {
				t.Errorf("%d other nodes", got)
			}
		})
	}
}

// A call that passes one node lights the lamp that is watched at another, also if it is watched
// later, and the lamp goes out with the call, or its node.
func TestNodesLamps(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, "blf = true,"), newNode(t, server.URL, "blf = true,")
	alice, bob, carol := newHandset(t, "alice"), newHandset(t, "bob"), newHandset(t, "carol")
	call := func(id string) {
		if code := carol.Ask(a.addr, carol.Request("INVITE", "sip:bob@example.com", "", "Call-ID: "+id, "X-To: sip:bob@"+bob.Own.String())).Status(); code != 200 {
			t.Fatalf("INVITE: %d", code)
		}
	}
	call("one")
	alice.subscribe(b, "bob", "dialog")
	alice.hears("confirmed", `call-id="one"`)
	call("two")
	alice.hears("confirmed", `call-id="one"`, `call-id="two"`)
	a.end()
	alice.hears("dialog-info", "!<dialog ")
}
