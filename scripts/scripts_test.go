package scripts_test

// This file runs the ready scripts in an engine on virtual time, as a newcomer would use them.

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/luabind/luabindtest"
	"github.com/sipscript/sipscript/modules/auth"
	"github.com/sipscript/sipscript/modules/dispatch"
	"github.com/sipscript/sipscript/modules/registrar"
	"github.com/sipscript/sipscript/scripts"
)

const serverAddr = "10.0.0.1:5060"

type world struct {
	*sim.World
	t *testing.T
}

func start(t *testing.T, name string, args map[string]string) *world {
	t.Helper()
	w, err := tryStart(t, name, args)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tryStart(t *testing.T, name string, args map[string]string) (*world, error) {
	t.Helper()
	source, err := scripts.Get(name)
	if err != nil {
		return nil, err
	}
	w := &world{World: sim.New(1), t: t}
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	router, err := luabind.NewRouter(luabind.Options{Source: string(source), Name: name + ".lua", Args: args, Seed: 1, Log: logger, Budget: 10 * time.Second,
		Modules: []luabind.Opener{luabindtest.Must(registrar.New(registrar.Options{})), luabindtest.Must(auth.New(auth.Options{})), dispatch.New(dispatch.Options{Quiet: true})}})
	if err != nil {
		return nil, err
	}
	eng, err := engine.New(engine.Config{Clock: w, Meter: w, Network: w.Network("udp:"+serverAddr, "tcp:"+serverAddr), Seed: 2, Lanes: 2,
		Domains: []string{"example.com"}, Router: router, Log: logger})
	if err != nil {
		return nil, err
	}
	if err := eng.Start(); err != nil {
		return nil, err
	}
	w.Drive(eng.Lanes()...)
	w.Drive(eng.Background())
	t.Cleanup(func() {
		_ = router.Stop(t.Context())
		if strings.Contains(log.String(), "level=ERROR") || t.Failed() {
			t.Errorf("log:\n%s", log.String())
		}
	})
	return w, nil
}

// client is a phone that writes requests.
type client struct {
	*sim.Phone
	w *world
}

func (w *world) phone(addr string) *client {
	p := &client{w.Phone(w.t, addr, nil), w}
	p.Server = serverAddr
	return p
}

// next takes the next message that is not a 100.
func (p *client) next() (*message.Message, sim.Packet) {
	p.w.t.Helper()
	for {
		if m, in := p.Next(); m.Status() != 100 {
			return m, in
		}
	}
}

// ask sends a request and returns the answer.
func (p *client) ask(method, uri string, lines ...string) *message.Message {
	p.w.t.Helper()
	p.send(method, uri, lines...)
	m, _ := p.next()
	return m
}

func (p *client) send(method, uri string, lines ...string) {
	p.Write(p.Request(method, uri, "", lines...))
}

func (p *client) register(user string) {
	p.w.t.Helper()
	p.User = user
	if m := p.Register(""); m.Status() != 200 {
		p.w.t.Fatalf("REGISTER: %s", m.AppendTo(nil))
	}
}

func (p *client) reply(m *message.Message, in sim.Packet, code int) {
	p.Answer(in, message.AppendResponse(nil, m, code, "", "t"+fmt.Sprint(p.Addr().Port()), []byte(fmt.Sprintf("Contact: <sip:bob@%s>\r\n", p.Addr())), nil))
}

// wants checks the code of an answer.
func wants(t *testing.T, what string, m *message.Message, code int) {
	t.Helper()
	if m.Status() != code {
		t.Errorf("%s: %d %s, want %d", what, m.Status(), m.ReasonPhrase(), code)
	}
}

func TestProxies(t *testing.T) {
	for _, name := range []string{"default", "proxy"} {
		t.Run(name, func(t *testing.T) {
			w := start(t, name, nil)
			alice, desk, cell := w.phone("10.0.0.2:5060"), w.phone("10.0.0.3:5060"), w.phone("10.0.0.4:5060")
			wants(t, "nobody registered", alice.ask("MESSAGE", "sip:bob@example.com"), 480)
			wants(t, "foreign domain", alice.ask("MESSAGE", "sip:bob@example.org"), 404)
			wants(t, "foreign registrar", alice.ask("REGISTER", "sip:example.org"), 404)
			wants(t, "a dialog we know nothing of", alice.ask("MESSAGE", "sip:bob@10.0.0.3", "To: <sip:bob@example.com>;tag=x"), 481)
			desk.register("bob")
			cell.register("bob")

			alice.send("INVITE", "sip:bob@example.com", "Contact: <sip:alice@10.0.0.2>")
			invite, in := desk.next()
			other, otherIn := cell.next() // both ring
			cell.reply(other, otherIn, 180)
			m, _ := alice.next()
			wants(t, "ringing", m, 180)
			desk.reply(invite, in, 200)
			m, _ = alice.next()
			wants(t, "answered", m, 200)
			cancel, cancelIn := cell.next()
			if cancel.Method() != message.MethodCancel {
				t.Errorf("the cell phone got %s", cancel.MethodText())
			}
			cell.reply(cancel, cancelIn, 200)
			cell.reply(other, otherIn, 487)

			// The rest of the call comes through here.
			route := string(m.Header(message.HeaderRecordRoute))
			alice.send("BYE", "sip:bob@10.0.0.3:5060", "To: <sip:bob@example.com>;tag=t5060", "Call-ID: "+string(m.CallID()), "Route: "+route)
			bye, byeIn := desk.next()
			if bye.Method() != message.MethodBye || byeIn.From.String() != serverAddr {
				t.Errorf("%s from %s", bye.MethodText(), byeIn.From)
			}
			desk.reply(bye, byeIn, 200)
			m, _ = alice.next()
			wants(t, "BYE", m, 200)
		})
	}
}

func TestDefaultForItself(t *testing.T) {
	w := start(t, "default", nil)
	alice := w.phone("10.0.0.2:5060")
	for _, uri := range []string{"sip:example.com", "sip:10.0.0.1", "sip:10.0.0.1:5060;transport=udp"} {
		m := alice.ask("OPTIONS", uri)
		wants(t, "OPTIONS "+uri, m, 200)
		if !strings.Contains(string(m.Header(message.HeaderAllow)), "INVITE") {
			t.Errorf("OPTIONS %s: %s", uri, m.AppendTo(nil))
		}
	}
	wants(t, "OPTIONS to a user", alice.ask("OPTIONS", "sip:bob@example.com"), 480)
	wants(t, "OPTIONS elsewhere", alice.ask("OPTIONS", "sip:example.org"), 404)
	wants(t, "MESSAGE to the server", alice.ask("MESSAGE", "sip:example.com"), 404)
}

func TestRegistrar(t *testing.T) {
	w := start(t, "registrar", map[string]string{"max_contacts": "1"})
	alice := w.phone("10.0.0.2:5060")
	alice.register("alice")
	wants(t, "a second phone", alice.ask("REGISTER", "sip:example.com", "To: <sip:alice@example.com>", "Contact: <sip:alice@10.0.0.9>"), 403)
	wants(t, "OPTIONS", alice.ask("OPTIONS", "sip:example.com"), 200)
	m := alice.ask("INVITE", "sip:alice@example.com")
	wants(t, "INVITE", m, 405)
	if string(m.Header(message.HeaderAllow)) != "REGISTER, OPTIONS" {
		t.Errorf("%s", m.AppendTo(nil))
	}
	if _, err := tryStart(t, "registrar", map[string]string{"max_expires": "30"}); err == nil || !strings.Contains(err.Error(), "min_expires") {
		t.Errorf("max_expires below min_expires: %v", err)
	}
}

func TestRedirect(t *testing.T) {
	w := start(t, "redirect", nil)
	alice, desk := w.phone("10.0.0.2:5060"), w.phone("10.0.0.3:5060")
	wants(t, "nobody registered", alice.ask("MESSAGE", "sip:bob@example.com"), 480)
	desk.register("bob")
	m := alice.ask("MESSAGE", "sip:bob@example.com")
	wants(t, "bob", m, 302)
	if c := string(m.Header(message.HeaderContact)); !strings.HasPrefix(c, "<sip:bob@10.0.0.3:5060>") {
		t.Errorf("Contact %q", c)
	}
	wants(t, "foreign domain", alice.ask("MESSAGE", "sip:bob@example.org"), 404)
	wants(t, "in a dialog", alice.ask("MESSAGE", "sip:bob@example.com", "To: <sip:bob@example.com>;tag=x"), 481)
	wants(t, "OPTIONS", alice.ask("OPTIONS", "sip:example.com"), 200)
}

func TestBalance(t *testing.T) {
	w := start(t, "balance", map[string]string{"servers": "sip:10.0.0.11:5060, sip:10.0.0.12:5060"})
	alice := w.phone("10.0.0.2:5060")
	servers := []*client{w.phone("10.0.0.11:5060"), w.phone("10.0.0.12:5060")}
	var count [2]int
	for i := range 40 {
		id := fmt.Sprintf("Call-ID: balanced-%d", i)
		alice.send("MESSAGE", "sip:bob@example.com", id)
		w.Run(100 * time.Millisecond)
		which := 0
		if len(servers[1].Got) > 0 {
			which = 1
		}
		count[which]++
		m, in := servers[which].next()
		servers[which].reply(m, in, 200)
		m, _ = alice.next()
		wants(t, id, m, 200)
		alice.send("MESSAGE", "sip:bob@example.com", id) // the same call, the same server
		w.Run(100 * time.Millisecond)
		if len(servers[which].Got) != 1 || len(servers[1-which].Got) != 0 {
			t.Fatalf("%s went elsewhere", id)
		}
		servers[which].next()
	}
	if count[0] < 10 || count[1] < 10 {
		t.Errorf("spread %v", count)
	}
	wants(t, "OPTIONS", alice.ask("OPTIONS", "sip:10.0.0.1"), 200)
	for _, bad := range []string{",", "sip:"} {
		if _, err := tryStart(t, "balance", map[string]string{"servers": bad}); err == nil || !strings.Contains(err.Error(), "servers: ") {
			t.Errorf("servers %q: %v", bad, err)
		}
	}
	if _, err := tryStart(t, "balance", nil); err != nil {
		t.Error(err)
	}
}

func TestGet(t *testing.T) {
	if names := scripts.Names(); !slices.Equal(names, []string{"balance.lua", "carrier.lua", "default.lua", "edge.lua", "pbx-b2b.lua", "pbx.lua", "proxy.lua", "redirect.lua", "registrar.lua", "trunk.lua", "webrtc.lua"}) {
		t.Errorf("%q", names)
	}
	for _, name := range scripts.Names() {
		long, err := scripts.Get(name)
		short, err2 := scripts.Get(strings.TrimSuffix(name, ".lua"))
		if err != nil || err2 != nil || string(long) != string(short) || len(long) == 0 {
			t.Errorf("%s: %v, %v", name, err, err2)
		}
	}
	if _, err := scripts.Get("nonsense"); err == nil || !strings.Contains(err.Error(), "proxy.lua") {
		t.Errorf("%v", err)
	}
}

// A carrier's whole policy fits on a page.
func TestCarrierIsShort(t *testing.T) {
	text, err := scripts.Get("carrier")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 60 {
		t.Errorf("%d lines, at most 60", n)
	}
	for _, name := range []string{"acl", "limit", "dialog", "dialplan", "lcr", "dispatch", "stir", "topology", "acc"} {
		if !strings.Contains(string(text), `require "`+name+`"`) {
			t.Errorf("it doesn't use %s", name)
		}
	}
}
