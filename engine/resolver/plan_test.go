package resolver

// This file tests the order of SRV records (RFC 2782) and the quarantine.

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

func targetAt(weight uint16, addrs ...string) target {
	t := target{weight: weight}
	for _, a := range addrs {
		t.peers = append(t.peers, transport.Peer{Kind: transport.UDP, Addr: netip.MustParseAddrPort(a)})
	}
	return t
}

func planOf(tiers ...tier) *plan {
	p := &plan{tiers: tiers}
	for _, t := range tiers {
		for _, x := range t {
			p.count += len(x.peers)
		}
	}
	return p
}

func TestWeights(t *testing.T) {
	p := planOf(
		tier{targetAt(0, "192.0.2.1:1"), targetAt(30, "192.0.2.2:1", "192.0.2.22:1"), targetAt(60, "192.0.2.3:1"), targetAt(10, "192.0.2.4:1")},
		tier{targetAt(1, "192.0.2.5:1")},
	)
	const runs = 20000
	first := map[string]int{}
	random := seeded(1)
	for range runs {
		peers := p.order(random)
		if len(peers) != 6 || peers[5].Addr.String() != "192.0.2.5:1" {
			t.Fatalf("%v: the second priority is not last", list(peers))
		}
		seen := map[string]bool{}
		for i, peer := range peers {
			seen[peer.Addr.String()] = true
			if peer.Addr.String() == "192.0.2.22:1" && peers[i-1].Addr.String() != "192.0.2.2:1" {
				t.Fatalf("%v: the addresses of one target are not together", list(peers))
			}
		}
		if len(seen) != 6 {
			t.Fatalf("%v: not each once", list(peers))
		}
		first[peers[0].Addr.Addr().String()]++
	}
	for addr, want := range map[string]float64{"192.0.2.1": 1.0 / 101, "192.0.2.2": 0.3, "192.0.2.3": 0.6, "192.0.2.4": 0.1} {
		t.Run(addr, func(t *testing.T) {
			if got := float64(first[addr]) / runs; got < want*0.9-0.005 || got > want*1.1+0.005 {
				t.Errorf("%s is first in %.3f of draws, want %.3f", addr, got, want)
			}
		})
	}
}

// With weights of 0 throughout, RFC 2782 has the first always.
func TestWeightsAllZero(t *testing.T) {
	p := planOf(tier{targetAt(0, "192.0.2.1:1"), targetAt(0, "192.0.2.2:1")})
	if got := list(p.order(seeded(7))); !slices.Equal(got, []string{"udp 192.0.2.1:1", "udp 192.0.2.2:1"}) {
		t.Error(got)
	}
}

func TestSeedFixesTheOrder(t *testing.T) {
	s := serve(t, `
_sip._udp.example.com. 60 IN SRV 1 10 5060 s1.example.com.
_sip._udp.example.com. 60 IN SRV 1 10 5060 s2.example.com.
_sip._udp.example.com. 60 IN SRV 1 10 5060 s3.example.com.
s1.example.com. 60 IN A 192.0.2.1
s2.example.com. 60 IN A 192.0.2.2
s3.example.com. 60 IN A 192.0.2.3`)
	r := start(t, options(newClock(), s.addr))
	orders := map[string]bool{}
	for seed := range uint64(50) {
		q := Query{Host: "example.com", Kind: transport.UDP, Seed: seed + 1}
		a, _, err := resolve(r, q)
		b, _, _ := resolve(r, q)
		if err != nil || !slices.Equal(list(a), list(b)) {
			t.Fatalf("seed %d: %v, then %v, %v", seed, list(a), list(b), err)
		}
		orders[strings.Join(list(a), "|")] = true
	}
	if len(orders) != 6 {
		t.Errorf("%d orders of 6", len(orders))
	}
}

func TestQuarantine(t *testing.T) {
	c := newClock()
	s := serve(t, zone)
	r := start(t, options(c, s.addr))
	q := Query{Host: "example.com", Kind: transport.TCP}
	peers, _, err := resolve(r, q)
	if err != nil {
		t.Fatal(err)
	}
	usual := list(peers)
	now := func(what string, want ...int) {
		t.Helper()
		peers, _, _ := resolve(r, q)
		var expected []string
		for _, i := range want {
			expected = append(expected, usual[i])
		}
		same(t, what, list(peers), expected)
	}
	now("fresh", 0, 1, 2, 3)
	r.Failed(&peers[0])
	r.Failed(&peers[2])
	now("two failed", 1, 3, 0, 2)
	other := peers[1]
	other.Kind = transport.UDP
	r.Failed(&other)
	now("failed over another transport", 1, 3, 0, 2)
	r.Succeeded(&peers[0])
	now("one is back", 0, 1, 3, 2)
	for i := range peers {
		r.Failed(&peers[i])
	}
	now("all failed", 0, 1, 2, 3)
	r.Succeeded(&peers[3])
	now("one of all is back", 3, 0, 1, 2)
	c.pass(29 * time.Second)
	now("not over yet", 3, 0, 1, 2)
	c.pass(time.Second)
	now("over", 0, 1, 2, 3)
}

// The list is the caller's: what one does to it, the next doesn't see.
func TestListIsTheCallers(t *testing.T) {
	s := serve(t, zone)
	r := start(t, options(newClock(), s.addr))
	q := Query{Host: "a.example.com", Port: 5060}
	peers, _, _ := resolve(r, q)
	want := list(peers)
	for i := range peers {
		peers[i] = transport.Peer{}
	}
	peers, _, _ = resolve(r, q)
	same(t, "after a change", list(peers), want)
}
