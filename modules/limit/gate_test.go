package limit

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

func mustAddr(text string) netip.Addr { return netip.MustParseAddr(text) }

const (
	plainRequest  = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x\r\n\r\n"
	routedRequest = "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nrOUTE : <sip:p;lr;s=x>\r\n\r\n"
)

func flooded(t testing.TB, requests int) (*Limit, gate) {
	l := New(Options{})
	if err := l.Use(Policy{Flood: &Flood{Requests: requests, Ban: defaultBan}}); err != nil {
		t.Fatal(err)
	}
	return l, gate{l}
}

func TestAdmit(t *testing.T) {
	l, g := flooded(t, 3)
	from := netip.MustParseAddrPort
	for i, row := range []struct {
		from, data string
		want       transport.Verdict
	}{
		{"192.0.2.1:5060", plainRequest, transport.Pass}, {"192.0.2.1:5060", "SIP/2.0 200 OK\r\n", transport.Pass}, {"192.0.2.1:5060", "\r\n\r\n", transport.Pass},
		{"192.0.2.1:5060", "\x00\x01", transport.Pass}, {"192.0.2.1:5061", plainRequest, transport.Pass}, {"[::ffff:192.0.2.1]:5060", routedRequest, transport.Pass},
		{"192.0.2.1:5060", routedRequest, transport.Doubt}, // and banned
		{"192.0.2.1:5060", plainRequest, transport.Drop}, {"192.0.2.1:5060", "SIP/2.0 200 OK\r\n", transport.Drop}, {"192.0.2.1:7", routedRequest, transport.Doubt},
		{"192.0.2.2:5060", plainRequest, transport.Pass},
		// One host of IPv6 has all of a /64
		{"[2001:db8::1]:1", plainRequest, transport.Pass}, {"[2001:db8::2]:1", plainRequest, transport.Pass}, {"[2001:db8::1:0:0:3]:1", plainRequest, transport.Pass},
		{"[2001:db8::4]:1", plainRequest, transport.Drop}, {"[2001:db8:0:0:ffff::]:1", plainRequest, transport.Drop}, {"[2001:db8:0:1::]:1", plainRequest, transport.Pass},
	} {
		t.Run(fmt.Sprint(i, " ", row.from), func(t *testing.T) {
			if got := g.Admit(transport.UDP, from(row.from), []byte(row.data)); got != row.want {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
	if len(l.Bans()) != 2 {
		t.Errorf("%+v", l.Bans())
	}
}

// Connections count as requests, and are refused.
func TestAdmitConnections(t *testing.T) {
	l, g := flooded(t, 3)
	for i, want := range []transport.Verdict{transport.Pass, transport.Pass, transport.Pass, transport.Drop} {
		if got := g.Admit(transport.TCP, netip.MustParseAddrPort("192.0.2.1:1"), nil); got != want {
			t.Errorf("%d: %v", i, got)
		}
	}
	if !l.Unban(mustAddr("192.0.2.1")) || l.bans.n.Load() != 0 {
		t.Error("no ban")
	}
}

// Who floods in the name of a client, from other ports, does not take its share; on connections no
// address is forged, so being known by one protects nobody.
func TestAdmitKnown(t *testing.T) {
	_, g := flooded(t, 3)
	phone, other := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.1:666")
	g.Known(transport.UDP, phone, 0)
	for range 100 {
		g.Admit(transport.UDP, other, []byte(plainRequest))
	}
	for i, want := range []transport.Verdict{transport.Pass, transport.Pass, transport.Pass, transport.Drop} {
		if got := g.Admit(transport.UDP, phone, []byte(plainRequest)); got != want {
			t.Errorf("%d: %v", i, got)
		}
	}
	if got := g.Admit(transport.UDP, other, []byte(routedRequest)); got != transport.Doubt {
		t.Error(got)
	}
	l, g := flooded(t, 3)
	g.Known(transport.TCP, phone, 0)
	for range 4 {
		g.Admit(transport.TCP, phone, []byte(plainRequest))
	}
	if len(l.Bans()) != 1 {
		t.Error("no ban")
	}
}

// There are no more bans than there may be, and the first ones make room.
func TestBansAreBounded(t *testing.T) {
	b := newBans()
	for i := range 2 * mostBans {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		b.add(a, &ban{until: 10}, 0)
	}
	if n := len(b.list(0)); n > mostBans || n < mostBans/2 || int64(n) != b.n.Load() {
		t.Errorf("%d bans, %d counted", n, b.n.Load())
	}
	if n := len(b.list(10)); n != 0 {
		t.Errorf("%d bans are over", n)
	}
}

// BenchmarkAdmit is what a datagram costs above its reading.
func BenchmarkAdmit(b *testing.B) {
	for name, banned := range map[string]bool{"counted": false, "banned": true} {
		b.Run(name, func(b *testing.B) {
			l, g := flooded(b, 1_000_000)
			sources := make([]netip.AddrPort, 10_000)
			for i := range sources {
				a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
				if sources[i] = netip.AddrPortFrom(a, 5060); banned {
					l.ban(a, WhyFlood, defaultBan, l.clock())
				}
			}
			data := []byte(plainRequest)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				g.Admit(transport.UDP, sources[i%len(sources)], data)
			}
		})
	}
}

func TestAdmitAllocatesNothing(t *testing.T) {
	l, g := flooded(t, 1_000_000)
	from, data := netip.MustParseAddrPort("192.0.2.1:5060"), []byte(routedRequest)
	for name, before := range map[string]func(){"counted": func() {}, "banned": func() { l.ban(from.Addr(), WhyFlood, defaultBan, l.clock()) }} {
		t.Run(name, func(t *testing.T) {
			before()
			if n := testing.AllocsPerRun(100, func() { g.Admit(transport.UDP, from, data) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
