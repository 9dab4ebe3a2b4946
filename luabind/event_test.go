package luabind_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// One generation hears at a time; one that has been replaced takes nothing away from the next.
func TestEventsToGenerations(t *testing.T) {
	var e luabind.Events[string]
	var heard []string
	listener := func(name string) *luabind.Listener[string] {
		return &luabind.Listener[string]{Hear: func(s string) { heard = append(heard, name+s) }}
	}
	old, fresh := listener("old "), listener("new ")
	e.Emit("0")
	e.Listen(old)
	e.Emit("1")
	e.Listen(fresh)
	e.Leave(old)
	e.Emit("2")
	e.Leave(fresh)
	e.Emit("3")
	if got := strings.Join(heard, ", "); got != "old 1, new 2" {
		t.Error(got)
	}
}

// rang is an event of the module bell.
type rang struct {
	kind, who string
	code      int
	left      time.Duration
}

var bellEvents = luabind.EventsOf(func(e rang) string { return e.kind },
	luabind.EventOf("bell.rang", "It rang.",
		luabind.EventArg("who", luabind.ReturnsText("rings"), func(e rang) string { return e.who }),
		luabind.EventArg("code", luabind.OrNil(luabind.ReturnsInt("nil for none")), func(e rang) int { return e.code }),
		luabind.EventArg("left", luabind.ReturnsSeconds(""), func(e rang) time.Duration { return e.left })),
	luabind.EventOf[rang]("bell.silent", "It does not ring."))

// bell emits what Go reports.
type bell struct {
	listener luabind.Listener[rang]
}

func (b *bell) Name() string                  { return "bell" }
func (b *bell) Functions() []luabind.Function { return nil }
func (b *bell) Events() []luabind.Event       { return bellEvents.Declared() }
func (b *bell) Close() error                  { return nil }
func (b *bell) Open(h *luabind.Host) (luabind.Module, error) {
	b.listener = bellEvents.Listener(h)
	return b, nil
}

// An event is declared once: what documentation says of its arguments is what handlers get.
func TestEventsAreDeclaredOnce(t *testing.T) {
	libraries, err := luabind.Declared(&bell{})
	if err != nil {
		t.Fatal(err)
	}
	events := libraries[len(libraries)-1].Events
	if len(events) != 2 || len(events[1].Params) != 0 {
		t.Fatalf("%+v", events)
	}
	for i, want := range []luabind.Param{{Name: "who", Type: luabind.String, Doc: "rings"},
		{Name: "code", Type: luabind.Integer, Optional: true, Doc: "nil for none"}, {Name: "left", Type: luabind.Seconds}} {
		t.Run(want.Name, func(t *testing.T) {
			if p := events[0].Params[i]; p.Name != want.Name || p.Type != want.Type || p.Doc != want.Doc || p.Optional != want.Optional {
				t.Errorf("%+v", p)
			}
		})
	}
	for _, row := range []struct {
		name, want string
		event      rang
	}{
		{"all arguments", "bob 486 1.5", rang{"bell.rang", "bob", 486, 1500 * time.Millisecond}},
		{"nil for the zero value", "bob nil 0", rang{"bell.rang", "bob", 0, 0}},
		{"only where the argument may be nil", " nil 0", rang{"bell.rang", "", 0, 0}},
		{"without arguments", "silence", rang{kind: "bell.silent", who: "bob"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := &bell{}
			w := luabindtest.New(t, `
sip.on("bell.rang", function(who, code, left) sip.log.info("heard %s %s %s", who, tostring(code), left) end)
sip.on("bell.silent", function(...) sip.log.info("heard %s", select("#", ...) == 0 and "silence" or "noise") end)
function route(req) end`, luabindtest.Modules(b))
			b.listener.Hear(rang{kind: "bell.unknown"})
			b.listener.Hear(row.event)
			w.Run(time.Second)
			if log := w.Log(); !strings.Contains(log, `"heard `+row.want+`"`) || strings.Count(log, "heard") != 1 {
				t.Errorf("%s", log)
			}
		})
	}
}
