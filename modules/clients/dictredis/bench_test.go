//go:build unix

package dictredis_test

import (
	"context"
	"testing"

	"github.com/sipscript/sipscript/internal/redistest"
	"github.com/sipscript/sipscript/luabind/dict"
	"github.com/sipscript/sipscript/modules/clients/dictredis"
)

// A read of what is remembered, one that asks Redis, and a change.
func BenchmarkDictionary(b *testing.B) {
	server := redistest.Start(b)
	ops := map[string]dict.Op{"incr": {Kind: dict.OpIncr, Key: "n", By: 1}, "set": {Kind: dict.OpPut, Key: "k", Value: "v", TTL: 0}, "get, asked": {Kind: dict.OpLeft, Key: "k"}}
	d := newNode(b, server.URL, dictredis.Options{}).open("x", dict.RemoteOptions{})
	d.put("k", "v")
	b.Run("get, remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, known := d.r.Peek("k"); !known {
				d.get("k")
			}
		}
	})
	for name, op := range ops {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := d.r.Do(context.Background(), &op); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+", 32 at once", func(b *testing.B) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				op := op
				for pb.Next() {
					if err := d.r.Do(context.Background(), &op); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
