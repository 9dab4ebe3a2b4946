//go:build unix

package transport

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"testing"
	"unsafe"
)

// Without the layout nothing fails, but idle connections hold 4 kB more.
func TestLayoutOfTLSIsKnown(t *testing.T) {
	if l := layoutOfTLS(); !l.known {
		t.Error("this crypto/tls keeps its input elsewhere: look at tls_buffers.go")
	}
}

// pieces is a connection that sends in pieces of random length.
type pieces struct {
	net.Conn
	random *rand.Rand
}

func (p *pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(1+p.random.IntN(1+len(rest)/3), len(rest))
		if _, err := p.Conn.Write(rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

// Input is lent and taken between any two reads, also within a record; connections that share what
// is lent don't see each other's.
func TestLentInputIsNotMixed(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	a := newAuthority(t)
	s := serve(t, newRecorder(answer), a.options(a.issue("b.example")), "tls:127.0.0.1:0", "wss:127.0.0.1:0")
	random := rand.New(rand.NewPCG(seed, 0))
	const n = 8
	var conns [n]*tls.Conn
	var ins [n]*bufio.Reader
	for i := range conns {
		conns[i] = tlsOver(t, &pieces{dial(t, s.Locals()[0].Addr), random}, a)
		ins[i] = bufio.NewReader(conns[i])
	}
	for i := range 400 {
		at := random.IntN(n)
		echoes(t, conns[at], ins[at], i, random.IntN([]int{10, 3000, 5000, 20000, 60000}[random.IntN(5)]))
	}
}

// What is lent is taken when the connection waits, and a record half read stays.
func TestInputIsTakenWhenEmpty(t *testing.T) {
	a := newAuthority(t)
	s := serve(t, newRecorder(nil), a.options(a.issue("b.example")), "tls:127.0.0.1:0")
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := s.newConn(connKey{kind: TLS}, s.Locals()[0])
	socket := s.newTLSSocket(near)
	c.tls, c.sealed = tls.Server(socket, s.tls.Load().server[TLS]), socket
	raw := (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c.tls), s.tlsLayout.raw))

	c.lendInput()
	if socket.lent == nil || raw.Cap() != smallBuffer {
		t.Fatalf("lent %v, of %d bytes", socket.lent, raw.Cap())
	}
	raw.WriteString("half a record")
	c.takeInput()
	if raw.String() != "half a record" || socket.lent == nil {
		t.Fatalf("%q is left", raw)
	}
	raw.Next(raw.Len())
	c.takeInput()
	if raw.Cap() != 0 || socket.lent != nil {
		t.Errorf("%d bytes, lent %v", raw.Cap(), socket.lent)
	}
	raw.WriteString("of its own")
	c.lendInput()
	if socket.lent != nil || raw.String() != "of its own" {
		t.Errorf("lent %v above %q", socket.lent, raw)
	}
}
