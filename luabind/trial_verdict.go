package luabind

// What becomes of a script when its time is over.

import (
	"fmt"
	"math"
)

const (
	leastSamples = 30   // of each script, before it takes over though some of its requests failed
	doubtful     = 0.05 // a probability of chance so small is no good sign
)

func few(a, b TrialSide) bool { return a.Answered < leastSamples || b.Answered < leastSamples }

// verdict is what becomes of a script, a, whose time is over, beside another, or why it must wait.
// worse: there is evidence that it is. late: it has waited as long as it may. A script of which
// nobody knows what it does waits on.
func verdict(a, b TrialSide, worse, late bool) (o trialEnd, wait string) {
	switch {
	case a.Answered == 0:
		return o, "its time is over, but it got no request that is over"
	case a.Failed == 0:
		return trialEnd{TrialPromoted, "its time was over without a failure", false}, ""
	case worse:
		return rolledBack(a, b), ""
	case !doubt(a, b), late && !few(a, b):
		return trialEnd{TrialPromoted, fmt.Sprintf("its time was over: %s of its requests failed, and %s of others: not significantly more", rate(a), rate(b)), false}, ""
	case late:
		o = rolledBack(a, b)
		o.why += ": too few to trust it"
		return o, ""
	}
	return o, fmt.Sprintf("its time is over, but %s of its requests failed, and %s of others: it waits for more", rate(a), rate(b))
}

// doubt reports whether few requests look as if more failed with a than with b: with nothing to
// compare, when all failed, or by Fisher's exact test.
func doubt(a, b TrialSide) bool {
	switch {
	case b.Answered == 0:
		return true
	case b.Failed == b.Answered:
		return false
	}
	return a.Failed == a.Answered || chance(a, b) < doubtful
}

// chance is the probability that as many or more of the failures of both fall to a, if it is no
// worse than b: the upper tail of the hypergeometric distribution.
func chance(a, b TrialSide) float64 {
	failed, all := a.Failed+b.Failed, a.Answered+b.Answered
	sum := 0.
	for k := a.Failed; k <= min(failed, a.Answered); k++ {
		if failed-k > b.Answered {
			continue
		}
		sum += math.Exp(binomial(failed, k) + binomial(all-failed, a.Answered-k) - binomial(all, a.Answered))
	}
	return sum
}

// binomial is the logarithm of a binomial coefficient.
func binomial(n, k uint64) float64 {
	x, _ := math.Lgamma(float64(n) + 1)
	y, _ := math.Lgamma(float64(k) + 1)
	z, _ := math.Lgamma(float64(n-k) + 1)
	return x - y - z
}
