//go:build unix

package transport

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// greeter opens a connection of one kind as a client would, and speaks on it.
type greeter struct {
	listen  string
	options func(a *authority) Options
	works   func(t *testing.T, a *authority, to netip.AddrPort) // sends a request and gets it back
}

func greeters() map[string]greeter {
	return map[string]greeter{
		"tls": {"tls:127.0.0.1:0",
			func(a *authority) Options { return a.options(a.issue("b.example")) },
			func(t *testing.T, a *authority, to netip.AddrPort) {
				c := mustDialTLS(t, to, a.client("b.example"))
				echoes(t, c, bufio.NewReader(c), 1, 100)
				c.Close()
			}},
		"ws": {"ws:127.0.0.1:0",
			func(*authority) Options { return Options{} },
			func(t *testing.T, _ *authority, to netip.AddrPort) {
				c := dial(t, to)
				wsEchoes(t, wsUpgrade(t, c), 1, 100)
				c.Close()
			}},
		"wss": {"wss:127.0.0.1:0",
			func(a *authority) Options { return a.options(a.issue("b.example")) },
			func(t *testing.T, a *authority, to netip.AddrPort) {
				c := mustDialTLS(t, to, a.client("b.example"))
				wsEchoes(t, wsUpgrade(t, c), 1, 100)
				c.Close()
			}},
	}
}

// Clients that connect and say nothing, or stop half way, keep nobody waiting (for WebSocket: trap
// 13), and are thrown out in time.
func TestTrap13SilentHandshakesBlockNobody(t *testing.T) {
	for name, g := range greeters() {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			o := g.options(a)
			// An honest one must be done by then, on a busy machine too
			o.HandshakeTimeout = 2 * time.Second
			s := serve(t, newRecorder(answer), o, g.listen)
			to := s.Locals()[0].Addr
			var silent []net.Conn
			for i := range 20 {
				c := dial(t, to)
				switch {
				case name == "ws" && i%2 == 0:
					write(t, c, "GET / HTTP/1.1\r\nHost: b.exa")
				case i%2 == 0:
					write(t, c, "\x16\x03\x01\x01\x00\x01") // the start of a ClientHello
				}
				silent = append(silent, c)
			}
			g.works(t, a, to)
			if n := s.Stats(s.Locals()[0].Kind).HandshakeErrors; n != 0 {
				t.Errorf("it waited until %d of the silent ones were thrown out", n)
			}
			for _, c := range silent {
				closedByPeer(t, c)
			}
			until(t, "all gone", func() bool { return held(s) == 0 })
			if st := s.Stats(s.Locals()[0].Kind); st.HandshakeErrors != 20 || st.Accepted != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// With as many silent clients as there may be handshakes, the oldest make room; honest ones come
// in.
func TestHalfOpenHandshakesAreBounded(t *testing.T) {
	for name, g := range greeters() {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			o := g.options(a)
			o.HandshakeTimeout, o.MaxHandshakes = 10*patient, 4
			s := NewStack(nil, o)
			r := newRecorder(answer)
			s.receiver, r.stack = r, s
			s.halfOpen.grace = 20 * time.Millisecond
			open(t, s, g.listen)
			s.Serve()
			defer closeNow(s)
			to := s.Locals()[0].Addr
			var silent []net.Conn
			for range 10 {
				silent = append(silent, dial(t, to))
			}
			for range 3 {
				g.works(t, a, to)
			}
			until(t, "at most four are half open", func() bool {
				s.halfOpen.mu.Lock()
				defer s.halfOpen.mu.Unlock()
				return s.halfOpen.queue.Len() <= 4
			})
			for _, c := range silent[:6] { // the oldest
				closedByPeer(t, c)
			}
		})
	}
}

// A crowd that connects at once is served in turn: nobody is thrown out for those behind.
func TestHonestCrowdIsServed(t *testing.T) {
	a := newAuthority(t)
	o := a.options(a.issue("b.example"))
	o.MaxHandshakes, o.HandshakeTimeout = 2, 10*patient // a fifth of that is the grace of each
	s := serve(t, newRecorder(answer), o, "tls:127.0.0.1:0", "tls:127.0.0.1:0")
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			c := tls.Client(dial(t, s.Locals()[i%2].Addr), a.client("b.example"))
			defer c.Close()
			if _, err := c.Write([]byte(request(i, 0))); err != nil {
				t.Error(err)
			} else if text, err := readMessage(bufio.NewReader(c)); err != nil || number(text) != i {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	wg.Wait()
	if n := s.Stats(TLS).HandshakeErrors; n != 0 {
		t.Errorf("%d were refused", n)
	}
}

// Close does not wait for handshakes, neither ours nor a client's.
func TestCloseDuringHandshakes(t *testing.T) {
	for name, g := range greeters() {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			s := serve(t, newRecorder(nil), g.options(a), g.listen)
			c := dial(t, s.Locals()[0].Addr)
			if name == "tls" {
				silent, conns := peer(t)
				if err := s.Send(&Peer{Kind: TLS, Addr: silent, ServerName: "x"}, []byte(request(1, 0)), nil); err != nil {
					t.Fatal(err)
				}
				defer await(t, conns).Close()
			}
			until(t, "half open", func() bool {
				s.halfOpen.mu.Lock()
				defer s.halfOpen.mu.Unlock()
				return s.halfOpen.queue.Len() == 1
			})
			closeNow(s)
			if _, err := io.ReadAll(c); err != nil && err.(net.Error).Timeout() {
				t.Error(err)
			}
		})
	}
}

// What is sent to a client whose upgrade is not done yet follows the upgrade, in a frame.
func TestSendDuringUpgrade(t *testing.T) {
	s := serve(t, newRecorder(nil), Options{}, "ws:127.0.0.1:0")
	c := dial(t, s.Locals()[0].Addr)
	until(t, "accepted", func() bool { return held(s) == 1 })
	if err := s.Send(&Peer{Kind: WS, Addr: addrPortOf(c.LocalAddr())}, []byte(request(1, 0)), nil); err != nil {
		t.Fatal(err)
	}
	wsUpgrade(t, c).expect(0x81, request(1, 0))
}
