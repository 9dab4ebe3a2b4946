package transport

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

const patient = time.Minute // how long a test waits for what must come

// got is an Inbound that may be kept.
type got struct {
	Inbound
	text string
	err  error // of BadFrame
}

// recorder is a Receiver that passes on what it gets; handle, if set, is called first, as the
// engine would be.
type recorder struct {
	handle func(s *Stack, in *Inbound)
	stack  *Stack // set by serve
	msgs   chan got
	bad    chan got
	closed chan FlowID
}

func newRecorder(handle func(s *Stack, in *Inbound)) *recorder {
	return &recorder{handle, nil, make(chan got, 10000), make(chan got, 100), make(chan FlowID, 10000)}
}

func keep(in *Inbound, err error) got {
	g := got{Inbound: *in, text: string(in.Bytes), err: err}
	g.Bytes = []byte(g.text)
	return g
}

func (r *recorder) Receive(in *Inbound) {
	if r.handle != nil {
		r.handle(r.stack, in)
		return
	}
	r.msgs <- keep(in, nil)
}
func (r *recorder) BadFrame(in *Inbound, err error) { r.bad <- keep(in, err) }
func (r *recorder) FlowClosed(id FlowID)            { r.closed <- id }

// await takes one thing from a channel, or fails the test.
func await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patient):
		buf := make([]byte, 1<<16)
		t.Fatalf("nothing came\n%s", buf[:runtime.Stack(buf, true)])
		panic("unreachable")
	}
}

// until polls what can't be waited for otherwise.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// serve starts a stack with the listeners and ends it with the test, which must leave no goroutine
// behind.
func serve(t testing.TB, r Receiver, o Options, listeners ...string) *Stack {
	t.Helper()
	before := runtime.NumGoroutine()
	s := NewStack(r, o)
	if rec, ok := r.(*recorder); ok {
		rec.stack = s
	}
	open(t, s, listeners...)
	s.Serve()
	t.Cleanup(func() {
		closeNow(s)
		if t.Failed() {
			return
		}
		until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	})
	return s
}

// closeNow closes without waiting for what is queued.
func closeNow(s *Stack) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Close(ctx)
}

func open(t testing.TB, s *Stack, listeners ...string) {
	t.Helper()
	var specs []ListenSpec
	for _, l := range listeners {
		spec, err := ParseListen(l)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, spec)
	}
	if err := s.Listen(specs); err != nil {
		t.Fatal(err)
	}
}

// request is a message with a number in its CSeq and a body of the size.
func request(n, body int) string {
	return "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n" +
		"Via: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK" + strconv.Itoa(n) + "\r\n" +
		"From: <sip:b@127.0.0.1>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: 1\r\n" +
		"CSeq: " + strconv.Itoa(n) + " OPTIONS\r\nContent-Length: " + strconv.Itoa(body) + "\r\n\r\n" +
		strings.Repeat("x", body)
}

// number reads it back.
func number(text string) int {
	_, rest, _ := strings.Cut(text, "CSeq: ")
	n, _, _ := strings.Cut(rest, " ")
	i, _ := strconv.Atoi(n)
	return i
}

// dial is a plain TCP client that ends with the test.
func dial(t testing.TB, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patient))
	return c.(*net.TCPConn)
}

func write(t testing.TB, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// readMessage reads one message from a stream, by its header lines.
func readMessage(r *bufio.Reader) (string, error) {
	var b bytes.Buffer
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		if n, found := strings.CutPrefix(line, "Content-Length: "); found {
			length, _ = strconv.Atoi(strings.TrimSpace(n))
		}
		if line == "\r\n" {
			_, err = io.CopyN(&b, r, int64(length))
			return b.String(), err
		}
	}
}

// closedByPeer waits until the other side closes.
func closedByPeer(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, c); err != nil && strings.Contains(err.Error(), "timeout") {
		t.Fatalf("still open: %v", err)
	}
}

// failures is a Failed that passes errors on.
type failures chan error

func (f failures) SendFailed(err error) { f <- err }

// lanes makes one lane that ends with the test.
func oneLane(t testing.TB) *lane.Lane {
	l := lane.New(0, lane.Options{Clock: lane.NewSystem(), Panicked: func(_ *lane.Lane, v any, stack []byte) {
		panic(fmt.Sprint(v, string(stack)))
	}})
	t.Cleanup(l.Stop)
	return l
}

// sequence checks that numbers come as 0, 1, 2 …
type sequence struct {
	mu   sync.Mutex
	next int
	bad  string
	done chan struct{}
	end  int
}

func newSequence(n int) *sequence { return &sequence{done: make(chan struct{}), end: n} }

func (s *sequence) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n != s.next && s.bad == "" {
		s.bad = fmt.Sprintf("%d came as the %dth", n, s.next)
	}
	if s.next++; s.next == s.end {
		close(s.done)
	}
}

func (s *sequence) check(t testing.TB) {
	t.Helper()
	await(t, s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != "" {
		t.Fatal(s.bad)
	}
}
