package presence_test

// This file is the world of the tests: a server with the module, and phones on virtual time.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/presence"
	"github.com/sipscript/sipscript/modules/registrar"
)

// script serves everything; X-User in a request is who has authenticated.
const script = `
local presence, registrar = require "presence", require "registrar"
presence.configure { %s }
function route(req)
  if req.method == "REGISTER" then return registrar.save(req) end
  if req.method == "PUBLISH" then return presence.publish(req, { trusted = req:header("X-Trusted") ~= nil, headers = { ["X-Node"] = "one" } }) end
  if req.method == "SUBSCRIBE" then return presence.subscribe(req, { trusted = req:header("X-Trusted") ~= nil }) end
  if req.in_dialog then return req:relay() end
  req:record_route()
  req:relay(registrar.lookup(req.ruri))
end`

type world struct {
	*luabindtest.World
	module *presence.Presence
	phones int
}

// vouching is a router that believes X-User.
type vouching struct{ *luabind.Router }

// Route is the engine's router.
func (v vouching) Route(req *engine.Request) error {
	if user := string(req.Message().HeaderName("X-User")); user != "" {
		req.SetUser(user)
		if len(req.Message().HeaderName("X-Any")) == 0 {
			req.SetIdentified()
		}
	}
	return v.Router.Route(req)
}

func newWorld(t testing.TB, options string) *world {
	t.Helper()
	users := luabindtest.Must(registrar.New(registrar.Options{}))
	w := &world{module: luabindtest.Must(presence.New(presence.Options{Registrar: users}))}
	w.World = luabindtest.New(t, fmt.Sprintf(script, options), luabindtest.Modules(users, w.module),
		luabindtest.Wrap(func(r *luabind.Router) engine.Router { return vouching{r} }))
	return w
}

// phone is a user's phone. It answers NOTIFYs with 200, and leaves the rest to the test.
type phone struct {
	*luabindtest.Peer
	w      *world
	user   string
	n      int
	cseq   int
	calls  map[string]*sub // by Call-ID
	Notify []*message.Message
}

// sub is one subscription.
type sub struct{ uri, to, event string }

func (w *world) phone(user string) *phone {
	w.phones++
	p := &phone{w: w, user: user, n: w.phones, calls: map[string]*sub{}}
	p.Peer = w.Peer(fmt.Sprintf("10.0.1.%d:5060", p.n), func(_ *luabindtest.Peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && string(m.MethodText()) == "NOTIFY" {
			p.Reply(m, in, 200, "")
		}
	})
	return p
}

// send sends a request outside of any dialog, and returns its final answer.
func (p *phone) send(method, uri, lines, body string) *message.Message {
	p.w.T.Helper()
	p.cseq++
	return p.ask(method, uri, "<"+uri+">", fmt.Sprintf("%s-%d-%d", p.user, p.n, p.cseq), lines, body)
}

func (p *phone) ask(method, uri, to, callID, lines, body string) *message.Message {
	p.w.T.Helper()
	if !strings.Contains(lines, "X-User") && !strings.Contains(lines, "X-Trusted") {
		lines += "X-User: " + p.user + "\r\n"
	}
	from := "sip:" + p.user + "@example.com"
	branch := fmt.Sprintf("z9hG4bK%d-%d", p.n, p.cseq)
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\n%sContent-Length: %d\r\n\r\n%s",
		method, uri, p.Addr(), branch, from, p.user, to, callID, p.cseq, method, p.user, p.Addr(), lines, len(body), body)
	p.Send(luabindtest.Addr, []byte(text))
	var final *message.Message
	p.w.Sim.RunUntil(40*time.Second, func() bool {
		for i, m := range p.Got {
			cseq, _ := m.CSeq()
			if !m.IsRequest() && m.Status() >= 200 && int(cseq.Number) == p.cseq && string(m.CallID()) == callID {
				p.Got, p.In = append(p.Got[:i:i], p.Got[i+1:]...), append(p.In[:i:i], p.In[i+1:]...)
				final = m
				return true
			}
		}
		return false
	})
	if final == nil {
		p.w.T.Fatalf("%s %s: no answer", method, uri)
	}
	return final
}

// publish sends a PUBLISH for the phone's own user.
func (p *phone) publish(event, lines, body string) *message.Message {
	p.w.T.Helper()
	if body != "" && !strings.Contains(lines, "Content-Type") {
		lines += "Content-Type: " + map[string]string{"presence": "application/pidf+xml", "dialog": "application/dialog-info+xml", "message-summary": "application/simple-message-summary"}[event] + "\r\n"
	}
	return p.send("PUBLISH", "sip:"+p.user+"@example.com", "Event: "+event+"\r\n"+lines, body)
}

// subscribe begins a subscription, and returns the answer and its Call-ID.
func (p *phone) subscribe(user, event, lines string) (*message.Message, string) {
	p.w.T.Helper()
	uri := "sip:" + user + "@example.com"
	m := p.send("SUBSCRIBE", uri, "Event: "+event+"\r\n"+lines, "")
	id := string(m.CallID())
	if m.Status() == 200 {
		contact, err := message.ParseAddress(m.Header(message.HeaderContact))
		if err != nil {
			p.w.T.Fatal(err)
		}
		p.calls[id] = &sub{uri: string(contact.URI), to: "<" + uri + ">;tag=" + string(m.ToTag()), event: event}
	}
	return m, id
}

// again refreshes a subscription.
func (p *phone) again(id, lines string) *message.Message {
	p.w.T.Helper()
	p.cseq++
	s := p.calls[id]
	return p.ask("SUBSCRIBE", s.uri, s.to, id, "Event: "+s.event+"\r\n"+lines, "")
}

// told is the next NOTIFY.
func (p *phone) told() (state, body string, m *message.Message) {
	p.w.T.Helper()
	if !p.w.Sim.RunUntil(4000*time.Second, func() bool { return len(p.Requests("NOTIFY")) > 0 }) {
		p.w.T.Fatalf("%s is told nothing", p.user)
	}
	for i, m := range p.Got {
		if m.IsRequest() && string(m.MethodText()) == "NOTIFY" {
			p.Got, p.In = append(p.Got[:i:i], p.Got[i+1:]...), append(p.In[:i:i], p.In[i+1:]...)
			return string(m.Header(message.HeaderSubscriptionState)), string(m.Body()), m
		}
	}
	panic("unreachable")
}

// hears takes the next NOTIFY, whose body has all those texts; one with "!" before it, it has not.
func (p *phone) hears(state string, texts ...string) {
	p.w.T.Helper()
	got, body, _ := p.told()
	if !strings.HasPrefix(got, state) {
		p.w.T.Errorf("%s is told %q, want %q", p.user, got, state)
	}
	for _, text := range texts {
		if without, not := strings.CutPrefix(text, "!"); not == strings.Contains(body, strings.TrimPrefix(text, "!")) {
			p.w.T.Errorf("%s is told\n%s\nwant %q (without: %v)", p.user, body, without, not)
		}
	}
}

// quiet checks that nothing is told for a while.
func (p *phone) quiet(d time.Duration) {
	p.w.T.Helper()
	p.w.Run(d)
	if list := p.Requests("NOTIFY"); len(list) > 0 {
		p.w.T.Errorf("%s is told %s\n%s", p.user, list[0].Header(message.HeaderSubscriptionState), list[0].Body())
	}
}

// pidf is a document with one tuple.
func pidf(id, basic string) string {
	return `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:x@h"><tuple id="` + id + `"><status><basic>` + basic + `</basic></status></tuple></presence>`
}

// everybody lets everybody watch.
const everybody = `authorize = function() return true end, interval = 0,`
