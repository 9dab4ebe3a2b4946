//go:build unix

// Overload asks a server for more than it can do: it finds the rate at which the server, pinned to
// one core, completes the most calls, then offers once, twice and four times that, by a load that
// sends nothing again, and looks how many calls are completed, how long those wait that were taken,
// how much memory the server takes, and how soon a normal rate goes through again.
//
//	go run ./bench/overload
//
// The load has the other core. The route of each call computes for a while (-work), so that the
// server is exhausted long before the load is.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

func main() {
	var t test
	flag.IntVar(&t.seconds, "seconds", 4, "length of each load")
	flag.IntVar(&t.work, "work", 20000, "rounds of a loop in the route of each call; with 0 the load's core is exhausted before the server's")
	flag.IntVar(&t.step, "step", 50, "calls a second between the rates that are tried")
	flag.IntVar(&t.rounds, "rounds", 3, "loads at each rate; the median counts, for p99 the worst")
	flag.Parse()
	dir, err := os.MkdirTemp("", "sipoverload")
	if err == nil {
		defer os.RemoveAll(dir)
		t.dir = dir
		err = t.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "overload:", err)
		os.Exit(1)
	}
}

// test is one run.
type test struct {
	dir                 string
	seconds, work, step int
	rounds              int
	server              *server
}

// script is the route of the comparison, and a loop where work was asked for.
func (t *test) script() (string, error) {
	text, err := os.ReadFile("bench/route.lua")
	if err != nil || t.work == 0 {
		return "bench/route.lua", err
	}
	file := filepath.Join(t.dir, "work.lua")
	work := fmt.Sprintf("\nlocal plain = route\nfunction route(req)\n  if req.method == \"INVITE\" then local n = 0 for i = 1, %d do n = n + i %% 7 end end\n  return plain(req)\nend\n", t.work)
	return file, os.WriteFile(file, append(text, work...), 0o644)
}

func (t *test) run() error {
	for _, pkg := range []string{"bench/load", "cmd/sipscript"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(t.dir, filepath.Base(pkg)), "./"+pkg).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
		}
	}
	script, err := t.script()
	if err != nil {
		return err
	}
	if t.server, err = start(t.dir, script); err != nil {
		return err
	}
	defer t.server.stop()
	// Of short loads: what completes after them counts, so it is a bit high
	most, err := t.saturate()
	if err != nil {
		return err
	}
	rows, err := t.rows(int(most))
	if err != nil {
		return err
	}
	most = 0
	for _, r := range rows {
		most = max(most, r.good)
	}
	fmt.Printf("\nmost: %.0f calls/s\n\n| offered | calls/s completed | of the most | refused/s | failed/s | p50 ms | p99 ms | RSS MB, highest | normal again after s |\n|---|---|---|---|---|---|---|---|---|\n", most)
	for _, r := range rows {
		fmt.Printf("| %d/s | %.0f | %.0f %% | %.0f | %.0f | %.1f | %.1f | %.0f | %s |\n", r.rate, r.good, 100*r.good/most, r.refused, r.failed, r.p50, r.p99, r.rss, r.healed)
	}
	return nil
}

// row is what was seen at one rate: medians of the rounds, and the highest of what is to be
// bounded.
type row struct {
	rate                      int
	good, refused, failed     float64
	p50, p99, rss             float64
	healed                    string
	goods, refusals, failures []float64
	p50s, p99s                []float64
}

// rows offers three quarters of rate, once, twice and four times, in turn, round after round: the
// machine's speed changes meanwhile.
func (t *test) rows(rate int) ([]*row, error) {
	rows := []*row{{rate: rate * 3 / 4}, {rate: rate}, {rate: 2 * rate}, {rate: 4 * rate}}
	for range t.rounds {
		for _, w := range rows {
			r, rss, err := t.offer(w.rate, t.seconds)
			if err != nil {
				return nil, err
			}
			if w.healed, err = t.recover(rate / 2); err != nil {
				return nil, err
			}
			s := float64(t.seconds)
			w.goods, w.refusals, w.failures = append(w.goods, float64(r.Completed)/s), append(w.refusals, float64(r.Refused)/s), append(w.failures, float64(r.Failed)/s)
			w.p50s, w.p99s, w.rss = append(w.p50s, r.P50), append(w.p99s, r.P99), max(w.rss, rss)
		}
	}
	for _, w := range rows {
		w.good, w.refused, w.failed, w.p50, w.p99 = median(w.goods), median(w.refusals), median(w.failures), median(w.p50s), slices.Max(w.p99s)
	}
	return rows, nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// saturate raises the rate until a step brings no more calls, and returns the most that were
// completed in a second.
func (t *test) saturate() (most float64, err error) {
	for rate := t.step; ; rate += t.step {
		r, _, err := t.offer(rate, 2)
		if err != nil {
			return 0, err
		}
		good := float64(r.Completed) / 2
		fmt.Printf("%6d/s offered: %6.0f completed, %d refused, %d failed, p99 %.1f ms\n", rate, good, r.Refused, r.Failed, r.P99)
		if good < 0.9*float64(rate) {
			return max(most, good), nil
		}
		most = max(most, good)
	}
}

// recover runs a normal rate, a second at a time, until all calls go through; it tells after how
// long.
func (t *test) recover(rate int) (string, error) {
	began := time.Now()
	for time.Since(began) < 20*time.Second {
		now := time.Since(began)
		r, _, err := t.offer(rate, 1)
		if err != nil {
			return "", err
		}
		if r.Refused+r.Failed == 0 {
			return strconv.FormatFloat(now.Seconds(), 'f', 1, 64), nil
		}
	}
	return "never", nil
}
