package ring

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/transport"
)

// Whatever the addresses, they are those that were written.
func TestAddresses(t *testing.T) {
	const seed = 5
	rnd := rand.New(rand.NewPCG(seed, 0))
	hosts := []string{"10.0.0.1", "10.0.0.2", "192.0.2.77", "2001:db8::1", "2001:db8::ff01", "::ffff:10.0.0.1", "fe80::1%eth0"}
	any := func() netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(hosts[rnd.IntN(len(hosts))]), uint16(5060+rnd.IntN(3)))
	}
	b := newBench(t, MinSize)
	var want []string
	add := func(local, peer netip.AddrPort) {
		want = append(want, fmt.Sprint(plainAddr(local), plainAddr(peer)))
	}
	for i := range 400 {
		o := &engine.Observed{Bytes: []byte(invite(i % 3)), Kind: transport.UDP}
		if rnd.IntN(8) > 0 {
			o.Peer = any()
		}
		if rnd.IntN(8) > 0 {
			o.Local = &transport.Local{Addr: any()}
		}
		add(localOf(o), o.Peer)
		b.o.Message(o)
	}
	list := b.ring.Follow(true).Next()
	if len(list) != len(want) {
		t.Fatalf("%d records of %d", len(list), len(want))
	}
	for i, r := range list {
		if got := fmt.Sprint(r.Local, r.Peer); got != want[i] {
			t.Fatalf("seed %d, record %d: %s, want %s", seed, i, got, want[i])
		}
	}
}
