package luabind_test

// What an observer of the engine learns from scripts, beside the messages.

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/topology"
)

// told are the messages and steps of the newest call, one a line.
func told(t *testing.T, r *ring.Ring) string {
	t.Helper()
	calls, err := r.Calls(ring.Filter{}, 1)
	if err != nil || len(calls) != 1 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	_, records, err := r.Call(calls[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, x := range records {
		first, _, _ := strings.Cut(string(x.Text), "\r\n")
		switch x.Kind {
		case ring.Received:
			lines = append(lines, "< "+first)
		case ring.Sent:
			lines = append(lines, "> "+first)
		case ring.Unsent:
			lines = append(lines, "! "+first+": "+x.Answer)
		case ring.Decision:
			lines = append(lines, fmt.Sprintf("%s decides: %s %s", x.Place, x.Function, x.Answer))
		case ring.Step:
			lines = append(lines, fmt.Sprintf("%s %s: %s", x.Place, x.Function, x.Answer))
		}
	}
	return strings.Join(lines, "\n")
}

func TestObserved(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"a reply", "function route(req)\n  req:reply(486, 'Busy')\nend",
			"< OPTIONS sip:bob@example.com SIP/2.0\nroute.lua:2 decides: reply 486 Busy\n> SIP/2.0 486 Busy"},
		{"a module lets pass, and refuses", "local auth = require 'auth'\nauth.configure{ users = { alice = 'secret' }, realm = 'example.com' }\nfunction route(req)\n  if not auth.require(req) then return end\n  req:reply(200)\nend",
			"< OPTIONS sip:bob@example.com SIP/2.0\nroute.lua:4 decides: auth.require \n> SIP/2.0 407 Proxy Authentication Required\nroute.lua:4 auth.require: false"},
		{"what a function returns: addresses, no other text", "local m = require 'auth'\nfunction route(req)\n  local t = { 'sip:a@10.0.0.9', 'x' }\n  m.exists('sip:nobody@example.com')\n  req:reply(404)\nend",
			"< OPTIONS sip:bob@example.com SIP/2.0\nroute.lua:4 auth.exists: false\nroute.lua:5 decides: reply 404\n> SIP/2.0 404 Not Found"},
		{"a target that is silent, and one that is not tried", "function route(req)\n  req:relay({ 'sip:x@10.0.0.8', 'sip:y@10.0.0.9' }, { order = 'serial', timeout = 1, failover = { 503 } })\nend",
			"< OPTIONS sip:bob@example.com SIP/2.0\nroute.lua:2 decides: relay 2 in a list: sip:x@10.0.0.8 …\n> OPTIONS sip:x@10.0.0.8 SIP/2.0\n> OPTIONS sip:x@10.0.0.8 SIP/2.0\n gave up: sip:x@10.0.0.8: its time was over\n not tried: sip:y@10.0.0.9: failover is not for this answer"},
		{"a script that fails", "function route(req)\n  local x = nil + 1\nend",
			"< OPTIONS sip:bob@example.com SIP/2.0\nroute.lua:2 decides: error attempt to add nil and number\n> SIP/2.0 500 Server Internal Error"},
		{"a mark", "function route(req)\n  sip.trace(req, { name = 'monday' })\n  req:reply(200)\nend",
			"< OPTIONS sip:bob@example.com SIP/2.0\nroute.lua:2 sip.trace: monday\nroute.lua:3 decides: reply 200\n> SIP/2.0 200 OK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ring.New(ring.Options{Size: ring.MinSize})
			w := luabindtest.New(t, c.script, luabindtest.Modules(luabindtest.Must(auth.New(auth.Options{})), topology.New()), luabindtest.Engine(func(e *engine.Config) { e.Observe = r.Observe }))
			w.Ask("OPTIONS", "sip:bob@example.com")
			if got := told(t, r); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// Both sides of a call whose Call-ID is hidden from the callee are one call, and none of its
// secrets is kept.
func TestObservedMasked(t *testing.T) {
	var w *luabindtest.World
	r := ring.New(ring.Options{Size: ring.MinSize, Reveal: func(id []byte) ([]byte, bool) { return w.Engine.Revealed(id) }})
	w = luabindtest.New(t, `
local topology = require "topology"
function route(req)
  topology.hide(req, { call_id = true })
  req:relay("sip:carol@10.0.0.3")
end`, luabindtest.Modules(topology.New()), luabindtest.Engine(func(e *engine.Config) { e.Observe = r.Observe }))
	w.Peer("10.0.0.3:5060", luabindtest.Answering(200))
	res := w.Ask("OPTIONS", "sip:bob@example.com", "Authorization: Digest username=\"alice\", response=\"0123456789abcdef\"\r\n")
	calls, err := r.Calls(ring.Filter{}, 0)
	if err != nil || len(calls) != 1 || len(calls[0].Others) != 1 || calls[0].ID == calls[0].Others[0] {
		t.Fatalf("%v, answered %v: %+v", err, res, calls)
	}
	for _, id := range []string{calls[0].ID, calls[0].Others[0]} {
		c, records, err := r.Call(id)
		if err != nil || c == nil || len(records) < 4 {
			t.Fatalf("by %s: %d records, %v", id, len(records), err)
		}
		for _, x := range records {
			if strings.Contains(string(x.Text), "0123456789") {
				t.Errorf("a secret: %s", x.Text)
			}
		}
	}
}
