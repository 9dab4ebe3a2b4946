package interop

// What is not a SIP, or hardly, at the doors of the wire: the server answers or drops it, and goes
// on serving.

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/internal/peer"
)

// seedOfGarbage makes runs repeatable; it is printed with a failure.
const seedOfGarbage = 20260102

// invite is a message to be spoiled.
func invite(n int) []byte {
	return fmt.Appendf(nil, "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: \"A, B\" <sip:a@example.com>;tag=%d\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: garbage-%d\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\nRoute: <sip:127.0.0.1:9;lr>\r\nContent-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n", n, n, n)
}

// spoil changes a message in one of many ways.
func spoil(r *rand.Rand, b []byte) []byte {
	at := func() int { return r.IntN(len(b)) }
	switch r.IntN(7) {
	case 0:
		b[at()] = byte(r.Uint32())
	case 1:
		b = b[:at()]
	case 2:
		i := at()
		b = append(b[:i], append([]byte(strings.Repeat(string(rune(32+r.IntN(96))), r.IntN(3000))), b[i:]...)...)
	case 3:
		for range 20 {
			b[at()] = byte(r.Uint32())
		}
	case 4:
		b = []byte(strings.Replace(string(b), "Content-Length: 4", fmt.Sprintf("Content-Length: %d", r.Int64()), 1))
	case 5:
		i, j := at(), at()
		b = append(b, b[min(i, j):max(i, j)]...)
	case 6:
		b = []byte(strings.Replace(string(b), "CSeq: 1", "CSeq: 99999999999999999999", r.IntN(2)) + "\r\n\r\n")
	}
	if len(b) == 0 {
		b = []byte{0}
	}
	return b
}

func TestGarbageOnTheWire(t *testing.T) {
	s := start(t, "--no-watch", "--log-level", "error", shipped("default.lua"))
	r := rand.New(rand.NewPCG(seedOfGarbage, 0))
	udp, err := net.Dial("udp", s.addrs["udp"])
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for n := range 5000 {
		if _, err := udp.Write(spoil(r, invite(n))); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 200 {
		tcp, err := net.Dial("tcp", s.addrs["tcp"])
		if err != nil {
			t.Fatal(err)
		}
		_ = tcp.SetWriteDeadline(time.Now().Add(patience))
		for range 5 {
			if _, err := tcp.Write(spoil(r, invite(n))); err != nil {
				break // a stream that can't be framed is closed, as it should be
			}
		}
		tcp.Close()
	}
	for _, transport := range []string{"udp", "tcp"} {
		alice := peer.New(t, "alice", "example.com", s.via(transport))
		code := 503 // as long as a slow machine has garbage left to read it is overloaded
		for end := time.Now().Add(patience); code == 503 && time.Now().Before(end); {
			code = alice.Send(alice.Request("OPTIONS", "sip:example.com")).StatusCode
		}
		if code != 200 {
			t.Errorf("after garbage (seed %d) over %s: %d", seedOfGarbage, transport, code)
		}
	}
	if n := s.metric("sipscript_lane_panics_total"); n != 0 {
		t.Errorf("%g panics (seed %d)", n, seedOfGarbage)
	}
	t.Logf("bad messages %g, bad frames %g, requests %g", s.metric("sipscript_bad_messages_total"), s.metric("sipscript_transport_bad_frames_total"), s.metric("sipscript_requests_total"))
}
