package presence_test

// This file tests what users publish (RFC 3903), and what watchers hear of it.

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// The call flow of RFC 3903 §15: published, refreshed, modified, removed; each watcher hears of
// what has changed, and not of a refresh.
func TestPublishFlow(t *testing.T) {
	w := newWorld(t, everybody)
	bob, alice := w.phone("bob"), w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Hears("active;expires=3600", `entity="sip:bob@example.com"`, "closed", "!open")
	res := bob.Publish("presence", "Expires: 600\r\n", pidf("a", "open"))
	tag := string(res.HeaderName("SIP-ETag"))
	if res.Status() != 200 || string(res.Header(message.HeaderExpires)) != "600" || tag == "" || string(res.HeaderName("X-Node")) != "one" {
		t.Fatalf("initial: %d, %q", res.Status(), tag)
	}
	alice.Hears("active", `<tuple id="a"><status><basic>open</basic></status></tuple>`, "!closed")
	res = bob.Publish("presence", "Expires: 600\r\nSIP-If-Match: "+tag+"\r\n", "")
	next := string(res.HeaderName("SIP-ETag"))
	if res.Status() != 200 || next == tag {
		t.Fatalf("refreshed: %d, %q after %q", res.Status(), next, tag)
	}
	alice.Quiet(10 * time.Second)
	if res = bob.Publish("presence", "SIP-If-Match: "+tag+"\r\n", pidf("a", "closed")); res.Status() != 412 {
		t.Errorf("by the tag before: %d", res.Status())
	}
	res = bob.Publish("presence", "SIP-If-Match: "+next+"\r\nExpires: 9999\r\n", pidf("a", "closed"))
	if res.Status() != 200 || string(res.Header(message.HeaderExpires)) != "3600" {
		t.Errorf("modified: %d", res.Status())
	}
	alice.Hears("active", `id="a"`, "closed")
	next = string(res.HeaderName("SIP-ETag"))
	if res = bob.Publish("presence", "SIP-If-Match: "+next+"\r\nExpires: 0\r\n", ""); res.Status() != 200 || string(res.Header(message.HeaderExpires)) != "0" {
		t.Errorf("removed: %d", res.Status())
	}
	alice.Hears("active", "closed", `!id="a"`)
	if res = bob.Publish("presence", "SIP-If-Match: "+next+"\r\nExpires: 0\r\n", ""); res.Status() != 412 {
		t.Errorf("removed twice: %d", res.Status())
	}
}

// Several phones of one user: watchers see them together, and hear of the end of each, when it
// comes by itself (RFC 3903 §4.5) too.
func TestComposition(t *testing.T) {
	w := newWorld(t, everybody)
	desk, mobile, alice := w.phone("bob"), w.phone("bob"), w.phone("alice")
	desk.Publish("presence", "Expires: 60\r\n", pidf("desk", "open"))
	w.Run(time.Second)
	mobile.Publish("presence", "Expires: 120\r\n", pidf("mobile", "open"))
	_, id := alice.Subscribe("bob", "presence", "")
	alice.Hears("active", `id="mobile"`, `id="desk"`)
	start := w.Sim.Elapsed()
	alice.Hears("active", `id="mobile"`, `!id="desk"`)
	if d := w.Sim.Elapsed() - start; d < 58*time.Second || d > 61*time.Second {
		t.Errorf("the end of the first was told after %v", d)
	}
	alice.Hears("active", "closed", `!id="mobile"`)
	if res := alice.Again(id, "Expires: 0\r\n"); res.Status() != 200 {
		t.Error(res.Status())
	}
	alice.Hears("terminated;reason=timeout", "closed")
	desk.Publish("presence", "", pidf("desk", "open"))
	alice.Quiet(time.Minute)
}

// What a PUBLISH is refused for (RFC 3903 §6), in its order.
func TestPublishRefusals(t *testing.T) {
	for _, x := range []struct {
		name, uri, lines, body string
		code                   int
		head                   string
	}{
		{name: "another server's user", uri: "sip:bob@elsewhere.example", lines: "Event: presence\r\n", code: 404},
		{name: "nobody", uri: "sip:example.com", lines: "Event: presence\r\n", code: 404},
		{name: "no Event", body: pidf("a", "open"), code: 489, head: "Allow-Events: presence, dialog, message-summary"},
		{name: "an unknown package", lines: "Event: kpml\r\n", body: pidf("a", "open"), code: 489, head: "Allow-Events: presence, dialog, message-summary"},
		{name: "watchers are not published", lines: "Event: presence.winfo\r\n", body: pidf("a", "open"), code: 489},
		{name: "an unknown extension", lines: "Event: presence\r\nRequire: x\r\n", code: 420, head: "Unsupported: x"},
		{name: "another user", uri: "sip:alice@example.com", lines: "Event: presence\r\n", body: pidf("a", "open"), code: 403},
		{name: "not authenticated", lines: "Event: presence\r\nX-User: \r\n", body: pidf("a", "open"), code: 403},
		{name: "two tags", lines: "Event: presence\r\nSIP-If-Match: a, b\r\n", code: 400},
		{name: "an unknown tag", lines: "Event: presence\r\nSIP-If-Match: a\r\n", code: 412},
		{name: "too brief", lines: "Event: presence\r\nExpires: 59\r\n", body: pidf("a", "open"), code: 423, head: "Min-Expires: 60"},
		{name: "no body", lines: "Event: presence\r\n", code: 400},
		{name: "another type", lines: "Event: presence\r\nContent-Type: text/plain\r\n", body: "open", code: 415, head: "Accept: application/pidf+xml"},
		{name: "compressed", lines: "Event: presence\r\nContent-Encoding: gzip\r\n", body: pidf("a", "open"), code: 415, head: "Accept-Encoding: identity"},
		{name: "too large", lines: "Event: presence\r\n", body: pidf("a", strings.Repeat("x", 20000)), code: 413},
		{name: "no document", lines: "Event: presence\r\n", body: "<presence/>", code: 400},
		{name: "an entity bomb", lines: "Event: presence\r\n", body: `<!DOCTYPE a [<!ENTITY x "y">]>` + pidf("a", "&x;"), code: 400},
		{name: "by a trusted server", uri: "sip:alice@example.com", lines: "Event: presence\r\nX-Trusted: yes\r\n", body: pidf("a", "open"), code: 200},
		{name: "of one's own", lines: "Event: Presence;x=y\r\n", body: pidf("a", "open"), code: 200},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, "")
			bob := w.phone("bob")
			if x.uri == "" {
				x.uri = "sip:bob@example.com"
			}
			if x.body != "" && !strings.Contains(x.lines, "Content-Type") {
				x.lines += "Content-Type: application/pidf+xml\r\n"
			}
			res := bob.Ask("PUBLISH", x.uri, x.body, x.lines)
			name, value, _ := strings.Cut(x.head, ": ")
			if res.Status() != x.code || x.head != "" && string(res.HeaderName(name)) != value {
				t.Errorf("%d, %s: %q", res.Status(), name, res.HeaderName(name))
			}
		})
	}
}

func TestTooManyPublications(t *testing.T) {
	w := newWorld(t, "max_publications = 2")
	bob := w.phone("bob")
	for i, want := range []int{200, 200, 403} {
		if res := bob.Publish("presence", "", pidf("a", "open")); res.Status() != want {
			t.Errorf("number %d: %d", i+1, res.Status())
		}
	}
}

// A watcher who understands partial PIDF gets everything first, then what has changed, with
// versions that rise by one (RFC 5263); others get whole documents.
func TestPartialPIDF(t *testing.T) {
	w := newWorld(t, everybody)
	bob := w.phone("bob")
	var etags []string
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		etags = append(etags, string(bob.Publish("presence", "", pidf(id, "open")).HeaderName("SIP-ETag")))
	}
	for _, x := range []struct {
		accept string
		diff   bool
	}{
		{"application/pidf+xml;q=0.3, application/pidf-diff+xml;q=1", true},
		{"application/pidf-diff+xml", true},
		{"application/pidf+xml, application/pidf-diff+xml", true},
		{"application/pidf+xml;q=1, application/pidf-diff+xml;q=0.3", false},
		{"application/pidf+xml, application/pidf-diff+xml;q=0", false},
		{"application/*", false},
	} {
		t.Run(x.accept, func(t *testing.T) {
			alice := w.phone("alice")
			_, id := alice.Subscribe("bob", "presence", "Accept: "+x.accept+"\r\n")
			_, _, m := alice.Told()
			if kind := string(m.HeaderName("Content-Type")); (kind == "application/pidf-diff+xml") != x.diff {
				t.Fatal(kind)
			}
			etags[1] = string(bob.Publish("presence", "SIP-If-Match: "+etags[1]+"\r\n", pidf("b", "closed")).HeaderName("SIP-ETag"))
			if !x.diff {
				alice.Hears("active", `id="a"`, `id="b"`, "closed", "!pidf-diff")
			} else {
				alice.Hears("active", `<p:pidf-diff `, `version="2"`, `<p:replace sel="*/tuple[@id=&#39;b&#39;]">`, `!"a"`)
			}
			etags[1] = string(bob.Publish("presence", "SIP-If-Match: "+etags[1]+"\r\n", pidf("b", "open")).HeaderName("SIP-ETag"))
			_, body, _ := alice.Told()
			if x.diff && !strings.Contains(body, `version="3"`) {
				t.Error(body)
			}
			alice.Again(id, "Expires: 0\r\n")
			if x.diff {
				alice.Hears("terminated", "<p:pidf-full ", `version="4"`, `id="a"`)
			} else {
				alice.Hears("terminated", `id="a"`)
			}
		})
	}
}
