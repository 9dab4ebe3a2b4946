package regevent

// This file tests subscriptions: how they begin, what they are told, and how they end.

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// The call flow of RFC 3680 §6: a server hears of a user's first registration. Each way the
// registrations are read: at once, or by waiting.
func TestCallFlow(t *testing.T) {
	for _, waits := range []bool{false, true} {
		w := newWorld(t, Policy{}, waits)
		app := w.watcher("203.0.113.9:5060")
		ok := app.subscribes("Accept: application/reginfo+xml")
		if ok.seconds(message.HeaderExpires) != 3761 || string(ok.HeaderName("X-Node")) != "one" || w.last != nil || ok.ToTag() == nil {
			t.Errorf("%v: accepted with\n%s", w.last, ok.Bytes)
		}
		app.wants("active;expires=3761", "0 full init []")
		w.Run(20 * time.Second)
		w.set("", "", w.at("sip:joe@pc34.example.com", 1))
		app.wants("active;expires=3741", "1 partial active [sip:joe@pc34.example.com active registered]")
		w.Run(20 * time.Second)
		w.set("", "", w.at("sip:joe@pc34.example.com", 2))
		app.wants("active;expires=3721", "2 partial active [sip:joe@pc34.example.com active refreshed]")
		w.Run(20 * time.Second)
		w.set(Unregistered, "sip:joe@pc34.example.com")
		app.wants("active;expires=3701", "3 partial terminated [sip:joe@pc34.example.com terminated unregistered]")
		app.wants("terminated;reason=timeout", "4 full init []")
		if w.Elapsed().Round(time.Second) != 3761*time.Second {
			t.Errorf("ended after %v", w.Elapsed())
		}
		app.send("Expires: 600") // it is over
		app.response(481)
		w.over()
	}
}

func TestRefreshAndUnsubscribe(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	w.set("", "", w.at("sip:joe@a", 1))
	app := w.watcher("203.0.113.9:5060")
	app.subscribes("Expires: 600", "Event: reg;id=7")
	if _, says, a := app.notify(); says != "0 full active [sip:joe@a active registered]" || string(a.Header(message.HeaderEvent)) != "reg;id=7" {
		t.Errorf("told %s in\n%s", says, a.Bytes)
	}
	w.Run(500 * time.Second)
	app.contact = "<sip:elsewhere@203.0.113.9:5060>"
	app.send("Expires: 300", "Event: reg;id=7")
	if a := app.response(200); a.seconds(message.HeaderExpires) != 300 {
		t.Errorf("refreshed with\n%s", a.Bytes)
	}
	app.wants("active;expires=300", "1 full active [sip:joe@a active registered]")
	app.send("Expires: 600", "Event: reg;id=8") // another subscription in the same dialog
	app.response(481)
	app.send("Expires: 30", "Event: reg;id=7")
	if a := app.response(423); string(a.Header(message.HeaderMinExpires)) != "60" {
		t.Errorf("too brief:\n%s", a.Bytes)
	}
	app.cseq -= 2
	app.send("Event: reg;id=7")
	app.response(500)
	app.cseq++
	app.send("Event: reg;id=7", "Contact: <tel:+1>")
	app.response(400)
	app.send("Event: presence")
	app.response(489)
	app.send("Expires: 0", "Event: reg;id=7")
	if a := app.response(200); string(a.Header(message.HeaderExpires)) != "0" {
		t.Errorf("unsubscribed with\n%s", a.Bytes)
	}
	app.wants("terminated;reason=timeout", "2 full active [sip:joe@a active registered]")
	w.set("", "", w.at("sip:joe@b", 1))
	app.nothing(10 * time.Second)
	w.over()
}

func TestFetch(t *testing.T) {
	w := newWorld(t, Policy{}, true)
	w.set("", "", w.at("sip:joe@a", 1), w.at("sip:joe@b", 1))
	app := w.watcher("203.0.113.9:5060")
	app.subscribes("Expires: 0")
	app.wants("terminated;reason=timeout", "0 full active [sip:joe@a active registered, sip:joe@b active registered]")
	w.over()
}

// However much changes, a subscriber gets one NOTIFY in five seconds, with all of it; another one
// while its answer is awaited never.
func TestBurst(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	app := w.watcher("203.0.113.9:5060")
	app.subscribes()
	app.notify()
	for i := range 100 {
		w.set("", "", w.at("sip:joe@a", uint32(i+1)), w.at(fmt.Sprintf("sip:joe@b%d", i), 1))
		w.Run(30 * time.Millisecond)
	}
	_, says, first := app.notify()
	if says != "1 partial active [sip:joe@a active registered, sip:joe@b99 active registered]" || first.at < 5*time.Second {
		t.Errorf("told after %v: %s", first.at, says)
	}
	app.nothing(time.Minute)
	app.mute = true
	w.set("", "", w.at("sip:joe@a", 200))
	_, _, pending := app.notify()
	for range 20 {
		w.set(Deactivated, "sip:joe@a")
		w.set("", "", w.at("sip:joe@c", 1))
		w.Run(300 * time.Millisecond)
	}
	for _, a := range app.got {
		if string(a.Bytes) != string(pending.Bytes) {
			t.Errorf("while an answer is awaited:\n%s", a.Bytes)
		}
	}
	app.got, app.mute = nil, false
	app.answer(pending, 200)
	_, says, next := app.notify()
	if says != "3 partial active [sip:joe@c active registered, sip:joe@a terminated deactivated]" || next.at-pending.at < 5*time.Second {
		t.Errorf("told %v later: %s", next.at-pending.at, says)
	}
	if w.n.Stats() != (Stats{Subscriptions: 1, Notified: 4}) {
		t.Errorf("figures %+v", w.n.Stats())
	}
}

// What a NOTIFY that fails means (RFC 6665 §4.2.2).
func TestNotifyFails(t *testing.T) {
	for _, x := range []struct {
		code   int
		lines  []string
		stands bool
	}{
		{code: 481}, {code: 500}, {code: 603}, {code: 0},
		{code: 481, lines: []string{"Retry-After: 10"}},
		{code: 500, lines: []string{"Retry-After: 10 (busy);duration=5"}, stands: true},
		{code: 503, lines: []string{"Retry-After: soon"}},
	} {
		t.Run(fmt.Sprint(x.code), func(t *testing.T) {
			w := newWorld(t, Policy{}, false)
			w.set("", "", w.at("sip:joe@a", 1))
			app := w.watcher("203.0.113.9:5060")
			app.subscribes()
			app.notify()
			app.mute = true
			w.set("", "", w.at("sip:joe@a", 2))
			_, _, a := app.notify()
			if x.code != 0 {
				app.answer(a, x.code, x.lines...)
			} else { // it is told again and again, until nobody is there
				w.Run(33 * time.Second)
				app.got = nil
			}
			w.Run(time.Second)
			if app.mute = false; x.stands {
				app.got = nil
				w.set("", "", w.at("sip:joe@a", 3))
				app.nothing(8 * time.Second)
				_, says, again := app.notify()
				if says != "2 full active [sip:joe@a active refreshed]" || again.at-a.at < 10*time.Second {
					t.Errorf("after a Retry-After of 10 s told %v later: %s", again.at-a.at, says)
				}
				return
			}
			if !w.n.Idle() {
				t.Errorf("%d %q: the subscription stands", x.code, x.lines)
			}
			w.set("", "", w.at("sip:joe@a", 3))
			app.nothing(10 * time.Second)
			app.send("Expires: 600")
			app.response(481)
			w.over()
		})
	}
	// A subscriber that always wants it later is given up.
	w := newWorld(t, Policy{}, false)
	app := w.watcher("203.0.113.9:5060")
	app.mute = true
	app.subscribes()
	for range 5 + 1 {
		_, _, a := app.notify()
		app.answer(a, 500, "Retry-After: 1")
	}
	w.over()
}

func TestLimits(t *testing.T) {
	w := newWorld(t, policyOf(func(p *Policy) { p.MaxSubscriptions, p.MaxPerUser = 3, 2 }), false)
	var apps []*watcher
	for i := range 5 {
		app := w.watcher(fmt.Sprintf("203.0.113.%d:5060", i+1))
		apps = append(apps, app)
		switch {
		case i < 2:
			app.subscribes()
			app.notify()
		case i == 2:
			app.send()
			app.response(403)
		case i == 3:
			app.subscribes("sip:jim@example.com")
			app.notify()
		default:
			app.send("sip:jim@example.com")
			if a := app.response(503); a.seconds(message.HeaderRetryAfter) == 0 {
				t.Errorf("full:\n%s", a.Bytes)
			}
		}
	}
	if got := w.n.Stats().Subscriptions; got != 3 {
		t.Errorf("%d subscriptions", got)
	}
	for _, i := range []int{0, 1, 3} {
		apps[i].send("Expires: 0")
		apps[i].response(200)
	}
	w.over()
	apps[4].subscribes("sip:jim@example.com", "Expires: 0")
	w.over()
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 1024)
	for _, x := range []struct {
		lines  string // "|" between them
		code   int
		header string // that the answer has
	}{
		{"Event: presence", 489, "Allow-Events: reg"},
		{"Event: ", 489, "Allow-Events: reg"},
		{"Event: reg.winfo", 489, "Allow-Events: reg"},
		{`Event: reg;id="a b"`, 400, ""},
		{"Event: reg;id=" + long, 400, ""},
		{"Expires: 59", 423, "Min-Expires: 60"},
		{"Expires: 60", 200, "Expires: 60"},
		{"Expires: 4000000000", 200, "Expires: 3761"},
		{"Expires: nonsense", 200, "Expires: 3761"},
		{"o: REG|Event: ", 200, "Allow-Events: reg"},
		{"sip:joe@elsewhere.example", 404, ""},
		{"sip:example.com", 404, ""},
		{"tel:+49301234", 404, ""},
		{"sip:" + long + "@example.com", 404, ""},
		{"To: <" + joe + ">;tag=unknown", 481, ""},
		{"Require: eventlist, x", 420, "Unsupported: eventlist"},
		{"Accept: application/pidf+xml, text/plain", 406, "Accept: application/reginfo+xml"},
		{"Accept: text/plain, application/*;q=0.5", 200, ""},
		{"Contact: ", 400, ""},
		{"Contact: <tel:+49301234>", 400, ""},
		{"Contact: <sip:a@h>, <sip:b@h>", 400, ""},
		{"Contact: *", 400, ""},
		{"Contact: <sip:" + long + "@h>", 400, ""},
		{"From: <sip:app@example.com>;tag=" + strings.Repeat("t", 257), 400, ""},
		{"From: <sip:" + long + "@example.com>;tag=app", 400, ""},
		{"To: <sip:" + long + "@example.com>", 400, ""},
		{"Record-Route: <tel:+49301234;lr>", 400, ""},
		{"Record-Route: <sip:" + strings.Repeat("y", 2048) + "@h;lr>", 400, ""},
	} {
		t.Run(x.lines, func(t *testing.T) {
			w := newWorld(t, Policy{}, false)
			app := w.watcher("203.0.113.9:5060")
			app.send(strings.Split(x.lines, "|")...)
			a := app.response(x.code)
			if name, value, _ := strings.Cut(x.header, ": "); x.header != "" && string(a.HeaderName(name)) != value {
				t.Errorf("%.60q answered\n%s", x.lines, a.Bytes)
			}
			if (x.code == 200) != (w.last == nil) || w.n.Idle() != (x.code != 200) {
				t.Errorf("%.60q: %v, idle %v", x.lines, w.last, w.n.Idle())
			}
		})
	}
}

// While the registrations can't be read nobody subscribes; who did is told when they can.
func TestStoreAway(t *testing.T) {
	w := newWorld(t, Policy{}, true)
	app, late := w.watcher("203.0.113.9:5060"), w.watcher("203.0.113.10:5060")
	app.subscribes("Expires: 600")
	app.notify()
	w.Run(10 * time.Second)
	w.fail(fmt.Errorf("store away"))
	w.set("", "", w.at("sip:joe@a", 1))
	late.send()
	if a := late.response(503); a.seconds(message.HeaderRetryAfter) != 5 || w.last == nil || !strings.Contains(w.last.Error(), "store away") {
		t.Errorf("%v:\n%s", w.last, a.Bytes)
	}
	app.nothing(time.Minute)
	w.fail(nil)
	if _, says, _ := app.notify(); says != "1 full active [sip:joe@a active registered]" {
		t.Errorf("told %s", says)
	}
	w.fail(fmt.Errorf("store away"))
	app.wants("terminated;reason=timeout", "")
	w.over()
}

// More contacts than a NOTIFY can carry end the subscription.
func TestBodyTooLarge(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	app := w.watcher("203.0.113.9:5060")
	app.subscribes()
	app.notify()
	var list []Contact
	for i := range 100 {
		list = append(list, w.at(fmt.Sprintf("sip:joe@h%d;%s", i, strings.Repeat("x", 1000)), 1))
	}
	w.set("", "", list...)
	app.wants("terminated;reason=probation;retry-after=600", "")
	w.over()
}

// Stop tells all subscribers to subscribe again, whether or not the store is there.
func TestStop(t *testing.T) {
	w := newWorld(t, Policy{}, true)
	apps := []*watcher{w.watcher("203.0.113.9:5060"), w.watcher("203.0.113.10:5060"), w.watcher("203.0.113.11:5060")}
	for _, app := range apps {
		app.subscribes()
		app.notify()
	}
	w.fail(fmt.Errorf("store away"))
	w.Do(func() { w.n.Stop(context.Background()) })
	for _, app := range apps {
		app.wants("terminated;reason=deactivated", "")
	}
	w.over()
	w.n.Stop(t.Context())
}

// A change of nobody's, or of somebody whom nobody watches, costs nothing worth counting; and with
// subscriptions to others no look.
func TestChangedCosts(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	if n := testing.AllocsPerRun(100, func() { w.n.Changed(joe, "sip:joe@a", Unregistered) }); n != 0 {
		t.Errorf("%v allocations without subscriptions", n)
	}
	app := w.watcher("203.0.113.9:5060")
	app.subscribes()
	app.notify()
	looks := w.book.looks
	if n := testing.AllocsPerRun(100, func() { w.n.Changed("sip:jim@example.com", "sip:jim@a", Unregistered) }); n != 0 || w.book.looks != looks {
		t.Errorf("%v allocations, %d looks for another user's change", n, w.book.looks-looks)
	}
}

func TestPolicy(t *testing.T) {
	for _, x := range []struct {
		p  Policy
		ok bool
	}{
		{Policy{}, true}, {policyOf(func(p *Policy) { p.MaxExpires = 30 * time.Second }), true}, {policyOf(func(p *Policy) { p.MinExpires = 2 * time.Hour }), true}, {policyOf(func(p *Policy) { p.Interval = 0 }), true},
		{policyOf(func(p *Policy) { p.MinExpires, p.MaxExpires = 2*time.Hour, time.Hour }), false}, {policyOf(func(p *Policy) { p.MaxPerUser = 0 }), false},
		{policyOf(func(p *Policy) { p.Interval = -1 }), false},
	} {
		t.Run(fmt.Sprint(x.ok), func(t *testing.T) {
			if err := x.p.Check(); (err == nil) != x.ok {
				t.Errorf("%+v: %v", x.p, err)
			}
		})
	}
	n := luabindtest.Must(New(&book{}, policyOf(func(p *Policy) { p.Interval = 0 })))
	if err := n.SetPolicy(policyOf(func(p *Policy) { p.MaxSubscriptions = -1 })); err == nil || n.Policy().Interval != 0 {
		t.Errorf("%v, %+v", err, n.Policy())
	}
	if _, err := New(&book{}, policyOf(func(p *Policy) { p.MaxExpires = -1 })); err == nil {
		t.Error("New took a policy that contradicts itself")
	}
}
