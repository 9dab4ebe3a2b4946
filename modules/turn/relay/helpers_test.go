package relay_test

// Servers and clients of the tests. Clients here write single messages with pion/stun; whole ones
// are pion/turn's.

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

const secret = "a secret that tests share"

// clock is a time that tests set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// serve makes a server on loopback that may relay to loopback.
func serve(t testing.TB, change func(*relay.Options)) *relay.Server {
	t.Helper()
	o := relay.Options{
		Listeners: []relay.Listener{{Kind: relay.TURN, Addr: netip.MustParseAddrPort("127.0.0.1:0")}},
		Secrets:   relay.Secrets{[]byte(secret)}, Realm: "example.com", Policy: relay.DefaultPolicy(),
	}
	o.Policy.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")}
	if change != nil {
		change(&o)
	}
	s, err := relay.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// at is the address of a server's first listener.
func at(s *relay.Server) netip.AddrPort { return s.Addresses()[0].Addr }

// talker is a client that says one thing at a time.
type talker struct {
	t              testing.TB
	conn           net.Conn
	username       string
	key            []byte
	realm          string
	nonce          string
	last           *stun.Message // that was sent
	unsignedFields []stun.Setter // put behind the integrity
}

func dial(t testing.TB, network string, to netip.AddrPort) *talker {
	t.Helper()
	conn, err := net.Dial(network, to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &talker{t: t, conn: conn}
}

// login takes credentials of a user, and a nonce.
func (k *talker) login(user string, ttl time.Duration) *talker {
	k.t.Helper()
	c := relay.Secrets{[]byte(secret)}.Credentials(user, time.Now(), ttl)
	return k.as(c.Username, c.Password)
}

func (k *talker) as(username, password string) *talker {
	k.t.Helper()
	k.username = ""
	m := k.ask(stun.MethodAllocate)
	k.wants(m, stun.CodeUnauthorized)
	k.challenged(m)
	k.username, k.key = username, stun.NewLongTermIntegrity(username, k.realm, password)
	return k
}

func (k *talker) challenged(m *stun.Message) {
	k.realm, k.nonce = text(m, stun.AttrRealm), text(m, stun.AttrNonce)
}

func text(m *stun.Message, kind stun.AttrType) string {
	b, _ := m.Get(kind)
	return string(b)
}

// ask sends a request, with credentials if there are any, and waits for its answer.
func (k *talker) ask(method stun.Method, fields ...stun.Setter) *stun.Message {
	k.t.Helper()
	all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, fields...)
	if k.username != "" {
		all = append(all, stun.NewUsername(k.username), stun.NewRealm(k.realm), stun.NewNonce(k.nonce), stun.MessageIntegrity(k.key))
	}
	m, err := stun.Build(append(all, k.unsignedFields...)...)
	if err != nil {
		k.t.Fatal(err)
	}
	return k.exchange(m)
}

func (k *talker) exchange(m *stun.Message) *stun.Message {
	k.t.Helper()
	k.last = m
	k.write(m.Raw)
	answer := &stun.Message{Raw: k.read()}
	if err := answer.Decode(); err != nil {
		k.t.Fatal(err)
	}
	if answer.TransactionID != m.TransactionID {
		k.t.Fatalf("an answer to something else: %v", answer)
	}
	return answer
}

func (k *talker) write(b []byte) {
	k.t.Helper()
	if _, err := k.conn.Write(b); err != nil {
		k.t.Fatal(err)
	}
}

func (k *talker) read() []byte {
	k.t.Helper()
	_ = k.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 4096)
	n, err := k.conn.Read(b)
	if err != nil {
		k.t.Fatal(err)
	}
	return b[:n]
}

// silent asserts that what was sent is not answered: a binding request behind it is the next to be.
func (k *talker) silent(b []byte) {
	k.t.Helper()
	k.write(b)
	username := k.username
	k.username = ""
	k.wants(k.ask(stun.MethodBinding), 0)
	k.username = username
}

// code is the error in an answer, 0 for none.
func code(m *stun.Message) stun.ErrorCode {
	var e stun.ErrorCodeAttribute
	if m.Type.Class != stun.ClassErrorResponse || e.GetFrom(m) != nil {
		return 0
	}
	return e.Code
}

func (k *talker) wants(m *stun.Message, want stun.ErrorCode) {
	k.t.Helper()
	if got := code(m); got != want || want == 0 && m.Type.Class != stun.ClassSuccessResponse {
		k.t.Errorf("%v: code %d, want %d", m.Type, got, want)
	}
}

// field is an attribute as it is sent.
type field struct {
	kind  stun.AttrType
	value []byte
}

func (f field) AddTo(m *stun.Message) error {
	m.Add(f.kind, f.value)
	return nil
}

func overUDP() stun.Setter { return field{stun.AttrRequestedTransport, []byte{17, 0, 0, 0}} }

func seconds(n uint32) stun.Setter {
	return field{stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, n)}
}

func channel(n uint16) stun.Setter {
	return field{stun.AttrChannelNumber, binary.BigEndian.AppendUint16(nil, n)}.padded()
}

func (f field) padded() field {
	f.value = append(f.value, 0, 0)
	return f
}

func family(n byte) stun.Setter { return field{stun.AttrRequestedAddressFamily, []byte{n, 0, 0, 0}} }

// peer is an XOR-PEER-ADDRESS.
type peer string

func (p peer) AddTo(m *stun.Message) error {
	a := netip.MustParseAddrPort(string(p))
	ip := a.Addr().AsSlice()
	if a.Addr().Is4In6() { // which pion would write as IPv4
		return mapped(a).AddTo(m)
	}
	return stun.XORMappedAddress{IP: ip, Port: int(a.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}

type mapped netip.AddrPort

func (p mapped) AddTo(m *stun.Message) error {
	a := netip.AddrPort(p)
	ip := a.Addr().As16()
	value := binary.BigEndian.AppendUint16([]byte{0, 2}, a.Port()^0x2112)
	for i := range ip {
		value = append(value, ip[i]^m.Raw[4+i])
	}
	m.Add(stun.AttrXORPeerAddress, value)
	return nil
}

// relayed is the address that an allocation has.
func relayed(t testing.TB, m *stun.Message) netip.AddrPort {
	t.Helper()
	var a stun.XORMappedAddress
	if err := a.GetFromAs(m, stun.AttrXORRelayedAddress); err != nil {
		t.Fatal(err)
	}
	ip, _ := netip.AddrFromSlice(a.IP)
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
}

// allocate makes an allocation.
func (k *talker) allocate(fields ...stun.Setter) netip.AddrPort {
	k.t.Helper()
	m := k.ask(stun.MethodAllocate, append([]stun.Setter{overUDP()}, fields...)...)
	k.wants(m, 0)
	return relayed(k.t, m)
}

// socket is a peer.
func socket(t testing.TB) (*net.UDPConn, string) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.LocalAddr().String()
}

// receive is the next datagram of a peer, and whom it came from.
func receive(t testing.TB, conn *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 9000)
	n, from, err := conn.ReadFromUDPAddrPort(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("nothing came")
	} else if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// send sends from a peer.
func send(t testing.TB, conn *net.UDPConn, to netip.AddrPort, text string) {
	t.Helper()
	if _, err := conn.WriteToUDPAddrPort([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

// channelData is a frame of a channel.
func channelData(n uint16, text string) []byte {
	b := binary.BigEndian.AppendUint16(nil, n)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

// indication is a send indication.
func indication(t testing.TB, to, text string) []byte {
	t.Helper()
	m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peer(to), field{stun.AttrData, []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}
