package transport

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
)

// header is a header as another maker writes it.
func header(t *testing.T, version byte, from, to string) []byte {
	t.Helper()
	a, b := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(to))
	text, err := proxyproto.HeaderProxyFromAddrs(version, a, b).Format()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The connection of a listed load balancer is its client's.
func TestProxiedConnections(t *testing.T) {
	for _, row := range []struct {
		name, listen, from string
		version            byte
	}{
		{"version 1 over IPv4", "tcp:127.0.0.1:0?proxy_protocol=127.0.0.0/8", "192.0.2.7:4000", 1},
		{"version 2 over IPv4", "tcp:127.0.0.1:0?proxy_protocol=127.0.0.0/8", "192.0.2.7:4000", 2},
		{"version 1 over IPv6", "tcp:127.0.0.1:0?proxy_protocol=127.0.0.1", "[2001:db8::7]:4000", 1},
		{"version 2 over IPv6", "tcp:127.0.0.1:0?proxy_protocol=127.0.0.1", "[2001:db8::7]:4000", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRecorder(nil)
			s := serve(t, r, Options{}, row.listen)
			c := dial(t, s.Locals()[0].Addr)
			to := "198.51.100.1:5060"
			if strings.HasPrefix(row.from, "[") {
				to = "[2001:db8::1]:5060"
			}
			// In one piece with the first message: nothing behind the header is lost
			write(t, c, string(header(t, row.version, row.from, to))+request(1, 100))
			if got := await(t, r.msgs); got.Source.String() != row.from || got.text != request(1, 100) {
				t.Errorf("%q came from %s, want %s", got.text, got.Source, row.from)
			}
		})
	}
}

// Nobody else's word about an address counts: what is not listed begins with a message.
func TestUnlistedProxies(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "tcp:127.0.0.1:0?proxy_protocol=192.0.2.0/24")
	c := dial(t, s.Locals()[0].Addr)
	write(t, c, request(1, 0))
	if got := await(t, r.msgs); !got.Source.Addr().IsLoopback() {
		t.Errorf("it came from %s", got.Source)
	}
	liar := dial(t, s.Locals()[0].Addr)
	write(t, liar, "PROXY TCP4 203.0.113.9 198.51.100.1 4000 5060\r\n"+request(2, 0))
	until(t, "the liar is turned away", func() bool { return s.Stats(TCP).BadFrames > 0 || s.Stats(TCP).MessagesIn > 1 })
	for len(r.msgs) > 0 {
		if got := await(t, r.msgs); !got.Source.Addr().IsLoopback() {
			t.Errorf("a stranger's word was believed: %s", got.Source)
		}
	}
}

// A load balancer that says nothing is not waited for.
func TestSilentProxy(t *testing.T) {
	s := serve(t, newRecorder(nil), Options{HandshakeTimeout: 20 * time.Millisecond}, "tcp:127.0.0.1:0?proxy_protocol=127.0.0.0/8")
	c := dial(t, s.Locals()[0].Addr)
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("it was answered")
	}
}

func TestProxyHeaders(t *testing.T) {
	v2 := func(command, family byte, info ...byte) string {
		head := append(bytes.Clone(proxySignature), 0x20|command, family)
		return string(append(binary.BigEndian.AppendUint16(head, uint16(len(info))), info...))
	}
	from := netip.MustParseAddrPort("10.0.0.1:1000")
	for _, row := range []struct{ name, text, want string }{
		{"version 1", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nrest", "192.0.2.1:56324"},
		{"unknown", "PROXY UNKNOWN\r\nrest", "10.0.0.1:1000"},
		{"unknown with addresses", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\nrest", "10.0.0.1:1000"},
		{"a health check", v2(0, 0) + "rest", "10.0.0.1:1000"},
		{"unspecified", v2(1, 0) + "rest", "10.0.0.1:1000"},
		{"with more behind the addresses", v2(1, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 1, 0, 2, 0, 4, 0, 1, 9) + "rest", "192.0.2.1:256"},
		{"a mapped address", v2(1, 0x21, append(append(netip.MustParseAddr("::ffff:192.0.2.1").AsSlice(), make([]byte, 16)...), 1, 0, 2, 0)...) + "rest", "192.0.2.1:256"},
		{"no header", "INVITE sip:bob@example.com SIP/2.0\r\n", ""},
		{"cut off", "PROXY TCP4 192.0.2.1", ""},
		{"too long", "PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n", ""},
		{"a family of the other kind", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", ""},
		{"a port too large", "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n", ""},
		{"a bad port of the other side", "PROXY TCP4 192.0.2.1 198.51.100.1 1 x\r\n", ""},
		{"two spaces", "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", ""},
		{"no port", "PROXY TCP4 192.0.2.1 198.51.100.1 0 443\r\n", ""},
		{"a group", "PROXY TCP4 224.0.0.1 198.51.100.1 1 2\r\n", ""},
		{"everywhere", "PROXY TCP4 0.0.0.0 198.51.100.1 1 2\r\n", ""},
		{"a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", ""},
		{"another version", string(proxySignature) + "\x31\x11\x00\x00", ""},
		{"another command", v2(2, 0x11, make([]byte, 12)...), ""},
		{"addresses cut off", v2(1, 0x11, 1, 2, 3), ""},
		{"datagrams", v2(1, 0x12, make([]byte, 12)...), ""},
		{"a path", v2(1, 0x31, make([]byte, 216)...), ""},
		{"too much", string(proxySignature) + "\x21\x11\xff\xff", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := strings.NewReader(row.text)
			got, err := readProxyHeader(r, from)
			if (err == nil) != (row.want != "") || err == nil && got.String() != row.want {
				t.Errorf("%v %v, want %s", got, err, row.want)
			}
			if err == nil && r.Len() != len("rest") {
				t.Errorf("%d bytes are left", r.Len())
			}
		})
	}
}

// Whatever comes, no more is read than a header may have, and no address is believed that none can
// have.
func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"))
	f.Add(append(bytes.Clone(proxySignature), 0x21, 0x11, 0, 12, 192, 0, 2, 1, 1, 2, 3, 4, 1, 0, 2, 0))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := bytes.NewReader(text)
		got, err := readProxyHeader(r, netip.MustParseAddrPort("10.0.0.1:1000"))
		if read := len(text) - r.Len(); read > 16+longestProxyInfo {
			t.Errorf("%d bytes were read", read)
		}
		if err == nil && (got.Port() == 0 || got.Addr().IsMulticast() || got.Addr().IsUnspecified()) {
			t.Errorf("%v", got)
		}
	})
}
