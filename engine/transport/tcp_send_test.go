//go:build unix

package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// peer is a listening TCP peer that hands over what it accepts.
func peer(t testing.TB) (netip.AddrPort, <-chan *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan *net.TCPConn, 100)
	done := make(chan struct{})
	go func() { // ends when ln is closed
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(patient))
			conns <- c.(*net.TCPConn)
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		<-done
		for len(conns) > 0 {
			(<-conns).Close()
		}
	})
	return addrPortOf(ln.Addr()), conns
}

func TestConnectOnDemandAndReuse(t *testing.T) {
	addr, conns := peer(t)
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "tcp:127.0.0.3:0")
	to := &Peer{Kind: TCP, Addr: addr}
	for i := range 200 {
		if err := s.Send(to, []byte(request(i, 10)), failures(nil)); err != nil {
			t.Fatal(err)
		}
	}
	c := await(t, conns)
	defer c.Close()
	if from := addrPortOf(c.RemoteAddr()); from.Addr() != s.Locals()[0].Addr.Addr() {
		t.Errorf("connected from %v", from)
	}
	in := bufio.NewReader(c)
	for i := range 200 {
		text, err := readMessage(in)
		if err != nil || text != request(i, 10) {
			t.Fatalf("message %d: %q, %v", i, text, err)
		}
	}
	if len(conns) != 0 || s.Stats(TCP).Connected != 1 {
		t.Error("more than one connection was made")
	}
	// What the peer sends on it is received, and the flow can be named.
	write(t, c, request(7, 0))
	got := await(t, r.msgs)
	if got.Local != s.Locals()[0] || got.Source != addr || !s.FlowOpen(got.Flow) || got.LocalIP != s.Locals()[0].Addr.Addr() {
		t.Errorf("%+v", got.Inbound)
	}
	if err := s.Send(&Peer{Kind: TCP, Addr: netip.MustParseAddrPort("127.0.0.1:1"), Flow: got.Flow}, []byte(request(9, 0)), nil); err != nil {
		t.Error(err)
	}
	if text, _ := readMessage(in); number(text) != 9 {
		t.Errorf("by flow: %q", text)
	}
}

// A request to the address an accepted connection comes from uses that connection.
func TestAcceptedConnectionIsReused(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	write(t, c, request(1, 0))
	await(t, r.msgs)
	if err := s.Send(&Peer{Kind: TCP, Addr: addrPortOf(c.LocalAddr())}, []byte(request(2, 0)), nil); err != nil {
		t.Fatal(err)
	}
	if text, err := readMessage(bufio.NewReader(c)); err != nil || number(text) != 2 {
		t.Errorf("%q, %v", text, err)
	}
}

// refusing is an address that refuses connections until the test ends: it is taken, and nobody
// listens.
func refusing(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in := sa.(*syscall.SockaddrInet4)
	return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port))
}

func TestConnectFailureTellsEveryMessage(t *testing.T) {
	addr := refusing(t)
	s := serve(t, newRecorder(nil), Options{}, "tcp:127.0.0.1:0")
	f := make(failures, 10)
	for range 5 {
		if err := s.Send(&Peer{Kind: TCP, Addr: addr}, []byte("x"), f); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		if err := await(t, f); !strings.Contains(err.Error(), "connect tcp "+addr.String()) {
			t.Error(err)
		}
	}
	if len(s.conns.all()) != 0 || s.conns.total != 0 {
		t.Error("a failed connection is kept")
	}
	if n := s.Stats(TCP).SendErrors; n != 5 {
		t.Errorf("%d send errors", n)
	}
}

func TestConnectTimeout(t *testing.T) {
	full := fullListener(t)
	s := serve(t, newRecorder(nil), Options{ConnectTimeout: 500 * time.Millisecond, MaxQueued: 1000}, "tcp:127.0.0.1:0")
	f := make(failures, 10)
	to := &Peer{Kind: TCP, Addr: full}
	if err := s.Send(to, make([]byte, 600), f); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(to, make([]byte, 600), f); !errors.Is(err, ErrQueueFull) {
		t.Errorf("over the bound: %v", err)
	}
	var timeout net.Error
	if err := await(t, f); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Error(err)
	}
}

// fullListener is an address whose backlog is full: connecting to it takes for ever.
func fullListener(t *testing.T) netip.AddrPort {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	shrinkBacklog(t, ln.(*net.TCPListener))
	for range 8 {
		d := net.Dialer{Timeout: time.Second}
		c, err := d.Dial("tcp", ln.Addr().String())
		if err != nil {
			return addrPortOf(ln.Addr())
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("the system accepts connections beyond the backlog")
	panic("unreachable")
}

func TestFlowOnly(t *testing.T) {
	addr, conns := peer(t)
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	write(t, c, request(1, 0))
	flow := await(t, r.msgs).Flow
	c.Close()
	await(t, r.closed)
	if err := s.Send(&Peer{Kind: TCP, Addr: addr, Flow: flow, FlowOnly: true}, []byte("x"), nil); !errors.Is(err, ErrFlowGone) {
		t.Errorf("flow only: %v", err)
	}
	if err := s.Send(&Peer{Kind: TCP, Addr: addr, Flow: flow}, []byte(request(2, 0)), nil); err != nil {
		t.Fatal(err)
	}
	n := await(t, conns)
	defer n.Close()
	if text, _ := readMessage(bufio.NewReader(n)); number(text) != 2 {
		t.Errorf("%q", text)
	}
}

// A peer that does not read costs at most its queue, delays nobody, and is closed; each message not
// written is told.
func TestTrap11SlowReaderIsBoundedAndDelaysNobody(t *testing.T) {
	slow, slowConns := peer(t)
	quick, quickConns := peer(t)
	r := newRecorder(nil)
	s := serve(t, r, Options{MaxQueued: 200 << 10, WriteTimeout: 500 * time.Millisecond}, "tcp:127.0.0.1:0")
	f := make(failures, 1000)
	text := []byte(request(1, 60000))
	if err := s.Send(&Peer{Kind: TCP, Addr: slow}, text, f); err != nil {
		t.Fatal(err)
	}
	defer await(t, slowConns).Close()
	var full int
	var why error
	for why == nil {
		err := s.Send(&Peer{Kind: TCP, Addr: slow}, text, f)
		if errors.Is(err, ErrQueueFull) {
			if full++; full == 1 {
				quickly(t, s, quick, quickConns)
			}
			err = nil
			runtime.Gosched()
		}
		if err != nil { // it was closed just before this: what was queued has been told why
			why = await(t, f)
			break
		}
		for _, c := range s.flows.all() {
			c.mu.Lock()
			if c.queued > 200<<10 {
				t.Errorf("%d bytes queued", c.queued)
			}
			c.mu.Unlock()
		}
		select {
		case why = <-f:
		default:
		}
	}
	until(t, "the slow one is closed", func() bool { return s.Stats(TCP).Closed > 0 })
	var timeout net.Error
	if full == 0 || !errors.As(why, &timeout) || !timeout.Timeout() {
		t.Errorf("%d times full, then %v", full, why)
	}
}

// quickly sends to a peer that reads.
func quickly(t *testing.T, s *Stack, quick netip.AddrPort, conns <-chan *net.TCPConn) {
	if err := s.Send(&Peer{Kind: TCP, Addr: quick}, []byte(request(2, 0)), nil); err != nil {
		t.Fatal(err)
	}
	q := await(t, conns)
	t.Cleanup(func() { q.Close() })
	if got, err := readMessage(bufio.NewReader(q)); err != nil || number(got) != 2 {
		t.Fatalf("%q, %v", got, err)
	}
}

// Sends from many goroutines, on a connection whose peer reads at its own pace, keep the order of
// each sender and cut no message in two.
func TestOrderOfSendsThroughTheQueue(t *testing.T) {
	addr, conns := peer(t)
	s := serve(t, newRecorder(nil), Options{MaxQueued: 64 << 20}, "tcp:127.0.0.1:0")
	const senders, each = 4, 1000
	f := make(failures, senders*each)
	for k := range senders {
		go func() {
			for i := range each {
				if err := s.Send(&Peer{Kind: TCP, Addr: addr}, []byte(request(k*each+i, 3000)), f); err != nil {
					f <- err
					return
				}
			}
		}()
	}
	c := await(t, conns)
	defer c.Close()
	in := bufio.NewReader(c)
	var next [senders]int
	for range senders * each {
		text, err := readMessage(in)
		if err != nil {
			t.Fatal(err)
		}
		n := number(text)
		if text != request(n, 3000) || next[n/each] != n%each {
			t.Fatalf("message %d where %d of its sender is due", n, next[n/each])
		}
		next[n/each]++
	}
	if len(f) > 0 {
		t.Error(<-f)
	}
}

// Each message is told once: those before the failure not at all, those after it each.
func TestFailedConnectionTellsWhatWasNotWritten(t *testing.T) {
	addr, conns := peer(t)
	s := serve(t, newRecorder(nil), Options{MaxQueued: 64 << 20}, "tcp:127.0.0.1:0")
	const n = 400
	f := make([]failures, n)
	to := &Peer{Kind: TCP, Addr: addr}
	for i := range n {
		f[i] = make(failures, 2)
		if err := s.Send(to, []byte(request(i, 60000)), f[i]); err != nil {
			t.Fatal(err)
		}
	}
	c := await(t, conns)
	if _, err := io.CopyN(io.Discard, c, 1<<20); err != nil {
		t.Fatal(err)
	}
	c.SetLinger(0)
	c.Close()
	await(t, f[n-1])
	until(t, "closed", func() bool { return s.Stats(TCP).Open == 0 })
	told := 0
	for i := range n - 1 {
		until(t, "told", func() bool { return told == 0 || len(f[i]) > 0 })
		if len(f[i]) > 1 {
			t.Errorf("message %d told twice", i)
		}
		told += len(f[i])
	}
	if told < 10 || told > n-17 {
		t.Errorf("%d of %d failed", told, n)
	}
}

// Close lets out what is queued, as long as it may, and leaves no goroutine.
func TestCloseDrains(t *testing.T) {
	before := runtime.NumGoroutine()
	addr, conns := peer(t)
	s := NewStack(newRecorder(nil), Options{MaxQueued: 64 << 20})
	open(t, s, "tcp:127.0.0.1:0", "udp:127.0.0.1:0")
	s.Serve()
	const n = 200
	for i := range n {
		if err := s.Send(&Peer{Kind: TCP, Addr: addr}, []byte(request(i, 50000)), nil); err != nil {
			t.Fatal(err)
		}
	}
	c := await(t, conns)
	defer c.Close()
	closed := make(chan error)
	go func() { closed <- s.Close(context.Background()) }()
	in := bufio.NewReader(c)
	for i := range n {
		if text, err := readMessage(in); err != nil || number(text) != i {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Errorf("after the last: %v", err)
	}
	if err := await(t, closed); err != nil {
		t.Error(err)
	}
	if err := s.Send(&Peer{Kind: TCP, Addr: addr}, []byte("x"), nil); err == nil {
		t.Error("sent after Close")
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	// The peer's
	until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+1 })
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	addr, conns := peer(t)
	r := newRecorder(nil)
	s := NewStack(r, Options{MaxQueued: 64 << 20})
	open(t, s, "tcp:127.0.0.1:0")
	s.Serve()
	idle := dial(t, s.Locals()[0].Addr)
	write(t, idle, request(1, 0))
	id := await(t, r.msgs).Flow
	f := make(failures, 1000)
	for i := range 500 {
		if err := s.Send(&Peer{Kind: TCP, Addr: addr}, []byte(request(i, 60000)), f); err != nil {
			t.Fatal(err)
		}
	}
	defer await(t, conns).Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if len(f) == 0 {
		t.Error("nobody was told")
	}
	if got := await(t, r.closed); got != id {
		t.Errorf("flow %d", got)
	}
	closedByPeer(t, idle)
}

// Of a batch that was written in part, only what was not written whole is told.
func TestFailedTellsFromTheFirstUnwrittenByte(t *testing.T) {
	s := NewStack(newRecorder(nil), Options{})
	for written, want := range map[int]string{0: "abc", 9: "abc", 10: "bc", 25: "c", 30: ""} {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			o, told := s.newOutgoing(), ""
			for _, name := range []string{"a", "b", "c"} {
				o.add(make([]byte, 10), failedFunc(func(error) { told += name }))
			}
			if s.failed(TCP, o, written, errGone); told != want {
				t.Errorf("%d of 30 bytes written: told %q", written, told)
			}
		})
	}
}

type failedFunc func(error)

func (f failedFunc) SendFailed(err error) { f(err) }
