//go:build unix

package presence_test

// This file tests nodes whose Redis is away for a while.

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/redistest"
)

// While Redis is away each node serves what it knows; what was said meanwhile is told when it is
// back, and nobody takes the silent ones for dead.
func TestNodesWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	a, b := newNode(t, server.URL, ""), newNode(t, server.URL, "")
	alice, bob, carol := newHandset(t, "alice"), newHandset(t, "bob"), newHandset(t, "carol")
	alice.subscribe(a, "bob", "presence")
	alice.hears("closed")
	carol.subscribe(b, "bob", "presence")
	carol.hears("closed")
	server.Kill()
	bob.publish(a, "presence", "", pidf("a", "open"))
	alice.hears(`id="a"`)
	if code := carol.refresh(b, "Expires: 600\r\n"); code != 200 {
		t.Errorf("refreshed while Redis is away: %d", code)
	}
	carol.hears(`!id="a"`)
	server.Start()
	carol.hears(`id="a"`)
	if a, b := subscriptions(a), subscriptions(b); a != 1 || b != 1 {
		t.Errorf("%d and %d subscriptions at the nodes", a, b)
	}
}

// What was said while Redis was away for longer than it is kept otherwise reaches the others, too:
// what one node asks for a watcher of another one, and that a watcher has left.
func TestNodesAfterALongOutage(t *testing.T) {
	server := redistest.Start(t)
	const lease = time.Second // and a minute is four of them
	const rule = `authorize = function(watcher, user) return watcher == user or sip.shared("rule"):get("mode") or true end,`
	a, b := newNodeFor(t, lease, server.URL, rule), newNodeFor(t, lease, server.URL, rule)
	alice, carol := newHandset(t, "alice"), newHandset(t, "carol")
	alice.subscribe(b, "bob", "presence")
	alice.hears("active")
	carol.subscribe(b, "bob", "presence")
	carol.hears("active")
	waitFor(t, func() bool { return len(a.p.Watchers("sip:bob@example.com", "presence")) == 2 })
	server.Kill()
	waitFor(t, func() bool { return a.away() && b.away() })
	if got := a.eval(`sip.shared("rule"):set("mode", "pending") return require("presence").refresh("sip:bob@example.com")`); got != "[2] <nil>" {
		t.Error(got)
	}
	if code := carol.refresh(b, "Expires: 0"); code != 200 {
		t.Errorf("ended: %d", code)
	}
	carol.hears("terminated")
	<-time.After(5 * lease) // not for anything: it is longer than such words are kept
	server.Start()
	alice.hears("pending")
	waitFor(t, func() bool {
		list := a.p.Watchers("sip:bob@example.com", "presence")
		return len(list) == 1 && list[0].State() == "pending"
	})
}

// away reports whether the node knows that Redis is away.
func (n *node) away() bool {
	for _, m := range n.p.Metrics() {
		if m.Name == "presence_shared_away_seconds" {
			return m.Value() > 0
		}
	}
	return false
}
