//go:build unix

package main

// sipp as the load: a peer of somebody else's, which says how many registrations succeeded but not
// how long they took.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sippTotals are a line of sipp's last screen: the figure of the last period, and that of the whole
// run.
var sippTotals = regexp.MustCompile(`(Successful call|Failed call|Retransmissions)\s*\|[^|]*\|\s*(\d+)`)

// sipp floods a server with sipp, on the other core.
func (b *bench) sipp(addr string) (r result, err error) {
	var fields strings.Builder
	fields.WriteString("SEQUENTIAL\n")
	for i := range b.users {
		fmt.Fprintf(&fields, "user%d;[authentication username=user%[1]d password=secret%[1]d]\n", i)
	}
	list := filepath.Join(b.dir, "users.csv")
	if err := os.WriteFile(list, []byte(fields.String()), 0o644); err != nil {
		return r, err
	}
	began := time.Now()
	out, err := exec.Command("taskset", "-c", "1", "sipp", "-sf", "bench/flood/register.xml", "-inf", list, "-i", "127.0.0.1", "-nostdin",
		"-r", strconv.Itoa(b.rate), "-m", strconv.Itoa(b.rate*b.seconds), "-l", strconv.Itoa(b.rate*10), "-timeout", "60s", addr).CombinedOutput()
	r.Rate = float64(b.rate*b.seconds) / time.Since(began).Seconds()
	if r.Completed, r.Failed, r.Resent, err = sippResult(string(out), err); err != nil {
		return r, err
	}
	return r, nil
}

// sippResult reads sipp's last screen. That some registrations failed is a result, not an error.
func sippResult(screen string, failed error) (completed, lost, resent int, err error) {
	seen := map[string]int{}
	for _, m := range sippTotals.FindAllStringSubmatch(screen, -1) {
		seen[m[1]], _ = strconv.Atoi(m[2])
	}
	if _, ok := seen["Successful call"]; !ok {
		return 0, 0, 0, fmt.Errorf("sipp: %v; its output ends:\n%s", failed, screen[max(len(screen)-2000, 0):])
	}
	return seen["Successful call"], seen["Failed call"], seen["Retransmissions"], nil
}
