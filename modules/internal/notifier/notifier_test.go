package notifier

// This file tests what event packages ask of the notifier. Package regevent has the tests of
// dialogs, routes, NATs and strangers.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// board is a resource whose document is a text.
type board struct {
	doc   Document
	tell  bool
	ended []string
	waits bool
	next  func(Round) // nil for none
}

func (b *board) Waits() bool { return b.waits }
func (b *board) Next(_ context.Context, r Round) (Document, bool, error) {
	if b.next != nil {
		b.next(r)
	}
	return b.doc, b.tell, nil
}
func (b *board) Ended(reason string) { b.ended = append(b.ended, reason) }
func (b *board) Tag() string         { return b.doc.ETag }

type world struct {
	*luabindtest.World
	n     *Notifier
	board *board
	serve func(a *Ask)
}

// Route is the engine's router.
func (w *world) Route(req *engine.Request) error {
	if taken, err := w.n.Intercept(req); taken {
		return err
	}
	a, err := w.n.Take(req)
	if err != nil {
		return err
	}
	if w.serve != nil && !a.Refused() {
		w.serve(a)
	}
	a.Offer(a.AOR(), string(req.Message().HeaderName("X-Watcher")), w.board)
	_, _ = a.Answer(nil)
	return nil
}

func newWorld(t *testing.T, p Policy) *world {
	w := &world{board: &board{doc: Document{Type: "text/plain", Body: []byte("here")}, tell: true}}
	packages := map[string]*Package{"board": {Event: "board", Types: []string{"text/plain", "text/rich"}, Extensions: []string{"eventlist"}}, "board.winfo": {Event: "board.winfo", Types: []string{"text/plain"}}}
	w.n = New(Options{Name: "test", User: "board", Policy: p, Find: func(e string) *Package { return packages[e] }, Allow: func() string { return "board" }})
	w.World = luabindtest.New(t, "function route(req) end", luabindtest.Wrap(func(*luabind.Router) engine.Router { return w }))
	return w
}

const joe = "sip:joe@example.com"

var generous = Policy{MaxExpires: time.Hour, MinExpires: time.Minute, Max: 100, MaxPerResource: 100}

// phone is a watcher's, which answers NOTIFYs with 200.
func (w *world) phone(n int) *sim.Phone {
	p := w.Peer(fmt.Sprintf("10.0.1.%d:5060", n), nil)
	p.User, p.Answers = fmt.Sprintf("w%d", n), luabindtest.Always(200)
	return p
}

// wants takes a NOTIFY that says that.
func wants(t *testing.T, p *sim.Phone, state, body string) *message.Message {
	t.Helper()
	gotState, got, m := p.Told()
	if gotState != state || got != body {
		t.Errorf("told %q %q, want %q %q", gotState, got, state, body)
	}
	return m
}

// What a package says of a subscription goes into Subscription-State.
func TestStates(t *testing.T) {
	for _, x := range []struct {
		name  string
		doc   Document
		state string
		over  bool
	}{
		{name: "active", doc: Document{Body: []byte("x")}, state: "active;expires=3600"},
		{name: "pending", doc: Document{Pending: true}, state: "pending;expires=3600"},
		{name: "rejected", doc: Document{End: "rejected"}, state: "terminated;reason=rejected", over: true},
		{name: "noresource", doc: Document{End: "noresource"}, state: "terminated;reason=noresource", over: true},
		{name: "invariant", doc: Document{End: "invariant", Body: []byte("x")}, state: "terminated;reason=invariant", over: true},
		{name: "probation", doc: Document{End: "probation", Retry: time.Minute}, state: "terminated;reason=probation;retry-after=60", over: true},
		{name: "giveup", doc: Document{End: "giveup", Retry: 1500 * time.Millisecond}, state: "terminated;reason=giveup;retry-after=2", over: true},
		{name: "too large", doc: Document{Body: make([]byte, maxBody+1)}, state: "terminated;reason=probation;retry-after=600", over: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorld(t, generous)
			x.doc.Type = "text/plain"
			w.board.doc = x.doc
			p := w.phone(1)
			p.Subscribe(joe, "board")
			state, body, _ := p.Told()
			if state != x.state || len(x.doc.Body) < 10 && body != string(x.doc.Body) {
				t.Errorf("told %q, %q", state, body)
			}
			w.Run(time.Second)
			if w.n.Idle() != x.over || (len(w.board.ended) == 1) != x.over {
				t.Errorf("idle %v, ended %q", w.n.Idle(), w.board.ended)
			}
		})
	}
}

// Terminate ends a subscription for a reason, and its feed learns it.
func TestTerminate(t *testing.T) {
	w := newWorld(t, generous)
	p := w.phone(1)
	_, id := p.Subscribe(joe, "board")
	p.Told()
	s := w.n.Of("sip:joe@example.com")
	if len(s) != 1 || w.n.ByID(s[0].ID()) != s[0] || w.n.ByID("x") != nil || s[0].Event() != "board" || s[0].Feed() != Feed(w.board) ||
		!s[0].Until().After(w.Sim.Wall().Add(59*time.Minute)) {
		t.Fatalf("%v", s)
	}
	s[0].Terminate("probation", 90*time.Second)
	wants(t, p, "terminated;reason=probation;retry-after=90", "here")
	w.Run(time.Second)
	if !w.n.Idle() || strings.Join(w.board.ended, " ") != "probation" {
		t.Errorf("ended %q", w.board.ended)
	}
	if m := p.Again(id, "Expires: 60"); m.Status() != 481 {
		t.Errorf("a refresh of what is over: %d", m.Status())
	}
}

// A SUBSCRIBE that a proxy forked comes twice by the same dialog identifiers; it is served once
// (RFC 3261 §8.2.2.2), and in other dialogs it is another one.
func TestForked(t *testing.T) {
	w := newWorld(t, generous)
	p := w.phone(1)
	_, first := p.Subscribe(joe, "board")
	p.Told()
	p.CSeq--
	if m := p.Ask("SUBSCRIBE", joe, "", "Via: SIP/2.0/UDP 10.0.1.1:5060;branch=z9hG4bK-other", "Call-ID: "+first, "Event: board"); m.Status() != 482 {
		t.Errorf("the second way: %d", m.Status())
	}
	p.CSeq = 4 // it begins again: the old one may be lost
	if m := p.Ask("SUBSCRIBE", joe, "", "Call-ID: "+first, "Event: board"); m.Status() != 200 {
		t.Errorf("another SUBSCRIBE of the same Call-ID: %d", m.Status())
	}
	p.Told()
	if m := p.Again(first, "Expires: 0"); m.Status() != 200 || w.n.Stats().Subscriptions != 2 {
		t.Errorf("the first one: %d", m.Status())
	}
}

// The bounds: by resource, by watcher, in all. What ends makes room.
func TestBounds(t *testing.T) {
	for _, x := range []struct {
		name   string
		change func(p *Policy)
		code   int
	}{
		{"per watcher", func(p *Policy) { p.MaxPerWatcher = 2 }, 403},
		{"per resource", func(p *Policy) { p.MaxPerResource = 2 }, 403},
		{"in all", func(p *Policy) { p.Max = 2 }, 503},
	} {
		t.Run(x.name, func(t *testing.T) {
			policy := generous
			x.change(&policy)
			w := newWorld(t, policy)
			var phones []*sim.Phone
			id := "" // of the first
			for i := range 3 {
				p := w.phone(i + 1)
				want := 200
				if i == 2 {
					want = x.code
				}
				m, call := p.Subscribe(joe, "board", "X-Watcher: bob")
				if m.Status() != want {
					t.Errorf("number %d: %d", i+1, m.Status())
				}
				if i == 0 {
					id = call
				}
				phones = append(phones, p)
			}
			phones[0].Told()
			phones[0].Again(id, "Expires: 0")
			w.Run(time.Second)
			if m, _ := phones[2].Subscribe(joe, "board", "X-Watcher: bob"); m.Status() != 200 {
				t.Errorf("after one ended: %d", m.Status())
			}
		})
	}
}

// RFC 5839: who names the state it has is not told it again.
func TestEntityTags(t *testing.T) {
	w := newWorld(t, generous)
	w.board.doc.ETag = "one"
	p := w.phone(1)
	_, id := p.Subscribe(joe, "board")
	if m := wants(t, p, "active;expires=3600", "here"); string(m.HeaderName("SIP-ETag")) != "one" {
		t.Errorf("SIP-ETag %q", m.HeaderName("SIP-ETag"))
	}
	w.Run(time.Second)
	if m := p.Again(id, "Suppress-If-Match: one\r\nExpires: 600"); m.Status() != 204 || string(m.Header(message.HeaderExpires)) != "600" {
		t.Errorf("with its tag: %d", m.Status())
	}
	w.Run(time.Minute)
	p.Quiet(0) // the NOTIFY is suppressed
	if m := p.Again(id, "Suppress-If-Match: two\r\nExpires: 600"); m.Status() != 200 {
		t.Errorf("with another tag: %d", m.Status())
	}
	wants(t, p, "active;expires=600", "here")
	w.Run(time.Second)
	w.n.Changed("sip:joe@example.com", nil)
	wants(t, p, "active;expires=599", "here")
	w.Run(time.Second)
	if m := p.Again(id, "Suppress-If-Match: *\r\nExpires: 0"); m.Status() != 204 {
		t.Errorf("unsubscribed: %d", m.Status())
	}
	w.Run(time.Second)
	if len(p.Got) > 0 || !w.n.Idle() {
		t.Error("the end was told, or never came")
	}
	q := w.phone(2) // a subscriber that comes back: RFC 5839 §6.3, the NOTIFY stays without a body
	q.Subscribe(joe, "board", "Suppress-If-Match: one")
	wants(t, q, "active;expires=3600", "")
	if m, _ := w.phone(3).Subscribe(joe, "board", "Suppress-If-Match: "+strings.Repeat("x", maxEventID+1)); m.Status() != 400 {
		t.Errorf("a long tag: %d", m.Status())
	}
}

// Types: the default without Accept and for families; others only by name.
func TestAccept(t *testing.T) {
	for accept, want := range map[string]string{"": "text/plain", "*/*": "text/plain", "text/*": "text/plain", "text/rich": "text/rich", "TEXT/Plain;q=1": "text/plain",
		"text/rich, text/plain": "text/plain text/rich", "application/*": "406", "application/xml": "406"} {
		t.Run(accept, func(t *testing.T) {
			w := newWorld(t, generous)
			var got []string
			w.serve = func(a *Ask) {
				for i, name := range a.Event().Types {
					if a.Accepts(i) {
						got = append(got, name)
					}
				}
			}
			line := ""
			if accept != "" {
				line = "Accept: " + accept
			}
			if m, _ := w.phone(1).Subscribe(joe, "board", line); m.Status() != 200 {
				got = []string{fmt.Sprint(m.Status())}
			}
			if text := strings.Join(got, " "); text != want {
				t.Errorf("%q is served %s", accept, text)
			}
		})
	}
}

// What a SUBSCRIBE can't be, and what a package refuses.
func TestRefusals(t *testing.T) {
	for _, x := range []struct {
		lines string
		serve func(*Ask)
		code  int
		head  string
	}{
		{"Event: presence\r\n", nil, 489, "Allow-Events: board"},
		{"Event: BOARD\r\n", nil, 200, "Allow-Events: board"},
		{"Event: board.winfo\r\n", nil, 200, ""},
		{"Require: eventlist\r\n", nil, 200, ""},
		{"Require: other\r\n", nil, 420, "Unsupported: other"},
		{"Expires: 59\r\n", nil, 423, "Min-Expires: 60"},
		{"Expires: 7200\r\n", nil, 200, "Expires: 3600"},
		{"Expires: 600\r\n", func(a *Ask) { a.Refuse(Refuse(403, "")) }, 403, ""},
		{"Expires: 0\r\n", func(a *Ask) {
			if !a.Fetches() || a.AOR() != "sip:joe@example.com" || a.Subscription() == nil {
				a.Refuse(Refuse(500, ""))
			}
		}, 200, "Expires: 0"},
	} {
		t.Run(x.lines, func(t *testing.T) {
			w := newWorld(t, generous)
			w.serve = x.serve
			m, _ := w.phone(1).Subscribe(joe, "board", x.lines)
			name, value, _ := strings.Cut(x.head, ": ")
			if m.Status() != x.code || x.head != "" && string(m.HeaderName(name)) != value {
				t.Errorf("%d, %s: %q", m.Status(), name, m.HeaderName(name))
			}
		})
	}
}

// Again tells everything to all subscribers of a resource although nothing has changed; Changed
// tells nobody then.
func TestAgain(t *testing.T) {
	w := newWorld(t, generous)
	p := w.phone(1)
	p.Subscribe(joe, "board")
	p.Told()
	w.Run(time.Second)
	w.board.tell = false
	w.n.Changed("sip:joe@example.com", nil)
	w.Run(time.Second)
	if len(p.Got) > 0 {
		t.Error("told although nothing has changed")
	}
	heard := 0
	w.n.Again("sip:joe@example.com", func(Feed) { heard++ })
	wants(t, p, "active;expires=3598", "here")
	w.n.Again("sip:jim@example.com", func(Feed) { heard++ })
	if heard != 1 || !w.n.Watched("sip:joe@example.com") || w.n.Watched("sip:jim@example.com") {
		t.Errorf("%d heard", heard)
	}
}

// A SUBSCRIBE that comes while the lane is lent to a look for changes is owed the full state.
func TestRefreshedMeanwhile(t *testing.T) {
	w := newWorld(t, generous)
	w.board.waits = true
	var rounds []bool
	p := w.phone(1)
	w.board.next = func(r Round) {
		if rounds = append(rounds, r.Full); len(rounds) == 2 {
			s := w.n.Of("sip:joe@example.com")[0]
			if s.knows("*") {
				t.Error("it is taken to know what is not told yet")
			}
			s.full = true
		}
	}
	p.Subscribe(joe, "board")
	p.Told()
	w.Run(time.Second)
	w.n.Changed("sip:joe@example.com", nil)
	p.Told()
	if fmt.Sprint(rounds) != "[true false true]" {
		t.Errorf("full: %v", rounds)
	}
}

// A phone that was given a GRUU has that for its Contact, as linphone and JsSIP do (RFC 5627 §4.4):
// a name of this server's own, behind which is the sender.
func TestContactIsGRUU(t *testing.T) {
	w := newWorld(t, generous)
	p := w.phone(1)
	const gruu, contact = "sip:w1@example.com;gr=urn:uuid:1", "Contact: <sip:w1@example.com;gr=urn:uuid:1>"
	_, id := p.Subscribe(joe, "board", contact)
	for _, row := range []struct{ name, lines, state string }{
		{"at first", "", "active;expires=3600"},
		{"refreshed", "Expires: 600", "active;expires=600"},
		{"ended", "Expires: 0", "terminated;reason=timeout"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.lines != "" {
				p.Again(id, contact, row.lines)
			}
			if m := wants(t, p, row.state, "here"); string(m.RequestURI()) != gruu {
				t.Errorf("told %s", m.RequestURI())
			}
			w.Run(time.Second)
		})
	}
}
