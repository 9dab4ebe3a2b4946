package transport

import (
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

func udpClient(t testing.TB, bind string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(bind)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patient))
	return c
}

func sendTo(t testing.TB, c *net.UDPConn, to netip.AddrPort, text string) {
	t.Helper()
	if _, err := c.WriteToUDPAddrPort([]byte(text), to); err != nil {
		t.Fatal(err)
	}
}

func receiveFrom(t testing.TB, c *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	b := make([]byte, maxDatagram)
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), unmapped(from)
}

// answer is what the engine does with a request, as far as the transport goes.
func answer(s *Stack, in *Inbound) {
	peer := Peer{Kind: in.Kind, Addr: in.Source, Local: in.Local, LocalIP: in.LocalIP, Flow: in.Flow}
	if err := s.Send(&peer, in.Bytes, nil); err != nil {
		panic(err)
	}
}

func TestTrap10AnswerLeavesFromTheSocketThatReceived(t *testing.T) {
	for _, listen := range [][]string{
		{"udp:127.0.0.1:0", "udp:127.0.0.1:0", "udp:127.0.0.2:0"},
		{"udp:[::1]:0", "udp:127.0.0.1:0"},
	} {
		s := serve(t, newRecorder(answer), Options{}, listen...)
		for i, l := range s.Locals() {
			client := "127.0.0.1:0"
			if l.Addr.Addr().Is6() {
				client = "[::1]:0"
			}
			c := udpClient(t, client)
			sendTo(t, c, l.Addr, request(i, 0))
			text, from := receiveFrom(t, c)
			if number(text) != i || from != l.Addr {
				t.Errorf("listener %v: answer %d from %v", l.Addr, number(text), from)
			}
		}
	}
}

// A listener on all interfaces answers from the address the request came to, not from the one the
// system would choose.
func TestTrap10WildcardAnswersFromTheAddressAskedFor(t *testing.T) {
	if portable {
		t.Skip("only Linux tells where a datagram was sent to")
	}
	seen := make(chan netip.Addr, 1)
	s := serve(t, newRecorder(func(s *Stack, in *Inbound) { seen <- in.LocalIP; answer(s, in) }), Options{}, "udp:0.0.0.0:0")
	c := udpClient(t, "127.0.0.1:0")
	for _, ip := range []string{"127.0.0.7", "127.0.0.1", "127.0.0.9"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(ip), s.Locals()[0].Addr.Port())
		sendTo(t, c, to, request(1, 0))
		if at := await(t, seen); at != to.Addr() {
			t.Errorf("to %v: told %v", to, at)
		}
		if _, from := receiveFrom(t, c); from != to {
			t.Errorf("asked %v, answered from %v", to, from)
		}
	}
	if host := s.Locals()[0].Host; host == "0.0.0.0" || host == "" {
		t.Errorf("a wildcard listener tells peers %q", host)
	}
}

func TestWildcardIPv6(t *testing.T) {
	if portable {
		t.Skip("only Linux tells where a datagram was sent to")
	}
	seen := make(chan netip.Addr, 1)
	s := serve(t, newRecorder(func(s *Stack, in *Inbound) { seen <- in.LocalIP; answer(s, in) }), Options{}, "udp:[::]:0")
	c := udpClient(t, "[::1]:0")
	to := netip.AddrPortFrom(netip.IPv6Loopback(), s.Locals()[0].Addr.Port())
	sendTo(t, c, to, request(1, 0))
	if at := await(t, seen); at != to.Addr() {
		t.Errorf("told %v", at)
	}
	if _, from := receiveFrom(t, c); from != to {
		t.Errorf("answered from %v", from)
	}
}

// A request to a peer never seen before leaves from the listener's port, and a large response is
// sent as it is.
func TestTrap10RequestsLeaveFromTheListener(t *testing.T) {
	s := serve(t, newRecorder(nil), Options{}, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	for _, size := range []int{0, 1200, 1300, 5000, 60000} {
		text := request(1, size)
		if err := s.Send(&Peer{Kind: UDP, Addr: addrPortOf(c.LocalAddr())}, []byte(text), nil); err != nil {
			t.Fatal(err)
		}
		got, from := receiveFrom(t, c)
		if from != s.Locals()[0].Addr || got != text {
			t.Errorf("body of %d: %d bytes from %v", size, len(got), from)
		}
	}
}

// Datagrams from ever new sources leave nothing behind: the heap is as it was.
func TestTrap10SpoofedSourcesLeaveNoState(t *testing.T) {
	count := make(chan struct{}, 1)
	s := serve(t, newRecorder(func(s *Stack, in *Inbound) { answer(s, in); count <- struct{}{} }), Options{}, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	round := func(n int) {
		for i := range n {
			// A source port can't be forged without privileges; a new loopback address and port is
			// as good as forged.
			x, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))})
			if err != nil {
				t.Fatal(err)
			}
			sendTo(t, x, s.Locals()[0].Addr, request(i, 0))
			await(t, count)
			x.Close()
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round(200)
	before := heap()
	round(3000)
	// A goroutine of an earlier test may be about to end
	until(t, "the heap is what it was", func() bool { return heap() <= before+64<<10 })
	if s.flows.all() != nil || len(s.conns.all()) != 0 {
		t.Error("datagrams made connections")
	}
	sendTo(t, c, s.Locals()[0].Addr, request(1, 0))
	await(t, count)
}

func TestDatagramsOfAllSizes(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	for _, size := range []int{0, 10, 1000, 1700, 2048, 2049, 4000, 9000, 65000} {
		text := request(size, size)
		sendTo(t, c, s.Locals()[0].Addr, text)
		got := await(t, r.msgs)
		if got.text != text {
			t.Errorf("body of %d: %d bytes of %d", size, len(got.text), len(text))
		}
		if got.Source != addrPortOf(c.LocalAddr()) || got.Kind != UDP || got.Local != s.Locals()[0] || got.Flow != 0 {
			t.Errorf("inbound %+v", got.Inbound)
		}
	}
}

func TestTruncatedDatagramIsABadFrame(t *testing.T) {
	for _, most := range []int{600, 3000} {
		r := newRecorder(nil)
		s := serve(t, r, Options{Limits: message.Limits{Message: most}}, "udp:127.0.0.1:0")
		c := udpClient(t, "127.0.0.1:0")
		sendTo(t, c, s.Locals()[0].Addr, request(1, most))
		bad := await(t, r.bad)
		if bad.err == nil || !strings.HasPrefix(bad.text, "OPTIONS") || len(bad.text) != most {
			t.Errorf("%v with %d bytes", bad.err, len(bad.text))
		}
		sendTo(t, c, s.Locals()[0].Addr, request(2, 10))
		if got := await(t, r.msgs); number(got.text) != 2 {
			t.Errorf("then %q", got.text)
		}
	}
}

func TestDatagramsThatAreNoMessages(t *testing.T) {
	r := newRecorder(nil)
	s := serve(t, r, Options{}, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	to := s.Locals()[0].Addr
	stun := "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"
	for _, junk := range []string{"\r\n", "\r\n\r\n", "", "\x00", "\x00\x00\x00\x00", "x", "INVITE", stun} {
		sendTo(t, c, to, junk)
	}
	sendTo(t, c, to, "\r\n\r\n"+request(7, 0))
	if got := await(t, r.msgs); got.text != request(7, 0) {
		t.Errorf("got %q", got.text)
	}
	st := s.Stats(UDP)
	if st.Keepalives != 6 || st.Dropped != 2 || st.MessagesIn != 1 {
		t.Errorf("%+v", st)
	}
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]datagramKind{
		// RFC 4475 §3.1.1.2
		"!interesting-Method0123456789_*+`.%indeed'~ sip:a SIP/2.0\r\n\r\n": datagramSIP,
		"1234 sip:a@b SIP/2.0\r\n\r\n":                                      datagramSIP,
		"\r\nOPTIONS sip:a SIP/2.0\r\n\r\n":                                 datagramSIP,
		// RFC 3489
		"\x01\x01\x00\x04abcdefghijklmnop1234": datagramSTUN,
		"\r\n\x00":                             datagramKeepalive,
		"\x00 0123456789012345":                datagramOther,
	} {
		t.Run(text, func(t *testing.T) {
			if got, _ := classify([]byte(text)); got != want {
				t.Errorf("%q: %d", text, got)
			}
		})
	}
}

func TestSendErrors(t *testing.T) {
	s := serve(t, newRecorder(nil), Options{}, "udp:127.0.0.1:0")
	other := serve(t, newRecorder(nil), Options{}, "udp:127.0.0.1:0")
	to := netip.MustParseAddrPort("127.0.0.1:9")
	for name, p := range map[string]Peer{
		"no listener of the kind":   {Kind: TCP, Addr: to},
		"none of the family":        {Kind: UDP, Addr: netip.MustParseAddrPort("[::1]:9")},
		"not a listener of its own": {Kind: UDP, Addr: to, Local: other.Locals()[0]},
		"the wrong kind":            {Kind: TCP, Addr: to, Local: s.Locals()[0]},
		"no address":                {Kind: UDP},
		"not built":                 {Kind: TLS, Addr: to},
		"unknown":                   {Kind: 77, Addr: to},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Send(&p, []byte("x"), nil); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
	}
	big := make([]byte, 1<<20)
	if err := s.Send(&Peer{Kind: UDP, Addr: to}, big, nil); err == nil {
		t.Error("1 MiB went into a datagram")
	}
}

// The answer to a datagram allocates nothing, from the socket and back to it.
func TestDatagramsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("under -race sync.Pool drops what it is given")
	}
	peer := Peer{Kind: UDP}
	s := serve(t, newRecorder(func(s *Stack, in *Inbound) {
		peer.Addr, peer.Local = in.Source, in.Local
		s.Send(&peer, in.Bytes, nil)
	}), Options{}, "udp:127.0.0.1:0")
	c := udpClient(t, "127.0.0.1:0")
	text, to, b := []byte(request(1, 600)), s.Locals()[0].Addr, make([]byte, 4096)
	if n := testing.AllocsPerRun(2000, func() {
		c.WriteToUDPAddrPort(text, to)
		c.ReadFromUDPAddrPort(b)
	}); n > 0.1 {
		t.Errorf("%v allocations for each", n)
	}
}
