package luabind

import (
	"math/rand/v2"
	"testing"
)

// bets is a trial of many requests: each goes to the new script with a probability of share, and
// fails with that of its script. It returns how many the new one had when it was rolled back; 0: it
// was not.
func bets(r *rand.Rand, most int, share, old, fresh float64, drift func(i int) float64) (n int) {
	e := newEvidence(TrialSide{Answered: 50, Failed: uint64(50 * old)}, r.Uint64())
	var a, b TrialSide
	for i := range most {
		p := drift(i)
		if r.Float64() < share {
			n++
			a.Answered++
			if r.Float64() < fresh*p {
				a.Failed++
			}
			if b.Answered == 0 {
				continue
			}
			e.round(a, b)
			a, b = TrialSide{}, TrialSide{}
			if e.worse() {
				return n
			}
			continue
		}
		b.Answered++
		if r.Float64() < old*p {
			b.Failed++
		}
	}
	return 0
}

func steady(int) float64 { return 1 }

// A script that is no worse is rolled back in one of a thousand trials at most, though it is looked
// at after each request, and though rates change meanwhile.
func TestEqualScriptsStay(t *testing.T) {
	const seed, trials, requests = 17, 800, 600
	for _, row := range []struct {
		name              string
		share, old, fresh float64
		drift             func(i int) float64
	}{
		{"few fail, half", 0.5, 0.02, 0.02, steady},
		{"some fail, half", 0.5, 0.2, 0.2, steady},
		{"half fail, a tenth", 0.1, 0.5, 0.5, steady},
		{"most fail, half", 0.5, 0.9, 0.9, steady},
		{"the new one is better", 0.5, 0.3, 0.2, steady},
		{"the night begins", 0.3, 0.4, 0.4, func(i int) float64 { return 1 - float64(i)/requests }},
		{"the carrier fails", 0.3, 1, 1, func(i int) float64 {
			if i > requests/2 {
				return 0.9
			}
			return 0.05
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			wrong := 0
			for range trials {
				if bets(r, requests, row.share, row.old, row.fresh, row.drift) > 0 {
					wrong++
				}
			}
			t.Logf("seed %d: %d of %d trials of %d requests were rolled back", seed, wrong, trials, requests)
			// 0.8 is expected at most; more than 6 in one of ten thousand runs
			if wrong > 6 {
				t.Errorf("%d of %d", wrong, trials)
			}
		})
	}
}

// A script of whose requests 20 of 100 more fail is caught soon.
func TestWorseScriptsGo(t *testing.T) {
	const seed, trials = 18, 400
	for _, row := range []struct {
		name              string
		share, old, fresh float64
		within            int // of the new script's requests, in 19 of 20 trials
	}{
		// The table of docs/operating.md
		{"none and 20 %, half", 0.5, 0, 0.2, 120},
		{"none and 20 %, a twentieth", 0.05, 0, 0.2, 40},
		{"2 % and 22 %, half", 0.5, 0.02, 0.22, 190},
		{"2 % and 22 %, a twentieth", 0.05, 0.02, 0.22, 80},
		{"10 % and 30 %, half", 0.5, 0.1, 0.3, 310},
		{"10 % and 30 %, a twentieth", 0.05, 0.1, 0.3, 140},
		{"20 % and 40 %, half", 0.5, 0.2, 0.4, 420},
		{"20 % and 40 %, a twentieth", 0.05, 0.2, 0.4, 200},
		{"40 % and 60 %, a twentieth", 0.05, 0.4, 0.6, 250},
		{"50 % and 70 %, half", 0.5, 0.5, 0.7, 540},
		{"50 % and 70 %, a twentieth", 0.05, 0.5, 0.7, 250},
		{"60 % and 80 %, half", 0.5, 0.6, 0.8, 430},
		{"60 % and 80 %, a twentieth", 0.05, 0.6, 0.8, 210},
		{"70 % and 90 %, half", 0.5, 0.7, 0.9, 310},
		{"70 % and 90 %, a twentieth", 0.05, 0.7, 0.9, 160},
		{"none and all", 0.5, 0, 1, 16},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			late, sum := 0, 0
			for range trials {
				n := bets(r, int(float64(2000)/row.share), row.share, row.old, row.fresh, steady)
				if n == 0 || n > row.within {
					late++
				}
				sum += n
			}
			t.Logf("seed %d: caught after %d requests in the mean, %d of %d trials after more than %d", seed, sum/trials, late, trials, row.within)
			if late > trials/20+10 {
				t.Errorf("%d of %d trials took longer", late, trials)
			}
		})
	}
}

// What was before the trial stands for an old script that gets nothing, once.
func TestEarlierRequests(t *testing.T) {
	e := newEvidence(TrialSide{Answered: 1000, Failed: 200}, 1)
	var all TrialSide
	for range 200 {
		b := e.earlier(TrialSide{Answered: 10})
		all.Answered += b.Answered
		all.Failed += b.Failed
	}
	if all != (TrialSide{Answered: 1000, Failed: 200}) || e.past.Answered != 0 {
		t.Errorf("%+v", all)
	}
}
