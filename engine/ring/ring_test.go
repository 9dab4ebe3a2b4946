package ring

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/transport"
)

// standing is a clock that a test moves.
type standing struct{ now lane.Time }

func (s *standing) Now() lane.Time  { return s.now }
func (s *standing) Wall() time.Time { return time.Unix(1000, int64(s.now)) }

// bench is a ring with one lane, for tests that write to it.
type bench struct {
	ring  *Ring
	lane  *lane.Lane
	clock *standing
	o     engine.Observer
}

func newBench(t testing.TB, size int) *bench {
	b := &bench{ring: New(Options{Size: size}), clock: &standing{}}
	b.lane = lane.New(0, lane.Options{Clock: b.clock})
	t.Cleanup(b.lane.Stop)
	b.o = b.ring.Observe(b.lane)
	return b
}

var (
	local = &transport.Local{Addr: netip.MustParseAddrPort("10.0.0.1:5060")}
	peer  = netip.MustParseAddrPort("10.0.0.2:5070")
)

func (b *bench) message(text string) {
	b.o.Message(&engine.Observed{Bytes: []byte(text), At: b.clock.now, Kind: transport.UDP, Peer: peer, Local: local})
}

// all are the texts of the ring's messages, and the steps in brackets.
func (b *bench) all(t testing.TB) (list []string) {
	t.Helper()
	if err := b.ring.each(func(r *Record) bool {
		if r.Kind == Step {
			list = append(list, fmt.Sprintf("[%s %s %s %d]", r.Function, r.Place, r.Answer, r.CSeq))
		} else {
			list = append(list, string(r.Text))
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func invite(n int) string {
	return fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK%d\r\nFrom: <sip:alice@example.com>;tag=%d\r\nTo: <sip:bob@example.com>\r\nCall-ID: %d@10.0.0.2\r\nCSeq: 1 INVITE\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\nContent-Length: 0\r\n\r\n", n, n*7, n)
}

func TestRecords(t *testing.T) {
	b := newBench(t, MinSize)
	b.message(invite(1))
	b.clock.now = b.clock.now.Add(1500 * time.Microsecond)
	b.o.Step(&engine.ObservedStep{At: b.clock.now, CallID: []byte("1@10.0.0.2"), CSeq: 1, Function: "relay", Place: "route.lua:3", Answer: "sip:bob@10.0.0.3"})
	b.o.Message(&engine.Observed{Bytes: []byte(invite(1)), At: b.clock.now, Sent: true, Kind: transport.TLS, Peer: netip.MustParseAddrPort("[2001:db8::1]:5061"), Local: local})
	b.o.Message(&engine.Observed{Bytes: []byte(invite(1)), At: b.clock.now, Sent: true, Err: fmt.Errorf("no route"), Kind: transport.UDP, Peer: peer})
	var got []Record
	f := b.ring.Follow(true)
	got = append(got, f.Next()...)
	if len(got) != 4 || len(f.Next()) != 0 {
		t.Fatalf("%d records", len(got))
	}
	if r := got[0]; r.Kind != Received || r.Peer != peer || r.Local != local.Addr || r.Transport != transport.UDP || string(r.Text) != invite(1) || r.Length != len(invite(1)) {
		t.Errorf("received: %+v", r)
	}
	if r := got[1]; r.Kind != Step || r.Function != "relay" || r.Place != "route.lua:3" || r.Answer != "sip:bob@10.0.0.3" || r.CSeq != 1 || r.At.Sub(got[0].At) != 1500*time.Microsecond {
		t.Errorf("step: %+v", r)
	}
	if r := got[2]; r.Kind != Sent || r.Peer.String() != "[2001:db8::1]:5061" || r.Transport != transport.TLS || string(r.Text) != invite(1) {
		t.Errorf("sent: %+v", r)
	}
	if r := got[3]; r.Kind != Unsent || r.Answer != "no route" || r.Local.IsValid() {
		t.Errorf("unsent: %+v", r)
	}
	b.message(invite(2))
	if list := f.Next(); len(list) != 1 || string(list[0].Text) != invite(2) {
		t.Errorf("a follower goes on: %+v", list)
	}
}

// Whatever comes, what is read is what was written, and the memory is bounded.
func TestAnyText(t *testing.T) {
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, 0))
	b := newBench(t, MinSize)
	var want []string
	for range 1200 {
		text := invite(rnd.IntN(40))
		switch rnd.IntN(6) {
		case 0:
			noise := make([]byte, rnd.IntN(2000))
			for k := range noise {
				noise[k] = "ab:@\r\n \tAP"[rnd.IntN(10)]
			}
			text += string(noise)
		case 1:
			text = text[:rnd.IntN(len(text))]
		case 2:
			cut := rnd.IntN(len(text))
			text = text[cut:] + text[:cut]
		case 3:
			text = strings.Repeat("x\n", rnd.IntN(4000))
		}
		b.message(text)
		masked := []byte(text[:min(len(text), mostText)])
		var m masker
		m.begin(0, true)
		for lo := 0; lo < len(masked); {
			hi := min(indexNewline(masked, lo)+1, len(masked))
			m.mask(masked[:hi], lo, hi)
			lo = hi
		}
		want = append(want, string(masked))
	}
	got := b.all(t)
	if len(got) < 20 || len(got) > len(want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	want = want[len(want)-len(got):]
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("seed %d, text %d:\n%q\nwant\n%q", seed, i, got[i], want[i])
		}
	}
	held := 0
	tr := b.ring.lanes[0].Load()
	for _, s := range *tr.segments.Load() {
		held += cap(s.buf)
	}
	if held += cap(tr.encoder.window) + tableSize; held > MinSize {
		t.Errorf("%d bytes held, want at most %d", held, MinSize)
	}
}

// A follower that is too slow loses records, and is told how many.
func TestSlowFollower(t *testing.T) {
	b := newBench(t, MinSize)
	b.message(invite(0))
	f := b.ring.Follow(true)
	f.Next()
	for i := range 6000 {
		b.message(invite(i) + fmt.Sprint(rand.Uint64(), rand.Uint64()))
	}
	n := 0
	for list := f.Next(); len(list) > 0; list = f.Next() {
		n += len(list)
	}
	if n == 0 || f.Lost() == 0 || n+int(f.Lost()) != 6000 || b.ring.Lost() != f.Lost() {
		t.Errorf("%d records, %d lost (%d)", n, f.Lost(), b.ring.Lost())
	}
}

// Readers on other goroutines get whole records while a lane writes.
func TestReadWhileWriting(t *testing.T) {
	b := newBench(t, MinSize)
	stop := make(chan struct{})
	done := make(chan int)
	for range 2 {
		go func() {
			seen := 0
			f := b.ring.Follow(true)
			for {
				for _, r := range f.Next() {
					if !bytes.HasPrefix(r.Text, []byte("INVITE ")) || !bytes.HasSuffix(r.Text, []byte("\r\n\r\n")) {
						t.Errorf("%q", r.Text)
					}
					seen++
				}
				select {
				case <-stop:
					done <- seen
					return
				default:
				}
			}
		}()
	}
	for i := range 6000 {
		b.message(invite(i))
	}
	close(stop)
	if n := <-done + <-done; n == 0 {
		t.Error("nothing was read")
	}
}

// A long message is cut, and its length is told.
func TestLongMessage(t *testing.T) {
	b := newBench(t, MinSize)
	long := invite(1) + strings.Repeat("m=0123456789abcdef\r\n", 3000)
	b.message(long)
	r := b.ring.Follow(true).Next()
	if len(r) != 1 || r[0].Length != len(long) || string(r[0].Text) != long[:mostText] {
		t.Errorf("%d bytes of %d", len(r[0].Text), r[0].Length)
	}
}

// Recording allocates nothing, once the ring has turned.
func TestAllocations(t *testing.T) {
	b := newBench(t, MinSize)
	texts := make([][]byte, 64)
	for i := range texts {
		texts[i] = []byte(invite(i))
	}
	o := &engine.Observed{Kind: transport.UDP, Peer: peer, Local: local}
	write := func() {
		for _, text := range texts {
			o.Bytes = text
			b.o.Message(o)
		}
	}
	for range 200 {
		write()
	}
	// A turn makes a list of segments: far less than one allocation for a message
	if n := testing.AllocsPerRun(100, write); n > 4 {
		t.Errorf("%v allocations for %d messages", n, len(texts))
	}
}
