package main

// Short slots of both kinds, by turns, and what their pooled samples say.

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// pair is a slot beside calls that do not ask, and one beside calls that do. Calls come at the same
// moments in both.
type pair [2]slot

var kinds = [2]string{"same", "ask"}

func latencies(o *options) error {
	if o.rounds == 0 {
		return nil
	}
	w, err := newWorld(o.delay)
	if err != nil {
		return err
	}
	defer w.stop()
	beside, err := newCaller(w.addr, 0)
	if err != nil {
		return err
	}
	defer beside.c.Close()
	plain, err := newCaller(w.addr, clockOf(w.pid))
	if err != nil {
		return err
	}
	defer plain.c.Close()
	var pairs []pair
	lost := 0
	for i := range o.rounds + 2 {
		var p pair
		for j := range kinds {
			kind := (i + j) % 2
			if p[kind], err = w.slot(beside, plain, kinds[kind], o, uint64(i)); err != nil {
				return err
			}
		}
		switch {
		case p[0].lost || p[1].lost:
			lost++
		case i > 1: // the first ones warm up
			pairs = append(pairs, p)
		}
	}
	if lost > 0 {
		fmt.Printf("%d pairs are left out: calls were lost\n", lost)
	}
	o.report(pairs)
	return nil
}

func (o *options) report(pairs []pair) {
	var calls, calm [2]int
	var spent [2]int64
	for _, p := range pairs {
		for kind := range p {
			calls[kind] += p[kind].calls
			calm[kind] += len(p[kind].wall)
			spent[kind] += p[kind].spent
		}
	}
	fmt.Printf("%d other calls/s, %d pairs of slots of %v; undisturbed by other programs were %d of %d beside calls that do not ask, %d of %d beside those that do\n",
		o.others, len(pairs), o.each, calm[0], calls[0], calm[1], calls[1])
	for _, q := range []float64{0.5, 0.9, 0.99} {
		same, ask, ratio := compare(pairs, q)
		low, high := interval(pairs, q)
		fmt.Printf("  p%-2.0f %6.1f µs beside calls that do not ask, %6.1f beside those that do: %.2f (95 %%: %.2f to %.2f)\n", 100*q, same, ask, ratio, low, high)
	}
	all := int64(float64(o.rate) * o.each.Seconds() * float64(len(pairs)))
	fmt.Printf("  processor time of the server, by such calls: %d µs without the question, %d with it (the %d other calls/s included)\n",
		spent[0]/max(all, 1), spent[1]/max(all, 1), o.others)
}

// compare is a quantile of the samples of all pairs, for both kinds, and the ratio.
func compare(pairs []pair, q float64) (same, ask, ratio float64) {
	var at [2]float64
	for kind := range at {
		var all []float64
		for i := range pairs {
			all = append(all, pairs[i][kind].wall...)
		}
		slices.Sort(all)
		if len(all) > 0 {
			at[kind] = all[int(q*float64(len(all)-1))]
		}
	}
	return at[0], at[1], at[1] / at[0]
}

// resamples of the bootstrap.
const resamples = 1000

// interval has the ratio in it 95 times of 100, as far as the pairs tell: the quantiles of the
// ratios of as many pairs, drawn from them again and again.
func interval(pairs []pair, q float64) (low, high float64) {
	r := rand.New(rand.NewPCG(1, 1))
	drawn := make([]pair, len(pairs))
	ratios := make([]float64, resamples)
	for i := range ratios {
		for j := range drawn {
			drawn[j] = pairs[r.IntN(len(pairs))]
		}
		_, _, ratios[i] = compare(drawn, q)
	}
	slices.Sort(ratios)
	return ratios[resamples*25/1000], ratios[resamples*975/1000]
}
