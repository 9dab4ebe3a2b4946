package engine_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// A next hop that is gone is noticed at once, over real sockets: a closed UDP port, a connection
// that was lost, a certificate for somebody else. Each cost 32 s before.

// soon is well under what a transaction waits for.
const soon = 10 * time.Second

// closedPort is an address of this machine on which nobody listens.
func closedPort(t *testing.T, host string) string {
	t.Helper()
	l := newLine(t, host)
	l.Close()
	return l.LocalAddr().String()
}

// relaying is an engine that relays to what targets says, and the socket of a caller.
func relaying(t *testing.T, host string, o *engine.ForkOptions, targets func(r *engine.Request) []*engine.Target) (*engine.Engine, *line) {
	t.Helper()
	caller := newLine(t, host)
	timers := transaction.Timers{}
	// Nothing is sent again meanwhile, and nothing times out; elsewhere the second sending asks
	if !portable {
		timers.T1 = soon
	}
	eng := onSockets(t, time.Second, engine.Config{Listen: []string{"udp:" + net.JoinHostPort(host, "0"), "tcp:" + net.JoinHostPort(host, "0")}, Lanes: 2, MaxDelay: -1,
		Timers: timers,
		Router: routerFunc(func(r *engine.Request) error { _, err := r.Relay(targets(r), o); return err })})
	return eng, caller
}

func (l *line) request(method, id string) string {
	return fmt.Sprintf("%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK-%s\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
		method, l.LocalAddr(), id, id, method)
}

// ask sends a request and gives its final response, which must come soon.
func (l *line) ask(t *testing.T, eng *engine.Engine, method, id string) *message.Message {
	t.Helper()
	began := time.Now()
	if _, err := l.WriteTo([]byte(l.request(method, id)), net.UDPAddrFromAddrPort(eng.Locals()[0].Addr)); err != nil {
		t.Fatal(err)
	}
	for {
		if m := l.read(""); m.Status() >= 200 && string(m.CallID()) == id {
			if took := time.Since(began); took > soon {
				t.Errorf("answered after %v", took)
			}
			return m
		}
	}
}

func TestAClosedPortIsNoticed(t *testing.T) {
	t.Parallel() // it waits
	for _, host := range []string{"127.0.0.1", "::1"} {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			t.Run(method+" "+host, func(t *testing.T) {
				eng, caller := relaying(t, host, nil, func(*engine.Request) []*engine.Target { return to("sip:b@" + closedPort(t, host)) })
				if m := caller.ask(t, eng, method, "c1"); m.Status() != 500 && m.Status() != 503 {
					t.Errorf("%s", m.AppendTo(nil))
				}
				if eng.Stats().Transport["udp"].Unreachable == 0 {
					t.Error("not counted")
				}
			})
			t.Run(method+" goes on, "+host, func(t *testing.T) {
				bob := newLine(t, host)
				go bob.answers(487)
				eng, caller := relaying(t, host, &engine.ForkOptions{Order: engine.Serial}, func(*engine.Request) []*engine.Target {
					return to("sip:b@"+closedPort(t, host), "sip:b@"+closedPort(t, host), "sip:b@"+bob.LocalAddr().String())
				})
				if m := caller.ask(t, eng, method, "c1"); m.Status() != 487 {
					t.Errorf("%s", m.AppendTo(nil))
				}
			})
		}
	}
}

// answers answers all requests, until the socket is closed.
func (l *line) answers(code int) {
	buf := make([]byte, 65536)
	for {
		n, from, err := l.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		m := &message.Message{}
		if m.Parse(buf[:n], nil) == nil && m.IsRequest() && m.Method() != message.MethodAck {
			_, _ = l.WriteToUDPAddrPort(message.AppendResponse(nil, m, code, "", "t", nil, nil), from)
		}
	}
}

// ICMP errors of one peer are not the business of the others, whose datagrams leave by the same
// socket.
func TestErrorsOfOthersLoseNothing(t *testing.T) {
	if portable {
		t.Skip("only Linux tells of ICMP errors by the socket that others send by")
	}
	bob := newLine(t, "127.0.0.1")
	go bob.answers(486)
	closed := closedPort(t, "127.0.0.1")
	eng, caller := relaying(t, "127.0.0.1", nil, func(r *engine.Request) []*engine.Target {
		if strings.HasPrefix(string(r.Message().CallID()), "bad") {
			return to("sip:b@" + closed)
		}
		return to("sip:b@" + bob.LocalAddr().String())
	})
	const n = 200
	for i := range n {
		for _, id := range []string{"bad", "good"} {
			if _, err := caller.WriteTo([]byte(caller.request("MESSAGE", fmt.Sprint(id, i))), net.UDPAddrFromAddrPort(eng.Locals()[0].Addr)); err != nil {
				t.Fatal(err)
			}
		}
		for seen := 0; seen < 2; {
			m := caller.read("")
			want := 486
			if strings.HasPrefix(string(m.CallID()), "bad") {
				want = 500
			}
			if m.Status() != want {
				t.Fatalf("%s", m.AppendTo(nil))
			}
			seen++
		}
	}
	if s := eng.Stats(); s.Transport["udp"].SendErrors != 0 || s.Events["retransmission_out"] != 0 {
		t.Errorf("%d errors of sending, %d retransmissions", s.Transport["udp"].SendErrors, s.Events["retransmission_out"])
	}
}

func TestSendToAClosedPort(t *testing.T) {
	eng, _ := relaying(t, "127.0.0.1", nil, nil)
	done := make(chan error, 1)
	began := time.Now()
	if err := eng.SendAsync(&engine.SendSpec{Method: "OPTIONS", URI: "sip:b@" + closedPort(t, "127.0.0.1")}, func(_ *engine.Response, err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || time.Since(began) > soon {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// server is a TCP peer that does with each connection what f says, by its number.
type server struct {
	net.Listener
	wait sync.WaitGroup
}

func newServer(t *testing.T, f func(n int, c *net.TCPConn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Listener: l}
	t.Cleanup(func() { l.Close(); s.wait.Wait() })
	s.wait.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.wait.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(patience))
				f(n, c.(*net.TCPConn))
			})
		}
	})
	return s
}

// serveStream answers the requests of a stream with the codes that f gives, until it gives none.
func serveStream(c net.Conn, f func(m *message.Message) []int) {
	in, buf := bufio.NewReader(c), make([]byte, 65536)
	for {
		b, err := readMessage(c, in, buf)
		if err != nil {
			return
		}
		m := &message.Message{}
		if m.Parse(b, nil) != nil || !m.IsRequest() || m.Method() == message.MethodAck {
			continue
		}
		codes := f(m)
		for _, code := range codes {
			_, _ = c.Write(message.AppendResponse(nil, m, code, "", "t", nil, nil))
		}
		if len(codes) == 0 {
			return
		}
	}
}

// reset closes a connection in a way that its peer takes for a crash.
func reset(c *net.TCPConn) { _ = c.SetLinger(0) }

func TestALostConnectionIsNoticed(t *testing.T) {
	t.Parallel() // it waits
	all := func(codes ...int) func(*message.Message) []int { return func(*message.Message) []int { return codes } }
	for _, row := range []struct {
		name  string
		serve func(n int, c *net.TCPConn)
		want  []int
	}{
		{"the first is answered, then the server closes, and is there again", func(n int, c *net.TCPConn) {
			if n == 0 {
				first := true
				serveStream(c, func(*message.Message) []int {
					if !first {
						return nil
					}
					first = false
					return []int{486}
				})
				return
			}
			serveStream(c, all(480))
		}, []int{486, 480}},
		{"reset, and is there again", func(n int, c *net.TCPConn) {
			if n == 0 {
				serveStream(c, all())
				reset(c)
				return
			}
			serveStream(c, all(480))
		}, []int{480, 480}},
		{"always reset", func(_ int, c *net.TCPConn) { serveStream(c, all()); reset(c) }, []int{500, 500}},
		{"always closed at once", func(int, *net.TCPConn) {}, []int{500}},
		{"closed after a provisional", func(_ int, c *net.TCPConn) {
			serveStream(c, func(m *message.Message) []int {
				_, _ = c.Write(message.AppendResponse(nil, m, 100, "", "", nil, nil))
				return nil
			})
		}, []int{500}},
	} {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			t.Run(row.name+" "+method, func(t *testing.T) {
				s := newServer(t, row.serve)
				eng, caller := relaying(t, "127.0.0.1", nil, func(*engine.Request) []*engine.Target {
					return to("sip:b@" + s.Addr().String() + ";transport=tcp")
				})
				for i, want := range row.want {
					if m := caller.ask(t, eng, method, fmt.Sprint("c", i)); m.Status() != want {
						t.Errorf("%d: %d, not %d", i, m.Status(), want)
					}
				}
			})
		}
	}
}

// The next target is tried when a connection is lost, and nobody is asked twice who has answered.
func TestALostConnectionGoesOn(t *testing.T) {
	t.Parallel() // it waits
	var asked sync.Map
	lost := newServer(t, func(n int, c *net.TCPConn) {
		serveStream(c, func(m *message.Message) []int { asked.Store(n, true); return nil })
	})
	bob := newLine(t, "127.0.0.1")
	go bob.answers(486)
	eng, caller := relaying(t, "127.0.0.1", &engine.ForkOptions{Order: engine.Serial}, func(*engine.Request) []*engine.Target {
		return to("sip:b@"+lost.Addr().String()+";transport=tcp", "sip:b@"+bob.LocalAddr().String())
	})
	if m := caller.ask(t, eng, "INVITE", "c1"); m.Status() != 486 {
		t.Errorf("%s", m.AppendTo(nil))
	}
	n := 0
	asked.Range(func(any, any) bool { n++; return true })
	if n != 2 {
		t.Errorf("%d connections, not one and one more", n)
	}
}

func TestACertificateForSomebodyElseIsNoticed(t *testing.T) {
	t.Parallel() // it waits
	cert := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	t.Cleanup(func() { l.Close(); wait.Wait() })
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { _ = c.(*tls.Conn).HandshakeContext(context.Background()); c.Close() })
		}
	})
	pool := x509.NewCertPool()
	pool.AddCert(cert.Leaf)
	bob, caller := newLine(t, "127.0.0.1"), newLine(t, "127.0.0.1")
	go bob.answers(486)
	targets := []*engine.Target{{URI: "sip:b@127.0.0.1", NextHop: fmt.Sprintf("sip:localhost:%d;transport=tls", l.Addr().(*net.TCPAddr).Port)}}
	var log logged
	eng := onSockets(t, time.Second, engine.Config{Listen: []string{"udp:127.0.0.1:0", "tls:127.0.0.1:0"}, Lanes: 2, MaxDelay: -1,
		Log: slog.New(slog.NewTextHandler(&log, nil)), Transport: transport.Options{TLS: transport.TLSOptions{Load: func() (*transport.TLSMaterial, error) {
			return &transport.TLSMaterial{Certificates: []tls.Certificate{cert}, RootCAs: pool}, nil
		}}},
		Router: routerFunc(func(r *engine.Request) error {
			ts := targets
			if string(r.Message().CallID()) == "c2" {
				ts = append(ts[:1:1], to("sip:b@"+bob.LocalAddr().String())...)
			}
			_, err := r.Relay(ts, &engine.ForkOptions{Order: engine.Serial})
			return err
		})})
	if m := caller.ask(t, eng, "INVITE", "c1"); m.Status() != 500 {
		t.Errorf("%s", m.AppendTo(nil))
	}
	if m := caller.ask(t, eng, "INVITE", "c2"); m.Status() != 486 {
		t.Errorf("%s", m.AppendTo(nil))
	}
	// Each once: who is there, and that a branch failed for it
	if text := log.text(); strings.Count(text, "level=WARN") != 2 || strings.Count(text, "is not who it should be") != 1 || strings.Count(text, "branch failed") != 1 ||
		!strings.Contains(text, "localhost") || !strings.Contains(text, "certificate") {
		t.Errorf("told:\n%s", text)
	}
}

// logged is a log that several goroutines write to.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A request of our own goes on as a relayed one does.
func TestSendOnALostConnection(t *testing.T) {
	s := newServer(t, func(n int, c *net.TCPConn) {
		serveStream(c, func(*message.Message) []int {
			if n == 0 {
				return nil
			}
			return []int{200}
		})
	})
	eng, _ := relaying(t, "127.0.0.1", nil, nil)
	type result struct {
		res *engine.Response
		err error
	}
	done := make(chan result, 1)
	err := eng.SendAsync(&engine.SendSpec{Method: "OPTIONS", URI: "sip:b@" + s.Addr().String() + ";transport=tcp"}, func(res *engine.Response, err error) { done <- result{res, err} })
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if r := <-done; r.err != nil || r.res.Code() != 200 || time.Since(began) > soon {
		t.Error(errors.Join(r.err, fmt.Errorf("after %v", time.Since(began))))
	}
}
