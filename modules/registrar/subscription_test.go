package registrar

// This file tests subscriptions to registrations as scripts and Go programs use them; the notifier
// itself is tested in regevent.

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const subscribing = `
	local registrar = require "registrar"
	registrar.configure { max_expires = 7200, subscriptions = { max_expires = 1800, min_expires = 120, interval = 2, max = 10, max_per_user = 1 } }
	function route(req)
		if req.method == "REGISTER" then return registrar.save(req) end
		if req.method == "SUBSCRIBE" then
			local ok, err = registrar.subscribe(req, { headers = { ["X-Node"] = "one" } })
			sip.log.info("subscribe: %s %s", ok, err)
			return
		end
		if req.method == "PUBLISH" then
			local n = registrar.remove("sip:bob@example.com")
			return req:reply(200, "Removed " .. n)
		end
		return req:relay()
	end`

// subscribe sends a SUBSCRIBE for bob from p; with the tag and Contact of a dialog, in it.
func (p *client) subscribe(cseq int, expires, tag, target string) {
	if target == "" {
		target = "sip:bob@example.com"
	}
	p.Send(serverAddr, fmt.Appendf(nil, "SUBSCRIBE %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: <sip:app@example.com>;tag=app\r\nTo: <sip:bob@example.com>%s\r\n"+
		"Call-ID: app-%s\r\nCSeq: %d SUBSCRIBE\r\nContact: <sip:app@%s>\r\nEvent: reg\r\nExpires: %s\r\nContent-Length: 0\r\n\r\n",
		target, via("UDP", p.Addr().String(), 1000+cseq), tag, p.Addr(), cseq, p.Addr(), expires))
}

var told = regexp.MustCompile(`<contact [^>]* state="(\w+)" event="(\w+)"[^>]*>\s*<uri>([^<]*)`)

// notified takes a NOTIFY, answers it, and tells what it says: "partial: sip:bob@h active
// registered".
func (p *client) notified() string {
	p.w.t.Helper()
	m, packet := p.Next()
	if m.Method() != message.MethodNotify {
		p.w.t.Fatalf("no NOTIFY:\n%s", m.AppendTo(nil))
	}
	p.Answer(packet, message.AppendResponse(nil, m, 200, "", "app", nil, nil))
	body := string(m.Body())
	says, _, _ := strings.Cut(string(m.Header(message.HeaderSubscriptionState)), ";")
	if strings.Contains(body, `state="partial"`) {
		says += " partial"
	}
	for _, c := range told.FindAllStringSubmatch(body, -1) {
		says += " " + c[3] + " " + c[1] + " " + c[2]
	}
	return says
}

func (p *client) isTold(want string) {
	p.w.t.Helper()
	if got := p.notified(); got != want {
		p.w.t.Errorf("told %q, want %q", got, want)
	}
}

// A script's subscriber hears of all that happens to bob's phone: by REGISTER, by time, by remove;
// with stores that wait and that don't.
func TestLuaSubscribe(t *testing.T) {
	for _, store := range []Store{nil, &slow{Memory: NewMemory()}} {
		s := script(t, store, subscribing)
		app := s.phone("203.0.113.9:5060")
		app.subscribe(1, "3600", "", "")
		ok, _ := app.Next()
		if ok.Status() != 200 || string(ok.Header(message.HeaderExpires)) != "1800" || string(ok.HeaderName("X-Node")) != "one" {
			t.Fatalf("%s", ok.AppendTo(nil))
		}
		app.isTold("active")
		s.register("<sip:bob@203.0.113.5>;q=0.5;expires=600")
		app.isTold("active partial sip:bob@203.0.113.5 active registered")
		s.register("<sip:bob@203.0.113.5>;q=0.5;expires=60")
		app.isTold("active partial sip:bob@203.0.113.5 active refreshed")
		s.Run(time.Minute)
		app.isTold("active partial sip:bob@203.0.113.5 terminated expired")
		s.register("<sip:bob@203.0.113.6>")
		app.isTold("active partial sip:bob@203.0.113.6 active registered")
		s.register("<sip:bob@203.0.113.6>;expires=0")
		app.isTold("active partial sip:bob@203.0.113.6 terminated unregistered")
		s.register("<sip:bob@203.0.113.7>")
		app.isTold("active partial sip:bob@203.0.113.7 active registered")
		s.bob.Send(serverAddr, []byte("PUBLISH sip:bob@example.com SIP/2.0\r\nVia: "+via("UDP", "203.0.113.5:5060", 99)+"\r\nMax-Forwards: 70\r\n"+
			"From: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: p\r\nCSeq: 1 PUBLISH\r\nContent-Length: 0\r\n\r\n"))
		if m, _ := s.bob.Next(); string(m.ReasonPhrase()) != "Removed 1" {
			t.Errorf("%s", m.AppendTo(nil))
		}
		app.isTold("active partial sip:bob@203.0.113.7 terminated deactivated")
		if got := metric(t, s.reg, "registrar_subscriptions"); got != 1 {
			t.Errorf("%v subscriptions", got)
		}
		contact, _ := message.ParseAddress(ok.Header(message.HeaderContact))
		app.subscribe(2, "0", ";tag="+string(ok.ToTag()), string(contact.URI))
		if m, _ := app.Next(); m.Status() != 200 {
			t.Errorf("unsubscribing: %s", m.AppendTo(nil))
		}
		app.isTold("terminated")
		s.Run(time.Minute)
		if !s.reg.Notifier().Idle() || metric(t, s.reg, "registrar_notifies_failed_total") != 0 || metric(t, s.reg, "registrar_notifies_total") != 9 {
			t.Errorf("%+v", s.reg.Notifier().Stats())
		}
		if n := strings.Count(s.lua.Log(), "subscribe: true nil"); n != 1 {
			t.Errorf("the script saw %d SUBSCRIBEs succeed:\n%s", n, s.lua.Log())
		}
	}
}

func metric(t *testing.T, r *Registrar, name string) float64 {
	for _, m := range r.Metrics() {
		if m.Name == name {
			return m.Value()
		}
	}
	t.Errorf("no metric %s", name)
	return 0
}

func TestLuaSubscribeRefused(t *testing.T) {
	s := script(t, nil, subscribing)
	app, other := s.phone("203.0.113.9:5060"), s.phone("203.0.113.10:5060")
	app.subscribe(1, "119", "", "")
	if m, _ := app.Next(); m.Status() != 423 || string(m.Header(message.HeaderMinExpires)) != "120" || string(m.HeaderName("X-Node")) != "one" {
		t.Errorf("%s", m.AppendTo(nil))
	}
	if !strings.Contains(s.lua.Log(), "subscribe: false registrar: subscribe: 423 Interval Too Brief") {
		t.Errorf("the script saw something else:\n%s", s.lua.Log())
	}
	app.subscribe(2, "120", "", "")
	if m, _ := app.Next(); m.Status() != 200 {
		t.Errorf("%s", m.AppendTo(nil))
	}
	app.notified()
	other.subscribe(3, "120", "", "")
	if m, _ := other.Next(); m.Status() != 403 {
		t.Errorf("%s", m.AppendTo(nil))
	}
	for _, source := range []string{
		`require("registrar").configure { subscriptions = { max_expires = 30, min_expires = 60 } } function route(req) end`,
		`require("registrar").configure { subscriptions = { expires = 30 } } function route(req) end`,
		`require("registrar").configure { subscriptions = { interval = -1 } } function route(req) end`,
	} {
		if _, err := tryScript(t, nil, source); err == nil {
			t.Errorf("accepted: %s", source)
		}
	}
}

// When the server stops its subscribers are told, in the time there is.
func TestSubscribersHearOfTheStop(t *testing.T) {
	s := script(t, nil, subscribing)
	app := s.phone("203.0.113.9:5060")
	app.subscribe(1, "600", "", "")
	app.Next()
	app.notified()
	s.Run(time.Second)
	if err := s.lua.Router.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Run(time.Second)
	if len(app.Got) != 0 {
		t.Errorf("a reload ended the subscription: %s", app.Got[0].AppendTo(nil))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no time for a drain
	s.Do(func() { _ = s.eng.Shutdown(ctx) })
	app.isTold("terminated")
}

// clustered is a Store that another process uses as well.
type clustered struct {
	*Memory
	changed func(aor string)
}

func (c *clustered) Join(_ *Node, changed func(aor string)) { c.changed = changed }

// What another process does is told without its reason: by the time that was left.
func TestSubscribersHearOfOtherProcesses(t *testing.T) {
	store := &clustered{Memory: NewMemory()}
	w := emptyWorld(t, store)
	route := func(req *engine.Request) error {
		if taken, err := w.reg.Intercept(req); taken {
			return err
		}
		_, err := w.reg.Subscribe(req, nil)
		return err
	}
	if err := w.start(routerFunc(route)); err != nil {
		t.Fatal(err)
	}
	w.reg.Attach(w.eng)
	w.Run(time.Second)
	app := w.phone("203.0.113.9:5060")
	app.subscribe(1, "600", "", "")
	app.Next()
	app.isTold("active")
	put := func(list ...*Binding) {
		store.Put("sip:bob@example.com", list)
		w.Do(func() { store.changed("sip:bob@example.com") })
	}
	put(NewBinding(&Record{Contact: "sip:bob@h", CallID: "x", CSeq: 7, Params: `;+sip.instance="<urn:uuid:1>"`, Expires: w.Wall().Add(time.Minute)}))
	m, _ := app.Next()
	if body := string(m.Body()); !strings.Contains(body, `<gr:pub-gruu uri="sip:bob@example.com;gr=urn:uuid:1"/>`) || !strings.Contains(body, `<gr:temp-gruu uri="sip:tgruu.`) ||
		!strings.Contains(body, ` first-cseq="7"/>`) {
		t.Errorf("without the GRUUs:\n%s", body)
	}
	app.Send(serverAddr, message.AppendResponse(nil, m, 200, "", "app", nil, nil))
	w.Run(10 * time.Second)
	w.Do(func() { store.changed("sip:bob@example.com") }) // another temporary GRUU is not a change
	w.Run(10 * time.Second)
	put()
	app.isTold("active partial sip:bob@h terminated unregistered")
	// What was changed could not be heard of.
	woken := make(chan struct{}, 1)
	defer w.reg.Watch("sip:bob@example.com", func() { woken <- struct{}{} })()
	w.Run(10 * time.Second)
	store.Put("sip:bob@example.com", []*Binding{NewBinding(&Record{Contact: "sip:bob@g", CallID: "y", CSeq: 1, Expires: w.Wall().Add(time.Minute)})})
	w.Do(func() { store.changed("") })
	app.isTold("active partial sip:bob@g active registered")
	<-woken
}

// Without subscriptions a change costs the registrar nothing more than before.
func TestNoSubscriptionsNoCost(t *testing.T) {
	b := newBench(t, Policy{})
	e := Event{Kind: Removed, AOR: "sip:bob@example.com", Binding: NewBinding(&Record{Contact: "sip:bob@h"})}
	if n := testing.AllocsPerRun(100, func() { b.notify(&e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSubscriptionOptions(t *testing.T) {
	r := luabindtest.Must(New(Options{Policy: policyOf(func(p *Policy) { p.Subscriptions.MaxExpires, p.Subscriptions.Interval = time.Hour, 0 })}))
	if p := r.Notifier().Policy(); p.MaxExpires != time.Hour || p.Interval != 0 || p.MinExpires != time.Minute || p.MaxPerUser != 100 {
		t.Errorf("%+v", p)
	}
	other, err := r.With(policyOf(func(p *Policy) { p.MaxContacts = 1 }))
	if err != nil || other.Notifier() != r.Notifier() {
		t.Errorf("%v: a notifier of its own", err)
	}
	if _, err := (watched{r}).Contacts(context.Background(), "sip:nobody@example.com", start); err != nil {
		t.Error(err)
	}
}
