package engine_test

// Who watches flows learns what becomes of them (RFC 5626).

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// flowLog is a FlowWatcher.
type flowLog struct {
	mu    sync.Mutex
	lines []string
	news  chan string // as well, where it is not nil
}

func (l *flowLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := fmt.Sprintf(format, args...)
	l.lines = append(l.lines, line)
	if l.news != nil {
		l.news <- line
	}
}

func (l *flowLog) FlowClosed(id transport.FlowID) { l.add("closed %d", id) }
func (l *flowLog) KeptAlive(from netip.AddrPort, on *transport.Local) {
	l.add("%s on %s", from, on.Addr)
}

func (l *flowLog) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.Join(l.lines, ", ")
	l.lines = nil
	return text
}

const bindingRequest = "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"

// answerTo is what a STUN answer says the source is, for IPv4.
func answerTo(b []byte) netip.AddrPort {
	if len(b) != 32 || string(b[:2]) != "\x01\x01" || string(b[20:24]) != "\x00\x20\x00\x08" {
		return netip.AddrPort{}
	}
	ip := binary.BigEndian.Uint32(b[28:]) ^ 0x2112a442
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip))), binary.BigEndian.Uint16(b[26:])^0x2112)
}

// answersAll answers 200, and says on which flow a request came.
func answersAll(flows chan<- transport.FlowID) routerFunc {
	return func(r *engine.Request) error {
		flows <- r.Flow()
		_, err := r.Reply(200, "", nil)
		return err
	}
}

func TestFlowsAreWatchedInTheSimulator(t *testing.T) {
	flows := make(chan transport.FlowID, 10)
	b := newBench(t, 1, answersAll(flows))
	first, second := &flowLog{}, &flowLog{}
	stop := b.eng.WatchFlows(first)
	defer b.eng.WatchFlows(second)()
	both := func(want string) {
		t.Helper()
		b.w.Run(time.Second)
		if got, again := first.take(), second.take(); got != want || again != want {
			t.Errorf("told %q and %q, want %q", got, again, want)
		}
	}

	var answer sim.Packet
	client := b.w.Host("192.0.2.7:4321", func(p sim.Packet) { answer = p })
	client.Send(proxyAddr, []byte(bindingRequest))
	both("192.0.2.7:4321 on 10.0.0.1:5060")
	if answer.From.String() != proxyAddr || answerTo(answer.Bytes) != client.Addr() {
		t.Errorf("%s answered %x", answer.From, answer.Bytes)
	}
	client.Send(proxyAddr, []byte("\r\n"))
	both("192.0.2.7:4321 on 10.0.0.1:5060")

	say := func(ph *handset, text string) transport.FlowID {
		t.Helper()
		b.w.Do(func() {
			if err := ph.Stream(transport.TCP, proxyAddr, []byte(text)); err != nil {
				t.Fatal(err)
			}
		})
		if !strings.HasPrefix(text, "OPTIONS") {
			return 0
		}
		ph.expect("200")
		return <-flows
	}
	alice := b.phone("10.0.0.2:5060")
	options := func(id string) string { return alice.call(id, "sip:bob@example.com").request("OPTIONS") }
	id := say(alice, options("c1"))
	b.w.BreakStreams()
	both(fmt.Sprintf("closed %d", id))
	stop()
	id = say(alice, options("c2"))
	b.w.BreakStreams()
	b.w.Run(time.Second)
	if got, gone := second.take(), first.take(); got != fmt.Sprintf("closed %d", id) || gone != "" {
		t.Errorf("told %q, and %q to who had stopped", got, gone)
	}

	// Kept alive for as long as the client says something, and no longer.
	alice.Remove()
	pongs := 0
	alice.Host = b.w.Host("10.0.0.4:5060", func(p sim.Packet) {
		if string(p.Bytes) == "\r\n" {
			pongs++
		}
	})
	b.w.Do(func() { _ = alice.Stream(transport.TCP, proxyAddr, []byte(options("c3"))) })
	b.w.Run(time.Second)
	id = <-flows
	second.take()
	b.eng.SetFlowIdleTimeout(id, 20*time.Second)
	for range 3 {
		b.w.Run(15 * time.Second)
		say(alice, "\r\n\r\n")
	}
	b.w.Run(15 * time.Second)
	if pongs != 3 || !b.eng.FlowOpen(id) {
		t.Errorf("%d answers; stands: %v", pongs, b.eng.FlowOpen(id))
	}
	b.w.Run(6 * time.Second)
	if got := second.take(); strings.Count(got, " on 10.0.0.1:5060, ") != 3 || !strings.HasSuffix(got, fmt.Sprintf(", closed %d", id)) || b.eng.FlowOpen(id) {
		t.Errorf("told %q", got)
	}
	b.quiet()
}

func TestFlowsAreWatchedOverSockets(t *testing.T) {
	flows := make(chan transport.FlowID, 10)
	log := &flowLog{news: make(chan string, 10)}
	eng, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Lanes: 2, MaxDelay: -1, Router: answersAll(flows)})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.WatchFlows(log)()
	if err := eng.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = eng.Shutdown(ctx)
	}()
	told := func(want string) {
		t.Helper()
		select {
		case got := <-log.news:
			if got != want {
				t.Errorf("told %q, want %q", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("never told %q", want)
		}
	}
	udp, tcp := eng.Locals()[0].Addr, eng.Locals()[1].Addr
	l := newLine(t, "127.0.0.1")
	if _, err := l.WriteToUDPAddrPort([]byte(bindingRequest), udp); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	_ = l.SetReadDeadline(time.Now().Add(patience))
	n, from, err := l.ReadFromUDPAddrPort(buf)
	if self := l.LocalAddr().String(); err != nil || from != udp || answerTo(buf[:n]).String() != self {
		t.Errorf("%v: %s answered %x", err, from, buf[:n])
	}
	told(fmt.Sprintf("%s on %s", l.LocalAddr(), udp))

	c, err := net.Dial("tcp", tcp.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	req := fmt.Sprintf("OPTIONS sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", c.LocalAddr())
	if _, err := io.WriteString(c, req); err != nil {
		t.Fatal(err)
	}
	id, in := <-flows, bufio.NewReader(c)
	var answer strings.Builder
	for !strings.HasSuffix(answer.String(), "\r\n\r\n") {
		text, err := in.ReadString('\n')
		if answer.WriteString(text); err != nil {
			t.Fatalf("%v after %q", err, answer.String())
		}
	}
	if code := parse(t, answer.String()).Status(); code != 200 {
		t.Errorf("answered %d", code)
	}
	eng.SetFlowIdleTimeout(id, 20*time.Millisecond)
	if more, err := io.ReadAll(in); err != nil || len(more) > 0 {
		t.Errorf("%v after %q", err, more)
	}
	told(fmt.Sprintf("closed %d", id))
}
