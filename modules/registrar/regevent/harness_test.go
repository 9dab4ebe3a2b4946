package regevent

// This file is the world of the tests: an engine with a notifier on virtual time, registrations
// that tests set, and subscribers.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

const (
	serverAddr = "198.51.100.1:5060"
	joe        = "sip:joe@example.com"
)

// book is Registrations whose content a test sets.
type book struct {
	waits    bool
	mu       sync.Mutex
	contacts map[string][]Contact // guarded by mu
	err      error                // guarded by mu
	looks    int                  // guarded by mu
}

func (b *book) Waits() bool { return b.waits }

func (b *book) Contacts(_ context.Context, aor string, now time.Time) ([]Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	return slices.DeleteFunc(slices.Clone(b.contacts[aor]), func(c Contact) bool { return !c.Expires.After(now) }), b.err
}

// world is an engine whose router is a notifier.
type world struct {
	*sim.World
	t      testing.TB
	book   *book
	n      *Notifier
	eng    *engine.Engine
	script func(*engine.Request) error // sees what Intercept leaves
	last   error                       // what Subscribe returned
	serial int
}

func newWorld(t testing.TB, p Policy, waits bool) *world {
	t.Helper()
	w := &world{t: t, book: &book{waits: waits, contacts: map[string][]Contact{}}}
	w.n = luabindtest.Must(New(w.book, p))
	w.script = func(req *engine.Request) error {
		_, w.last = w.n.Subscribe(req, []engine.HeaderEdit{{Name: "X-Node", Values: []string{"one"}}})
		var misuse *engine.MisuseError
		if errors.As(w.last, &misuse) {
			return w.last
		}
		return nil
	}
	made := luabindtest.New(t, "function route(req) end", luabindtest.Wrap(func(*luabind.Router) engine.Router { return router{w} }), luabindtest.Lanes(2),
		luabindtest.Listen("udp:"+serverAddr, "tcp:"+serverAddr, "ws:198.51.100.1:80", "tls:198.51.100.1:5061"))
	w.World, w.eng = made.Sim, made.Engine
	return w
}

type router struct{ w *world }

func (r router) Route(req *engine.Request) error {
	if taken, err := r.w.n.Intercept(req); taken {
		return err
	}
	return r.w.script(req)
}

// set makes list the contacts of joe, and tells the notifier, why with the first URI when given.
func (w *world) set(why Event, uri string, list ...Contact) {
	w.book.mu.Lock()
	w.book.contacts[joe] = list
	w.book.mu.Unlock()
	w.Do(func() { w.n.Changed(joe, uri, why) })
}

// fail makes looks fail from now on.
func (w *world) fail(err error) {
	w.book.mu.Lock()
	w.book.err = err
	w.book.mu.Unlock()
}

// at is a contact registered now.
func (w *world) at(uri string, cseq uint32) Contact {
	return Contact{URI: uri, CallID: uri, CSeq: cseq, Updated: w.Wall(), Expires: w.Wall().Add(time.Hour)}
}

// watcher is a subscriber: one dialog from one host.
type watcher struct {
	*sim.Host
	w       *world
	kind    transport.Kind
	got     []arrival
	callID  string
	contact string
	toTag   string // the notifier's
	target  string // its Contact
	cseq    int
	seen    uint32 // the CSeq of the last NOTIFY
	mute    bool   // answers no NOTIFY by itself
}

type arrival struct {
	*message.Message
	sim.Packet
	at time.Duration
}

func (w *world) watcher(addr string) *watcher {
	w.serial++
	p := &watcher{w: w, kind: transport.UDP, callID: fmt.Sprintf("call-%d", w.serial), contact: "<sip:app@" + addr + ">"}
	p.Host = w.Host(addr, func(packet sim.Packet) {
		m := new(message.Message)
		if err := m.Parse(packet.Bytes, &message.Limits{}); err != nil {
			w.t.Errorf("%v in\n%s", err, packet.Bytes)
		}
		if m.IsRequest() && !p.mute {
			p.answer(arrival{Message: m, Packet: packet}, 200)
		}
		p.got = append(p.got, arrival{m, packet, w.Elapsed()})
	})
	return p
}

// send sends a SUBSCRIBE: outside of a dialog at first. lines are added; one with a name that is
// there already takes its place.
func (p *watcher) send(lines ...string) {
	p.cseq++
	p.w.serial++
	uri, to := joe, "<"+joe+">"
	if p.toTag != "" {
		uri, to = p.target, to+";tag="+p.toTag
	}
	via := p.Addr().String()
	if p.kind == transport.WS {
		via = "x.invalid"
	}
	fields := []string{fmt.Sprintf("Via: SIP/2.0/%s %s;rport;branch=z9hG4bK-%d", p.kind.Via(), via, p.w.serial), "Max-Forwards: 70", "From: App <sip:app@example.com>;tag=app",
		"To: " + to, "Call-ID: " + p.callID, fmt.Sprintf("CSeq: %d SUBSCRIBE", p.cseq), "Contact: " + p.contact, "Event: reg"}
	start := "SUBSCRIBE " + uri + " SIP/2.0"
	for _, line := range lines {
		name, value, isField := strings.Cut(line, ": ")
		if !isField {
			start = "SUBSCRIBE " + line + " SIP/2.0"
			continue
		}
		i := slices.IndexFunc(fields, func(f string) bool { return strings.HasPrefix(f, name+": ") })
		switch {
		case i < 0:
			fields = append(fields, line)
		case value == "":
			fields = slices.Delete(fields, i, i+1)
		default:
			fields[i] = line
		}
	}
	text := []byte(start + "\r\n" + strings.Join(fields, "\r\n") + "\r\nContent-Length: 0\r\n\r\n")
	if p.kind == transport.UDP {
		p.Send(serverAddr, text)
		return
	}
	port := map[transport.Kind]string{transport.TCP: "5060", transport.WS: "80", transport.TLS: "5061"}[p.kind]
	if err := p.Stream(p.kind, "198.51.100.1:"+port, text); err != nil {
		p.w.t.Fatal(err)
	}
}

// next is what arrives next, within d.
func (p *watcher) next(d time.Duration) (arrival, bool) {
	if !p.w.RunUntil(d, func() bool { return len(p.got) > 0 }) {
		return arrival{}, false
	}
	a := p.got[0]
	p.got = p.got[1:]
	return a, true
}

// response takes a response with that code.
func (p *watcher) response(code int) arrival {
	p.w.t.Helper()
	a, ok := p.next(40 * time.Second)
	if !ok || a.Status() != code {
		p.w.t.Fatalf("%v: wanted %d, got\n%s", ok, code, a.Bytes)
	}
	return a
}

// notify takes a NOTIFY, checks what holds for each, and returns its state, what its document says,
// and itself. "" is not a document.
func (p *watcher) notify() (state, says string, a arrival) {
	p.w.t.Helper()
	t := p.w.t
	a, ok := p.next(4000 * time.Second)
	if !ok || a.Method() != message.MethodNotify {
		t.Fatalf("%v: wanted a NOTIFY, got\n%s", ok, a.Bytes)
	}
	cseq, err := a.CSeq()
	contact, _ := message.ParseAddress([]byte(p.contact))
	if err != nil || cseq.Number <= p.seen || string(a.CallID()) != p.callID || string(a.FromTag()) != p.toTag || string(a.ToTag()) != "app" ||
		string(a.RequestURI()) != string(contact.URI) || !strings.HasPrefix(string(a.Header(message.HeaderEvent)), "reg") ||
		!strings.Contains(string(a.Header(message.HeaderContact)), contactUser+"@198.51.100.1") {
		t.Errorf("not a NOTIFY of the dialog:\n%s", a.Bytes)
	}
	p.seen = cseq.Number
	if len(a.Body()) > 0 {
		if string(a.Header(message.HeaderContentType)) != ContentType {
			t.Errorf("a body of another type:\n%s", a.Bytes)
		}
		d, err := readInfo(a.Body())
		if err != nil {
			t.Fatalf("%v in\n%s", err, a.Body())
		}
		says = d.String()
	}
	return string(a.Header(message.HeaderSubscriptionState)), says, a
}

// wants takes a NOTIFY that says that.
func (p *watcher) wants(state, says string) arrival {
	p.w.t.Helper()
	gotState, got, a := p.notify()
	if gotState != state || got != says {
		p.w.t.Errorf("told %q %q\nwant %q %q", gotState, got, state, says)
	}
	return a
}

// subscribes begins a subscription and takes the 200.
func (p *watcher) subscribes(lines ...string) arrival {
	p.w.t.Helper()
	p.send(lines...)
	a := p.response(200)
	p.toTag = string(a.ToTag())
	contact, err := message.ParseAddress(a.Header(message.HeaderContact))
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.target = string(contact.URI)
	return a
}

func (p *watcher) answer(a arrival, code int, lines ...string) {
	headers := ""
	for _, line := range lines {
		headers += line + "\r\n"
	}
	p.Answer(a.Packet, message.AppendResponse(nil, a.Message, code, "", "app", []byte(headers), nil))
}

// nothing checks that nothing comes within d.
func (p *watcher) nothing(d time.Duration) {
	p.w.t.Helper()
	if a, ok := p.next(d); ok {
		p.w.t.Errorf("unexpected\n%s", a.Bytes)
	}
}

// over checks that no subscription is left, nor anything of one.
func (w *world) over() {
	w.t.Helper()
	w.Run(40 * time.Second)
	if n := w.n.core.Resources(); n != 0 || !w.n.Idle() {
		w.t.Errorf("left: %d users, %d subscriptions", n, w.n.Stats().Subscriptions)
	}
}

func (a arrival) seconds(id message.HeaderID) int {
	n, _ := strconv.Atoi(string(a.Header(id)))
	return n
}

// policyOf is the default policy, changed.
func policyOf(change func(p *Policy)) Policy {
	p := DefaultPolicy()
	change(&p)
	return p
}
