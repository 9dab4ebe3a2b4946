// Command testcount reads `go test -json` from standard input and prints what a person wants to
// know: the output of failures, each package's result, why tests were skipped, the seeds, and how
// many tests passed, failed and were skipped. It exits with 1 if anything failed. With -add FILE
// the counts are appended to a file; -sum FILE prints the sum of such a file.
//
// With -again COMMAND (a go test of the same kind, without -run and packages) up to three tests
// that failed run once more, each package's alone: what a real peer or a busy machine did to them
// is told apart from a fault, and the last lines say which needed a second run. Nothing runs again
// after a data race, a panic or a test that hung: those are faults whatever comes after.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	add := flag.String("add", "", "append the counts to `FILE`")
	sum := flag.String("sum", "", "print the sum of the counts in `FILE`, and do nothing else")
	again := flag.String("again", "", "run up to three tests that failed once more with `COMMAND`")
	flag.Parse()
	if *sum != "" {
		os.Exit(printSum(*sum, os.Stdout))
	}
	r, err := read(os.Stdin, os.Stdout)
	if err == nil && r.counts == (counts{}) {
		err = errors.New("no test ran")
	}
	if err == nil && *again != "" {
		err = r.second(strings.Fields(*again))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(1)
	}
	r.printSlow()
	c := r.counts
	fmt.Println(c)
	if *add != "" {
		if err := appendCounts(*add, c); err != nil {
			fmt.Fprintln(os.Stderr, "testcount:", err)
			os.Exit(1)
		}
	}
	if c.failed > 0 {
		os.Exit(1)
	}
}

// counts of tests; a package that does not build counts as one failure.
type counts struct{ passed, failed, skipped int }

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// event is one line of `go test -json`.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// report is what has been read so far.
type report struct {
	counts
	out      io.Writer
	held     map[string][]string // output of tests that run, by package and test
	blamed   map[string]bool     // packages with a test that failed
	failures map[string][]string // tests that failed and rows of them, by package
	slow     []event             // tests that took a second or more, without their rows
	fault    bool                // a race, a panic or a test that hung
}

// read reads all events and prints on the way.
func read(in io.Reader, out io.Writer) (*report, error) {
	r := &report{out: out, held: map[string][]string{}, blamed: map[string]bool{}, failures: map[string][]string{}}
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), 16<<20)
	for s.Scan() {
		var e event
		// A line of the toolchain, not of a test
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			fmt.Fprintln(out, s.Text())
			continue
		}
		r.note(e)
	}
	return r, s.Err()
}

func (r *report) note(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		if strings.HasPrefix(e.Output, "-test.shuffle") {
			fmt.Fprintf(r.out, "seed\t%s\t%s", e.Package, e.Output)
		}
		r.held[key] = append(r.held[key], e.Output)
		r.fault = r.fault || strings.Contains(e.Output, "DATA RACE") || strings.HasPrefix(e.Output, "panic: ") || strings.HasPrefix(e.Output, "fatal error: ")
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass":
		r.done(e, "ok", &r.passed)
	case "skip":
		if e.Test != "" {
			fmt.Fprintf(r.out, "skip\t%s\t%s\t%s\n", e.Package, e.Test, reason(r.held[key]))
		}
		r.done(e, "-", &r.skipped)
	case "fail":
		fmt.Fprint(r.out, strings.Join(r.held[key], ""))
		if e.Test == "" && !r.blamed[e.Package] {
			r.counts.failed++ // it did not build, or ended before a test of it did
			r.printUnfinished(e.Package)
			r.fault = true
		}
		r.blamed[e.Package] = true
		if e.Test != "" {
			r.failures[e.Package] = append(r.failures[e.Package], e.Test)
		}
		r.done(e, "FAIL", &r.counts.failed)
	}
}

// done counts a test, or prints the result of a package.
func (r *report) done(e event, word string, n *int) {
	delete(r.held, e.Package+" "+e.Test)
	if e.Test != "" {
		*n++
		if e.Elapsed >= 1 && !strings.Contains(e.Test, "/") {
			r.slow = append(r.slow, e)
		}
		return
	}
	if word == "-" { // no test files
		return
	}
	fmt.Fprintf(r.out, "%s\t%s\t%.1fs\n", word, e.Package, e.Elapsed)
}

// printUnfinished prints what tests said that a package's end left without a result: a test that
// hangs is one of them, and its stack is among it.
func (r *report) printUnfinished(pkg string) {
	for _, key := range slices.Sorted(maps.Keys(r.held)) {
		if strings.HasPrefix(key, pkg+" Test") {
			fmt.Fprint(r.out, strings.Join(r.held[key], ""))
		}
	}
}

// printSlow prints the tests that took longest: where minutes go is to be seen in each run.
func (r *report) printSlow() {
	slices.SortStableFunc(r.slow, func(a, b event) int { return cmp.Compare(b.Elapsed, a.Elapsed) })
	for _, e := range r.slow[:min(len(r.slow), mostSlow)] {
		fmt.Fprintf(r.out, "slow\t%.1fs\t%s\t%s\n", e.Elapsed, e.Package, e.Test)
	}
}

const mostSlow = 25

// reason is why a test skipped: its last line of output that is not about running it.
func reason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		line := strings.TrimSpace(output[i])
		if line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}

func appendCounts(path string, c counts) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, c); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// printSum prints the sum of the lines that appendCounts wrote.
func printSum(path string, out io.Writer) int {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		return 1
	}
	var all counts
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		var c counts
		if _, err := fmt.Sscanf(line, "%d passed, %d failed, %d skipped", &c.passed, &c.failed, &c.skipped); err != nil {
			fmt.Fprintf(os.Stderr, "testcount: %s: %q: %v\n", path, line, err)
			return 1
		}
		all.passed += c.passed
		all.failed += c.failed
		all.skipped += c.skipped
	}
	fmt.Fprintln(out, all)
	return 0
}
