package presence_test

// This file tests lamps: calls become dialog documents (RFC 4235).

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/dialog"
	"github.com/sipscript/sipscript/modules/internal/calls"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/modules/registrar"
)

// call is one call from carol to bob through the server, with bob's phone at hand.
type call struct {
	w          *world
	bob, carol *luabindtest.Peer
	route      string // of carol's requests
	n          int
}

func (w *world) call(t *testing.T) *call {
	c := &call{w: w}
	c.bob = w.Peer("10.0.2.1:5060", nil)
	c.carol = w.Peer("10.0.2.2:5060", nil)
	c.bob.User = "bob"
	if m := c.bob.Register("600"); m.Status() != 200 {
		t.Fatal(m.Status())
	}
	return c
}

func (c *call) invite() {
	c.carol.Send(luabindtest.Addr, c.request("INVITE", "sip:bob@example.com", "", ""))
}

func (c *call) request(method, uri, route, toTag string) []byte {
	c.n++
	n := c.n
	if method == "ACK" || method == "CANCEL" {
		n = 1
	}
	if method == "CANCEL" {
		c.n--
	}
	return []byte(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.2.2:5060;branch=z9hG4bKc%d\r\nMax-Forwards: 70\r\nFrom: \"Carol\" <sip:carol@example.com>;tag=carol\r\nTo: <sip:bob@example.com>%s\r\n"+
		"Call-ID: the-call\r\nCSeq: %d %s\r\nContact: <sip:carol@10.0.2.2:5060>\r\n%sContent-Length: 0\r\n\r\n", method, uri, c.n, toTag, n, method, route))
}

// rings takes the INVITE at bob's, and returns how to answer it.
func (c *call) rings() func(code int, lines string) {
	m, in := c.next(c.bob, "INVITE")
	return func(code int, lines string) {
		c.bob.Reply(m, in, code, "Contact: <sip:bob@10.0.2.1:5060>\r\n"+lines)
		if code >= 200 && code < 300 {
			var ok *message.Message
			c.w.Sim.RunUntil(10*time.Second, func() bool {
				for _, m := range c.carol.Got {
					if !m.IsRequest() && m.Status() == code {
						ok = m
					}
				}
				return ok != nil
			})
			routes := ok.Elements(message.HeaderRecordRoute)
			c.route = ""
			for routes.Next() {
				c.route = "Route: " + string(routes.Value) + "\r\n" + c.route
			}
		}
	}
}

func (c *call) next(p *luabindtest.Peer, method string) (*message.Message, sim.Packet) {
	c.w.T.Helper()
	for range 20 {
		if m, in := p.Next(); m.IsRequest() && string(m.MethodText()) == method {
			return m, in
		}
	}
	c.w.T.Fatalf("no %s", method)
	return nil, sim.Packet{}
}

const bobTag = "tag-10.0.2.1-5060"

// A call from beginning to end: watchers of both hear of it, each as that phone's own side has it.
func TestCall(t *testing.T) {
	w := newWorld(t, everybody+"blf = true")
	alice, dave := w.phone("alice"), w.phone("dave")
	alice.Subscribe("bob", "dialog", "")
	alice.Hears("active", `version="0" state="full" entity="sip:bob@example.com"/>`)
	dave.Subscribe("carol", "dialog", "")
	dave.Hears("active", `entity="sip:carol@example.com"/>`)
	c := w.call(t)
	c.invite()
	answer := c.rings()
	dave.Hears("active", `version="1"`, `call-id="the-call" local-tag="carol" direction="initiator"><state>trying</state><local><identity>sip:carol@example.com</identity></local><remote><identity>sip:bob@example.com</identity></remote>`)
	answer(180, "")
	dave.Hears("active", `local-tag="carol" remote-tag="`+bobTag+`" direction="initiator"><state>early</state>`)
	alice.Hears("active", `version="1" state="full"`, `call-id="the-call" local-tag="`+bobTag+`" remote-tag="carol" direction="recipient"><state>early</state><local><identity>sip:bob@example.com</identity></local>`+
		`<remote><identity display="Carol">sip:carol@example.com</identity></remote>`)
	answer(200, "")
	alice.Hears("active", `version="2"`, "<state>confirmed</state>")
	dave.Hears("active", "<state>confirmed</state>")
	late := w.phone("erin") // who comes in the middle of it
	late.Subscribe("bob", "dialog", "")
	late.Hears("active", "<state>confirmed</state>")
	c.carol.Send(luabindtest.Addr, c.request("BYE", "sip:bob@10.0.2.1:5060", c.route, ";tag="+bobTag))
	alice.Hears("active", `<state event="remote-bye">terminated</state>`)
	dave.Hears("active", `<state event="local-bye">terminated</state>`)
	w.Run(20 * time.Second)
	late.Told()
	late.Quiet(time.Second)
	another := w.phone("frank") // who comes after it
	another.Subscribe("bob", "dialog", "")
	another.Hears("active", "!<dialog ")
}

// A call whose BYE took another way is over after half a day.
func TestCallWithoutEnd(t *testing.T) {
	w := newWorld(t, everybody+"blf = true, max_expires = 86400")
	alice := w.phone("alice")
	alice.Subscribe("bob", "dialog", "")
	alice.Told()
	c := w.call(t)
	c.invite()
	c.rings()(200, "")
	alice.Hears("active", "<state>confirmed</state>")
	w.Run(12*time.Hour + 2*time.Minute)
	alice.Hears("active", `<state event="timeout">terminated</state>`)
}

// Calls that fail.
func TestFailedCalls(t *testing.T) {
	for _, x := range []struct {
		name string
		do   func(c *call, answer func(int, string))
		want string
	}{
		{"busy", func(_ *call, answer func(int, string)) { answer(486, "") }, `<state event="rejected" code="486">terminated</state>`},
		{"cancelled", func(c *call, answer func(int, string)) {
			c.carol.Send(luabindtest.Addr, c.request("CANCEL", "sip:bob@example.com", "", ""))
			c.next(c.bob, "CANCEL")
			answer(487, "")
		}, `<state event="cancelled" code="487">terminated</state>`},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, everybody+"blf = true")
			alice := w.phone("alice")
			alice.Subscribe("bob", "dialog", "")
			alice.Told()
			c := w.call(t)
			c.invite()
			answer := c.rings()
			answer(180, "")
			alice.Hears("active", "<state>early</state>")
			x.do(c, answer)
			alice.Hears("active", x.want)
		})
	}
}

// Policy: who the other party is, and documents with changes alone.
func TestDialogPolicy(t *testing.T) {
	for _, x := range []struct {
		name, options, watcher string
		wants                  []string
	}{
		{"the default", "", "alice", []string{`state="full"`, "sip:carol@example.com"}},
		{"without the other party", "remote_identity = false,", "alice", []string{"!carol@", "!Carol"}},
		{"one's own phones see it", "remote_identity = false,", "bob", []string{"sip:carol@example.com"}},
		{"partial", "partial = true,", "alice", []string{`version="1" state="partial"`, "<state>early</state>"}},
		{"off", "blf = false,", "alice", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			options := x.options
			if !strings.Contains(options, "blf") {
				options += "blf = true,"
			}
			w := newWorld(t, options+everybody)
			p := w.phone(x.watcher)
			p.Subscribe("bob", "dialog", "")
			p.Hears("active", `state="full"`)
			c := w.call(t)
			c.invite()
			c.rings()(180, "")
			if x.wants == nil {
				p.Quiet(10 * time.Second)
				return
			}
			p.Hears("active", x.wants...)
		})
	}
}

// A phone that publishes its calls itself (RFC 3903 with RFC 4235's documents).
func TestPublishedDialogs(t *testing.T) {
	w := newWorld(t, everybody+"blf = true")
	bob, alice := w.phone("bob"), w.phone("alice")
	alice.Subscribe("bob", "dialog", "")
	alice.Told()
	doc := func(state string) string {
		return `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="full" entity="sip:bob@x"><dialog id="d"><state>` + state + `</state></dialog></dialog-info>`
	}
	res := bob.Publish("dialog", "", doc("early"))
	alice.Hears("active", `version="1" state="full" entity="sip:bob@example.com"`, "<state>early</state>")
	if res = bob.Publish("dialog", "SIP-If-Match: "+string(res.HeaderName("SIP-ETag"))+"\r\n", doc("confirmed")); res.Status() != 200 {
		t.Error(res.Status())
	}
	alice.Hears("active", `version="2"`, "<state>confirmed</state>")
	if res = bob.Publish("dialog", "", strings.Replace(doc("early"), "full", "partial", 1)); res.Status() != 400 {
		t.Errorf("a partial document: %d", res.Status())
	}
}

// A call that the server itself ends puts the lamps out, where the script tracks it.
func TestTrackedCall(t *testing.T) {
	users, tracked := luabindtest.Must(registrar.New(registrar.Options{})), luabindtest.Must(dialog.New(dialog.Options{}))
	w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users, Dialogs: tracked}))}
	text := strings.Replace(fmt.Sprintf(script, everybody+"blf = true"), "req:relay(registrar", "require(\"dialog\").track(req) req:relay(registrar", 1)
	w.World = luabindtest.New(t, text, luabindtest.Modules(users, tracked, w.module))
	alice := w.phone("alice")
	alice.Subscribe("bob", "dialog", "X-Trusted: y\r\n")
	alice.Told()
	c := w.call(t)
	c.invite()
	c.rings()(200, "")
	alice.Hears("active", "<state>confirmed</state>")
	if _, err := w.Eval(`for _, c in ipairs(require("dialog").list()) do c:hang_up() end`); err != nil {
		t.Fatal(err)
	}
	alice.Hears("active", `<state>terminated</state>`)
}

// source is a module that follows calls.
type source struct{ f func(*calls.Event) }

// FollowCalls implements calls.Source.
func (s *source) FollowCalls(f func(*calls.Event)) func() { s.f = f; return func() { s.f = nil } }

// Where a module follows calls, its view counts and not the engine's own.
func TestCallsSource(t *testing.T) {
	users, from := luabindtest.Must(registrar.New(registrar.Options{})), &source{}
	w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users, Calls: from}))}
	w.World = luabindtest.New(t, fmt.Sprintf(script, everybody+"blf = true"), luabindtest.Modules(users, w.module))
	alice := w.phone("alice")
	alice.Subscribe("bob", "dialog", "X-Trusted: y\r\n")
	alice.Hears("active", "!<dialog ")
	c := w.call(t)
	c.invite()
	c.rings()(180, "")
	alice.Quiet(time.Second)
	e := calls.Event{ID: "x", AOR: "sip:bob@example.com", CallID: "c", Local: "l", State: calls.Early, Far: "sip:carol@example.com"}
	tell := func(state string) {
		e.State = state
		w.Sim.Do(func() { own := e; from.f(&own) })
	}
	tell(calls.Early)
	alice.Hears("active", `<dialog id="x" call-id="c" local-tag="l" direction="recipient"><state>early</state>`)
	tell(calls.Early) // nothing new
	alice.Quiet(time.Second)
	tell(calls.Terminated)
	alice.Hears("active", "<state>terminated</state>")
	tell(calls.Confirmed) // late
	alice.Quiet(time.Second)
	if err := w.module.Close(); err != nil || from.f != nil {
		t.Error(err, "it is followed after the end")
	}
}

// Nobody hears of a call before the script lets it pass: From may be forged. What comes again with
// credentials is a call of its own, whoever challenged it.
func TestChallengedCall(t *testing.T) {
	begin := func(t *testing.T, line string) (*sim.Phone, *call) {
		users := luabindtest.Must(registrar.New(registrar.Options{}))
		w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users}))}
		w.World = luabindtest.New(t, strings.Replace(fmt.Sprintf(script, everybody+"blf = true"), "req:record_route()", line+" req:record_route()", 1), luabindtest.Modules(users, w.module))
		dave := w.phone("dave")
		dave.Subscribe("carol", "dialog", "X-Trusted: y\r\n")
		dave.Told()
		return dave, w.call(t)
	}
	again := func(c *call) {
		c.carol.Send(luabindtest.Addr, c.request("INVITE", "sip:bob@example.com", "Proxy-Authorization: x\r\n", ""))
	}
	t.Run("here", func(t *testing.T) {
		dave, c := begin(t, `if not req:header("Proxy-Authorization") then return req:reply(407) end`)
		c.invite()
		dave.Quiet(time.Second)
		again(c)
		c.rings()
		dave.Hears("active", "<state>trying</state>", "!terminated")
	})
	t.Run("further on", func(t *testing.T) {
		dave, c := begin(t, "")
		c.invite()
		answer := c.rings()
		dave.Hears("active", "<state>trying</state>")
		answer(407, "")
		dave.Hears("active", "terminated")
		again(c)
		dave.Hears("active", "<state>trying</state>")
	})
}
