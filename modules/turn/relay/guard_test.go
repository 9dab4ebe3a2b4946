package relay_test

// Whom media may go to. Nothing is sent to any of these addresses: a permission is asked for.

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v3"

	"github.com/sipscript/sipscript/modules/turn/relay"
)

func listen(addr string) (net.PacketConn, error) { return net.ListenPacket("udp", addr) }

func TestPeers(t *testing.T) {
	if conn, err := listen("[::1]:0"); err != nil {
		t.Skipf("there is no IPv6 here: %v", err)
	} else {
		_ = conn.Close()
	}
	s := serve(t, func(o *relay.Options) {
		o.Listeners = append(o.Listeners, relay.Listener{Kind: relay.TURN, Addr: netip.MustParseAddrPort("[::1]:0"), AdvertisedHost: "1.2.3.4"})
		o.Policy.Allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("64:ff9b::10.2.0.0/112")}
		o.Policy.Deny = []netip.Prefix{netip.MustParsePrefix("1.3.0.0/16"), netip.MustParsePrefix("10.1.1.0/24")}
	})
	v4, v6 := dial(t, "udp4", at(s)).login("alice", time.Hour), dial(t, "udp4", at(s)).login("alice", time.Minute)
	v4.allocate()
	v6.allocate(family(2))
	for addr, want := range map[string]stun.ErrorCode{
		"1.2.3.5": 0, "172.15.0.1": 0, "172.32.0.1": 0, "100.63.0.1": 0, "100.128.0.1": 0, "169.253.0.1": 0, "223.255.255.255": 0,
		"0.0.0.0": 403, "0.1.2.3": 403, "10.0.0.1": 403, "100.64.0.1": 403, "100.127.255.255": 403, "127.0.0.2": 403, "127.255.255.255": 403,
		"169.254.169.254": 403, "172.16.0.1": 403, "172.31.255.255": 403, "192.0.0.1": 403, "192.0.2.1": 403, "192.168.0.1": 403, "198.18.0.1": 403,
		"198.19.255.255": 403, "198.51.100.1": 403, "203.0.113.1": 403, "224.0.0.1": 403, "239.1.1.1": 403, "240.0.0.1": 403, "255.255.255.255": 403,
		"1.2.3.4":  403, // what the server is called
		"10.1.0.1": 0,   // allowed
		"1.3.0.1":  403, // denied
		"10.1.1.1": 403, // both

		"2606:4700::1": 0, "::": 403, "::2": 403, "::1.2.3.5": 403, "fe80::1": 403, "febf::1": 403, "fec0::1": 403, "fc00::1": 403, "fd00::1": 403,
		"ff02::1": 403, "ff0e::1": 403, "100::1": 403, "2001::1": 403, "2001:db8::1": 403,
		"::ffff:1.2.3.5": 403, "::ffff:127.0.0.1": 403, "::ffff:10.0.0.1": 403,
		"64:ff9b::1.2.3.5": 0, "64:ff9b::127.0.0.1": 403, "64:ff9b::10.0.0.1": 403, "64:ff9b::169.254.169.254": 403, "64:ff9b:1::1": 403,
		"64:ff9b::10.1.0.1": 0, "64:ff9b::10.2.0.1": 0, "64:ff9b::1.2.3.4": 403,
		"2002:102:305::1": 0, "2002:7f00:1::1": 403, "2002:a00:1::1": 403, "2002:c0a8:1::1": 403,
	} {
		t.Run(addr, func(t *testing.T) {
			ip := netip.MustParseAddr(addr)
			k := v4
			if ip.Is6() {
				k = v6
			}
			to := peer(netip.AddrPortFrom(ip, 4000).String())
			k.wants(k.ask(stun.MethodCreatePermission, to), want)
			if want != 0 {
				k.wants(k.ask(stun.MethodChannelBind, channel(0x4000), to), want)
			}
		})
	}
}

// A server's own relay address is within reach for its allocations alone, and not at all if it is
// denied.
func TestOwnRelayAddress(t *testing.T) {
	// A network that has our own address in it does not open that.
	s := serve(t, func(o *relay.Options) { o.Policy.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	a, b := dial(t, "udp4", at(s)).login("alice", time.Minute), dial(t, "udp4", at(s)).login("bob", time.Minute)
	a.allocate()
	atB := b.allocate().String()
	other, addr := socket(t) // a service of this machine
	a.wants(a.ask(stun.MethodCreatePermission, peer(addr)), 0)
	a.silent(indication(t, addr, "to a service"))
	a.wants(a.ask(stun.MethodChannelBind, channel(0x4000), peer(addr)), 0)
	a.silent(channelData(0x4000, "to a service"))
	if f := s.Stats(); f.Dropped["unknown"] != 2 || f.FromClients.Packets != 0 {
		t.Errorf("%+v", f)
	}
	a.silent(indication(t, atB, "to bob")) // who has no permission for it
	if f := s.Stats(); f.FromClients.Packets != 1 {
		t.Errorf("%+v", f)
	}
	p := relay.DefaultPolicy()
	p.Deny = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	if err := s.SetPolicy(p); err != nil {
		t.Fatal(err)
	}
	a.wants(a.ask(stun.MethodCreatePermission, peer(atB)), stun.CodeForbidden)
	_ = other
}

// What peers send reaches a client only if it let them.
func TestOnlyPermittedPeers(t *testing.T) {
	var c clock
	s := serve(t, func(o *relay.Options) { o.Now = c.now })
	k := dial(t, "udp4", at(s)).login("alice", time.Hour)
	relayed := k.allocate()
	from, addr := socket(t)
	send(t, from, relayed, "before")
	eventually(t, func() bool { return s.Stats().Dropped["peer"] == 1 })
	k.wants(k.ask(stun.MethodCreatePermission, peer(addr)), 0)
	send(t, from, relayed, "with it")
	if m := (&stun.Message{Raw: k.read()}); m.Decode() != nil || text(m, stun.AttrData) != "with it" || m.Type.Method != stun.MethodData {
		t.Errorf("%v", m)
	}
	c.advance(5*time.Minute + time.Second)
	send(t, from, relayed, "after")
	eventually(t, func() bool { return s.Stats().Dropped["peer"] == 2 })
	k.silent(indication(t, addr, "after"))
	if f := s.Stats(); f.FromClients.Packets != 0 {
		t.Errorf("%+v", f)
	}
}

// eventually waits for what another goroutine does.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}
