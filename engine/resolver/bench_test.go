package resolver

// This file measures the cached path, and bounds what it allocates.

import (
	"testing"

	"github.com/sipscript/sipscript/engine/transport"
)

func cachedQueries() map[string]Query {
	return map[string]Query{
		"numeric":  {Host: "192.0.2.1"},
		"port":     {Host: "a.example.com", Port: 5060},
		"SRV":      {Host: "example.com", Kind: transport.TCP},
		"NAPTR":    {Host: "example.com"},
		"weights":  {Host: "many.example.com", Kind: transport.UDP},
		"notFound": {Host: "nowhere.example.com"},
	}
}

const many = zone + `
_sip._udp.many.example.com. 600 IN SRV 1 1 5060 s1.example.com.
_sip._udp.many.example.com. 600 IN SRV 1 2 5061 s1.example.com.
_sip._udp.many.example.com. 600 IN SRV 1 3 5062 s1.example.com.
_sip._udp.many.example.com. 600 IN SRV 1 4 5063 s1.example.com.
`

func BenchmarkCached(b *testing.B) {
	s := serve(b, many)
	o := options(newClock(), s.addr)
	o.Now = nil
	r := start(b, o)
	failed, _, _ := resolve(r, Query{Host: "example.com", Kind: transport.TCP})
	for name, q := range cachedQueries() {
		resolve(r, q)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Resolve(&q, func([]transport.Peer, error) {})
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			q := Query{Host: "example.com", Kind: transport.TCP}
			for pb.Next() {
				r.Resolve(&q, func([]transport.Peer, error) {})
			}
		})
	})
	r.Failed(&failed[0])
	b.Run("quarantined", func(b *testing.B) {
		b.ReportAllocs()
		q := Query{Host: "example.com", Kind: transport.TCP}
		for b.Loop() {
			r.Resolve(&q, func([]transport.Peer, error) {})
		}
	})
}

func TestCachedAllocates(t *testing.T) {
	s := serve(t, many)
	r := start(t, options(newClock(), s.addr))
	for name, q := range cachedQueries() {
		resolve(r, q)
		n := testing.AllocsPerRun(100, func() { r.Resolve(&q, func([]transport.Peer, error) {}) })
		if n > 1 {
			t.Errorf("%s: %v allocations, want the list alone", name, n)
		}
	}
}
