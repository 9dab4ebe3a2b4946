package main

import (
	"slices"
	"time"
)

// result is what a run measured. Times are in milliseconds, of the 200 to the INVITE.
type result struct {
	Offered   int     `json:"offered"`   // calls begun
	Completed int     `json:"completed"` // whole calls
	Refused   int     `json:"refused"`   // answered 503
	Failed    int     `json:"failed"`    // everything else
	Resent    int     `json:"resent"`    // retransmissions of the caller
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	P999      float64 `json:"p999_ms"`
	Seconds   float64 `json:"seconds"` // from the first call's begin to the last one's end
}

func (r *result) latencies(all []time.Duration) {
	slices.Sort(all)
	at := func(q float64) float64 {
		if len(all) == 0 {
			return 0
		}
		return float64(all[min(int(q*float64(len(all))), len(all)-1)]) / 1e6
	}
	r.P50, r.P99, r.P999 = at(.5), at(.99), at(.999)
}
