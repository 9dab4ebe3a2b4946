package engine_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	memory "github.com/sipscript/sipscript/engine/ring"
	"github.com/sipscript/sipscript/engine/transport"
)

// loopWire is a network without sockets: what is sent is kept for the benchmark to answer.
type loopWire struct {
	local *transport.Local
	last  [][]byte
}

func (w *loopWire) Send(_ *transport.Peer, b []byte, _ transport.Failed) error {
	w.last = append(w.last, append([]byte(nil), b...))
	return nil
}
func (w *loopWire) Choose(*transport.Peer) *transport.Local { return w.local }
func (w *loopWire) Locals() []*transport.Local              { return []*transport.Local{w.local} }

// quietWire drops what is sent: the cost of the engine alone.
type quietWire struct{ loopWire }

func (w *quietWire) Send(_ *transport.Peer, b []byte, _ transport.Failed) error {
	w.last = w.last[:0]
	w.last = append(w.last, b)
	return nil
}

// frozen is a clock that stands: no timer fires, however slow the machine is.
type frozen struct{}

func (frozen) Now() lane.Time  { return lane.Time(time.Hour) }
func (frozen) Wall() time.Time { return time.Unix(0, 0) }

type idle struct{}

func (*idle) Add(int) {}

const benchSDP = "v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

// BenchmarkCall is INVITE 180 200 ACK BYE 200 with Record-Route through the engine, without sockets
// and script.
func BenchmarkCall(b *testing.B) {
	c := newCallBench(b, nil)
	b.ResetTimer()
	for b.Loop() {
		c.call()
	}
	b.ReportMetric(float64(c.spent.Nanoseconds())/float64(c.n), "engine-ns/call")
	c.check(b)
}

// BenchmarkCallRing is the same with and without a ring that remembers it, by turns: what the
// quickest tenth of the rounds took at most, which nothing else on the machine has interrupted, and
// the bytes that the ring takes for a call.
func BenchmarkCallRing(b *testing.B) {
	kept := memory.New(memory.Options{Size: 4 << 20})
	var track engine.Observer
	without := newCallBench(b, nil)
	with := newCallBench(b, func(l *lane.Lane) engine.Observer { track = kept.Observe(l); return track })
	const batch = 10
	var took [2][]float64
	for i, c := range []*callBench{without, with} { // warm
		for range 20 * batch {
			c.call()
		}
		_ = i
	}
	before := kept.Written()
	calls := 0
	b.ResetTimer()
	for b.Loop() {
		for i, c := range []*callBench{without, with} {
			start := c.spent
			for range batch {
				c.call()
			}
			took[i] = append(took[i], float64((c.spent-start).Nanoseconds())/batch)
		}
		calls += batch
	}
	for i := range took {
		slices.Sort(took[i])
	}
	off, on := took[0][len(took[0])/10], took[1][len(took[1])/10]
	b.ReportMetric(off, "off-ns/call")
	b.ReportMetric(on, "on-ns/call")
	b.ReportMetric(on-off, "ring-ns/call")
	b.ReportMetric(100*(on-off)/off, "ring-%")
	b.ReportMetric(float64(kept.Written()-before)/float64(calls), "ring-B/call")
	with.check(b)
}

// callBench makes calls through an engine.
type callBench struct {
	wire  *quietWire
	inbox transport.Receiver
	eng   *engine.Engine
	in    *transport.Inbound
	n     int
	buf   []byte
	res   []byte
	m     message.Message
	spent time.Duration // what the engine took; making the messages costs more
}

func newCallBench(b testing.TB, observe func(*lane.Lane) engine.Observer) *callBench {
	return newCallBenchWith(b, func(c *engine.Config) { c.Observe = observe })
}

func newCallBenchWith(b testing.TB, change func(*engine.Config)) *callBench {
	local := &transport.Local{Kind: transport.UDP, Name: "udp:10.0.0.1:5060", Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060"}
	c := &callBench{wire: &quietWire{loopWire{local: local}}}
	targets := to("sip:bob@10.0.0.3:5060")
	var err error
	config := engine.Config{Lanes: 1, Clock: frozen{}, Meter: &idle{}, Network: func(r transport.Receiver) (transport.Wire, error) { c.inbox = r; return c.wire, nil },
		Router: routerFunc(func(r *engine.Request) error {
			if r.InDialog() {
				_, err := r.Relay(nil, nil)
				return err
			}
			_ = r.RecordRoute()
			_, err := r.Relay(targets, nil)
			return err
		})}
	change(&config)
	if c.eng, err = engine.New(config); err != nil {
		b.Fatal(err)
	}
	_ = c.eng.Start()
	c.in = &transport.Inbound{Kind: transport.UDP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: local}
	return c
}

func (c *callBench) request(method, extra, body string) []byte {
	n := c.n
	c.buf = fmt.Appendf(c.buf[:0], "%s sip:user00001@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d-%s\r\n%sFrom: \"Alice\" <sip:alice@example.com>;tag=1SIPpTag00%d\r\nTo: <sip:user00001@example.com>%s\r\nCall-ID: %d-1@10.0.0.2\r\nCSeq: 1 %s\r\nContact: <sip:alice@10.0.0.2:5060>\r\nMax-Forwards: 70\r\nUser-Agent: bench\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		method, n, method, extra, n, map[bool]string{true: "", false: ";tag=x"}[method == "INVITE"], n, method, len(body), body)
	return c.buf
}

func (c *callBench) answer(code int) {
	var lim message.Limits
	_ = c.m.Parse(bytes.Clone(c.wire.last[0]), &lim)
	c.res = message.AppendResponse(c.res[:0], &c.m, code, "", "x", []byte("Contact: <sip:bob@10.0.0.3:5060>\r\n"), nil)
}

func (c *callBench) receive(p []byte) {
	c.in.Bytes = p
	start := time.Now()
	c.inbox.Receive(c.in)
	c.spent += time.Since(start)
}

func (c *callBench) call() {
	c.n++
	invite := bytes.Clone(c.request("INVITE", "", benchSDP))
	c.receive(invite)
	c.answer(180)
	ringing := bytes.Clone(c.res)
	c.answer(200)
	ok := bytes.Clone(c.res)
	c.receive(ringing)
	c.receive(ok)
	sent := c.wire.last[len(c.wire.last)-1]
	rr := string(sent[bytes.Index(sent, []byte("Record-Route: "))+14:])
	rr, _, _ = strings.Cut(rr, "\r\n")
	route := "Route: " + rr + "\r\n"
	ack := bytes.Clone(c.request("ACK", route, ""))
	ack = bytes.Replace(ack, []byte("sip:user00001@example.com SIP"), []byte("sip:bob@10.0.0.3:5060 SIP"), 1)
	bye := bytes.Clone(c.request("BYE", route, ""))
	bye = bytes.Replace(bye, []byte("sip:user00001@example.com SIP"), []byte("sip:bob@10.0.0.3:5060 SIP"), 1)
	c.receive(ack)
	c.receive(bye)
	c.answer(200)
	bok := bytes.Clone(c.res)
	c.receive(bok)
}

func (c *callBench) check(b testing.TB) {
	if s := c.eng.Stats(); s.Responses[2] != 2*uint64(c.n) || s.Strays > 0 {
		b.Fatalf("%d calls: %+v", c.n, s)
	}
}
