package registrar

// This file measures: the cost of a save and of a lookup, whether it grows with the number of
// bindings, and the memory of one.

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind/luabindtest"
)

// typical is the REGISTER of a softphone.
func typical(user int) reg {
	return reg{
		to: fmt.Sprintf("<sip:user%07d@example.com>", user), callID: fmt.Sprintf("%016x%016x", user*7919, user*104729), cseq: 1,
		contacts: list(fmt.Sprintf(`<sip:user%07d@10.%d.%d.%d:5060;transport=udp>;+sip.instance="<urn:uuid:%08X-0000-1000-8000-000A95A0E128>"`,
			user, user>>16&255, user>>8&255, user&255, user)),
		headers: list("User-Agent: Softphone/5.6.1 (Linux)", "Expires: 3600"),
	}
}

func filled(b *testing.B, n int) *Registrar {
	r := luabindtest.Must(New(Options{}))
	from := udpFrom("192.0.2.4:5060")
	for i := range n {
		if res := r.Process(context.Background(), typical(i).message(b), from, home, start); res.Code != 200 {
			b.Fatal(res)
		}
	}
	return r
}

func sizes(b *testing.B, f func(b *testing.B, r *Registrar, n int)) {
	for _, n := range []int{1000, 1_000_000} {
		if n > 1000 && testing.Short() {
			b.Skipf("%d bindings: -short", n)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) { f(b, filled(b, n), n) })
	}
}

func BenchmarkLookup(b *testing.B) {
	sizes(b, func(b *testing.B, r *Registrar, n int) {
		uris := make([]message.URI, 1024)
		for i := range uris {
			text := fmt.Sprintf("sip:user%07d@example.com", i*7919%n)
			uris[i], _ = message.ParseURI([]byte(text))
		}
		ctx := context.Background()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			list, err := r.Lookup(ctx, &uris[i&1023], start)
			if err != nil || len(list) != 1 || list[0].Target().URI == "" {
				b.Fatal(list, err)
			}
		}
	})
}

func BenchmarkRefresh(b *testing.B) {
	sizes(b, func(b *testing.B, r *Registrar, n int) {
		// Alternately under two Call-IDs, so that no CSeq need grow
		var ms [2][1000]*message.Message
		for i := range ms {
			for j := range ms[i] {
				g := typical(j * 7919 % n)
				g.callID = fmt.Sprint("turn", i)
				ms[i][j] = g.message(b)
			}
		}
		ctx, from := context.Background(), udpFrom("192.0.2.4:5060")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if res := r.Process(ctx, ms[i/1000&1][i%1000], from, home, start); res.Code != 200 {
				b.Fatal(res.Err)
			}
		}
	})
}

// BenchmarkHeap prints the heap that a binding takes, its address-of-record and all indexes
// included.
func BenchmarkHeap(b *testing.B) {
	const n = 200_000
	for b.Loop() {
		before := heap()
		r := filled(b, n)
		b.ReportMetric(float64(heap()-before)/n, "B/binding")
		runtime.KeepAlive(r)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
