package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

func TestStreamOverIPv4AndIPv6(t *testing.T) {
	r := newRecorder(answer)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0", "tcp:[::1]:0", "tcp:0.0.0.0:0")
	for i, l := range s.Locals() {
		to := l.Addr
		if to.Addr().IsUnspecified() {
			to = s.Locals()[0].Addr
		}
		c := dial(t, to)
		write(t, c, request(i, i))
		text, err := readMessage(bufio.NewReader(c))
		if err != nil || text != request(i, i) {
			t.Errorf("%v: %q, %v", l.Addr, text, err)
		}
	}
}

func TestTrap6OrderOf2000MessagesOnOneConnection(t *testing.T) {
	seq := newSequence(2000)
	r := newRecorder(func(_ *Stack, in *Inbound) { seq.add(number(string(in.Bytes))) })
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	var all strings.Builder
	for i := range 2000 {
		all.WriteString(request(i, i%1500))
	}
	write(t, c, all.String())
	seq.check(t)
	if st := s.Stats(TCP); st.MessagesIn != 2000 || st.BytesIn != uint64(all.Len()) {
		t.Errorf("%+v", st)
	}
}

func TestTrap11ClosingCRLFCRLFIsNoKeepalive(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	text := request(1, 0)
	for _, cut := range []int{4, 3, 2, 1} {
		write(t, c, text[:len(text)-cut])
		until(t, "the first segment is read", func() bool { return pending(s) })
		write(t, c, text[len(text)-cut:])
		if got := await(t, r.msgs); got.text != text {
			t.Errorf("cut %d: got %q", cut, got.text)
		}
	}
	if n := s.Stats(TCP).Keepalives; n != 0 {
		t.Errorf("%d keepalives", n)
	}
	// What is a keepalive is answered, also in two segments, and the next message is not disturbed.
	write(t, c, "\r\n\r\n")
	b := make([]byte, 2)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "\r\n" {
		t.Fatalf("pong %q, %v", b, err)
	}
	write(t, c, "\r\n")
	write(t, c, "\r\n"+text)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "\r\n" {
		t.Fatalf("pong %q, %v", b, err)
	}
	if got := await(t, r.msgs); got.text != text {
		t.Errorf("got %q", got.text)
	}
	write(t, c, "\r\n"+text) // a lone CRLF is skipped (§7.5), as is the pong of a peer
	if got := await(t, r.msgs); got.text != text {
		t.Errorf("got %q", got.text)
	}
	if n := s.Stats(TCP).Keepalives; n != 2 {
		t.Errorf("%d keepalives", n)
	}
}

// pending reports whether the kernel handed everything sent so far to the one connection of s: a
// test can't look into the reading goroutine, but the traffic stamp moves with each read.
func pending(s *Stack) bool {
	for _, c := range s.flows.all() {
		if c.life.active.Swap(0) != 0 {
			return true
		}
	}
	return false
}

func TestTrap11AcceptErrorsAreSurvived(t *testing.T) {
	r := newRecorder(answer)
	s := NewStack(r, Options{})
	r.stack = s
	s.wrap = func(ln net.Listener) net.Listener {
		return &faulty{Listener: ln, errs: []error{syscall.EMFILE, syscall.ECONNABORTED, syscall.ENFILE, syscall.ENOBUFS, errors.New("odd")}}
	}
	open(t, s, "tcp:127.0.0.1:0")
	s.Serve()
	defer closeNow(s)
	for range 3 {
		c := dial(t, s.Locals()[0].Addr)
		write(t, c, request(1, 0))
		if _, err := readMessage(bufio.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Stats(TCP).AcceptErrors; n != 5 {
		t.Errorf("%d errors counted", n)
	}
}

// faulty is a listener whose first calls fail.
type faulty struct {
	net.Listener
	mu   sync.Mutex
	errs []error
}

func (f *faulty) Accept() (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
	}
	return f.Listener.Accept()
}

func TestTrap11ConnectionCaps(t *testing.T) {
	r := newRecorder(answer)
	s := serve(t, r, Options{MaxConns: 5, MaxConnsPerAddress: 3}, "tcp:127.0.0.1:0")
	to := s.Locals()[0].Addr
	works := func(c net.Conn) bool {
		if _, err := io.WriteString(c, request(1, 0)); err != nil {
			return false
		}
		_, err := readMessage(bufio.NewReader(c))
		return err == nil
	}
	from := func(ip string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		c, err := d.Dial("tcp", to.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patient))
		return c
	}
	var open []net.Conn
	for i := range 5 {
		c := from("127.0.0.1")
		if ok := works(c); ok != (i < 3) {
			t.Errorf("connection %d from one address: works %v", i, ok)
		}
		open = append(open, c)
	}
	for i := range 4 {
		if ok := works(from(fmt.Sprintf("127.0.0.%d", i+2))); ok != (i < 2) {
			t.Errorf("connection %d in all: works %v", i+3, ok)
		}
	}
	if st := s.Stats(TCP); st.Refused != 4 || st.Open != 5 || st.Accepted != 5 {
		t.Errorf("%+v", st)
	}
	open[0].Close()
	await(t, r.closed)
	if !works(from("127.0.0.1")) {
		t.Error("a place that was freed is not given away")
	}
}

func TestTrap11IdleConnectionIsClosed(t *testing.T) {
	r := newRecorder(nil)
	// Within which a message must come
	s := serve(t, r, Options{IdleTimeout: time.Second}, "tcp:127.0.0.1:0")
	silent, used := dial(t, s.Locals()[0].Addr), dial(t, s.Locals()[0].Addr)
	write(t, used, request(1, 0))
	id := await(t, r.msgs).Flow
	closedByPeer(t, silent)
	closedByPeer(t, used)
	if got := await(t, r.closed); got != id {
		t.Errorf("flow %d closed, was %d", got, id)
	}
	if s.FlowOpen(id) {
		t.Error("the flow still stands")
	}
}

// A peer that sends a message byte by byte for ever is not idle, and still closed; one that is
// merely slow is heard.
func TestTrap11DribblingPeerIsClosed(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{FrameTimeout: time.Second}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	done := make(chan struct{})
	go func() { // ends when the connection is closed
		defer close(done)
		for {
			if _, err := io.WriteString(c, "x"); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // the pace of the attacker, nothing waits for it
		}
	}()
	await(t, done)
	if n := len(r.closed) + len(r.msgs) + len(r.bad); n != 0 {
		t.Errorf("%d calls for a connection that said nothing", n)
	}
	slow := dial(t, s.Locals()[0].Addr)
	for _, b := range []byte(request(3, 20)) {
		slow.Write([]byte{b})
	}
	if got := await(t, r.msgs); got.text != request(3, 20) {
		t.Errorf("got %q", got.text)
	}
}

func TestMessagesInManySegments(t *testing.T) {
	seq := newSequence(300)
	r := newRecorder(func(_ *Stack, in *Inbound) {
		n := number(string(in.Bytes))
		if string(in.Bytes) != request(n, 50*n) {
			t.Errorf("message %d is altered", n)
		}
		seq.add(n)
	})
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	var all strings.Builder
	for i := range 300 {
		all.WriteString(request(i, 50*i))
		all.WriteString(strings.Repeat("\r\n", i%3%2))
	}
	text := all.String()
	for size := 1; len(text) > 0; size = size*7%4099 + 1 {
		n := min(size, len(text))
		write(t, c, text[:n])
		text = text[n:]
	}
	seq.check(t)
}

func TestBadFrameClosesTheConnection(t *testing.T) {
	for name, text := range map[string]string{
		"no Content-Length":  "OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n",
		"bad Content-Length": "OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
		"too long":           "OPTIONS sip:a SIP/2.0\r\nContent-Length: 5000\r\n\r\n",
		"endless header":     strings.Repeat("a", 4000),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(nil)
			s := serve(t, r, Options{Limits: message.Limits{Message: 3000}}, "tcp:127.0.0.1:0")
			c := dial(t, s.Locals()[0].Addr)
			write(t, c, request(1, 0)+text)
			if got := await(t, r.msgs); number(got.text) != 1 {
				t.Errorf("%s: got %q", name, got.text)
			}
			bad := await(t, r.bad)
			if bad.err == nil || !strings.HasPrefix(text, bad.text[:20]) {
				t.Errorf("%s: %v, %q", name, bad.err, bad.text)
			}
			closedByPeer(t, c)
			if id := await(t, r.closed); id != bad.Flow || id == 0 {
				t.Errorf("%s: flow %d closed, was %d", name, id, bad.Flow)
			}
		})
	}
}

// What came before the end of the stream is handled, a half message is not.
func TestEndOfStream(t *testing.T) {
	r := newRecorder(answer)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	write(t, c, request(1, 5)+request(2, 5)[:40])
	in := bufio.NewReader(c)
	if text, err := readMessage(in); err != nil || number(text) != 1 {
		t.Errorf("%q, %v", text, err)
	}
	c.CloseWrite()
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("%v", err)
	}
	await(t, r.closed)
	until(t, "closed", func() bool { return s.Stats(TCP).Open == 0 })
	if st := s.Stats(TCP); st.Closed != 1 || st.MessagesIn != 1 {
		t.Errorf("%+v", st)
	}
}

// Flow ids are never used again.
func TestFlowIDsAreUnique(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	seen := map[FlowID]bool{}
	for range 50 {
		c := dial(t, s.Locals()[0].Addr)
		write(t, c, request(1, 0))
		id := await(t, r.msgs).Flow
		if id == 0 || seen[id] || !s.FlowOpen(id) {
			t.Fatalf("flow %d", id)
		}
		seen[id] = true
		c.Close()
		if await(t, r.closed) != id || s.FlowOpen(id) {
			t.Fatalf("flow %d still stands", id)
		}
	}
}
