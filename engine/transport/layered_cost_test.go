//go:build unix

package transport

import (
	"crypto/tls"
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/cputime"
)

// What an idle connection costs above TCP, after it has said something.
func TestIdleLayeredConnectionsAreCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's memory counts too")
	}
	// What is made once may be made late: it is spread over many, and the ceilings have room for it
	const first, n = 50, 500
	for kind, most := range map[string]int64{"tls": 8700, "ws": 5200, "wss": 8800} {
		t.Run(kind, func(t *testing.T) {
			a := newAuthority(t)
			var got counter
			o := a.options(a.issue("b.example"))
			o.quietAfter = time.Millisecond
			s := serve(t, &got, o, kind+":127.0.0.1:0")
			conf := a.client("b.example")
			for i := range first {
				sayAndForget(t, s, kind, conf, i)
			}
			until(t, "said", func() bool { return got.Load() == first })
			before := memory()
			for i := range n {
				sayAndForget(t, s, kind, conf, i)
			}
			until(t, "all said something", func() bool { return got.Load() == first+n })
			idleCost(t, before, n, most)
			if open := s.Stats(s.Locals()[0].Kind).Open; open != first+n {
				t.Errorf("%d are open", open)
			}
		})
	}
}

// counter is a Receiver that counts messages, and needs some stack to do so, as a route does.
type counter struct{ atomic.Int64 }

func (c *counter) Receive(in *Inbound) {
	in.Accept()
	c.Add(1 - deeply(in.Bytes))
}
func (c *counter) BadFrame(*Inbound, error) {}
func (c *counter) FlowClosed(FlowID)        {}

// deeply returns 0, by way of 6 kB of stack.
//
//go:noinline
func deeply(b []byte) int64 {
	var copied [6 << 10]byte
	return int64(copy(copied[:], b)) - int64(min(len(b), len(copied)))
}

// idleCost looks whether each of n connections costs at most so many bytes more than before. What
// has just spoken may hold a buffer yet, or a grown stack.
func idleCost(t *testing.T, before, n, most int64) {
	t.Helper()
	each := int64(math.MaxInt64)
	for end := time.Now().Add(patient); each > most && time.Now().Before(end); runtime.Gosched() {
		each = min(each, (memory()-before)/n)
	}
	t.Logf("%d bytes for each idle connection", each)
	if each > most {
		t.Errorf("an idle connection costs %d bytes", each)
	}
}

func memory() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// sayAndForget connects and sends a message. Of the client only the kernel's socket is left, which
// ends with the test.
func sayAndForget(t *testing.T, s *Stack, kind string, conf *tls.Config, i int) {
	fd := plainConn(t, s.Locals()[0].Addr)
	t.Cleanup(func() { syscall.Close(fd) })
	dup, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(dup), "")
	raw, err := net.FileConn(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close() // not that of TLS, which would say goodbye
	raw.SetDeadline(time.Now().Add(patient))
	c := raw
	if kind != "ws" {
		c = tls.Client(raw, conf)
	}
	text := request(i, 2000)
	if kind != "tls" {
		c = wsUpgrade(t, c)
		text = clientFrame(0x81, text)
	}
	write(t, c, text)
}

// A message read and answered allocates nothing of ours; crypto/tls allocates for each record.
func TestLayeredMessagesAllocateLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("under -race sync.Pool drops what it is given")
	}
	a := newAuthority(t)
	to := Peer{}
	s := serve(t, newRecorder(func(s *Stack, in *Inbound) {
		to = Peer{Kind: in.Kind, Flow: in.Flow}
		s.Send(&to, in.Bytes, nil)
	}), a.options(a.issue("b.example")), "ws:127.0.0.1:0", "tls:127.0.0.1:0")
	w := dialWS(t, s)
	frame, b := []byte(clientFrame(0x81, request(1, 600))), make([]byte, 4096)
	size := len(frame) - 4
	if n := testing.AllocsPerRun(2000, func() {
		w.Write(frame)
		io.ReadFull(w.in, b[:size])
	}); n > 0.1 {
		t.Errorf("ws: %v allocations for each", n)
	}
	c := mustDialTLS(t, s.Locals()[1].Addr, a.client("b.example"))
	text := []byte(request(1, 600))
	n := testing.AllocsPerRun(2000, func() { // the client's own are among them
		c.Write(text)
		io.ReadFull(c, b[:len(text)])
	})
	t.Logf("tls: %v allocations for a message each way, both sides", n)
	if n > 8 {
		t.Errorf("tls: %v allocations for each", n)
	}
}

// One message there and back, and the processor's time of both sides.
func BenchmarkLayeredEcho(b *testing.B) {
	a := newAuthority(b)
	s := serve(b, newRecorder(answer), a.options(a.issue("b.example")), "tcp:127.0.0.1:0", "tls:127.0.0.1:0", "ws:127.0.0.1:0", "wss:127.0.0.1:0")
	for _, l := range s.Locals() {
		b.Run(l.Kind.String(), func(b *testing.B) {
			raw := dial(b, l.Addr)
			c := net.Conn(raw)
			if l.Kind.Secure() {
				c = tlsOver(b, raw, a)
			}
			text := request(1, 700)
			size := len(text)
			if l.Kind == WS || l.Kind == WSS {
				c = wsUpgrade(b, c)
				text = clientFrame(0x81, text)
				size = len(text) - 4
			}
			raw.SetDeadline(time.Time{})
			out, in := []byte(text), make([]byte, size)
			b.ReportAllocs()
			start := cputime.Used()
			for b.Loop() {
				c.Write(out)
				io.ReadFull(c, in)
			}
			b.ReportMetric(float64(cputime.Used()-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// Connecting, the handshake and the end of it, both sides.
func BenchmarkHandshake(b *testing.B) {
	a := newAuthority(b)
	s := serve(b, newRecorder(answer), a.options(a.issue("b.example")), "tls:127.0.0.1:0")
	conf := a.client("b.example")
	for b.Loop() {
		raw, err := net.Dial("tcp", s.Locals()[0].Addr.String())
		if err != nil {
			b.Fatal(err)
		}
		c := tls.Client(raw, conf)
		if err := c.Handshake(); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
