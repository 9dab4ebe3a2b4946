package regevent

// This file tests the ways NOTIFYs take: route sets, connections, addresses behind a NAT, large
// ones.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// A route set is followed in the order of its Record-Route (RFC 3261 §12.1.1), by refreshes
// unchanged.
func TestRouteSet(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	edge, app := w.watcher("203.0.113.1:5060"), w.watcher("203.0.113.9:5060")
	app.contact = "<sip:app@192.168.1.5:5060>"
	script := w.script
	// Or it would be asked first
	w.script = func(req *engine.Request) error { req.SetUser("app"); return script(req) }
	app.subscribes("Record-Route: <sip:203.0.113.1;lr;x=1>, <sip:203.0.113.2;lr>")
	app.send("Record-Route: <sip:203.0.113.77;lr>", "Expires: 600")
	app.response(200)
	for range 2 {
		a, ok := edge.next(time.Second)
		if !ok || a.Method() != message.MethodNotify {
			t.Fatalf("%v: the edge got\n%s", ok, a.Bytes)
		}
		var routes []string
		list := a.Elements(message.HeaderRoute)
		for list.Next() {
			routes = append(routes, string(list.Value))
		}
		if strings.Join(routes, " ") != "<sip:203.0.113.1;lr;x=1> <sip:203.0.113.2;lr>" || string(a.RequestURI()) != "sip:app@192.168.1.5:5060" {
			t.Errorf("%q to %s", routes, a.RequestURI())
		}
	}
}

// A browser has no address: it is reached on its connection, or not at all.
func TestWebSocket(t *testing.T) {
	for _, kind := range []transport.Kind{transport.WS, transport.TCP} {
		w := newWorld(t, Policy{}, false)
		app := w.watcher("203.0.113.9:5060")
		app.kind, app.contact = kind, "<sip:app@x.invalid;transport="+kind.String()+">"
		ok := app.subscribes("Expires: 600")
		if !strings.Contains(app.target, ";transport="+kind.String()) {
			t.Errorf("our Contact is %s", app.target)
		}
		_, _, a := app.notify()
		if a.Flow != ok.Flow || a.Kind != kind {
			t.Errorf("a NOTIFY came over %s, flow %d; the SUBSCRIBE went over flow %d", a.Kind, a.Flow, ok.Flow)
		}
		app.send("Expires: 300")
		if app.response(200).Flow != ok.Flow {
			t.Error("another flow")
		}
		app.notify()
		w.Run(time.Second) // its answer arrives
		w.BreakStreams()
		w.set("", "", w.at("sip:joe@a", 1))
		w.Run(6 * time.Second)
		if len(app.got) != 0 || !w.n.Idle() {
			t.Errorf("after its connection was gone it got %d, idle %v", len(app.got), w.n.Idle())
		}
	}
}

// A subscriber behind a NAT is reached where its SUBSCRIBE came from; the mapping may have moved at
// a refresh.
func TestNAT(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	app, moved := w.watcher("203.0.113.9:31024"), w.watcher("203.0.113.9:31025")
	app.contact = "<sip:app@10.0.0.5>"
	app.subscribes("Via: SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bK-nat")
	app.notify()
	app.Host, moved.Host = moved.Host, app.Host
	app.send("Via: SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bK-nat2", "Expires: 600")
	a, ok := moved.next(time.Second)
	b, _ := moved.next(time.Second)
	if !ok || a.Status() != 200 || b.Method() != message.MethodNotify {
		t.Errorf("at its new port came\n%s\n%s", a.Bytes, b.Bytes)
	}
}

// A sips subscriber is given a sips Contact (§12.1.1), one over TLS a transport.
func TestSecureContact(t *testing.T) {
	for uri, want := range map[string]string{
		"sips:joe@example.com": "sips:" + contactUser + "@198.51.100.1:5061",
		"sip:joe@example.com":  "sip:" + contactUser + "@198.51.100.1:5061;transport=tls",
	} {
		t.Run(uri, func(t *testing.T) {
			w := newWorld(t, Policy{}, false)
			app := w.watcher("203.0.113.9:5060")
			app.kind, app.contact = transport.TLS, "<sips:app@203.0.113.9>"
			if app.subscribes(uri); app.target != want {
				t.Errorf("to %s: our Contact is %s", uri, app.target)
			}
			app.notify()
		})
	}
}

// What a datagram should not carry goes by TCP.
func TestLargeNotify(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	var list []Contact
	for i := range 10 {
		list = append(list, w.at(fmt.Sprintf("sip:joe@h%d;%s", i, strings.Repeat("x", 200)), 1))
	}
	w.set("", "", list...)
	app := w.watcher("203.0.113.9:5060")
	app.subscribes()
	if _, says, a := app.notify(); a.Kind != transport.TCP || strings.Count(says, "registered") != 10 {
		t.Errorf("%d bytes over %s: %s", len(a.Bytes), a.Kind, says)
	}
}

// What comes to our Contact and is not a SUBSCRIBE of a dialog we have: 481 where it looks like
// one, else it is the script's.
func TestStrangers(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	w.script = func(req *engine.Request) error { _, err := req.Reply(418, "The Script", nil); return err }
	app := w.watcher("203.0.113.9:5060")
	app.toTag = "gone"
	for uri, code := range map[string]int{
		"sip:" + contactUser + "@198.51.100.1:5060": 481, "sip:" + contactUser + "@example.com": 481,
		"sip:" + contactUser + "@elsewhere.example": 418, "sip:joe@198.51.100.1:5060": 418,
	} {
		app.target = uri
		app.send()
		app.response(code)
	}
	app.target = "sip:" + contactUser + "@198.51.100.1:5060"
	app.send("Route: <sip:203.0.113.77;lr>") // on its way somewhere else
	app.response(418)
}

// Subscribe says so when it is used wrongly.
func TestMisuse(t *testing.T) {
	w := newWorld(t, Policy{}, false)
	app := w.watcher("203.0.113.9:5060")
	w.script = func(req *engine.Request) error {
		if _, err := req.Reply(200, "", nil); err != nil {
			return err
		}
		_, w.last = w.n.Subscribe(req, nil)
		return nil
	}
	app.send()
	app.response(200)
	if w.last == nil || !strings.Contains(w.last.Error(), "decided already") {
		t.Errorf("after a decision: %v", w.last)
	}
	w.script = func(req *engine.Request) error { _, w.last = w.n.Subscribe(req, nil); return w.last }
	app.Send(serverAddr, []byte("MESSAGE "+joe+" SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKm\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\n"+
		"To: <"+joe+">\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"))
	app.response(500)
	if w.last == nil || !strings.Contains(w.last.Error(), "MESSAGE, not SUBSCRIBE") {
		t.Errorf("for a MESSAGE: %v", w.last)
	}
}
