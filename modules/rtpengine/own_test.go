//go:build unix

package rtpengine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/rtpenginetest"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/rtpengine"
	"github.com/sipscript/sipscript/modules/topology"
)

// trackedCall is a call that is tracked and managed, and hidden or not, with the sockets of its
// media.
type trackedCall struct {
	*world
	d        *dialog.Dialogs
	dir      string // what d keeps
	bob      *party
	a, b     net.PacketConn
	aPort    int
	bPort    int
	toA, toB int // the daemon's ports that lead to them
}

func newTrackedCall(t *testing.T, daemon *rtpenginetest.Daemon, configure, hide string) *trackedCall {
	dir := t.TempDir()
	d := luabindtest.Must(dialog.New(dialog.Options{Log: slog.New(slog.DiscardHandler), Data: dir}))
	t.Cleanup(func() { _ = d.Close() })
	m := closing(t)
	d.Relay(m)
	source := fmt.Sprintf(`
rtpengine = require "rtpengine"
rtpengine.configure({ engines = { %q }, timeout = 0.3, %s })
function route(req)
  if req.in_dialog then return req:relay() end
  require("dialog").track(req)
  %s
  rtpengine.manage(req)
  req:relay("sip:bob@10.0.0.3:5060")
end`, daemon.UDP, configure, hide)
	w := &world{t: t, World: luabindtest.New(t, source, luabindtest.Modules(m, topology.New(), d))}
	w.alice = w.party("10.0.0.2:5060")
	c := &trackedCall{world: w, d: d, dir: dir, bob: w.party("10.0.0.3:5060")}
	c.a, c.aPort = socket(t)
	c.b, c.bPort = socket(t)
	w.alice.send("INVITE", "", versioned(c.aPort, 1, ""))
	inv := c.bob.expect("INVITE")
	c.toA = c.bob.relayed(inv)
	c.bob.answer(inv, 200, sdpType, versioned(c.bPort, 1, ""))
	ok := w.alice.expect("200")
	c.toB = w.alice.relayed(ok)
	within(w.alice, ok, c.bob, inv)
	if hide != "" {
		w.alice.uri, c.bob.uri = contactIn(ok), contactIn(inv)
	}
	w.alice.send("ACK", "", "")
	c.bob.expect("ACK")
	media(t, c.a, c.b, c.toB, c.toA)
	return c
}

func contactIn(g *got) string {
	_, uri, _ := strings.Cut(string(g.m.HeaderName("Contact")), "<")
	uri, _, _ = strings.Cut(uri, ">")
	return uri
}

// versioned is a description with a version.
func versioned(port, version int, more string) string {
	return strings.Replace(description("127.0.0.1", port), "o=- 1 1 ", fmt.Sprintf("o=- 1 %d ", version), 1) + more
}

func versionOf(g *got) (version int) {
	_, rest, _ := strings.Cut(string(g.m.Body()), "\no=")
	_, _ = fmt.Sscan(rest, new(string), new(string), &version)
	return version
}

func (c *trackedCall) call() *dialog.Call {
	c.t.Helper()
	list := c.d.List(dialog.Filter{})
	if len(list) != 1 {
		c.t.Fatalf("%d calls", len(list))
	}
	return list[0]
}

// ask begins something, and returns what waits for its end.
func (c *trackedCall) ask(f func(func(error)) bool) (wait func() error) {
	over, result := false, errors.New("it has not ended")
	if !f(func(err error) { over, result = true, err }) {
		c.t.Fatal("overloaded")
	}
	return func() error {
		for range 400 {
			if over {
				break
			}
			c.Run(100 * time.Millisecond)
		}
		return result
	}
}

// What this server asks of the parties of a managed call passes the daemon as their own does, with
// versions that rise, and the media goes on through it; the daemon forgets the call at its end.
func TestOwnRequests(t *testing.T) {
	daemon := rtpenginetest.Start(t)
	for _, hide := range []string{"", `require("topology").hide(req)`, `require("topology").hide(req, { call_id = true })`} {
		t.Run(hide, func(t *testing.T) {
			c := newTrackedCall(t, daemon, "", hide)
			versionA, versionB := 1, 1 // as the other one knows them
			for _, row := range []struct {
				name string
				do   func(*dialog.Call, func(error)) bool
				want string
			}{{"hold", (*dialog.Call).Hold, "a=inactive"}, {"resume", (*dialog.Call).Resume, ""}} {
				wait := c.ask(func(done func(error)) bool { return row.do(c.call(), done) })
				ask := c.alice.expect("INVITE")
				if len(ask.m.Body()) > 0 {
					t.Errorf("%s: alice is offered %q", row.name, ask.m.Body())
				}
				c.alice.answer(ask, 200, sdpType, versioned(c.aPort, 1, ""))
				offer := c.bob.expect("INVITE")
				c.toA = c.bob.relayed(offer)
				c.bob.answer(offer, 200, sdpType, versioned(c.bPort, 1, row.want+strings.Repeat("\r\n", min(1, len(row.want)))))
				ack := c.alice.expect("ACK")
				c.toB = c.alice.relayed(ack)
				c.bob.expect("ACK")
				if err := wait(); err != nil {
					t.Fatalf("%s: %v\n%s", row.name, err, c.Log())
				}
				for who, g := range map[string]*got{"alice": ack, "bob": offer} {
					if !strings.Contains(string(g.m.Body()), row.want) || row.want == "" && strings.Contains(string(g.m.Body()), "inactive") {
						t.Errorf("%s: %s got %q", row.name, who, g.m.Body())
					}
				}
				if a, b := versionOf(offer), versionOf(ack); a != versionA+1 || b != versionB+1 {
					t.Errorf("%s: versions %d and %d after %d and %d", row.name, a, b, versionA, versionB)
				}
				versionA, versionB = versionOf(offer), versionOf(ack)
			}
			media(t, c.a, c.b, c.toB, c.toA)
			wait := c.ask(func(done func(error)) bool {
				return c.call().Transfer("sip:carol@10.0.0.4", dialog.TransferOptions{}, done)
			})
			c.alice.answer(c.alice.expect("REFER"), 202, "", "")
			c.alice.cseq += 10
			c.alice.send("NOTIFY", "Event: refer\r\nSubscription-State: terminated\r\n", "")
			if err := wait(); err == nil || !strings.Contains(err.Error(), "300") {
				t.Errorf("%v", err)
			}
			c.call().Hangup("")
			for _, p := range []*party{c.alice, c.bob} {
				p.answer(p.expect("BYE"), 200, "", "")
			}
			c.gone()
		})
	}
}

// What the relay knows a call by is the same in the journal: calls are held, and their ends told to
// the daemon, after a restart too.
func TestCallIsKnownAfterARestart(t *testing.T) {
	c := newTrackedCall(t, rtpenginetest.Start(t), "", "")
	v := c.call().View()
	if err := c.d.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(c.dir, "dialog.journal"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var kept struct {
		Call struct{ Between struct{ Media string } }
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &kept); err != nil || kept.Call.Between.Media != v.Relayed() || v.Relayed() == "" {
		t.Errorf("%q, after a restart %q: %v", v.Relayed(), kept.Call.Between.Media, err)
	}
}

// A daemon that is not there: nothing changes but that the caller's media are inactive, as it had
// to get an answer; with "pass" the parties have each other's descriptions.
func TestOwnRequestsWithoutDaemon(t *testing.T) {
	for _, row := range []struct{ name, configure, want string }{
		{"503", "", rtpengine.ErrNoMedia.Error()},
		{"pass", `on_failure = "pass"`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			daemon := rtpenginetest.Start(t)
			c := newTrackedCall(t, daemon, row.configure, "")
			wait := c.ask(c.call().Hold)
			ask := c.alice.expect("INVITE")
			daemon.Kill()
			c.alice.answer(ask, 200, sdpType, versioned(c.aPort, 1, ""))
			if row.want == "" {
				c.bob.answer(c.bob.expect("INVITE"), 200, sdpType, versioned(c.bPort, 1, "a=inactive\r\n"))
			}
			if ack := c.alice.expect("ACK"); !strings.Contains(string(ack.m.Body()), "a=inactive") || versionOf(ack) == 0 {
				t.Errorf("alice got %q", ack.m.Body())
			}
			if err := wait(); row.want == "" && err != nil || row.want != "" && (err == nil || !strings.HasPrefix(err.Error(), row.want)) {
				t.Errorf("%v, want %q", err, row.want)
			}
			if v := c.call().View(); v.Held != (row.want == "") {
				t.Errorf("held: %v", v.Held)
			}
		})
	}
}
