package b2b_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/b2b"
)

// quietWire is a network without sockets that keeps the last message to each side.
type quietWire struct {
	local         *transport.Local
	caller, other []byte
}

func (w *quietWire) Send(to *transport.Peer, b []byte, _ transport.Failed) error {
	if to.Addr.Addr().As4()[3] == 2 {
		w.caller = append(w.caller[:0], b...)
	} else {
		w.other = append(w.other[:0], b...)
	}
	return nil
}
func (w *quietWire) Choose(*transport.Peer) *transport.Local { return w.local }
func (w *quietWire) Locals() []*transport.Local              { return []*transport.Local{w.local} }

// stoodClock is one that moves when the benchmark says so.
type stoodClock struct{ now lane.Time }

func (c *stoodClock) Now() lane.Time  { return c.now }
func (c *stoodClock) Wall() time.Time { return time.Unix(0, int64(c.now)) }

type noMeter struct{}

func (noMeter) Add(int) {}

// caller makes calls through a script.
type caller struct {
	tb    testing.TB
	wire  *quietWire
	inbox transport.Receiver
	eng   *engine.Engine
	m     *b2b.B2B
	clock *stoodClock
	in    *transport.Inbound
	n     int
	spent time.Duration // what the engine took
}

func newCaller(tb testing.TB, script string) *caller {
	local := &transport.Local{Kind: transport.UDP, Name: "udp:10.0.0.1:5060", Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060"}
	c := &caller{tb: tb, wire: &quietWire{local: local}, clock: &stoodClock{lane.Time(time.Hour)}, m: b2b.New()}
	c.in = &transport.Inbound{Kind: transport.UDP, Local: local}
	router, err := luabind.NewRouter(luabind.Options{Source: "local b2b = require 'b2b'\n" + script, Name: "bench.lua", Modules: []luabind.Opener{c.m}, Log: slog.New(slog.DiscardHandler), Memory: 1 << 32})
	if err != nil {
		tb.Fatal(err)
	}
	c.eng, err = engine.New(engine.Config{Lanes: 1, Clock: c.clock, Meter: noMeter{}, Log: slog.New(slog.DiscardHandler), Router: router,
		Network: func(r transport.Receiver) (transport.Wire, error) { c.inbox = r; return c.wire, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	_ = c.eng.Start()
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.eng.Shutdown(ctx)
	})
	return c
}

func (c *caller) receive(from string, b []byte) {
	c.in.Source, c.in.Bytes = netip.MustParseAddrPort(from), b
	start := time.Now()
	c.inbox.Receive(c.in)
	c.spent += time.Since(start)
}

// description is one of about 1.2 kB.
var description = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\n" +
	strings.Repeat("a=rtpmap:101 telephone-event/8000\r\n", 30)

// setUp sets up a call, up to its ACK: INVITE 180 200 ACK.
func (c *caller) setUp() {
	c.n++
	head := fmt.Sprintf("Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d-%%s\r\nFrom: \"Alice\" <sip:alice@example.com>;tag=1SIPpTag00%d\r\nCall-ID: %d-1@10.0.0.2\r\nContact: <sip:alice@10.0.0.2:5060>\r\nMax-Forwards: 70\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\n", c.n, c.n, c.n)
	c.receive("10.0.0.2:5060", []byte("INVITE sip:bob@example.com SIP/2.0\r\n"+fmt.Sprintf(head, "i")+"To: <sip:bob@example.com>\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: "+
		fmt.Sprint(len(description))+"\r\n\r\n"+description))
	ringing, ok := c.answer(180, ""), c.answer(200, description)
	c.receive("10.0.0.3:5060", ringing)
	c.receive("10.0.0.3:5060", ok)
	var res message.Message
	if res.Parse(bytes.Clone(c.wire.caller), &message.Limits{}) != nil || res.Status() != 200 {
		c.tb.Fatalf("the caller got:\n%s", c.wire.caller)
	}
	contact, err := message.ParseAddress(res.Header(message.HeaderContact))
	if err != nil {
		c.tb.Fatal(err)
	}
	route := ""
	if rr := res.Header(message.HeaderRecordRoute); rr != nil {
		route = "Route: " + string(rr) + "\r\n"
	}
	c.receive("10.0.0.2:5060", []byte("ACK "+string(contact.URI)+" SIP/2.0\r\n"+fmt.Sprintf(head, "a")+route+"To: "+string(res.Header(message.HeaderTo))+"\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"))
}

// answer is that of the called to the last request.
func (c *caller) answer(code int, body string) []byte {
	var m message.Message
	_ = m.Parse(bytes.Clone(c.wire.other), &message.Limits{})
	headers := "Contact: <sip:bob@10.0.0.3:5060>\r\n"
	if body != "" {
		headers += "Content-Type: application/sdp\r\n"
	}
	return message.AppendResponse(nil, &m, code, "", "x", []byte(headers), []byte(body))
}

const (
	proxied = "function route(req)\n  if req.in_dialog then return req:relay() end\n  req:record_route()\n  req:relay('sip:bob@10.0.0.3:5060')\nend"
	joined  = "function route(req)\n  local a = b2b.incoming(req)\n  local b = a:dial('sip:bob@10.0.0.3:5060')\n  a:join(b)\nend"
	bridged = "function route(req)\n  local a = b2b.incoming(req)\n  local b = a:dial('sip:bob@10.0.0.3:5060')\n  a:bridge(b)\nend"
)

// BenchmarkSetUp is INVITE 180 200 ACK, with two descriptions of 1.2 kB, through a script without
// sockets: relayed, joined, and bridged.
func BenchmarkSetUp(b *testing.B) {
	for _, row := range []struct{ name, script string }{{"proxied", proxied}, {"joined", joined}, {"bridged", bridged}} {
		b.Run(row.name, func(b *testing.B) {
			c := newCaller(b, row.script)
			b.ReportAllocs()
			for b.Loop() {
				c.setUp()
				if c.n%256 == 0 {
					c.pass(time.Minute)
				}
			}
			b.ReportMetric(float64(c.spent.Nanoseconds())/float64(c.n), "engine-ns/call")
		})
	}
}

// pass lets time pass, so that transactions end.
func (c *caller) pass(d time.Duration) {
	done := make(chan struct{})
	c.clock.now = c.clock.now.Add(d)
	c.eng.Lanes()[0].Turn(nil)
	c.eng.Lanes()[0].Return(lane.Func(func(*lane.Lane) { close(done) }))
	<-done
}

// kept is what the heap and stacks have for each of 20,000 calls, with two descriptions of 1.2 kB,
// when their transactions are over.
func kept(tb testing.TB, script string) float64 {
	const calls = 20_000
	c := newCaller(tb, script)
	taken := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	before := taken()
	for range calls {
		c.setUp()
	}
	c.pass(5 * time.Minute)
	after := taken()
	if n := c.m.Calls(); n != 2*calls {
		tb.Fatalf("%d legs", n)
	}
	runtime.KeepAlive(c)
	return float64(after-before) / calls
}

// BenchmarkMemory measures calls that are joined, and those for which a script waits.
func BenchmarkMemory(b *testing.B) {
	for _, row := range []struct{ name, script string }{{"joined", joined}, {"waiting script", bridged}} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(kept(b, row.script), "B/call")
			}
		})
	}
}

// A call keeps no more than this, stacks included: so much memory a server with many calls needs.
func TestBytesKeptOfACall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates by itself")
	}
	for _, row := range []struct {
		name, script string
		most         float64
	}{{"joined", joined, 6000}, {"waiting script", bridged, 14000}} {
		t.Run(row.name, func(t *testing.T) {
			each := kept(t, row.script)
			t.Logf("%.0f bytes of each call", each)
			if each > row.most {
				t.Errorf("the most is %.0f", row.most)
			}
		})
	}
}
