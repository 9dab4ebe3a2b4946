package luabind

// Whether more requests fail with one script than with another, asked after each of them.
//
// Who looks at a figure again and again until it is bad enough finds it bad enough sooner or later.
// So what is looked at is a bet against the claim that the new script is no worse: it begins with
// 1, and if the claim holds it is not expected to grow, however often and whenever one looks. The
// probability that it ever reaches 1/risk is at most risk (Ville's inequality).
//
// Each round of the bet is about requests of both scripts that were over at the same time. For a
// probability a of failure with the new script, and b with the old one, it is multiplied by the
// likelihood of what happened under a and b, divided by that under the mean of both, weighted by
// the numbers of requests. If the true probabilities are p and p, the expectation of that is the
// product over all requests of p·a/mean + (1-p)·(1-a)/(1-mean), and the like with b, whose weighted
// arithmetic mean is 1; their geometric mean is not more. If the new script fails less, it is
// smaller still, as a > mean > b. a and b may depend on earlier rounds, and p may change from one
// to the next, with the time of day.
//
// Several bets share the stake: that the new script fails by 2, 5, … points more.

import (
	"math"
	"math/rand/v2"
)

const (
	// risk bounds the probability that a script that is no worse is rolled back while it runs.
	risk = 0.001
	// mostPrior bounds how much what was before the trial says about the old script, in requests.
	mostPrior = 100
	// lonely is how many requests of the new script wait for one of the old script to compare with
	// before what was before the trial stands for it.
	lonely = 10
)

// excesses are how many more fail, by the bets.
var excesses = [...]float64{0.02, 0.05, 0.1, 0.2, 0.4, 0.8}

// evidence is the state of the bets. It belongs to one goroutine at a time.
type evidence struct {
	logs   [len(excesses)]float64 // logarithms of what the bets have become
	n, f   float64                // requests of the old script that were in them, and failures
	past   TrialSide              // what was before the trial, without what has been used
	random *rand.Rand             // draws from that
}

func newEvidence(before TrialSide, seed uint64) *evidence {
	e := &evidence{past: before, random: rand.New(rand.NewPCG(seed, seed))}
	weight := min(1, mostPrior/max(float64(before.Answered), 1))
	e.n, e.f = weight*float64(before.Answered), weight*float64(before.Failed)
	return e
}

// round is one about requests that are over, a of the new script and b of the old one.
func (e *evidence) round(a, b TrialSide) {
	n, m := float64(a.Answered), float64(b.Answered)
	rate := min(max((e.f+0.5)/(e.n+1), 0.0005), 0.9985)
	for i, more := range excesses {
		high := min(rate+more, 0.999)
		mean := (n*high + m*rate) / (n + m)
		e.logs[i] += float64(a.Failed)*math.Log(high/mean) + (n-float64(a.Failed))*math.Log((1-high)/(1-mean)) +
			float64(b.Failed)*math.Log(rate/mean) + (m-float64(b.Failed))*math.Log((1-rate)/(1-mean))
	}
	e.n, e.f = e.n+m, e.f+float64(b.Failed)
}

// earlier takes requests from before the trial, in the place of those that the old script does not
// get; none if there are not enough.
func (e *evidence) earlier(a TrialSide) (b TrialSide) {
	n := min(a.Answered*max(1, min(e.past.Answered/100, 20)), e.past.Answered)
	for range n {
		failed := e.random.Uint64N(e.past.Answered) < e.past.Failed
		e.past.Answered--
		b.Answered++
		if failed {
			e.past.Failed--
			b.Failed++
		}
	}
	return b
}

// worse reports whether the new script is.
func (e *evidence) worse() bool {
	top := e.logs[0]
	for _, x := range e.logs {
		top = max(top, x)
	}
	sum := 0.
	for _, x := range e.logs {
		sum += math.Exp(x - top)
	}
	return top+math.Log(sum/float64(len(e.logs))) >= -math.Log(risk)
}
