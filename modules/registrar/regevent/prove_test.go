package regevent

import (
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// What a SUBSCRIBE aims at somebody else's address is one small NOTIFY, until it is answered there.
func TestNotifyOfAStranger(t *testing.T) {
	const elsewhere = "203.0.113.66:5060"
	for name, aim := range map[string]func(app *watcher) []string{
		"Contact":      func(app *watcher) []string { app.contact = "<sip:app@" + elsewhere + ">"; return nil },
		"maddr":        func(app *watcher) []string { app.contact = "<sip:app@203.0.113.9;maddr=203.0.113.66>"; return nil },
		"Record-Route": func(*watcher) []string { return []string{"Record-Route: <sip:" + elsewhere + ";lr>"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Policy{}, false)
			app, other := w.watcher("203.0.113.9:5060"), w.watcher(elsewhere)
			w.set("", "", w.at("sip:joe@a", 1))
			app.subscribes(append(aim(app), "Expires: 600")...)
			other.mute = true
			w.Run(70 * time.Second)
			if n := len(other.got); n == 0 || n > 3 {
				t.Errorf("it got %d requests that it never answered", n)
			}
			for _, a := range other.got {
				if len(a.Body()) > 0 || len(a.Bytes) > 600 {
					t.Errorf("it got %d bytes:\n%s", len(a.Bytes), a.Bytes)
				}
			}
			w.over()
		})
	}
}

// Who answers is told all, and so is who proved who it is, at once.
func TestNotifyElsewhere(t *testing.T) {
	for _, tt := range []struct{ name, user string }{{"answered", ""}, {"authenticated", "app"}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Policy{}, false)
			script := w.script
			w.script = func(req *engine.Request) error { req.SetUser(tt.user); return script(req) }
			app, other := w.watcher("203.0.113.9:5060"), w.watcher("203.0.113.66:5060")
			w.set("", "", w.at("sip:joe@a", 1))
			app.contact = "<sip:app@203.0.113.66:5060>"
			app.subscribes("Expires: 600")
			var got []string
			for range 2 - len(tt.user)/3 {
				a, ok := other.next(time.Second)
				if !ok {
					t.Fatal("no NOTIFY")
				}
				got = append(got, string(a.Header(message.HeaderSubscriptionState)))
				if hasBody := len(a.Body()) > 0; hasBody != (got[len(got)-1] == "active;expires=600") {
					t.Errorf("%s", a.Bytes)
				}
			}
			other.nothing(time.Second)
			w.set("", "", w.at("sip:joe@b", 1))
			if a, ok := other.next(10 * time.Second); !ok || len(a.Body()) == 0 {
				t.Errorf("after %q it was told %v of a change", got, ok)
			}
			app.send("Contact: <sip:app@203.0.113.67:5060>", "Expires: 600") // it moves on
			app.response(200)
			third := w.watcher("203.0.113.67:5060")
			if a, ok := third.next(time.Second); !ok || (len(a.Body()) > 0) != (tt.user != "") {
				t.Errorf("%v: at another Contact it was told\n%s", ok, a.Bytes)
			}
		})
	}
}

// One place is asked on behalf of one subscription at a time.
func TestNotifiesOfManyStrangers(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	one, two, other := w.watcher("203.0.113.9:5060"), w.watcher("203.0.113.10:5060"), w.watcher("203.0.113.66:5060")
	other.mute = true
	one.contact, two.contact = "<sip:app@203.0.113.66:5060>", "<sip:app@203.0.113.66:5060>"
	one.subscribes("Expires: 600")
	two.send("Expires: 600")
	two.response(503)
	w.Run(10 * time.Second) // the first is given up
	other.mute = false
	two.send("Expires: 600", "Call-ID: another")
	two.response(200)
	w.Run(time.Second)
	if a := other.got[len(other.got)-1]; len(a.Body()) == 0 {
		t.Errorf("the last it was told is\n%s", a.Bytes)
	}
}
