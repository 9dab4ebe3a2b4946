package engine_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
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
	local := &transport.Local{Kind: transport.UDP, Name: "udp:10.0.0.1:5060", Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "10.0.0.1", Port: 5060, SentBy: "10.0.0.1:5060"}
	wire := &quietWire{loopWire{local: local}}
	targets := to("sip:bob@10.0.0.3:5060")
	var inbox transport.Receiver
	eng, err := engine.New(engine.Config{Lanes: 1, Clock: frozen{}, Meter: &idle{}, Network: func(r transport.Receiver) (transport.Wire, error) { inbox = r; return wire, nil },
		Router: routerFunc(func(r *engine.Request) error {
			if r.InDialog() {
				_, err := r.Relay(nil, nil)
				return err
			}
			_ = r.RecordRoute()
			_, err := r.Relay(targets, nil)
			return err
		})})
	if err != nil {
		b.Fatal(err)
	}
	_ = eng.Start()
	in := &transport.Inbound{Kind: transport.UDP, Source: netip.MustParseAddrPort("10.0.0.2:5060"), Local: local}
	n := 0
	var buf []byte
	request := func(method, extra, body string) []byte {
		buf = fmt.Appendf(buf[:0], "%s sip:user00001@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK-%d-%s\r\n%sFrom: \"Alice\" <sip:alice@example.com>;tag=1SIPpTag00%d\r\nTo: <sip:user00001@example.com>%s\r\nCall-ID: %d-1@10.0.0.2\r\nCSeq: 1 %s\r\nContact: <sip:alice@10.0.0.2:5060>\r\nMax-Forwards: 70\r\nUser-Agent: bench\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\nSupported: replaces, timer\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			method, n, method, extra, n, map[bool]string{true: "", false: ";tag=x"}[method == "INVITE"], n, method, len(body), body)
		return buf
	}
	var m message.Message
	var lim message.Limits
	var res []byte
	answer := func(code int) {
		_ = m.Parse(bytes.Clone(wire.last[0]), &lim)
		res = message.AppendResponse(res[:0], &m, code, "", "x", []byte("Contact: <sip:bob@10.0.0.3:5060>\r\n"), nil)
	}
	var spent time.Duration // what the engine took; making the messages costs more
	receive := func(p []byte) {
		in.Bytes = p
		start := time.Now()
		inbox.Receive(in)
		spent += time.Since(start)
	}
	b.ResetTimer()
	for b.Loop() {
		n++
		invite := bytes.Clone(request("INVITE", "", benchSDP))
		receive(invite)
		answer(180)
		ringing := bytes.Clone(res)
		answer(200)
		ok := bytes.Clone(res)
		receive(ringing)
		receive(ok)
		sent := wire.last[len(wire.last)-1]
		rr := string(sent[bytes.Index(sent, []byte("Record-Route: "))+14:])
		rr, _, _ = strings.Cut(rr, "\r\n")
		route := "Route: " + rr + "\r\n"
		ack := bytes.Clone(request("ACK", route, ""))
		ack = bytes.Replace(ack, []byte("sip:user00001@example.com SIP"), []byte("sip:bob@10.0.0.3:5060 SIP"), 1)
		bye := bytes.Clone(request("BYE", route, ""))
		bye = bytes.Replace(bye, []byte("sip:user00001@example.com SIP"), []byte("sip:bob@10.0.0.3:5060 SIP"), 1)
		receive(ack)
		receive(bye)
		answer(200)
		bok := bytes.Clone(res)
		receive(bok)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n), "engine-ns/call")
	if s := eng.Stats(); s.Responses[2] != 2*uint64(n) || s.Strays > 0 {
		b.Fatalf("%d calls: %+v", n, s)
	}
}
