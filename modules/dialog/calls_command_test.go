package dialog_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/host/hosttest"
)

// The operator sees a call, looks at it, and ends it.
func TestCallsCommand(t *testing.T) {
	w := newWorld(t, scriptOf(`limits = { ["customer:7"] = 5 }`, "", "10.0.0.3"))
	alice, bob := w.Phone("alice", "10.0.0.2"), w.Phone("bob", "10.0.0.3")
	w.talk(alice, bob)
	id := w.only().ID().String()
	var calls host.Command
	for _, c := range dialog.Plugin().Commands {
		if c.Name == "calls" {
			calls = c
		}
	}
	text, err := hosttest.Run(calls, "dialog", w.d.API(), map[string]any{"json": true}, "calls", "list")
	var listed struct {
		Calls []struct {
			CallID string `json:"call_id"`
		}
	}
	if err != nil || json.Unmarshal([]byte(text), &listed) != nil || len(listed.Calls) != 1 {
		t.Fatal(err, text)
	}
	for _, row := range []struct {
		words string
		flags map[string]any
		want  string // in the output or the error
	}{
		{"calls", nil, id + "  confirmed  "},
		{"calls list", map[string]any{"key": "customer:7"}, id},
		{"calls list", map[string]any{"key": "customer:8"}, "0 of 1 calls"},
		{"calls list", map[string]any{"from": "sip:nobody@example.com"}, "0 of 1 calls"},
		{"calls list", map[string]any{"call-id": "other"}, "0 of 1 calls"},
		{"calls list", map[string]any{"call-id": listed.Calls[0].CallID}, id},
		{"calls list", map[string]any{"limit": -1}, "400 limit must be 1 to 100000"},
		{"calls list", map[string]any{"json": true}, `"count": 1`},
		{"calls lst", nil, "the commands are list, show, hang-up"},
		{"calls show " + id, nil, "state     confirmed"},
		{"calls show " + id, map[string]any{"json": true}, `"state": "confirmed"`},
		{"calls show 00", nil, "404"},
		{"calls show", nil, "expected the id"},
		{"calls hang-up", nil, "expected the id"},
		{"calls hang-up " + id, nil, ""},
	} {
		t.Run(row.words, func(t *testing.T) {
			out, err := hosttest.Run(calls, "dialog", w.d.API(), row.flags, strings.Fields(row.words)...)
			if err != nil {
				out = err.Error()
			}
			if !strings.Contains(out, row.want) {
				t.Errorf("%s, want %s", out, row.want)
			}
		})
	}
	w.Came(bob, "BYE")
	w.Came(alice, "BYE")
	w.calls(0)
}
