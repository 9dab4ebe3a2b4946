package sim

import (
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file is about phones that ask a server, and are told by it.

// Write sends a request to the server, as [Writer.Request] has it.
func (p *Phone) Write(text []byte) {
	p.t.Helper()
	if p.Kind == transport.UDP {
		p.Send(p.Server, text)
	} else if err := p.Stream(p.Kind, p.Server, text); err != nil {
		p.t.Fatalf("%s: %v", p.Addr(), err)
	}
}

// Ask sends a request to the server, and takes and returns its final answer. The test fails where
// none comes.
func (p *Phone) Ask(method, uri, body string, lines ...string) *message.Message {
	p.t.Helper()
	return p.answer(p.Request(method, uri, body, lines...))
}

// answer sends a request and takes its final answer.
func (p *Phone) answer(text []byte) *message.Message {
	p.t.Helper()
	var asked message.Message
	if err := asked.Parse(text, nil); err != nil {
		p.t.Fatalf("%v in\n%s", err, text)
	}
	p.Write(text)
	via := asked.Header(message.HeaderVia)
	final, _ := p.Take(patience, func(m *message.Message) bool {
		return !m.IsRequest() && m.Status() >= 200 && sameBranch(m.Header(message.HeaderVia), via)
	})
	if final == nil {
		p.t.Fatalf("%s is not answered:\n%s", p.Addr(), text)
	}
	return final
}

// sameBranch compares two Vias, to the first of which a server may have added parameters.
func sameBranch(a, b []byte) bool {
	branch := func(via []byte) string {
		_, rest, _ := strings.Cut(string(via), ";branch=")
		rest, _, _ = strings.Cut(rest, ";")
		return rest
	}
	return branch(a) == branch(b)
}

// Take moves the world on until there is such a message, and takes it: nil if none comes in time.
func (p *Phone) Take(within time.Duration, such func(m *message.Message) bool) (found *message.Message, in Packet) {
	p.w.RunUntil(within, func() bool {
		for i, m := range p.Got {
			if such(m) {
				found, in = m, p.In[i]
				p.Got, p.In = append(p.Got[:i:i], p.Got[i+1:]...), append(p.In[:i:i], p.In[i+1:]...)
				return true
			}
		}
		return false
	})
	return found, in
}

// Register registers the phone for so many seconds, 0 to end it, and returns the answer.
func (p *Phone) Register(expires string, lines ...string) *message.Message {
	p.t.Helper()
	return p.Ask("REGISTER", "sip:"+domain, "", append([]string{"Expires: " + expires}, lines...)...)
}

// Publish sends a PUBLISH of the phone's own user.
func (p *Phone) Publish(event, lines, body string) *message.Message {
	p.t.Helper()
	return p.answer(p.Publication(event, body, lines))
}

// Subscribe begins a subscription to a user, and returns the answer and its Call-ID.
func (p *Phone) Subscribe(user, event string, lines ...string) (m *message.Message, id string) {
	p.t.Helper()
	text, id := p.Subscription(user, event, lines...)
	m = p.answer(text)
	if err := p.Subscribed(user, event, m); err != nil {
		p.t.Fatalf("%v", err)
	}
	return m, id
}

// Again refreshes a subscription, or ends it.
func (p *Phone) Again(id string, lines ...string) *message.Message {
	p.t.Helper()
	return p.answer(p.Refresh(id, lines...))
}

// Told takes the next NOTIFY. It may come more than an hour later, as the end of a subscription
// does.
func (p *Phone) Told() (state, body string, m *message.Message) {
	p.t.Helper()
	if m, _ = p.Take(4000*time.Second, func(m *message.Message) bool { return m.Method() == message.MethodNotify }); m == nil {
		p.t.Fatalf("%s is told nothing", p.User)
	}
	return string(m.Header(message.HeaderSubscriptionState)), string(m.Body()), m
}

// Hears takes the next NOTIFY, whose state begins like this, and whose body has all those texts;
// one with "!" before it, it has not.
func (p *Phone) Hears(state string, texts ...string) {
	p.t.Helper()
	got, body, _ := p.Told()
	if !strings.HasPrefix(got, state) {
		p.t.Errorf("%s is told %q, want %q", p.User, got, state)
	}
	for _, text := range texts {
		if without, not := strings.CutPrefix(text, "!"); not == strings.Contains(body, without) {
			p.t.Errorf("%s is told\n%s\nwant %q (without: %v)", p.User, body, without, not)
		}
	}
}

// Quiet checks that nothing is told for a while.
func (p *Phone) Quiet(d time.Duration) {
	p.t.Helper()
	p.w.Run(d)
	if list := p.Requests("NOTIFY"); len(list) > 0 {
		p.t.Errorf("%s is told %s\n%s", p.User, list[0].Header(message.HeaderSubscriptionState), list[0].Body())
	}
}
