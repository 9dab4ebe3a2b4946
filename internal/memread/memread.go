// Package memread measures look-ups in large tables beside plain reads of memory, so that figures
// of a machine whose caches others use can be judged.
package memread

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sipscript/sipscript/internal/cputime"
)

const (
	batch = 1 << 14 // look-ups between two looks at the clock
	reads = 1 << 12 // reads after each batch
	line  = 16      // numbers in a cache line
)

// Run measures lookup with the numbers from 0 on, by turns with reads of which each says where the
// next one is, in 32 MiB. It reports the processor time of one look-up: the median of many batches,
// the best but a twentieth, and how many such reads the median is.
func Run(b *testing.B, lookup func(i int)) {
	r := rand.New(rand.NewPCG(9, 9))
	next := make([]uint32, 32<<20/4)
	way := r.Perm(len(next) / line)
	for i, at := range way {
		next[at*line] = uint32(way[(i+1)%len(way)] * line)
	}
	var each, read []float64
	at, n := uint32(0), 0
	b.ResetTimer()
	for b.Loop() {
		if n%batch == 0 {
			start := cputime.Used()
			for range reads {
				at = next[at]
			}
			middle := cputime.Used()
			for i := range batch {
				lookup(n + i)
			}
			each = append(each, float64(cputime.Used()-middle)/batch)
			read = append(read, float64(middle-start)/reads)
		}
		n++
	}
	slices.Sort(each)
	slices.Sort(read)
	b.ReportMetric(each[len(each)/2], "cpu-ns/op")
	b.ReportMetric(each[len(each)/20], "best-ns/op")
	b.ReportMetric(read[len(read)/2]+float64(at>>31), "read-ns")
	b.ReportMetric(each[len(each)/2]/read[len(read)/2], "reads/op")
}
