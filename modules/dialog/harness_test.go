package dialog_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/sim/phone"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/modules/topology"
	"github.com/sipscript/sipscript/modules/uac"
)

// world is a server whose script tracks calls, and phones at 10.0.0.x.
type world struct {
	*luabindtest.World
	t      *testing.T
	d      *dialog.Dialogs
	events []string // what a watcher heard: kind, cause, who
	wire   *sim.Wire
	dir    string                      // of --data, after a restart
	more   func() []luabindtest.Option // of the server after a restart
}

// tracked relays to targets, "10.0.0.3" and so on, with options of track, and of relay.
const tracked = `
dialog = require "dialog"
function route(req)
  if req.in_dialog then return req:relay() end
  local call, why, key = dialog.track(req, { %s })
  if not call then return req:reply(486, key) end
  req:relay({ %s }, { %s })
end`

// scriptOf fills in tracked.
func scriptOf(options, relay string, targets ...string) string {
	var list []string
	for _, t := range targets {
		list = append(list, fmt.Sprintf("%q", "sip:bob@"+t+":5060"))
	}
	return fmt.Sprintf(tracked, options, strings.Join(list, ", "), relay)
}

func newWorld(t *testing.T, script string, options ...luabindtest.Option) *world {
	return newWorldOf(t, luabindtest.Must(dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler)})), script, options...)
}

func newWorldOf(t *testing.T, d *dialog.Dialogs, script string, options ...luabindtest.Option) *world {
	t.Helper()
	w := &world{t: t, d: d, more: func() []luabindtest.Option { return nil }}
	w.World = luabindtest.New(t, script, append(options, luabindtest.Modules(d), luabindtest.Engine(func(c *engine.Config) {
		network := c.Network
		c.Network = func(r transport.Receiver) (x transport.Wire, err error) {
			x, err = network(r)
			w.wire, _ = x.(*sim.Wire)
			return x, err
		}
	}))...)
	d.Watch(func(e dialog.Event) {
		v := e.Call.View()
		w.events = append(w.events, strings.TrimSpace(strings.Join([]string{strings.TrimPrefix(e.Kind, "dialog."), v.Cause, v.By.String()}, " ")))
	})
	w.Ladder()
	return w
}

// calls checks how many calls there are.
func (w *world) calls(want int) {
	w.t.Helper()
	w.Run(100 * time.Millisecond)
	if got := w.d.Count(""); got != want {
		w.t.Errorf("%d calls, want %d", got, want)
	}
}

// heard checks the events so far, and forgets them.
func (w *world) heard(want ...string) {
	w.t.Helper()
	w.Run(100 * time.Millisecond)
	if !slices.Equal(w.events, want) {
		w.t.Errorf("heard %q, want %q", w.events, want)
	}
	w.events = nil
}

// only is the one call there is.
func (w *world) only() *dialog.Call {
	w.t.Helper()
	list := w.d.List(dialog.Filter{})
	if len(list) != 1 {
		w.t.Fatalf("%d calls", len(list))
	}
	return list[0]
}

// talk sets up a call from a to b, who answers.
func (w *world) talk(a, b *phone.Phone) (out *phone.Outgoing, in *phone.Incoming) {
	w.t.Helper()
	out = a.Invite("sip:bob@example.com", phone.Spec{})
	in = w.Came(b, "INVITE")
	w.Reply(in, 180)
	w.Reply(in, 200)
	w.Answered(out, 200)
	w.Came(b, "ACK")
	return out, in
}

// withRegistrar adds the module "registrar".
func withRegistrar(t *testing.T) luabindtest.Option {
	return luabindtest.Modules(luabindtest.Must(registrar.New(registrar.Options{})))
}

// withUAC adds the module "uac".
func withUAC(t *testing.T) luabindtest.Option { return luabindtest.Modules(uac.New(uac.Options{})) }

// withTopology adds the module "topology".
func withTopology(t *testing.T) luabindtest.Option {
	o, err := topology.Plugin().New(&host.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	return luabindtest.Modules(o)
}
