package prefix

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

func set(t testing.TB, items ...Item) *Set {
	t.Helper()
	s, err := Build(items, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLookup(t *testing.T) {
	var items []Item
	for i, text := range []string{"0.0.0.0/0", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.255/32", "255.255.255.255/32", "0.0.0.0/32",
		"::/0", "2001:db8::/32", "2001:db8:0:1::/64", "2001:db8:0:1::7/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "::ffff:198.51.100.0/120"} {
		items = append(items, Item{netip.MustParsePrefix(text), uint32(i)})
	}
	s := set(t, items...)
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.0/24", "192.0.2.127": "192.0.2.0/24", "192.0.2.128": "192.0.2.128/25", "192.0.2.254": "192.0.2.128/25",
		"192.0.2.255": "192.0.2.255/32", "192.0.3.0": "0.0.0.0/0", "192.0.1.255": "0.0.0.0/0", "0.0.0.0": "0.0.0.0/32", "0.0.0.1": "0.0.0.0/0",
		"255.255.255.255": "255.255.255.255/32", "255.255.255.254": "0.0.0.0/0", "::ffff:192.0.2.200": "192.0.2.128/25",
		"198.51.100.9": "198.51.100.0/24", "2001:db8::1": "2001:db8::/32", "2001:db8:0:1::6": "2001:db8:0:1::/64",
		"2001:db8:0:1::7%eth0": "2001:db8:0:1::7/128", "2001:db8:0:2::": "2001:db8::/32", "::1": "::/0",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
	} {
		t.Run(text, func(t *testing.T) {
			m, ok := s.Lookup(netip.MustParseAddr(text))
			if !ok || s.Prefix(m).String() != want {
				t.Errorf("%v %v, want %s", m, ok, want)
			}
		})
	}
	if _, ok := s.Lookup(netip.Addr{}); ok {
		t.Error("no address was found")
	}
	var none *Set
	if _, ok := none.Lookup(netip.MustParseAddr("::1")); ok || none.Len() != 0 || none.Bytes() != 0 {
		t.Error("an address was found in no set")
	}
}

// What is there twice has one value, and what is around a network can be asked for.
func TestBuild(t *testing.T) {
	p := netip.MustParsePrefix
	items := []Item{{p("10.1.0.0/16"), 2}, {p("10.0.0.0/8"), 1}, {p("10.1.2.3/32"), 4}, {p("::ffff:10.1.0.0/112"), 3}, {p("11.0.0.0/8"), 5}, {p("::/0"), 6}}
	s, err := Build(items, func(a, b uint32) uint32 { return a*10 + b%10 })
	if err != nil || s.Len() != 5 {
		t.Fatal(err, s.Len())
	}
	m, ok := s.Lookup(netip.MustParseAddr("10.1.2.3"))
	path := ""
	for ; ok; m, ok = s.Around(m) {
		path += s.Prefix(m).String() + " "
	}
	if path != "10.1.2.3/32 10.1.0.0/16 10.0.0.0/8 " {
		t.Error(path)
	}
	all := ""
	s.Each(func(m Match) bool { all += s.Prefix(m).String() + " "; return m.Value != 5 })
	if all != "10.0.0.0/8 10.1.0.0/16 10.1.2.3/32 11.0.0.0/8 " {
		t.Error(all)
	}
	if m, _ := s.Lookup(netip.MustParseAddr("10.1.9.9")); m.Value != 23 {
		t.Error(m)
	}
	for name, bad := range map[string]Item{"no network": {}, "value": {p("10.0.0.0/8"), MaxValue + 1}} {
		t.Run(name, func(t *testing.T) {
			if _, err := Build([]Item{bad}, nil); err == nil {
				t.Error("it was taken")
			}
		})
	}
}

// The set finds what going through all networks finds.
func TestLikeGoingThroughAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v6 := rapid.Bool().Draw(t, "v6")
		high := []uint64{0, 1, 1 << 63, ^uint64(0)}
		if rapid.Bool().Draw(t, "near") {
			high = []uint64{1 << 61, 1 << 61, 1 << 61, 1<<61 + 1, 1<<61 + 1<<20, 1<<61 + 1<<40, 0}
		}
		draw := func(what string) netip.Addr {
			x := rapid.Uint64Range(0, 63).Draw(t, what) // close together, so that they meet
			if rapid.Bool().Draw(t, "end") {
				x = ^x
			}
			var b [16]byte
			if !v6 {
				binary.BigEndian.PutUint32(b[:], uint32(x))
				return netip.AddrFrom4([4]byte(b[:4]))
			}
			binary.BigEndian.PutUint64(b[8:], x)
			binary.BigEndian.PutUint64(b[:8], rapid.SampledFrom(high).Draw(t, "hi"))
			return netip.AddrFrom16(b)
		}
		var items []Item
		for i := range rapid.IntRange(0, 80).Draw(t, "n") {
			a := draw("network")
			bits := a.BitLen() - rapid.SampledFrom([]int{0, 0, 1, 2, 3, 5, 31, 32, 63, 64, 65, 127, 128}).Draw(t, "free")
			p, err := a.Prefix(max(bits, 0))
			if err != nil {
				t.Fatal(err)
			}
			if a.Is6() && a.Is4In6() {
				continue
			}
			items = append(items, Item{p, uint32(i)})
		}
		all := append([]Item(nil), items...)
		s, err := Build(items, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			a := draw("address")
			best, found := Item{}, false
			for _, i := range all {
				if i.Prefix.Contains(a) && (!found || i.Prefix.Bits() >= best.Prefix.Bits()) {
					best, found = Item{i.Prefix.Masked(), i.Value}, true
				}
			}
			m, ok := s.Lookup(a)
			if ok != found || ok && (Item{s.Prefix(m), m.Value}) != best {
				t.Fatalf("%v: %v %v, want %v %v", a, m, ok, best, found)
			}
		}
	})
}

// clustered are n networks of all sizes in a few places, as those that are given out: many are
// divided again and again.
func clustered(n int, v6 bool, r *rand.Rand) []Item {
	items, seen := make([]Item, 0, n), make(map[netip.Prefix]bool, n)
	for len(items) < n {
		a := random(v6, r)
		b := a.AsSlice()
		for i := range len(b) - 2 {
			if i < 1+r.IntN(len(b)) {
				b[i] = byte(0x20 + i)
			}
		}
		a, _ = netip.AddrFromSlice(b)
		p := netip.PrefixFrom(a, a.BitLen()-r.IntN(r.IntN(a.BitLen())+1)).Masked()
		if !seen[p] {
			seen[p] = true
			items = append(items, Item{p, uint32(len(items))})
		}
	}
	return items
}

// A set of many networks finds what a map of them finds.
func TestLikeAMap(t *testing.T) {
	const seed = 5
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, seed))
			items := clustered(20_000, v6, r)
			known := map[netip.Prefix]uint32{}
			for _, i := range items {
				known[i.Prefix] = i.Value
			}
			s := set(t, append(items, items...)...)
			for i := range 50_000 {
				a := items[r.IntN(len(items))].Prefix.Addr()
				if i%2 == 0 {
					b := a.AsSlice()
					b[r.IntN(len(b))] ^= 1 << r.IntN(8)
					a, _ = netip.AddrFromSlice(b)
				}
				want, found := Item{}, false
				for bits := a.BitLen(); bits >= 0 && !found; bits-- {
					p := netip.PrefixFrom(a, bits).Masked()
					want.Prefix = p
					want.Value, found = known[p]
				}
				m, ok := s.Lookup(a)
				if ok != found || ok && (Item{s.Prefix(m), m.Value}) != want {
					t.Fatalf("seed %d: %v: %v %v, want %v %v", seed, a, m, ok, want, found)
				}
			}
		})
	}
}

// many are n networks of hosts, all apart from each other.
func many(n int, v6 bool, r *rand.Rand) []Item {
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{Host(random(v6, r)), uint32(i) & MaxValue}
	}
	return items
}

// random is an address, of IPv6 within networks that are given out.
func random(v6 bool, r *rand.Rand) netip.Addr {
	var b [16]byte
	if !v6 {
		binary.BigEndian.PutUint32(b[:], r.Uint32())
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	binary.BigEndian.PutUint64(b[:], r.Uint64()>>3|1<<61)
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	return netip.AddrFrom16(b)
}

// Networks take at most 48 bytes each, all told.
func TestMemory(t *testing.T) {
	const n = 200_000
	for name, c := range map[string]struct {
		v6   bool
		make func(int, bool, *rand.Rand) []Item
	}{"IPv4": {false, many}, "IPv6": {true, many}, "IPv4 in a few places": {false, clustered}, "IPv6 in a few places": {true, clustered}} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			items := c.make(n, c.v6, rand.New(rand.NewPCG(1, 2)))
			runtime.GC()
			runtime.ReadMemStats(&before)
			s := set(t, items...)
			runtime.GC()
			runtime.ReadMemStats(&after)
			heap := float64(after.HeapAlloc-before.HeapAlloc) / n
			if own := float64(s.Bytes()) / n; heap > 48 || own > 48 || heap > own+1 {
				t.Errorf("%.1f bytes each, by its own account %.1f", heap, own)
			} else {
				t.Logf("%.1f bytes each", own)
			}
			runtime.KeepAlive(items)
		})
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			s := set(t, many(1000, v6, r)...)
			a := random(v6, r)
			if n := testing.AllocsPerRun(100, func() { s.Lookup(a) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
