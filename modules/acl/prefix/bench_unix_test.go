//go:build unix

package prefix

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sipscript/sipscript/internal/memread"
)

// BenchmarkLookup looks up addresses of which half are in a set of a million.
func BenchmarkLookup(b *testing.B) {
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		b.Run(name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			items := many(1_000_000, v6, r)
			asked := make([]netip.Addr, 1<<16)
			for i := range asked {
				if asked[i] = random(v6, r); i%2 == 0 {
					asked[i] = items[r.IntN(len(items))].Prefix.Addr()
				}
			}
			s := set(b, items...)
			memread.Run(b, func(i int) { s.Lookup(asked[i%len(asked)]) })
			b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "bytes/network")
		})
	}
}
