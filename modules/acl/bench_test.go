package acl

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

// blockedBy is an ACL whose drop list has n addresses, and addresses of which half are among them.
func blockedBy(t testing.TB, n int) (a *ACL, asked []netip.AddrPort) {
	r := rand.New(rand.NewPCG(1, 2))
	addr := func() netip.Addr {
		x := r.Uint32()
		return netip.AddrFrom4([4]byte{byte(x >> 24), byte(x >> 16), byte(x >> 8), byte(x)})
	}
	var entries []any
	for range n {
		x := addr()
		entries = append(entries, x.String())
		asked = append(asked, netip.AddrPortFrom(x, 5060), netip.AddrPortFrom(addr(), 5060))
	}
	a = newACL(t, Options{}, map[string][]any{Blocked: entries})
	if err := a.Add(Blocked, Entry{Address: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	r.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
	return a, asked
}

// What a datagram costs above its reading, if its sender is looked for in a drop list.
func BenchmarkAdmit(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a, asked := blockedBy(b, n)
			g := gate{a}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				g.Admit(transport.UDP, asked[i%len(asked)], nil)
			}
		})
	}
}

func TestAdmitAllocatesNothing(t *testing.T) {
	a, asked := blockedBy(t, 1000)
	g := gate{a}
	dropped := 0
	i := 0
	if n := testing.AllocsPerRun(len(asked), func() {
		if g.Admit(transport.UDP, asked[i%len(asked)], nil) == transport.Drop {
			dropped++
		}
		i++
	}); n != 0 || dropped < 1000 || dropped > 1010 {
		t.Errorf("%v allocations, %d dropped", n, dropped)
	}
}
