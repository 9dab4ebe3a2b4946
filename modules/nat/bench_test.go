package nat

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/internal/cputime"
	"github.com/sipscript/sipscript/modules/registrar"
)

type silence struct{}

func (silence) Route(*engine.Request) error { return nil }

const manyBindings = 100_000

// keeping is a keeper of many bindings, all of which are reached at one socket.
func keeping(tb testing.TB, method string) (*engine.Engine, *keeper, *net.UDPConn) {
	tb.Helper()
	phones, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		tb.Fatal(err)
	}
	_ = phones.SetReadBuffer(8 << 20)
	tb.Cleanup(func() { _ = phones.Close() })
	e, err := engine.New(engine.Config{Listen: []string{"udp:127.0.0.1:0"}, Domains: []string{"example.com"}, Router: silence{}, Lanes: 1})
	if err != nil {
		tb.Fatal(err)
	}
	if err := e.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.Shutdown(tb.Context()) })
	k := newKeeper(e, func(Lost) {})
	k.set(Keepalive{Interval: 25 * time.Second, Method: method, LostAfter: 3})
	e.WatchStrays(k.answered)
	for n := range manyBindings {
		b := registrar.NewBinding(&registrar.Record{Contact: fmt.Sprintf("sip:user%d@10.0.0.1:5060", n), Received: "udp:" + phones.LocalAddr().String(), Q: 1})
		k.add(fmt.Sprintf("sip:user%d@example.com", n), b)
	}
	return e, k, phones
}

// ofThread is the processor time of the calling thread.
func ofThread() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(1, &u) // RUSAGE_THREAD
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPings measures the server's processor time for a ping and its answer: that of the
// process without the thread that answers for the phones.
func BenchmarkPings(b *testing.B) {
	for _, method := range []string{options, crlf, stun} {
		b.Run(method, func(b *testing.B) {
			e, k, phones := keeping(b, method)
			var answering time.Duration
			done := make(chan struct{})
			go func() {
				defer close(done)
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				base := ofThread() // what else it did before
				var m message.Message
				buf, out := make([]byte, 2048), make([]byte, 0, 2048)
				for {
					n, from, err := phones.ReadFromUDPAddrPort(buf)
					if err != nil {
						answering = ofThread() - base
						return
					}
					if method == options && m.Parse(buf[:n], nil) == nil {
						out = message.AppendResponse(out[:0], &m, 200, "", "t", nil, nil)
						_, _ = phones.WriteToUDPAddrPort(out, from)
					}
				}
			}()
			before := cputime.Used()
			start := k.pings.Load()
			b.ReportAllocs()
			b.ResetTimer()
			for k.pings.Load()-start < uint64(b.N) {
				turned := make(chan struct{})
				e.Background().Post(lane.Func(func(l *lane.Lane) { k.turn(l); close(turned) }))
				<-turned
				for wait := 0; method == options && k.answers.Load()+400 < k.pings.Load() && wait < 1000; wait++ {
					time.Sleep(50 * time.Microsecond)
				}
			}
			b.StopTimer()
			sent := float64(k.pings.Load() - start)
			all := cputime.Used() - before
			_ = phones.Close()
			<-done
			b.ReportMetric(float64(all-answering)/sent/1e3, "µs-cpu/ping")
			b.ReportMetric(float64(k.answers.Load())/sent, "answered")
		})
	}
}

// BenchmarkFloor is what the system asks for a datagram of that size and its answer, without a
// server: the figure to compare BenchmarkPings with.
func BenchmarkFloor(b *testing.B) {
	local := func() *net.UDPConn {
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	phones, server := local(), local()
	defer server.Close()
	var answering time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		base, buf := ofThread(), make([]byte, 2048)
		for {
			n, from, err := phones.ReadFromUDPAddrPort(buf)
			if err != nil {
				answering = ofThread() - base
				return
			}
			_, _ = phones.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	to, buf := phones.LocalAddr().(*net.UDPAddr).AddrPort(), make([]byte, 2048)
	before := cputime.Used()
	b.ResetTimer()
	for range b.N {
		_, _ = server.WriteToUDPAddrPort(buf[:330], to)
		_, _, _ = server.ReadFromUDPAddrPort(buf)
	}
	b.StopTimer()
	all := cputime.Used() - before
	_ = phones.Close()
	<-done
	b.ReportMetric(float64(all-answering)/float64(b.N)/1e3, "µs-cpu/ping")
}

// A ping costs no allocation.
func TestPingAllocations(t *testing.T) {
	c := &client{binding: registrar.NewBinding(&registrar.Record{Contact: "sip:user@10.0.0.1:5060", Q: 1}), id: 7, seq: 9}
	c.peer.Local = &transport.Local{Kind: transport.UDP, SentBy: "203.0.113.1:5060"}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = appendOptions(b[:0], c) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	var m message.Message
	if err := m.Parse(b, nil); err != nil || m.Validate() != nil {
		t.Fatalf("%v %v\n%s", err, m.Validate(), b)
	}
	via, _ := m.TopVia()
	if id, seq, ok := readBranch(via.Branch()); !ok || id != 7 || seq != 9 {
		t.Errorf("%x %x %v", id, seq, ok)
	}
}
