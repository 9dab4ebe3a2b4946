package presence_test

// This file tests lists of users that are watched together (RFC 4662).

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/modules/presence"
)

const knowsLists = "Supported: eventlist\r\nAccept: application/pidf+xml, application/rlmi+xml, multipart/related\r\n"

func TestList(t *testing.T) {
	w := newWorld(t, `interval = 0, lists = { { uri = "sip:friends@example.com", members = { "sip:bob@example.com", "sip:carol@example.com", "sip:dave@example.com", "sip:erin@example.com" } } },
		authorize = function(watcher, user) return user ~= "sip:dave@example.com" and (user ~= "sip:erin@example.com" or "pending") end`)
	bob, alice := w.phone("bob"), w.phone("alice")
	bob.Publish("presence", "", pidf("a", "open"))
	for lines, want := range map[string]int{"": 421, "Supported: eventlist\r\n": 406, "Supported: eventlist\r\nAccept: application/pidf+xml\r\n": 406} {
		t.Run(lines, func(t *testing.T) {
			if res, _ := w.phone("x").Subscribe("friends", "presence", lines); res.Status() != want {
				t.Errorf("%d, want %d", res.Status(), want)
			}
		})
	}
	res, id := alice.Subscribe("friends", "presence", knowsLists)
	if res.Status() != 200 || string(res.HeaderName("Require")) != "eventlist" {
		t.Fatal(res.Status(), string(res.HeaderName("Require")))
	}
	_, body, m := alice.Told()
	if kind := string(m.HeaderName("Content-Type")); !strings.HasPrefix(kind, `multipart/related;type="application/rlmi+xml";start="<root@`) || string(m.HeaderName("Require")) != "eventlist" {
		t.Errorf("%s, Require %q", kind, m.HeaderName("Require"))
	}
	for _, part := range []string{`uri="sip:friends@example.com" version="0" fullState="true"`, `<resource uri="sip:bob@example.com"><instance id="1" state="active" cid="m0@`, `<tuple id="a">`,
		`<resource uri="sip:dave@example.com"><instance id="1" state="terminated" reason="rejected"/>`, `<resource uri="sip:erin@example.com"><instance id="1" state="pending"/>`, "Content-Type: application/pidf+xml"} {
		if !strings.Contains(body, part) {
			t.Errorf("without %s:\n%s", part, body)
		}
	}
	w.phone("carol").Publish("presence", "", pidf("c", "open"))
	alice.Hears("active", `version="1" fullState="false"`, `<tuple id="c">`, "!sip:bob@", "!dave", "!erin")
	w.phone("dave").Publish("presence", "", pidf("d", "open"))
	w.phone("erin").Publish("presence", "", pidf("e", "open"))
	alice.Quiet(time.Second)
	if res := alice.Again(id, knowsLists+"Expires: 0\r\n"); res.Status() != 200 || string(res.HeaderName("Require")) != "eventlist" {
		t.Error(res.Status())
	}
	alice.Hears("terminated", `version="2" fullState="true"`, `<tuple id="a">`, `<tuple id="c">`)
}

// A list names its members: it is for those who may watch the list itself.
func TestListIsPrivate(t *testing.T) {
	const list = `lists = { { uri = "sip:friends@example.com", members = { "sip:bob@example.com" } } },`
	for _, x := range []struct {
		name, authorize string
		code            int
	}{
		{"without authorize", "", 403},
		{"no", `authorize = function(_, user) return user ~= "sip:friends@example.com" end`, 403},
		{"pending", `authorize = function() return "pending" end`, 403},
		{"yes", `authorize = function(_, user) return user == "sip:friends@example.com" end`, 200},
		{"a rule", `authorize = { { watcher = "sip:alice@example.com", user = "sip:friends@example.com" } }`, 200},
		{"a rule about others", `authorize = { { user = "sip:bob@example.com" } }`, 403},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, list+x.authorize)
			if res, _ := w.phone("alice").Subscribe("friends", "presence", knowsLists); res.Status() != x.code {
				t.Errorf("%d, want %d", res.Status(), x.code)
			}
		})
	}
}

// Who watches by a list is a watcher of each member: refresh reaches them, and the member sees
// them.
func TestListWatchers(t *testing.T) {
	w := newWorld(t, `interval = 0, lists = { { uri = "sip:friends@example.com", members = { "sip:bob@example.com", "sip:carol@example.com" } } },
		authorize = function(watcher, user) return watcher == user or user ~= "sip:bob@example.com" or not sip.shared("said"):get("no") end`)
	bob, alice := w.phone("bob"), w.phone("alice")
	bob.Publish("presence", "", pidf("a", "open"))
	bob.Subscribe("bob", "presence.winfo", "")
	bob.Told()
	alice.Subscribe("friends", "presence", knowsLists)
	alice.Hears("active", `<tuple id="a">`)
	bob.Hears("active", `status="active" event="subscribe"`, "sip:alice@example.com")
	eval := func(text string, want any) {
		t.Helper()
		if got, err := w.Eval(text); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	eval(`return require("presence").watchers("sip:bob@example.com")[1].watcher.user`, "alice")
	eval(`sip.shared("said"):set("no", true) return require("presence").refresh("sip:bob@example.com")`, 1.0)
	alice.Hears("active", `<resource uri="sip:bob@example.com"><instance id="1" state="terminated" reason="rejected"/>`, "!tuple", "!carol")
	bob.Publish("presence", "", pidf("b", "open"))
	alice.Quiet(time.Second)
	eval(`local p = require("presence") return p.terminate(p.watchers("sip:carol@example.com")[1].id)`, true)
	alice.Hears("terminated")
	w.Run(time.Second)
	eval(`return #require("presence").watchers("sip:carol@example.com")`, 0.0)
}

// A list whose source changes is told to its watchers as a whole (RFC 4662 §5.2): who is in it now,
// and nothing of who is not. One of whom only the script could say what may be seen of a new member
// has its watcher subscribe again.
func TestListChanges(t *testing.T) {
	const one, two, three = "sip:friends@example.com sip:bob@example.com sip:carol@example.com", "sip:friends@example.com sip:carol@example.com sip:dave@example.com", "sip:others@example.com sip:bob@example.com"
	for _, row := range []struct {
		name, authorize, list, state string
		texts                        []string
		over                         bool
	}{
		{"members come and go", `{ { user = "*@example.com" } }`, two, "active", []string{`fullState="true"`, "sip:carol@", `<resource uri="sip:dave@example.com"><instance id="1" state="active"`, "!sip:bob@"}, false},
		{"one who may not be seen comes", `{ { user = "sip:friends@example.com" } }`, two, "active", []string{`fullState="true"`, `<resource uri="sip:dave@example.com"><instance id="1" state="terminated" reason="rejected"/>`, "!sip:bob@"}, false},
		{"the script has to be asked", `function() return true end`, two, "terminated;reason=deactivated", []string{"sip:carol@", "!sip:bob@", "!sip:dave@"}, true},
		{"the list is gone", `{ { user = "*@example.com" } }`, three, "terminated;reason=noresource", nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "lists.json")
			write := func(line string) {
				t.Helper()
				part := strings.Split(line, " ")
				text := fmt.Sprintf(`[{"uri": %q, "members": ["%s"]}]`, part[0], strings.Join(part[1:], `", "`))
				if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(file+".new", file); err != nil {
					t.Fatal(err)
				}
			}
			write(one)
			w := newWorld(t, fmt.Sprintf(`interval = 0, lists = "file:%s", authorize = %s`, file, row.authorize))
			bob, alice := w.phone("bob"), w.phone("alice")
			bob.Subscribe("bob", "presence.winfo")
			bob.Told()
			_, id := alice.Subscribe("friends", "presence", knowsLists)
			alice.Hears("active", "sip:bob@", "sip:carol@")
			bob.Hears("active", "sip:alice@")
			write(row.list)
			if err := presence.ReloadLists(w.module); err != nil {
				t.Fatal(err)
			}
			alice.Hears(row.state, row.texts...)
			bob.Hears("active", `status="terminated"`)
			if row.over {
				return
			}
			w.phone("carol").Publish("presence", "", pidf("c", "open"))
			if row.name == "members come and go" {
				alice.Hears("active", `fullState="false"`, `<tuple id="c">`)
				w.phone("dave").Publish("presence", "", pidf("d", "open"))
				alice.Hears("active", `fullState="false"`, `<tuple id="d">`)
			}
			bob.Publish("presence", "", pidf("b", "open"))
			alice.Quiet(time.Second)
			alice.Again(id, knowsLists+"Expires: 0")
			alice.Hears("terminated", "!sip:bob@")
		})
	}
}
