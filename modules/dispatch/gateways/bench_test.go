package gateways

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// What a choice among 100 gateways costs, all of them or the first three.
func BenchmarkChoose(b *testing.B) {
	var list []Entry
	for i := range 100 {
		list = append(list, gw(i+1, weight(i%5+1)))
	}
	s := made(b, &clock{}, list...)
	random := rand.New(rand.NewPCG(1, 2)).Uint64
	for by := ByWeight; by <= AtRandom; by++ {
		for _, limit := range []int{0, 3} {
			b.Run(fmt.Sprintf("%s/limit=%d", by, limit), func(b *testing.B) {
				b.ReportAllocs()
				o := Choice{By: by, Key: "call-1@example.com", Limit: limit, Random: random}
				for b.Loop() {
					if _, err := s.Choose(&o); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
