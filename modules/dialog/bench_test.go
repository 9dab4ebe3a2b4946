package dialog_test

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
	"github.com/sipscript/sipscript/modules/dialog"
)

// quietWire is a network without sockets that keeps the last message.
type quietWire struct {
	local *transport.Local
	last  []byte
}

func (w *quietWire) Send(_ *transport.Peer, b []byte, _ transport.Failed) error {
	w.last = b
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

// caller makes calls through an engine that tracks them, or does not.
type caller struct {
	wire  *quietWire
	inbox transport.Receiver
	eng   *engine.Engine
	clock *stoodClock
	in    *transport.Inbound
	n     int
	spent time.Duration // what the engine took
	buf   []byte
}

func newCaller(tb testing.TB, d *dialog.Dialogs) *caller {
	local := &transport.Local{Kind: transport.UDP, Name: "udp:10.0.0.1:5060", Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060"}
	c := &caller{wire: &quietWire{local: local}, clock: &stoodClock{lane.Time(time.Hour)}}
	c.in = &transport.Inbound{Kind: transport.UDP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: local}
	targets := []*engine.Target{{URI: "sip:bob@10.0.0.3:5060"}}
	var parts []engine.Part
	if d != nil {
		parts = append(parts, d)
	}
	o := dialog.TrackOptions{Keepalive: -1, Limits: []dialog.Limit{{Key: "all", Most: 1 << 20}, {Key: "server", Most: 1 << 20}}}
	var err error
	c.eng, err = engine.New(engine.Config{Lanes: 1, Clock: c.clock, Meter: noMeter{}, Parts: parts, Log: slog.New(slog.DiscardHandler),
		Network: func(r transport.Receiver) (transport.Wire, error) { c.inbox = r; return c.wire, nil },
		Router: routerFunc(func(r *engine.Request) error {
			if r.InDialog() {
				_, err := r.Relay(nil, nil)
				return err
			}
			_ = r.RecordRoute()
			if d != nil {
				if _, err := d.Track(r, o); err != nil {
					return err
				}
			}
			_, err := r.Relay(targets, nil)
			return err
		})})
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

type routerFunc func(*engine.Request) error

func (f routerFunc) Route(r *engine.Request) error { return f(r) }

func (c *caller) receive(b []byte) {
	c.in.Bytes = b
	start := time.Now()
	c.inbox.Receive(c.in)
	c.spent += time.Since(start)
}

const sdp = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"

func (c *caller) request(method, uri, extra, body string) []byte {
	tag := ";tag=x"
	if method == "INVITE" {
		tag = ""
	}
	c.buf = fmt.Appendf(c.buf[:0], "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d-%s\r\n%sFrom: \"Alice\" <sip:alice@example.com>;tag=1SIPpTag00%d\r\nTo: <sip:user00001@example.com>%s\r\nCall-ID: %d-1@10.0.0.2\r\nCSeq: 1 %s\r\nContact: <sip:alice@10.0.0.2:5060>\r\nMax-Forwards: 70\r\nUser-Agent: bench\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		method, uri, c.n, method, extra, c.n, tag, c.n, method, len(body), body)
	return bytes.Clone(c.buf)
}

func (c *caller) answer(code int) []byte {
	var m message.Message
	_ = m.Parse(bytes.Clone(c.wire.last), &message.Limits{})
	return message.AppendResponse(nil, &m, code, "", "x", []byte("Contact: <sip:bob@10.0.0.3:5060>\r\n"), nil)
}

// begin sets up a call, up to its ACK, and returns the caller's Route.
func (c *caller) begin() (route string) {
	c.n++
	c.receive(c.request("INVITE", "sip:user00001@example.com", "", sdp))
	ringing, ok := c.answer(180), c.answer(200)
	c.receive(ringing)
	c.receive(ok)
	rr := string(c.wire.last[bytes.Index(c.wire.last, []byte("Record-Route: "))+14:])
	rr, _, _ = strings.Cut(rr, "\r\n")
	route = "Route: " + rr + "\r\n"
	c.receive(c.request("ACK", "sip:bob@10.0.0.3:5060", route, ""))
	return route
}

// BenchmarkCall is INVITE 180 200 ACK BYE 200 through the engine, without sockets and script, not
// tracked and tracked with two limits.
func BenchmarkCall(b *testing.B) {
	for _, row := range []struct {
		name    string
		tracked bool
	}{{"plain", false}, {"tracked", true}} {
		b.Run(row.name, func(b *testing.B) {
			var d *dialog.Dialogs
			if row.tracked {
				d = must(dialog.New(dialog.Options{}))
			}
			c := newCaller(b, d)
			for b.Loop() {
				route := c.begin()
				c.receive(c.request("BYE", "sip:bob@10.0.0.3:5060", route, ""))
				c.receive(c.answer(200))
			}
			b.ReportMetric(float64(c.spent.Nanoseconds())/float64(c.n), "engine-ns/call")
			if d != nil && d.Count("") != 0 {
				b.Fatalf("%d calls are left", d.Count(""))
			}
		})
	}
}

func must(d *dialog.Dialogs, err error) *dialog.Dialogs {
	if err != nil {
		panic(err)
	}
	return d
}

// BenchmarkMemory is what the heap has for each of 100,000 calls when nothing else of their INVITEs
// is left.
func BenchmarkMemory(b *testing.B) {
	const calls = 100_000
	for b.Loop() {
		d := must(dialog.New(dialog.Options{}))
		c := newCaller(b, d)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range calls {
			c.begin()
		}
		done := make(chan struct{})
		c.clock.now = c.clock.now.Add(5 * time.Minute)
		c.eng.Lanes()[0].Turn(nil)
		c.eng.Lanes()[0].Return(lane.Func(func(*lane.Lane) { close(done) }))
		<-done
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if n := d.Count(""); n != calls {
			b.Fatalf("%d calls", n)
		}
		s := c.eng.Stats()
		if s.ServerTransactions+s.ClientTransactions > 0 {
			b.Fatalf("%d and %d transactions are left", s.ServerTransactions, s.ClientTransactions)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/calls, "B/call")
		runtime.KeepAlive(c)
	}
}
