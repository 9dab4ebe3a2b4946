package acl_test

// What a flood from blocked sources costs the whole engine, with real sockets.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/acl"
	"github.com/sipscript/sipscript/modules/limit"
	"github.com/sipscript/sipscript/modules/source"
)

const (
	attackers = 32      // addresses that send
	perSend   = 16      // datagrams in one system call
	flooded   = 100_000 // datagrams in one load, as many as in a second
)

// counting is a gate after which nobody is asked: it only counts, and drops if it is to.
type counting struct {
	drop bool
	seen atomic.Int64
}

func (c *counting) Admit(transport.Kind, netip.AddrPort, []byte) transport.Verdict {
	c.seen.Add(1)
	if c.drop {
		return transport.Drop
	}
	return transport.Pass
}

func (c *counting) Hear(transport.Kind, netip.AddrPort, *message.Message) bool { return true }

// refusing answers whatever gets to it.
type refusing struct{ routed atomic.Int64 }

func (r *refusing) Route(req *engine.Request) error {
	r.routed.Add(1)
	_, err := req.Reply(403, "", nil)
	return err
}

// attack is sockets of many addresses, and what they send.
type attack struct {
	socks []*net.UDPConn
	fds   []int
	batch [][]byte
}

func newAttack(t testing.TB, to netip.AddrPort) *attack {
	a := &attack{}
	for i := range attackers {
		from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(attacker(i), 0))
		c, err := net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { a.fds = append(a.fds, int(fd)) }); err != nil {
			t.Fatal(err)
		}
		a.socks = append(a.socks, c)
	}
	for i := range perSend {
		a.batch = append(a.batch, fmt.Appendf(nil, "OPTIONS sip:alice@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.9.0.1:5060;branch=z9hG4bK-%d\r\nMax-Forwards: 70\r\n"+
			"From: \"Bob\" <sip:bob@example.net>;tag=%d\r\nTo: <sip:alice@example.com>\r\nCall-ID: c%d@example.net\r\nCSeq: 1 OPTIONS\r\n"+
			"Contact: <sip:bob@192.0.2.1:5060>\r\nUser-Agent: Phone 1.0\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n", i, i, i))
	}
	return a
}

func attacker(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 9, 0, byte(i + 1)}) }

// mmsg is struct mmsghdr.
type mmsg struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// send sends n datagrams on its own thread, no faster than they are read, and returns the
// processor time that took.
func (a *attack) send(n int, seen func() int64) (cpu time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var vec [perSend]unix.Iovec
	var list [perSend]mmsg
	for i, b := range a.batch {
		vec[i].Base = &b[0]
		vec[i].SetLen(len(b))
		list[i].hdr.Iov = &vec[i]
		list[i].hdr.SetIovlen(1)
	}
	began, base := threadTime(), seen()
	for sent, i := 0, 0; sent < n; i++ {
		got, _, err := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(a.fds[i%attackers]), uintptr(unsafe.Pointer(&list[0])), perSend, unix.MSG_DONTWAIT, 0, 0)
		if err == 0 {
			sent += int(got)
		}
		for waited := time.Now(); int64(sent)-(seen()-base) > 256 && time.Since(waited) < 5*time.Millisecond; {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 20_000}, nil) // its buffer is nearly full
		}
	}
	return threadTime() - began
}

func clockOf(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func threadTime() time.Duration { return clockOf(unix.CLOCK_THREAD_CPUTIME_ID) }

// defence is an engine, and who keeps what away from it.
type defence struct {
	name   string
	first  *counting // asked before the others
	router refusing
	attack *attack
	cost   []float64
}

func newDefence(t testing.TB, name string, drop bool, attach func(e *engine.Engine)) *defence {
	d := &defence{name: name, first: &counting{drop: drop}}
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: &d.router, Lanes: 1})
	if err != nil {
		t.Fatal(err)
	}
	e.AddGate(d.first)
	attach(e)
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithCancel(context.Background())
		stop() // nobody waits for answers
		_ = e.Shutdown(ctx)
	})
	d.attack = newAttack(t, e.Locals()[0].Addr)
	return d
}

// load sends n datagrams and returns the engine's processor time for each that it read: that of
// the process but for the thread that sends.
func (d *defence) load(n int) float64 {
	before, seen := clockOf(unix.CLOCK_PROCESS_CPUTIME_ID), d.first.seen.Load()
	sending := d.attack.send(n, d.first.seen.Load)
	for waited := time.Now(); d.first.seen.Load()-seen < int64(n) && time.Since(waited) < 20*time.Millisecond; {
		time.Sleep(time.Millisecond)
	}
	return float64(clockOf(unix.CLOCK_PROCESS_CPUTIME_ID)-before-sending) / float64(d.first.seen.Load()-seen)
}

// defences are: one that reads and drops, without asking anybody; a list of n blocked
// addresses; and a ban for a flood.
func defences(t testing.TB, n int) []*defence {
	r := rand.New(rand.NewPCG(1, 2))
	var blocked []any
	for i := range attackers {
		blocked = append(blocked, attacker(i).String())
	}
	for len(blocked) < n {
		blocked = append(blocked, netip.AddrFrom4([4]byte{byte(1 + r.IntN(120)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}).String())
	}
	return []*defence{
		newDefence(t, "read", true, func(*engine.Engine) {}),
		newDefence(t, "blocked", false, func(e *engine.Engine) {
			a, err := acl.New(acl.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = a.Close() })
			if err := a.Use(context.Background(), acl.Policy{Lists: map[string]source.Spec{acl.Blocked: {Entries: blocked}}}); err != nil {
				t.Fatal(err)
			}
			if err := a.Attach(e); err != nil {
				t.Fatal(err)
			}
		}),
		newDefence(t, "banned", false, func(e *engine.Engine) {
			l := limit.New(limit.Options{})
			t.Cleanup(func() { _ = l.Close() })
			if err := l.Use(limit.Policy{Flood: &limit.Flood{Requests: 1, Per: time.Minute, Ban: time.Hour}}); err != nil {
				t.Fatal(err)
			}
			if err := l.Attach(e); err != nil {
				t.Fatal(err)
			}
		}),
	}
}

// A flood from blocked sources gets to no route, and from others until they are banned; otherwise
// the benchmark would compare nothing.
func TestFloodIsDropped(t *testing.T) {
	for _, d := range defences(t, 1000) {
		t.Run(d.name, func(t *testing.T) {
			d.load(4096)
			if seen := d.first.seen.Load(); seen < 2048 {
				t.Errorf("%d of 4096 datagrams came", seen)
			}
			if routed := d.router.routed.Load(); routed > 2*attackers || d.name != "banned" && routed > 0 {
				t.Errorf("%d got to the route", routed)
			}
		})
	}
}

// What 100,000 datagrams from blocked sources cost beyond their reading: the whole engine, by
// turns. Other programs may use the machine, so that processor time counts, and the medians.
func BenchmarkFlood(b *testing.B) {
	all := defences(b, 100_000)
	for _, d := range all {
		d.load(flooded / 10)
	}
	for b.Loop() {
		for _, d := range all {
			d.cost = append(d.cost, d.load(flooded))
		}
	}
	median := func(list []float64) float64 { slices.Sort(list); return list[len(list)/2] }
	read := median(all[0].cost)
	b.ReportMetric(read, "read-ns")
	for _, d := range all[1:] {
		b.ReportMetric(median(d.cost)-read, d.name+"-more-ns")
	}
}
