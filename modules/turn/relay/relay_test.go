package relay_test

// Media through the server, and what belongs to it.

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v3"
	"github.com/pion/turn/v4"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

// certificate is one for 127.0.0.1.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A client of pion/turn reaches a peer over each transport: with send indications first, and with a
// channel as soon as it has one.
func TestClients(t *testing.T) {
	s := serve(t, func(o *relay.Options) {
		o.Listeners = append(o.Listeners, relay.Listener{Kind: relay.TURNS, Addr: netip.MustParseAddrPort("127.0.0.1:0")})
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	})
	plain, secure := s.Addresses()[0].Addr.String(), s.Addresses()[1].Addr.String()
	for name, dial := range map[string]func() (net.PacketConn, error){
		"udp": func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:0") },
		"tcp": func() (net.PacketConn, error) {
			conn, err := net.Dial("tcp", plain)
			return turn.NewSTUNConn(conn), err
		},
		"tls": func() (net.PacketConn, error) {
			conn, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true})
			return turn.NewSTUNConn(conn), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			credentials := relay.Secrets{[]byte(secret)}.Credentials("alice", time.Now(), time.Minute)
			c, err := turn.NewClient(&turn.ClientConfig{STUNServerAddr: plain, TURNServerAddr: plain, Conn: conn, Username: credentials.Username, Password: credentials.Password,
				LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Listen(); err != nil {
				t.Fatal(err)
			}
			if a, err := c.SendBindingRequest(); err != nil || !strings.HasPrefix(a.String(), "127.0.0.1:") {
				t.Errorf("%v, %v", a, err)
			}
			relayed, err := c.Allocate()
			if err != nil {
				t.Fatal(err)
			}
			defer relayed.Close()
			peer, _ := socket(t)
			for i := range 50 {
				// Of all lengths modulo 4
				sent := fmt.Sprintf("packet %d %s", i, strings.Repeat("x", i))
				if _, err := relayed.WriteTo([]byte(sent), peer.LocalAddr()); err != nil {
					t.Fatal(err)
				}
				got, from := receive(t, peer)
				if got != sent || from.String() != relayed.LocalAddr().String() {
					t.Fatalf("%q from %v, sent %q from %v", got, from, sent, relayed.LocalAddr())
				}
				send(t, peer, from, strings.ToUpper(got))
				b := make([]byte, 1500)
				_ = relayed.SetReadDeadline(time.Now().Add(10 * time.Second))
				n, back, err := relayed.ReadFrom(b)
				if err != nil || string(b[:n]) != strings.ToUpper(sent) || back.String() != peer.LocalAddr().String() {
					t.Fatalf("%q from %v, %v", b[:n], back, err)
				}
			}
		})
	}
	if f := s.Stats(); f.Allocated != 3 || f.FromClients.Packets != 150 || f.ToClients != f.FromClients {
		t.Errorf("%+v", f)
	}
}

// Two clients of one server reach each other at their relayed addresses, though these are the
// server's own and, here, private.
func TestBetweenAllocations(t *testing.T) {
	s := serve(t, func(o *relay.Options) { o.Policy.Allow = nil })
	a, b := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "tcp4", at(s)).login("bob", time.Minute)
	atA, atB := a.allocate().String(), b.allocate().String()
	a.wants(a.ask(stun.MethodChannelBind, channel(0x4000), peer(atB)), 0)
	b.wants(b.ask(stun.MethodChannelBind, channel(0x4001), peer(atA)), 0)
	a.write(channelData(0x4000, "hello"))
	// Over TCP it is padded.
	if got := string(b.read()); got != string(channelData(0x4001, "hello"))+"\x00\x00\x00" {
		t.Errorf("%q", got)
	}
	b.write(append(channelData(0x4001, "hello there"), 0))
	if got := string(a.read()); got != string(channelData(0x4000, "hello there")) {
		t.Errorf("%q", got)
	}
	// The port of an allocation is within reach as long as there is one.
	b.wants(b.ask(stun.MethodRefresh, seconds(0)), 0)
	peer, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(atB)))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	a.silent(channelData(0x4000, "to somebody else"))
	if f := s.Stats(); f.Dropped["unknown"] != 1 || f.FromClients.Packets != 2 {
		t.Errorf("%+v", f)
	}
}

// Over TLS each frame has a record of its own: coturn's client reads no more of one.
func TestFramesHaveRecordsOfTheirOwn(t *testing.T) {
	s := serve(t, func(o *relay.Options) {
		o.Listeners[0].Kind = relay.TURNS
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	})
	k := dial(t, "tcp4", at(s))
	k.conn = tls.Client(k.conn, &tls.Config{InsecureSkipVerify: true})
	k.login("alice", time.Minute)
	relayed := k.allocate()
	from, addr := socket(t)
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	const n = 100
	for i := range n {
		send(t, from, relayed, strings.Repeat("x", i))
	}
	eventually(t, func() bool { return s.Stats().ToClients.Packets == n })
	for i := range n { // a read has what one record has
		want := 4 + (i+3)&^3
		if got := len(k.read()); got != want {
			t.Fatalf("%d: %d bytes, want %d", i, got, want)
		}
	}
}

func TestURIs(t *testing.T) {
	for want, l := range map[string]relay.Listener{
		"stun:192.0.2.1:3478": {Kind: relay.STUN, Addr: netip.MustParseAddrPort("192.0.2.1:3478")},
		"turn:192.0.2.1:3478?transport=udp turn:192.0.2.1:3478?transport=tcp": {Kind: relay.TURN, Addr: netip.MustParseAddrPort("192.0.2.1:3478")},
		"turn:[2001:db8::1]:3479?transport=udp":                               {Kind: relay.TURN, Addr: netip.MustParseAddrPort("[2001:db8::1]:3479"), Transport: "udp"},
		"turns:turn.example.com:443?transport=tcp":                            {Kind: relay.TURNS, Addr: netip.MustParseAddrPort("0.0.0.0:5349"), AdvertisedHost: "turn.example.com", AdvertisedPort: 443},
		"turns:turn.example.com:5349?transport=tcp":                           {Kind: relay.TURNS, Addr: netip.MustParseAddrPort("0.0.0.0:5349"), AdvertisedHost: "turn.example.com"},
		"": {Kind: relay.TURN, Addr: netip.MustParseAddrPort("0.0.0.0:3478")},
	} {
		t.Run(want, func(t *testing.T) {
			if got := strings.Join(l.URIs(), " "); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A password is what the draft says, so that others with the secret make the same.
func TestCredentials(t *testing.T) {
	// printf 1400000060:alice | openssl dgst -sha1 -hmac 'north sea secret' -binary | base64
	got := relay.Secrets{[]byte("north sea secret")}.Credentials("alice", time.Unix(1400000000, 0), time.Minute)
	if want := (relay.Credentials{Username: "1400000060:alice", Password: "QtmqYHJp7JH8o4+2EIxameoyV1k=", TTL: time.Minute}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestReadSecrets(t *testing.T) {
	long := strings.Repeat("x", relay.MinSecret)
	for name, row := range map[string]struct{ text, want string }{
		"one":      {long + "\n", "1"},
		"two":      {"new " + long + "\r\n\n" + long, "2"},
		"short":    {long[1:] + "\n", "15 bytes"},
		"too many": {strings.Repeat(long+"\n", relay.MostSecrets+1), "more than 4"},
		"none":     {"\n", "no secret"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := relay.ReadSecrets([]byte(row.text))
			if got := fmt.Sprint(len(list), err); !strings.Contains(got, row.want) {
				t.Errorf("%s, want %q", got, row.want)
			}
		})
	}
}
