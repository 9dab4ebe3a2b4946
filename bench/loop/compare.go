package loop

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// Comparison is what one lane on one processor and two lanes on two processors take for a request.
type Comparison struct {
	One, Two time.Duration // medians
	Ratio    float64       // how much more two do than one: the median of the rounds
}

// Compare runs both in turn, so that a machine that is slower for a while is so for both. The heap
// is that of a server with some tens of thousands of bindings, and the collector's setting the
// command's: with next to no heap it would run a hundred times a second.
func Compare(own bool, router func() (engine.Router, error), rounds, requests int) (c Comparison, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	heap := make([]byte, 32<<20)
	defer runtime.KeepAlive(heap)
	var loops [2]*Loop
	for i := range loops {
		r, err := router()
		if err != nil {
			return c, err
		}
		if loops[i], err = New(i+1, own, r); err != nil {
			return c, err
		}
	}
	var took [2][]time.Duration
	var ratios []float64
	for range rounds {
		for i, l := range loops {
			spent, err := l.Run(requests)
			if err != nil {
				return c, err
			}
			took[i] = append(took[i], spent/time.Duration(requests))
		}
		ratios = append(ratios, float64(took[0][len(took[0])-1])/float64(took[1][len(took[1])-1]))
	}
	return Comparison{middle(took[0]), middle(took[1]), middle(ratios)}, nil
}

func middle[T time.Duration | float64](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// Apart compares one engine of one lane with two such engines side by side, which share nothing but
// the process: what the machine itself allows.
func Apart(router func() (engine.Router, error), rounds, requests int) (one, two time.Duration, ratio float64, err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	heap := make([]byte, 32<<20)
	defer runtime.KeepAlive(heap)
	var loops [2]*Loop
	for i := range loops {
		r, err := router()
		if err != nil {
			return 0, 0, 0, err
		}
		if loops[i], err = New(1, true, r); err != nil {
			return 0, 0, 0, err
		}
	}
	var alone, both []time.Duration
	var ratios []float64
	for range rounds {
		spent, err := loops[0].Run(requests)
		if err != nil {
			return 0, 0, 0, err
		}
		began := time.Now()
		var readers sync.WaitGroup
		for _, l := range loops {
			readers.Go(func() { l.bring(0, l.calls[0], requests/2) })
		}
		readers.Wait()
		alone, both = append(alone, spent/time.Duration(requests)), append(both, time.Since(began)/time.Duration(requests))
		ratios = append(ratios, float64(alone[len(alone)-1])/float64(both[len(both)-1]))
	}
	return middle(alone), middle(both), middle(ratios), nil
}
