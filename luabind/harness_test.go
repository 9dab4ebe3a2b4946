package luabind_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/luabind"
)

const proxyAddr = "10.0.0.1:5060"

// world is an engine with a script in a world of its own.
type world struct {
	t      *testing.T
	w      *sim.World
	eng    *engine.Engine
	router *luabind.Router
	log    *logBuffer
	serial int
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run starts an engine with the script.
func run(t testing.TB, script string, options ...func(*luabind.Options)) *world {
	t.Helper()
	x, err := tryRun(t, script, options...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func tryRun(t testing.TB, script string, options ...func(*luabind.Options)) (*world, error) {
	t.Helper()
	x := &world{w: sim.New(1), log: &logBuffer{}}
	x.t, _ = t.(*testing.T)
	o := luabind.Options{Source: script, Name: "route.lua", Seed: 1, Log: slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range options {
		f(&o)
	}
	var err error
	if x.router, err = luabind.NewRouter(o); err != nil {
		return nil, err
	}
	x.eng, err = engine.New(engine.Config{Clock: x.w, Meter: x.w, Network: x.w.Network("udp:"+proxyAddr, "tcp:"+proxyAddr), Seed: 2, Lanes: 1,
		Domains: []string{"example.com"}, Router: x.router, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	if err := x.eng.Start(); err != nil {
		return nil, err
	}
	x.w.Drive(x.eng.Lanes()...)
	x.w.Drive(x.eng.Background())
	t.Cleanup(func() {
		x.router.Stop(context.Background())
		if t.Failed() {
			t.Logf("log:\n%s", x.log.String())
		}
	})
	return x, nil
}

// peer is a host that answers what it is told to.
type peer struct {
	*sim.Host
	x    *world
	got  []*message.Message
	on   func(m *message.Message, p sim.Packet)
	last sim.Packet
}

func (x *world) peer(addr string, on func(p *peer, m *message.Message, in sim.Packet)) *peer {
	p := &peer{x: x}
	p.Host = x.w.Host(addr, func(in sim.Packet) {
		m := &message.Message{}
		if err := m.Parse(in.Bytes, &message.Limits{}); err != nil {
			x.t.Errorf("%s got what can't be parsed: %v\n%s", addr, err, in.Bytes)
			return
		}
		p.got = append(p.got, m)
		p.last = in
		if on != nil {
			on(p, m, in)
		}
	})
	return p
}

func (p *peer) answer(m *message.Message, in sim.Packet, code int, headers string) {
	p.Answer(in, message.AppendResponse(nil, m, code, "", "tag-of-peer", []byte(headers), nil))
}

// answering is a peer's way to answer every request with one code.
func answering(code int) func(*peer, *message.Message, sim.Packet) {
	return func(p *peer, m *message.Message, in sim.Packet) {
		if m.IsRequest() && m.Method() != message.MethodAck {
			p.answer(m, in, code, "")
		}
	}
}

// request is the text of a request from the caller at 10.0.0.2.
func (x *world) request(method, uri, extra, body string) []byte {
	x.serial++
	return []byte(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d\r\nMax-Forwards: 70\r\n"+
		"From: \"Alice A.\" <sip:alice@example.com>;tag=from%d\r\nTo: <%s>\r\nCall-ID: call-%d\r\nCSeq: 7 %s\r\n%sContent-Length: %d\r\n\r\n%s",
		method, uri, x.serial, x.serial, uri, x.serial, method, extra, len(body), body))
}

// ask sends a request and returns the final response, nil when none came within 40 s of virtual time.
func (x *world) ask(method, uri string, extra ...string) *message.Message {
	return x.send(x.request(method, uri, strings.Join(extra, ""), ""))
}

func (x *world) send(text []byte) *message.Message {
	caller := x.peer("10.0.0.2:5060", nil)
	defer caller.Remove()
	caller.Send(proxyAddr, text)
	final := func() *message.Message {
		for _, m := range caller.got {
			if !m.IsRequest() && m.Status() >= 200 {
				return m
			}
		}
		return nil
	}
	x.w.RunUntil(40*time.Second, func() bool { return final() != nil })
	return final()
}

// code is the final code of a request, 0 for none.
func (x *world) code(method, uri string, extra ...string) int {
	if m := x.ask(method, uri, extra...); m != nil {
		return m.Status()
	}
	return 0
}

// lua runs the statements as the body of route, for a MESSAGE; what they return is the reply's reason. It fails the test when they raise.
func lua(t *testing.T, body string, options ...func(*luabind.Options)) string {
	t.Helper()
	m, x := luaResult(t, body, options...)
	if m == nil || m.Status() != 299 {
		t.Fatalf("the script failed:\n%s", x.log.String())
	}
	return string(m.HeaderName("X-Result"))
}

func luaResult(t *testing.T, body string, options ...func(*luabind.Options)) (*message.Message, *world) {
	t.Helper()
	x := run(t, "local function body(req)\n"+body+"\nend\nfunction route(req)\n local r = {body(req)}\n for i = 1, 5 do if r[i] ~= nil then r[i] = tostring(r[i]) end end\n"+
		" local out = {} for i = 1, 5 do out[i] = r[i] or 'nil' end\n while #out > 1 and out[#out] == 'nil' do out[#out] = nil end\n"+
		" req:reply(299, 'Ok', {headers = {['X-Result'] = table.concat(out, ' ')}})\nend", options...)
	return x.ask("MESSAGE", "sip:bob@example.com;transport=udp?subject=hi", "X-A: 1\r\nX-A: two\r\nContact: <sip:a@10.0.0.2>;q=0.5, <sip:b@10.0.0.3>\r\n"), x
}

// raises runs the statements and returns the error they raise.
func raises(t *testing.T, body string, options ...func(*luabind.Options)) string {
	t.Helper()
	m, x := luaResult(t, body, options...)
	if m != nil && m.Status() == 299 {
		t.Fatalf("the script did not fail, and returned %q", m.HeaderName("X-Result"))
	}
	return x.log.String()
}
