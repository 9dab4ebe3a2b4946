//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// boxing is a goroutine with an outbox that brings work to a lane, whose clock the test moves.
type boxing struct {
	*testing.T
	stack   *Stack
	clock   *boxClock
	lane    *lane.Lane
	wire    Wire
	out     *Outbox
	carrier *lane.Carrier
}

type boxClock struct{ now lane.Time }

func (c *boxClock) Now() lane.Time  { return c.now }
func (c *boxClock) Wall() time.Time { return time.Unix(0, 0) }

func newBoxing(t *testing.T, listeners ...string) *boxing {
	b := &boxing{T: t, stack: serve(t, newRecorder(nil), Options{}, listeners...), clock: &boxClock{now: 1}}
	b.lane = lane.New(0, lane.Options{Clock: b.clock, Round: b.stack.NewOutbox(), Panicked: func(_ *lane.Lane, v any, stack []byte) {
		t.Errorf("panic: %v\n%s", v, stack)
	}})
	t.Cleanup(b.lane.Stop)
	b.wire, b.out = b.stack.OnLane(b.lane), b.stack.NewOutbox()
	b.carrier = lane.NewCarrier(func(*lane.Carrier) {})
	b.carrier.Round = b.out
	return b
}

// send leaves a message for c in one piece of work.
func (b *boxing) send(c *net.UDPConn, text string, f Failed) {
	b.Helper()
	b.lane.Run(lane.Func(func(*lane.Lane) {
		if err := b.wire.Send(&Peer{Kind: UDP, Addr: addrPortOf(c.LocalAddr())}, []byte(text), f); err != nil {
			b.Error(err)
		}
	}), b.carrier)
}

// has checks what c was sent and has not read: over loopback a datagram is there when the system
// call that sends it returns.
func (b *boxing) has(c *net.UDPConn, want ...string) {
	b.Helper()
	buf := make([]byte, maxDatagram)
	for _, w := range want {
		c.SetReadDeadline(time.Now().Add(patient))
		if n, _, err := c.ReadFromUDPAddrPort(buf); err != nil || string(buf[:n]) != w {
			b.Errorf("%.40q (%v), want %.40q", buf[:n], err, w) // on any goroutine
			return
		}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		b.Error(err)
		return
	}
	raw.Control(func(fd uintptr) {
		if n, _, err := syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT); err != syscall.EAGAIN {
			b.Errorf("also sent: %.40q (%v)", buf[:max(n, 0)], err)
		}
	})
}

func TestOutboxSendsAtTheEndOfTheRound(t *testing.T) {
	for _, network := range []string{"127.0.0.1:0", "[::1]:0"} {
		b := newBoxing(t, "udp:"+network)
		one, two := udpClient(t, network), udpClient(t, network)
		b.send(one, "a", nil)
		b.send(two, "b", nil)
		b.send(one, "c", nil)
		b.has(one)
		b.has(two)
		b.out.End()
		b.has(one, "a", "c")
		b.has(two, "b")
		b.out.End()
		b.has(one)
		if s := b.stack.Stats(UDP); s.MessagesOut != 3 || s.BytesOut != 3 || s.SendErrors != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// A full box makes room in the order of the messages, whether it is full of datagrams or of bytes.
func TestOutboxIsBounded(t *testing.T) {
	for _, size := range []int{10, boxBytes/3 + 1, boxBytes, boxBytes + 1} {
		b := newBoxing(t, "udp:127.0.0.1:0")
		c := udpClient(t, "127.0.0.1:0")
		c.SetReadBuffer(socketBuffer)
		held := min(boxDatagrams, boxBytes/size)
		var all []string
		for i := range 2*boxDatagrams + 1 {
			all = append(all, strings.Repeat(string(rune('a'+i%26)), size))
			b.send(c, all[i], nil)
			gone := 0
			if held == 0 {
				gone = i + 1
			} else {
				gone = i / held * held
			}
			from := 0
			if i > 0 {
				if from = i; held > 0 {
					from = (i - 1) / held * held
				}
			}
			b.has(c, all[from:gone]...)
		}
		b.out.End()
		if held == 0 {
			b.has(c)
		} else {
			b.has(c, all[2*boxDatagrams/held*held:]...)
		}
	}
}

// A message that is too long for a box stays behind those that wait in one.
func TestOutboxIsNotOvertaken(t *testing.T) {
	b := newBoxing(t, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	long := strings.Repeat("x", boxBytes+1)
	b.send(c, "a", nil)
	b.send(c, long, nil)
	b.has(c, "a", long)
}

// Each listener sends its own, and a wildcard one from the address that is asked for.
func TestOutboxLeavesByTheRightSocket(t *testing.T) {
	b := newBoxing(t, "udp:127.0.0.1:0", "udp:127.0.0.2:0", "udp:0.0.0.0:0")
	c := udpClient(t, "127.0.0.1:0")
	to := addrPortOf(c.LocalAddr())
	from := []netip.AddrPort{}
	for i, ip := range []string{"", "", "127.0.0.9"} {
		l := b.stack.Locals()[i]
		p := Peer{Kind: UDP, Addr: to, Local: l}
		want := l.Addr
		if ip != "" {
			p.LocalIP = netip.MustParseAddr(ip)
			want = netip.AddrPortFrom(p.LocalIP, l.Addr.Port())
		}
		from = append(from, want)
		b.lane.Run(lane.Func(func(*lane.Lane) {
			if err := b.wire.Send(&p, []byte("x"), nil); err != nil {
				t.Error(err)
			}
		}), b.carrier)
	}
	b.out.End()
	for _, want := range from {
		if _, got := receiveFrom(t, c); got != want {
			t.Errorf("from %v, want %v", got, want)
		}
	}
}

// What can't be sent is told to whom it concerns; the others of the round are sent.
func TestOutboxTellsWhatFailed(t *testing.T) {
	b := newBoxing(t, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	failed, none := make(failures, 3), make(failures, 3)
	b.send(c, "a", none)
	for _, f := range []Failed{failed, nil} {
		b.lane.Run(lane.Func(func(*lane.Lane) {
			// No datagram goes to port 0
			p := Peer{Kind: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")}
			if err := b.wire.Send(&p, []byte("x"), f); err != nil {
				t.Errorf("told at once: %v", err)
			}
		}), b.carrier)
	}
	b.send(c, "b", none)
	b.out.End()
	b.has(c, "a", "b")
	if len(failed) != 1 || len(none) != 0 {
		t.Fatalf("%d failures told, %d of those that were sent", len(failed), len(none))
	}
	if err := <-failed; !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "127.0.0.1:0") {
		t.Error(err)
	}
	if s := b.stack.Stats(UDP); s.SendErrors != 2 {
		t.Errorf("%d errors counted", s.SendErrors)
	}
	b.lane.Run(lane.Func(func(*lane.Lane) {
		if err := b.wire.Send(&Peer{Kind: UDP, Addr: netip.MustParseAddrPort("[::1]:5060")}, []byte("x"), failed); !errors.Is(err, ErrNoListener) {
			t.Errorf("no listener: %v", err)
		}
	}), b.carrier)
	b.send(c, "c", failed)
	closeNow(b.stack)
	b.out.End()
	if err := await(t, failed); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// Nothing waits for a work that waits, for one that came much later, or for the next thing somebody
// without a round brings.
func TestOutboxWaitsForNobody(t *testing.T) {
	b := newBoxing(t, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")

	b.send(c, "a", nil)
	b.clock.now += lane.Time(boxPatience)
	b.send(c, "b", nil)
	b.has(c)
	b.clock.now++
	b.lane.Run(lane.Func(func(*lane.Lane) { b.has(c, "a", "b") }), b.carrier)

	b.send(c, "c", nil)
	b.lane.Run(lane.Func(func(l *lane.Lane) { l.Await(func() { b.has(c, "c") }) }), b.carrier)
	if !b.carrier.Lent() {
		t.Fatal("nothing was lent")
	}

	b.carrier = nil
	b.send(c, "d", nil)
	b.has(c, "d")

	done := make(chan struct{})
	b.lane.Post(lane.Func(func(*lane.Lane) {
		defer close(done)
		if err := b.wire.Send(&Peer{Kind: UDP, Addr: addrPortOf(c.LocalAddr())}, []byte("e"), nil); err != nil {
			t.Error(err)
		}
		b.has(c) // the worker's round ends with the queue
	}))
	await(t, done)
	b.has(c, "e")
}

// What one goroutine brings is sent in order, also where another one does a part of it.
func TestOutboxKeepsTheOrder(t *testing.T) {
	b := newBoxing(t, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	say := func(text string) lane.Work {
		return lane.Func(func(*lane.Lane) {
			if err := b.wire.Send(&Peer{Kind: UDP, Addr: addrPortOf(c.LocalAddr())}, []byte(text), nil); err != nil {
				t.Error(err)
			}
		})
	}

	// The lane is somebody else's when the second comes.
	b.lane.Run(say("a"), b.carrier)
	b.has(c)
	held, gate, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		b.lane.Run(lane.Func(func(*lane.Lane) { close(held); <-gate }), nil)
	}()
	await(t, held)
	b.lane.Run(say("b"), b.carrier)
	b.has(c, "a")
	close(gate)
	await(t, done)
	b.has(c, "b")

	// Another reader does it, whose own round goes on.
	other := lane.NewCarrier(func(*lane.Carrier) {})
	other.Round = b.stack.NewOutbox()
	held, gate, done = make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		b.lane.Run(lane.Func(func(*lane.Lane) { close(held); <-gate }), other)
	}()
	await(t, held)
	b.lane.Run(say("c"), b.carrier)
	close(gate)
	await(t, done)
	b.has(c, "c")

	// The goroutine gives a long queue up to the lane's own.
	var want []string
	end := make(chan struct{})
	b.lane.Run(lane.Func(func(l *lane.Lane) {
		for i := range 200 {
			want = append(want, fmt.Sprint(i))
			l.Post(say(want[i]))
		}
		l.Post(lane.Func(func(*lane.Lane) { close(end) }))
	}), b.carrier)
	await(t, end)
	b.has(c, want...)
}

// A round of 8 answers, in one system call and in eight.
func BenchmarkSendRound(bench *testing.B) {
	s := serve(bench, newRecorder(nil), Options{}, "udp:127.0.0.1:0")
	c := udpClient(bench, "127.0.0.1:0")
	text, to := []byte(request(1, 600)), Peer{Kind: UDP, Addr: addrPortOf(c.LocalAddr())}
	for _, together := range []bool{false, true} {
		name := "apart"
		if together {
			name = "together"
		}
		bench.Run(name, func(b *testing.B) {
			l := oneLane(b)
			wire, out := s.OnLane(l), s.NewOutbox()
			k := lane.NewCarrier(nil)
			if together {
				k.Round = out
			}
			work := lane.Func(func(*lane.Lane) {
				for range 8 {
					wire.Send(&to, text, nil)
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				l.Run(work, k)
				out.End()
			}
		})
	}
}

// What is left to be sent does not wait for the end of all there is to read.
func TestBusyReaderSends(t *testing.T) {
	const backlog = 2 * readsARound * batchSize
	c := udpClient(t, "127.0.0.1:0")
	l := oneLane(t)
	var b boxing
	b.T = t
	done := make(chan struct{})
	r := newRecorder(func(s *Stack, in *Inbound) {
		switch n := number(string(in.Bytes)); n {
		case 0:
			l.Run(lane.Func(func(*lane.Lane) {
				if err := s.OnLane(l).Send(&Peer{Kind: UDP, Addr: in.Source, Local: in.Local}, []byte("answer"), nil); err != nil {
					t.Error(err)
				}
			}), in.Carrier)
			b.has(c)
		case readsARound * batchSize: // the first of the next read
			b.has(c, "answer")
		case backlog - 1:
			close(done)
		}
	})
	s := NewStack(r, Options{})
	r.stack = s
	open(t, s, "udp:127.0.0.1:0")
	defer closeNow(s)
	for i := range backlog {
		sendTo(t, c, s.Locals()[0].Addr, request(i, 0))
	}
	s.Serve()
	await(t, done)
}

// A stack that is closed sends what a reader has left to the end of its round.
func TestCloseSendsWhatIsLeft(t *testing.T) {
	c := udpClient(t, "127.0.0.1:0")
	l := oneLane(t)
	closed := make(chan struct{})
	r := newRecorder(func(s *Stack, in *Inbound) {
		l.Run(lane.Func(func(*lane.Lane) {
			if err := s.OnLane(l).Send(&Peer{Kind: UDP, Addr: in.Source, Local: in.Local}, []byte("answer"), nil); err != nil {
				t.Error(err)
			}
		}), in.Carrier)
		go func() {
			closeNow(s)
			close(closed)
		}()
		<-s.closing
	})
	s := NewStack(r, Options{})
	r.stack = s
	open(t, s, "udp:127.0.0.1:0")
	s.Serve()
	sendTo(t, c, s.Locals()[0].Addr, request(0, 0))
	await(t, closed)
	(&boxing{T: t}).has(c, "answer")
}

// The box of a listener that has left is not that of the one which has its place.
func TestOutboxOfAListenerThatCameBack(t *testing.T) {
	s := serve(t, newRecorder(nil), Options{}, "udp:127.0.0.1:0")
	out := s.NewOutbox()
	text := "udp:127.0.0.1:0"
	for range 2 {
		var l *Local
		until(t, "the address is free", func() (ok bool) {
			var err error
			l, err = s.Add(spec(t, text))
			return err == nil
		})
		text = "udp:" + l.Addr.String()
		u := s.roster.Load().sockets[l.Index].(*udpListener)
		if out.box(u).sender != &u.sender {
			t.Error("a box of another socket")
		}
		_ = s.Retire(l)
		s.Release(l)
	}
}
