package relay_test

// Data, connections, and what ends.

import (
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

// What is not understood is not answered, and harms nobody.
func TestMalformedPackets(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	k.allocate()
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(elsewhere)), 0)
	binding := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.Fingerprint).Raw
	broken := append([]byte{}, binding...)
	broken[len(broken)-1]++
	longer := append(stun.MustBuild(stun.TransactionID, stun.BindingRequest).Raw, 0, 0, 0, 0)
	big := stun.MustBuild(stun.TransactionID, stun.BindingRequest, field{0xC001, make([]byte, 2048)}).Raw
	method := stun.MustBuild(stun.TransactionID, stun.NewType(0x0FF, stun.ClassRequest)).Raw
	for name, b := range map[string][]byte{
		"RTP":                      {0x80, 0, 0, 1, 0, 0, 0, 0},
		"one byte":                 {0x40},
		"a channel's half":         {0x40, 0, 0},
		"channel data cut short":   append(channelData(0x4000, "hello")[:4], "hell"...),
		"half a header":            binding[:10],
		"no header":                {0},
		"no cookie":                append([]byte{0, 1, 0, 0}, make([]byte, 16)...),
		"a wrong fingerprint":      broken,
		"a wrong length":           longer,
		"a large request":          big,
		"a method nobody knows":    method,
		"an indication of nothing": stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication)).Raw,
		"an unknown attribute":     stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peer(elsewhere), field{stun.AttrData, nil}, field{0x7777, nil}).Raw,
	} {
		t.Run(name, func(t *testing.T) {
			before := s.Stats().Malformed
			k.silent(b)
			if n := s.Stats().Malformed - before; n != 1 {
				t.Errorf("%d counted", n)
			}
		})
	}
	k.silent(stun.MustBuild(stun.TransactionID, stun.BindingSuccess).Raw)
	k.silent(stun.MustBuild(stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication)).Raw)
	if n := s.Stats().FromClients.Packets; n != 0 {
		t.Errorf("%d packets were relayed", n)
	}
}

// Data for what is not there is dropped and counted.
func TestDataWithoutAnAllocation(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	k.silent(channelData(0x4000, "x"))
	k.silent(indication(t, elsewhere, "x"))
	k.allocate()
	k.silent(channelData(0x4000, "x"))
	k.silent(indication(t, elsewhere, "x"))
	if f := s.Stats(); f.Dropped["unknown"] != 4 || f.FromClients.Packets != 0 {
		t.Errorf("%+v", f)
	}
}

// A channel ends after ten minutes, and its peer's data comes by indications until the permission
// ends.
func TestChannelsEnd(t *testing.T) {
	var c clock
	s := serve(t, func(o *relay.Options) { o.Now = c.now })
	k := dial(t, "udp4", at(s)).login("alice", time.Hour)
	at := k.allocate(seconds(3600))
	from, addr := socket(t)
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	c.advance(9 * time.Minute)
	k.wants(k.ask(stun.MethodCreatePermission, peer(addr)), 0)
	send(t, from, at, "by the channel")
	if got := string(k.read()); got != string(channelData(0x4000, "by the channel")) {
		t.Errorf("%q", got)
	}
	c.advance(time.Minute + time.Second)
	send(t, from, at, "by an indication")
	if m := (&stun.Message{Raw: k.read()}); m.Decode() != nil || text(m, stun.AttrData) != "by an indication" {
		t.Errorf("%v", m)
	}
	k.write(channelData(0x4000, "x"))
	eventually(t, func() bool { return s.Stats().Dropped["unknown"] == 1 })
}

// An allocation that nobody refreshes ends, and gives its port back.
func TestAllocationsEnd(t *testing.T) {
	var c clock
	s := serve(t, func(o *relay.Options) { o.Now = c.now })
	k := dial(t, "udp4", at(s)).login("alice", 2*time.Hour)
	addr := k.allocate()
	c.advance(9 * time.Minute)
	k.wants(k.ask(stun.MethodRefresh), 0)
	c.advance(9 * time.Minute)
	s.Sweep()
	if n := s.Stats().Allocations; n != 1 {
		t.Errorf("%d allocations after 9 minutes", n)
	}
	c.advance(time.Minute + time.Second)
	s.Sweep()
	if f := s.Stats(); f.Allocations != 0 || f.Users != 0 || f.Expired != 1 {
		t.Errorf("%+v", f)
	}
	eventually(t, func() bool {
		conn, err := listen(addr.String())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// What is relayed for a user in a second is bounded, both ways together.
func TestBandwidth(t *testing.T) {
	s := serve(t, func(o *relay.Options) { o.Policy.Bandwidth = 1000 })
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	relayed := k.allocate()
	to, addr := socket(t)
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	s.Sweep()
	for range 3 { // the server may begin another second meanwhile
		k.write(channelData(0x4000, strings.Repeat("x", 600)))
		send(t, to, relayed, strings.Repeat("y", 600))
	}
	eventually(t, func() bool {
		f := s.Stats()
		return f.Dropped["bandwidth"] >= 3 && f.FromClients.Packets+f.ToClients.Packets+f.Dropped["bandwidth"] == 6
	})
	s.Sweep()
	before := s.Stats()
	k.write(channelData(0x4000, "a new second"))
	eventually(t, func() bool { return s.Stats().FromClients.Packets > before.FromClients.Packets })
}

// Bursts and single packets take turns: each arrives, whether the server gathers or is woken.
func TestBursts(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	relayed := k.allocate()
	to, addr := socket(t)
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	seed := time.Now().UnixNano()
	r := rand.New(rand.NewPCG(1, uint64(seed)))
	for round := range 300 {
		there, back := r.IntN(20), r.IntN(20)
		if round%3 == 0 {
			there, back = 1, 0
		}
		for range there {
			k.write(channelData(0x4000, "there"))
		}
		for range back {
			send(t, to, relayed, "back")
		}
		for range there {
			if got, _ := receive(t, to); got != "there" {
				t.Fatalf("round %d: %q (seed %d)", round, got, seed)
			}
		}
		for range back {
			if got := string(k.read()); got != string(channelData(0x4000, "back")) {
				t.Fatalf("round %d: %q (seed %d)", round, got, seed)
			}
		}
	}
}

// Packets are relayed up to a length.
func TestLongPackets(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "udp4", at(s)).login("alice", time.Minute)
	relayed := k.allocate()
	to, addr := socket(t)
	k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	long := strings.Repeat("x", relay.MostPacket-4)
	k.write(channelData(0x4000, long))
	if got, _ := receive(t, to); got != long {
		t.Errorf("%d bytes", len(got))
	}
	k.write(channelData(0x4000, long+"x"))
	send(t, to, relayed, long+"12345")
	eventually(t, func() bool { return s.Stats().Dropped["long"] == 2 })
	send(t, to, relayed, "")
	if got := string(k.read()); got != string(channelData(0x4000, "")) {
		t.Errorf("%q", got)
	}
}

// A connection whose bytes are not frames, or that says nothing, is closed; with an allocation it
// may be silent.
func TestConnectionsThatAreClosed(t *testing.T) {
	s := serve(t, nil)
	closed := func(t *testing.T, k *talker) {
		t.Helper()
		_ = k.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := k.conn.Read(make([]byte, 1)); err != io.EOF && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%v", err)
		}
	}
	for name, b := range map[string]string{"nothing": "", "HTTP": "GET / HTTP/1.1\r\n\r\n", "RTP": "\x80\x00\x00\x00", "half a frame": "\x40\x00\x00\x08abc", "too long": "\x40\x00\xff\xffabcd",
		"an odd length": "\x00\x01\x00\x01\x21\x12\xa4\x42............."} {
		t.Run(name, func(t *testing.T) {
			if s.SetIdle(time.Minute); name == "nothing" || name == "half a frame" {
				s.SetIdle(50 * time.Millisecond)
			}
			k := dial(t, "tcp4", at(s))
			k.write([]byte(b))
			closed(t, k)
		})
	}
	eventually(t, func() bool { return s.Stats().Streams == 0 })
	s.SetIdle(time.Minute)
	k := dial(t, "tcp4", at(s)).login("alice", time.Minute)
	k.allocate()
	s.SetIdle(50 * time.Millisecond)
	k.wants(k.ask(stun.MethodRefresh, seconds(0)), 0)
	closed(t, k)
}

// The end of a connection is the end of its allocation.
func TestConnectionEndsItsAllocation(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "tcp4", at(s)).login("alice", time.Minute)
	k.allocate()
	_ = k.conn.Close()
	eventually(t, func() bool { f := s.Stats(); return f.Allocations == 0 && f.Streams == 0 })
}

func TestConnectionsAreBounded(t *testing.T) {
	for name, row := range map[string]struct{ all, byIP int }{"all": {1, 9}, "by address": {9, 1}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			s.SetConnections(row.all, row.byIP)
			first := dial(t, "tcp4", at(s))
			first.wants(first.ask(stun.MethodBinding), 0)
			second := dial(t, "tcp4", at(s))
			eventually(t, func() bool { return s.Stats().StreamsRefused == 1 })
			_ = first.conn.Close()
			_ = second.conn.Close()
			eventually(t, func() bool { return s.Stats().Streams == 0 })
			third := dial(t, "tcp4", at(s))
			third.wants(third.ask(stun.MethodBinding), 0)
		})
	}
}

// A client over TCP that does not read loses its media, and holds up nobody.
func TestSlowConnection(t *testing.T) {
	s := serve(t, nil)
	k := dial(t, "tcp4", at(s)).login("alice", time.Minute)
	_ = k.conn.(*net.TCPConn).SetReadBuffer(4096)
	relayed := k.allocate()
	from, addr := socket(t)
	k.wants(k.ask(stun.MethodCreatePermission, peer(addr)), 0)
	other := dial(t, "udp4", at(s)).login("bob", time.Minute)
	otherRelayed := other.allocate()
	other.wants(other.ask(stun.MethodCreatePermission, peer(addr)), 0)
	long := strings.Repeat("x", 8000)
	for n := 0; s.Stats().Dropped["send"] == 0; n++ {
		if n > 10000 {
			t.Fatal("80 MB wait for one client")
		}
		send(t, from, relayed, long)
		if n%10 == 0 { // a pace that the server can follow
			send(t, from, otherRelayed, "hello")
			other.read()
		}
	}
}

// Everything ends with the server.
func TestClose(t *testing.T) {
	s := serve(t, nil)
	k, c := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "tcp4", at(s)).login("bob", time.Minute)
	ports := []netip.AddrPort{at(s), k.allocate(field{stun.AttrEvenPort, []byte{0x80}}), c.allocate()}
	ports = append(ports, netip.AddrPortFrom(ports[1].Addr(), ports[1].Port()+1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range ports {
		conn, err := listen(p.String())
		if err != nil {
			t.Errorf("%v: %v", p, err)
			continue
		}
		_ = conn.Close()
	}
	if f := s.Stats(); f.Allocations != 0 || f.Streams != 0 {
		t.Errorf("%+v", f)
	}
}

func TestBadOptions(t *testing.T) {
	all := netip.MustParseAddrPort("0.0.0.0:0")
	for name, row := range map[string]struct {
		change func(*relay.Options)
		want   string
	}{
		"no listener":        {func(o *relay.Options) { o.Listeners = nil }, "nothing to listen on"},
		"no secret":          {func(o *relay.Options) { o.Secrets = nil }, "no secret"},
		"all interfaces":     {func(o *relay.Options) { o.Listeners[0].Addr = all }, "at which address media is relayed"},
		"no certificate":     {func(o *relay.Options) { o.Listeners[0].Kind = relay.TURNS }, "certificate"},
		"a transport":        {func(o *relay.Options) { o.Listeners[0].Transport = "sctp" }, `"sctp"`},
		"DTLS":               {func(o *relay.Options) { o.Listeners[0].Kind, o.Listeners[0].Transport = relay.TURNS, "udp" }, "DTLS"},
		"ports":              {func(o *relay.Options) { o.Ports = relay.Ports{First: 9, Last: 8} }, "9-8"},
		"a short life":       {func(o *relay.Options) { o.Policy.MaxLifetime = time.Minute }, "at least 10m"},
		"below 0":            {func(o *relay.Options) { o.Policy.PerUser = -1 }, "below 0"},
		"relay at multicast": {func(o *relay.Options) { o.Relays = []relay.Relay{{Public: netip.MustParseAddr("224.0.0.1")}} }, "224.0.0.1"},
		"relays of a family": {func(o *relay.Options) {
			o.Relays = []relay.Relay{{Public: netip.MustParseAddr("127.0.0.1")}, {Public: netip.MustParseAddr("127.0.0.2")}}
		}, "more than one"},
		"relay of two families": {func(o *relay.Options) {
			o.Relays = []relay.Relay{{Public: netip.MustParseAddr("127.0.0.1"), Local: netip.MustParseAddr("::1")}}
		}, "another family"},
	} {
		t.Run(name, func(t *testing.T) {
			o := relay.Options{Listeners: []relay.Listener{{Kind: relay.TURN, Addr: netip.MustParseAddrPort("127.0.0.1:0")}}, Secrets: relay.Secrets{[]byte(secret)}}
			row.change(&o)
			if _, err := relay.New(o); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// A relay address behind a NAT: peers and clients know the public one, this machine the local one.
func TestRelayBehindNAT(t *testing.T) {
	s := serve(t, func(o *relay.Options) {
		o.Policy.Allow = nil
		o.Relays = []relay.Relay{{Public: netip.MustParseAddr("1.2.3.4"), Local: netip.MustParseAddr("127.0.0.1")}}
	})
	a, b := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "udp4", at(s)).login("bob", time.Minute)
	atA, atB := a.allocate(), b.allocate()
	if atA.Addr().String() != "1.2.3.4" {
		t.Errorf("%v", atA)
	}
	a.wants(a.ask(stun.MethodCreatePermission, peer(atB.String())), 0)
	b.wants(b.ask(stun.MethodChannelBind, channel(0x4000), peer(atA.String())), 0)
	a.write(indication(t, atB.String(), "hello"))
	if got := string(b.read()); got != string(channelData(0x4000, "hello")) {
		t.Errorf("%q", got)
	}
	b.write(channelData(0x4000, "hello there"))
	m := &stun.Message{Raw: a.read()}
	var from stun.XORMappedAddress
	if m.Decode() != nil || text(m, stun.AttrData) != "hello there" || from.GetFromAs(m, stun.AttrXORPeerAddress) != nil || from.String() != atB.String() {
		t.Errorf("%v from %v", m, from)
	}
}
