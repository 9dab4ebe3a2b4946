package topology_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/topology"
)

const script = `
topology, dialog = require "topology", require "dialog"
function route(req)
  if req.in_dialog then return req:relay() end
  assert(dialog.track(req))
  assert(topology.hide(req, { %s }))
  req:relay("sip:bob@10.0.0.3:5060")
end`

type world struct {
	*luabindtest.World
	t          *testing.T
	topology   *topology.Topology
	dialogs    *dialog.Dialogs
	alice, bob *phone.Phone
}

func newWorld(t *testing.T, options string) *world {
	dialogs, err := dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, topology: topology.New(), dialogs: dialogs}
	w.World = luabindtest.New(t, fmt.Sprintf(script, options), luabindtest.Modules(w.dialogs, w.topology))
	w.Sim.Trace(func(p sim.Packet) {
		other := map[string]string{"10.0.0.2": "10.0.0.3", "10.0.0.3": "10.0.0.2"}[p.To.Addr().String()]
		text := string(p.Bytes)
		if !strings.Contains(options, "call_id") { // it has the phone's host in it
			before, rest, _ := strings.Cut(text, "\r\nCall-ID:")
			_, after, _ := strings.Cut(rest, "\r\n")
			text = before + "\r\n" + after
		}
		if other != "" && strings.Contains(text, other) {
			t.Errorf("%s is sent\n%s", p.To, p.Bytes)
		}
	})
	w.alice, w.bob = w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	return w
}

// Calls of real phones, which check what belongs to their dialogs; hung up by the server, which has
// another Call-ID for each of them.
func TestCalls(t *testing.T) {
	for _, options := range []string{"", "call_id = true", "contact_user = 'trunk'", "call_id = true, contact_user = 'trunk', warning = true, history = true"} {
		t.Run(options, func(t *testing.T) {
			w := newWorld(t, options)
			out := w.alice.Invite("sip:bob@example.com", phone.Spec{})
			in := w.Came(w.bob, "INVITE")
			in.Reply(180, phone.Reply{})
			in.Reply(200, phone.Reply{})
			if !w.Sim.RunUntil(time.Minute, func() bool { return out.Final() != nil && in.Dialog() != nil && in.Dialog().Confirmed() }) {
				t.Fatal("there is no call")
			}
			if same := string(in.Msg.CallID()) == string(out.Final().CallID()); same == strings.Contains(options, "call_id") {
				t.Errorf("the Call-IDs are the same: %v", same)
			}
			list := w.dialogs.List(dialog.Filter{})
			if len(list) != 1 || !list[0].Hangup("") {
				t.Fatalf("%d calls", len(list))
			}
			for p, m := range map[*phone.Phone]*message.Message{w.alice: out.Final(), w.bob: in.Msg} {
				bye := w.Came(p, "BYE")
				if got, want := string(bye.Msg.CallID()), string(m.CallID()); got != want {
					t.Errorf("%s: BYE with %s, want %s", p.Name(), got, want)
				}
			}
			w.Run(time.Second)
			if out.Dialog().Confirmed() || in.Dialog().Confirmed() {
				t.Error("a phone is still in the call")
			}
			if n := w.topology.Metrics()[0].Value(); n != 1 {
				t.Errorf("%v were hidden", n)
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	for source, want := range map[string]string{
		`topology.hide(req, { contact_user = "a@b" })`:                       "is not the user of a URI",
		`topology.hide(req, { contact_user = "a b" })`:                       "is not the user of a URI",
		`topology.hide(req, { contact_user = ("x"):rep(65) })`:               "at most 64 bytes",
		`topology.hide(req, { callid = true })`:                              `unknown option "callid"`,
		`topology.hide(req) req:forward("sip:bob@10.0.0.3")`:                 "what is hidden must be relayed",
		`topology.hide(req, { call_id = true }) topology.hide(req) error(1)`: "1",
	} {
		t.Run(source, func(t *testing.T) {
			w := luabindtest.New(t, `topology = require "topology" function route(req) local ok, err = pcall(function() `+source+` end) req:reply(200, tostring(err)) end`,
				luabindtest.Modules(topology.New()))
			if m := w.Ask("INVITE", "sip:bob@example.com"); m == nil || !strings.Contains(string(m.ReasonPhrase()), want) {
				t.Errorf("%s", m.ReasonPhrase())
			}
		})
	}
}

func Example() {
	t := topology.New()
	fmt.Println(t.Name(), "-", t.Doc())
	// Output: topology - Hides the two sides of a call from each other.
}
