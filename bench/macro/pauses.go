//go:build unix

package main

// The collector's pauses, as our server tells them at /metrics.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// pauses is the histogram of a server's pauses since it started, and how often its collector ran.
type pauses struct {
	bounds []float64 // in seconds, rising; the last is +Inf
	counts []float64 // of the pauses up to each bound
	cycles float64
}

// admin is the admin port of the contender: the system picks one that is free.
func (c *contender) admin() string {
	if c.ours {
		return "127.0.0.1:0"
	}
	return ""
}

// adminOf is the URL that a server has said, of which the text of a file is all it has said.
func adminOf(path string) (string, error) {
	text, err := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if url, is := strings.CutPrefix(strings.TrimSpace(line), "admin "); is {
			return url, nil
		}
	}
	return "", errors.Join(err, errors.New("the server names no admin port"))
}

// pausesOf asks the server's admin port.
func pausesOf(admin string) (p pauses, err error) {
	res, err := (&http.Client{Timeout: 10 * time.Second}).Get(admin + "/metrics")
	if err != nil {
		return p, err
	}
	defer res.Body.Close()
	return parsePauses(res.Body)
}

// parsePauses reads them from a scrape.
func parsePauses(r io.Reader) (p pauses, err error) {
	const bucket = `sipscript_gc_pause_seconds_bucket{le="`
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		le, isBucket := strings.CutPrefix(name, bucket)
		if !isBucket && name != "go_gc_duration_seconds_count" {
			continue
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return p, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if !isBucket {
			p.cycles = n
			continue
		}
		bound, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64)
		if err != nil {
			return p, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		p.bounds, p.counts = append(p.bounds, bound), append(p.counts, n)
	}
	if len(p.bounds) == 0 || !math.IsInf(p.bounds[len(p.bounds)-1], 1) {
		return p, fmt.Errorf("no figures of the collector's pauses among /metrics")
	}
	return p, nil
}

// since is what came after an earlier look.
func (p pauses) since(before pauses) pauses {
	out := pauses{bounds: p.bounds, cycles: p.cycles - before.cycles}
	for i, n := range p.counts {
		out.counts = append(out.counts, n-before.counts[i])
	}
	return out
}

// at is the bound, in µs, that this part of the pauses does not exceed; 0 if there was none.
func (p pauses) at(part float64) float64 {
	all := p.counts[len(p.counts)-1]
	if all == 0 {
		return 0
	}
	for i, n := range p.counts {
		if n >= part*all {
			return p.bounds[i] * 1e6
		}
	}
	return 0
}
