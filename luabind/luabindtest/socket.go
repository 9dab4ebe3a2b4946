package luabindtest

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	"github.com/sipscript/sipscript/engine/transport"
)

// Real is how much real time a Socket waits: what it waits for takes milliseconds on an idle
// machine.
const Real = 30 * time.Second

// Socket is a phone on a UDP socket of this machine, for engines on real time, as beside a real
// Redis. It answers each request but ACKs with 200.
type Socket struct {
	sim.Writer
	t    testing.TB
	conn *net.UDPConn

	mu      sync.Mutex
	got     []*message.Message // guarded by mu: not taken yet
	finals  map[string]int     // guarded by mu: codes by branch and method
	changed chan struct{}      // guarded by mu: closed and replaced at each message
}

// NewSocket opens a user's phone.
func NewSocket(t testing.TB, user string) *Socket {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &Socket{t: t, conn: conn, finals: map[string]int{}, changed: make(chan struct{})}
	s.User, s.Kind, s.Own = user, transport.UDP, conn.LocalAddr().(*net.UDPAddr).AddrPort()
	t.Cleanup(func() { _ = conn.Close() })
	go s.read() // ends with conn
	return s
}

func (s *Socket) read() {
	buf := make([]byte, 65536)
	for {
		n, from, err := s.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		m := new(message.Message)
		if m.Parse([]byte(string(buf[:n])), nil) != nil {
			continue
		}
		if m.IsRequest() && m.Method() != message.MethodAck {
			_, _ = s.conn.WriteToUDP(message.AppendResponse(nil, m, 200, "", s.User+"-tag", fmt.Appendf(nil, "Contact: <sip:%s@%s>\r\n", s.User, s.Own), nil), from)
		}
		s.mu.Lock()
		s.got = append(s.got, m)
		if cseq, err := m.CSeq(); err == nil && !m.IsRequest() && m.Status() >= 200 {
			s.finals[fmt.Sprintf("%s %s", m.Header(message.HeaderVia), cseq.Method)] = m.Status()
		}
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
	}
}

// Write sends a text to a server.
func (s *Socket) Write(to net.Addr, text []byte) {
	s.t.Helper()
	if _, err := s.conn.WriteTo(text, to); err != nil {
		s.t.Error(err)
	}
}

// Take waits for such a message, the oldest first, and takes it: nil if none comes in time.
func (s *Socket) Take(within time.Duration, such func(m *message.Message) bool) *message.Message {
	for deadline := time.After(within); ; {
		s.mu.Lock()
		for i, m := range s.got {
			if such(m) {
				s.got = append(s.got[:i:i], s.got[i+1:]...)
				s.mu.Unlock()
				return m
			}
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			return nil
		}
	}
}

// Ask sends a request, which [sim.Writer] has written last, each second until its final answer is
// there.
func (s *Socket) Ask(to net.Addr, text []byte) *message.Message {
	s.t.Helper()
	for deadline := time.Now().Add(Real); time.Now().Before(deadline); {
		s.Write(to, text)
		if m := s.Take(time.Second, func(m *message.Message) bool {
			cseq, err := m.CSeq()
			return err == nil && !m.IsRequest() && m.Status() >= 200 && int(cseq.Number) == s.CSeq
		}); m != nil {
			return m
		}
	}
	s.t.Fatalf("%s is not answered:\n%s", s.User, text)
	return nil
}

// Finals are the numbers of requests by the codes of their final answers.
func (s *Socket) Finals() map[int]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[int]int{}
	for _, code := range s.finals {
		n[code]++
	}
	return n
}
