//go:build unix

// Overload asks a server for more than it can do: it finds the rate at which the server, pinned to one core, completes the most calls, then offers once, twice
// and four times that, by a load that sends nothing again, and looks how many calls are completed, how long those wait that were taken, how much
// memory the server takes, and how soon a normal rate goes through again.
//
//	go run ./bench/overload
//
// The load has the other core. Where it is exhausted first, -work has the route compute for a while, so that a lower rate saturates the server.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	var t test
	flag.IntVar(&t.seconds, "seconds", 4, "length of each load")
	flag.IntVar(&t.work, "work", 0, "rounds of a loop in the route of each call")
	flag.IntVar(&t.step, "step", 1000, "calls a second between the rates that are tried")
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
	most, err := t.saturate()
	if err != nil {
		return err
	}
	fmt.Printf("\nsaturation: %.0f calls/s\n\n| offered | calls/s completed | of the maximum | refused/s | failed/s | p50 ms | p99 ms | RSS MB, highest | normal again after s |\n|---|---|---|---|---|---|---|---|---|\n", most)
	for _, times := range []int{1, 2, 4} {
		r, rss, err := t.offer(int(most)*times, t.seconds)
		if err != nil {
			return err
		}
		healed, err := t.recover(int(most) / 2)
		if err != nil {
			return err
		}
		s := float64(t.seconds)
		fmt.Printf("| %d × (%d/s) | %.0f | %.0f %% | %.0f | %.0f | %.1f | %.1f | %.0f | %s |\n", times, int(most)*times, float64(r.Completed)/s, 100*float64(r.Completed)/s/most,
			float64(r.Refused)/s, float64(r.Failed)/s, r.P50, r.P99, rss, healed)
	}
	return nil
}

// saturate raises the rate until a step brings no more calls, and returns the most that were completed in a second.
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

// recover runs a normal rate, a second at a time, until all calls go through; it tells after how long.
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
