package transport

// The PROXY protocol in front of TLS and WebSockets.

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// prefixed sends a header in one piece with the first that is sent.
type prefixed struct {
	net.Conn
	header []byte
}

func (p *prefixed) Write(b []byte) (int, error) {
	head := p.header
	p.header = nil
	n, err := p.Conn.Write(append(head[:len(head):len(head)], b...))
	return max(n-len(head), 0), err
}

// streams are the listeners that a load balancer may stand before.
var streams = []string{"tcp", "tls", "ws", "wss"}

// behind serves on each of them, for load balancers of that network.
func behind(t *testing.T, a *authority, kind, network string, change func(*Options)) (*Stack, *recorder) {
	t.Helper()
	r := newRecorder(nil)
	o := a.options(a.issue("b.example"))
	if change != nil {
		change(&o)
	}
	return serve(t, r, o, kind+":127.0.0.1:0?proxy_protocol="+network), r
}

// speak sends a message as a client of that kind does, over a connection that may have a header in
// front.
func speak(t *testing.T, a *authority, kind string, c net.Conn, text string) (net.Conn, error) {
	t.Helper()
	if kind == "tls" || kind == "wss" {
		secure := tls.Client(c, a.client("b.example"))
		if err := secure.Handshake(); err != nil {
			return secure, err
		}
		c = secure
	}
	if kind == "ws" || kind == "wss" {
		if _, err := c.Write([]byte(upgradeRequest + "\r\n")); err != nil {
			return c, err
		}
		b, answer := make([]byte, 1), ""
		for !strings.HasSuffix(answer, "\r\n\r\n") { // byte by byte: frames follow
			if _, err := c.Read(b); err != nil {
				return c, err
			}
			answer += string(b)
		}
		if !strings.HasPrefix(answer, "HTTP/1.1 101 ") {
			return c, errors.New(answer)
		}
		text = clientFrame(0x81, text)
	}
	_, err := c.Write([]byte(text))
	return c, err
}

// On every transport the connection of a listed load balancer is its client's, with either version,
// and nothing behind the header is lost, though it comes in one piece with it.
func TestProxiedStreams(t *testing.T) {
	a := newAuthority(t)
	for _, kind := range streams {
		for _, row := range []struct {
			name, from, to string
			version        byte
		}{
			{"version 1 over IPv4", "192.0.2.7:4000", "198.51.100.1:5061", 1},
			{"version 2 over IPv4", "192.0.2.7:4000", "198.51.100.1:5061", 2},
			{"version 1 over IPv6", "[2001:db8::7]:4000", "[2001:db8::1]:5061", 1},
			{"version 2 over IPv6", "[2001:db8::7]:4000", "[2001:db8::1]:5061", 2},
		} {
			t.Run(kind+" "+row.name, func(t *testing.T) {
				s, r := behind(t, a, kind, "127.0.0.1", nil)
				c := &prefixed{dial(t, s.Locals()[0].Addr), header(t, row.version, row.from, row.to)}
				if _, err := speak(t, a, kind, c, request(1, 100)); err != nil {
					t.Fatal(err)
				}
				if got := await(t, r.msgs); got.Source.String() != row.from || got.text != request(1, 100) {
					t.Errorf("%q came from %s, want %s", got.text, got.Source, row.from)
				}
			})
		}
	}
}

// A load balancer that says no header, a bad one or half of one is turned away on every transport,
// in time, and the next one is served.
func TestHostileProxies(t *testing.T) {
	a := newAuthority(t)
	const soon = 50 * time.Millisecond
	for _, kind := range streams {
		for name, head := range map[string]string{
			"silence":           "",
			"half a header":     "PROXY TCP4 192.0.2.7 198.51",
			"half a signature":  string(proxySignature[:7]),
			"no addresses":      string(proxySignature) + "\x21\x11\x00\x00",
			"addresses to come": string(proxySignature) + "\x21\x11\x0f\xff\x01",
			"a line of 108":     "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n",
			"a header too many": "PROXY TCP4 0.0.0.0 198.51.100.1 1 2\r\nPROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
			"a client's hello":  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
			"an upgrade":        upgradeRequest + "\r\n",
			"a message":         request(1, 0),
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				s, r := behind(t, a, kind, "127.0.0.1", func(o *Options) { o.HandshakeTimeout = soon })
				c := dial(t, s.Locals()[0].Addr)
				write(t, c, head)
				if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 {
					t.Error("it was answered")
				} else if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("it was not turned away in time")
				}
				if n := len(r.msgs); n > 0 {
					t.Errorf("%d messages were believed", n)
				}
			})
		}
		t.Run(kind+" the next one", func(t *testing.T) {
			s, r := behind(t, a, kind, "127.0.0.1", nil)
			write(t, dial(t, s.Locals()[0].Addr), "PROXY nonsense\r\n")
			c := &prefixed{dial(t, s.Locals()[0].Addr), header(t, 2, "192.0.2.7:4000", "198.51.100.1:5061")}
			if _, err := speak(t, a, kind, c, request(2, 0)); err != nil {
				t.Fatal(err)
			}
			if got := await(t, r.msgs); got.Source.String() != "192.0.2.7:4000" || number(got.text) != 2 {
				t.Errorf("%q came from %s", got.text, got.Source)
			}
		})
	}
}

// Whoever is not listed is served as ever, under the own address, and what it says about another is
// not believed, on any transport.
func TestUnlistedStreams(t *testing.T) {
	a := newAuthority(t)
	for _, kind := range streams {
		t.Run(kind, func(t *testing.T) {
			s, r := behind(t, a, kind, "192.0.2.0/24", nil)
			if _, err := speak(t, a, kind, dial(t, s.Locals()[0].Addr), request(1, 0)); err != nil {
				t.Fatal(err)
			}
			if got := await(t, r.msgs); !got.Source.Addr().IsLoopback() {
				t.Errorf("it came from %s", got.Source)
			}
			for _, version := range []byte{1, 2} {
				c := dial(t, s.Locals()[0].Addr)
				liar := &prefixed{c, header(t, version, "203.0.113.9:4000", "198.51.100.1:5061")}
				_, _ = speak(t, a, kind, liar, request(2, 0))
				_ = c.CloseWrite()
				for b := make([]byte, 1000); ; { // until it is turned away
					if _, err := c.Read(b); err != nil {
						break
					}
				}
			}
			for len(r.msgs) > 0 {
				if got := await(t, r.msgs); !got.Source.Addr().IsLoopback() {
					t.Errorf("a stranger's word was believed: %s", got.Source)
				}
			}
		})
	}
}
