package sim_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
)

// What each kind of NAT maps, and lets in.
func TestNATKinds(t *testing.T) {
	const inside, one, samehost, two = "192.168.1.2:5060", "203.0.113.1:5060", "203.0.113.1:5062", "203.0.113.2:5060"
	for _, c := range []struct {
		kind          sim.NATKind
		samePort      bool            // to each destination
		in            map[string]bool // by the first mapping
		lifetime, gap time.Duration
	}{
		{kind: sim.FullCone, samePort: true, in: map[string]bool{one: true, samehost: true, two: true}},
		{kind: sim.Restricted, samePort: true, in: map[string]bool{one: true, samehost: true, two: false}},
		{kind: sim.PortRestricted, samePort: true, in: map[string]bool{one: true, samehost: false, two: false}},
		{kind: sim.Symmetric, in: map[string]bool{one: true, samehost: false, two: false}},
		{kind: sim.FullCone, samePort: true, in: map[string]bool{one: false}, lifetime: 30 * time.Second, gap: 31 * time.Second},
		{kind: sim.PortRestricted, samePort: true, in: map[string]bool{one: true}, lifetime: 30 * time.Second, gap: 25 * time.Second},
	} {
		t.Run(c.kind.String()+" "+c.gap.String(), func(t *testing.T) {
			w := sim.New(1)
			nat := w.NAT("192.0.2.9", "192.168.1.2").As(c.kind, c.lifetime)
			got := 0
			phone := w.Host(inside, func(sim.Packet) { got++ })
			var source netip.AddrPort
			hosts := map[string]*sim.Host{}
			for _, a := range []string{one, samehost, two} {
				hosts[a] = w.Host(a, func(p sim.Packet) { source = p.From })
			}
			phone.Send(one, []byte("x"))
			w.Run(time.Second)
			first := source
			if first.Addr() != netip.MustParseAddr("192.0.2.9") {
				t.Fatalf("it left as %s", first)
			}
			w.Run(c.gap)
			for from, want := range c.in {
				t.Run(from, func(t *testing.T) {
					got = 0
					hosts[from].Send(first.String(), []byte("y"))
					w.Run(time.Second)
					if got == 1 != want {
						t.Errorf("%d came in", got)
					}
				})
			}
			if c.lifetime > 0 {
				return
			}
			phone.Send(two, []byte("x"))
			w.Run(time.Second)
			if (source == first) != c.samePort {
				t.Errorf("to another destination it leaves as %s, to the first as %s", source, first)
			}
			nat.Rebind()
			phone.Send(one, []byte("x"))
			w.Run(time.Second)
			got = 0
			hosts[one].Send(first.String(), []byte("y"))
			w.Run(time.Second)
			if source == first || got != 0 {
				t.Errorf("after Rebind it leaves as %s, and %d came in by the old port", source, got)
			}
		})
	}
}
