package presence_test

// This file tests what scripts publish, and message-waiting lamps (RFC 3842).

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/presence"
)

func newModule() *presence.Presence { return luabindtest.Must(presence.New(presence.Options{})) }

// What set takes, and what get and watchers see of it.
func TestSet(t *testing.T) {
	for _, x := range []struct {
		name, event, state string
		want               string // in the document; "!" before it: in the error
	}{
		{"waiting", "message-summary", `{ messages_waiting = true, voice = { new = 2, old = 5 } }`, "Messages-Waiting: yes\r\nMessage-Account: sip:bob@example.com\r\nVoice-message: 2/5\r\n"},
		{"waiting by the counts", "message-summary", `{ voice = { new = 1, urgent_new = 1 } }`, "Messages-Waiting: yes\r\nMessage-Account: sip:bob@example.com\r\nVoice-message: 1/0 (1/0)\r\n"},
		{"nothing waits", "message-summary", `{ fax = { old = 1 }, account = "sip:vm@example.com" }`, "Messages-Waiting: no\r\nMessage-Account: sip:vm@example.com\r\nFax-message: 0/1\r\n"},
		{"a document", "message-summary", `"Messages-Waiting: yes\r\n"`, "Messages-Waiting: yes\r\n"},
		{"not a document", "message-summary", `"nothing"`, "!Messages-Waiting"},
		{"a count that is none", "message-summary", `{ voice = { new = -1 } }`, "!voice: new"},
		{"a field that is none", "message-summary", `{ voice = { nwe = 1 } }`, `!no field "nwe"`},
		{"an account that breaks out", "message-summary", `{ account = "x\r\nVoice-Message: 9/9" }`, "!account"},
		{"open", "presence", `{ open = true, note = "at <home>", activity = "busy" }`, `<basic>open</basic></status><note>at &lt;home&gt;</note>`},
		{"an activity that is none", "presence", `{ activity = "sleping" }`, "!activity"},
		{"a type that is none", "presence", `{ open = "yes" }`, "!open: expected a boolean"},
		{"a foreign document", "presence", `"<presence/>"`, "!pidf"},
		{"in a call", "dialog", `{ state = "confirmed", direction = "initiator", remote = "sip:carol@example.com", call_id = "c", local_tag = "l", remote_tag = "r" }`,
			`<dialog id="script" call-id="c" local-tag="l" remote-tag="r" direction="initiator"><state>confirmed</state><local><identity>sip:bob@example.com</identity></local><remote><identity>sip:carol@example.com</identity></remote></dialog>`},
		{"a state that is none", "dialog", `{ state = "talking" }`, "!state"},
		{"another package", "kpml", `{}`, "!kpml"},
		{"a number", "presence", `5`, "!expected a table"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, everybody)
			alice := w.phone("alice")
			want, fails := strings.CutPrefix(x.want, "!")
			if !fails {
				alice.Subscribe("bob", x.event, "")
				alice.Told()
			}
			got, err := w.Eval(`local p = require "presence" local ok, err = p.set("sip:bob@example.com", "` + x.event + `", ` + x.state + `) if not ok then return nil, err end
				return p.get("sip:bob@example.com", "` + x.event + `")`)
			if err != nil {
				t.Fatal(err)
			}
			if fails {
				if len(got) < 2 || got[0] != nil || !strings.Contains(got[1].(string), want) {
					t.Errorf("%v, want %s", got, want)
				}
				return
			}
			if text, _ := got[0].(string); !strings.Contains(text, want) {
				t.Errorf("get: %q", text)
			}
			alice.Hears("active", want)
			if got, err = w.Eval(`local p = require "presence" p.set("sip:bob@example.com", "` + x.event + `", nil) return p.get("sip:bob@example.com", "` + x.event + `")`); err != nil || got[0] != nil {
				t.Errorf("after its end: %v, %v", got, err)
			}
			alice.Hears("active", "!"+want)
		})
	}
}

// What is set for a time ends by itself.
func TestSetExpires(t *testing.T) {
	w := newWorld(t, everybody)
	alice := w.phone("alice")
	alice.Subscribe("bob", "presence", "")
	alice.Told()
	if _, err := w.Eval(`assert(require("presence").set("sip:bob@example.com", "presence", { open = true }, { expires = 30 }))`); err != nil {
		t.Fatal(err)
	}
	alice.Hears("active", "open")
	start := w.Sim.Elapsed()
	alice.Hears("active", "closed")
	if d := w.Sim.Elapsed() - start; d < 29*time.Second || d > 32*time.Second {
		t.Errorf("after %v", d)
	}
}

// Phones that never subscribe: they are told out of the blue when something waits, and when they
// register; one that subscribed is told once.
func TestUnsolicited(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run(map[bool]string{true: "on", false: "off"}[on], func(t *testing.T) {
			w := newWorld(t, map[bool]string{true: "unsolicited = true,", false: ""}[on]+"interval = 0")
			bob := w.phone("bob")
			register := func(p *sim.Phone) {
				t.Helper()
				if res := p.Register("600"); res.Status() != 200 {
					t.Fatal(res.Status())
				}
			}
			register(bob)
			if _, err := w.Eval(`assert(require("presence").set("sip:bob@example.com", "message-summary", { voice = { new = 1 } }))`); err != nil {
				t.Fatal(err)
			}
			if !on {
				bob.Quiet(10 * time.Second)
				return
			}
			_, body, m := bob.Told()
			if !strings.Contains(body, "Messages-Waiting: yes") || string(m.Header(message.HeaderEvent)) != "message-summary" || string(m.Header(message.HeaderContentType)) != "application/simple-message-summary" ||
				string(m.RequestURI()) != "sip:bob@10.0.1.1:5060" {
				t.Errorf("told\n%s", m.AppendTo(nil))
			}
			second := w.phone("bob")
			register(second)
			second.Hears("active", "Messages-Waiting: yes")
			second.Subscribe("bob", "message-summary", "")
			second.Hears("active;expires", "Messages-Waiting: yes")
			if _, err := w.Eval(`assert(require("presence").set("sip:bob@example.com", "message-summary", { voice = { old = 1 } }))`); err != nil {
				t.Fatal(err)
			}
			second.Hears("active;expires", "Messages-Waiting: no")
			second.Quiet(time.Second)
			bob.Hears("active", "Messages-Waiting: no")
		})
	}
}

// A voicemail server publishes for its users.
func TestVoicemailPublishes(t *testing.T) {
	w := newWorld(t, "interval = 0")
	bob, vm := w.phone("bob"), w.phone("vm")
	bob.Subscribe("bob", "message-summary", "")
	bob.Hears("active", "Messages-Waiting: no")
	if res := vm.Ask("PUBLISH", "sip:bob@example.com", "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n", "Event: message-summary", "X-Trusted: y", "Content-Type: application/simple-message-summary"); res.Status() != 200 {
		t.Fatal(res.Status())
	}
	bob.Hears("active", "Messages-Waiting: yes", "Voice-message: 1/0")
}
