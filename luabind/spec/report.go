package spec

import (
	"fmt"
	"io"
	"strings"
)

// This file prints how tests went.

// Summary is the result of a run.
type Summary struct{ Passed, Failed, Left int }

// Run runs the specs and prints a line for each test and, for one that failed, why, with what went
// over the links. verbose prints that for all.
func Run(out io.Writer, files []string, o Options, verbose bool) Summary {
	var s Summary
	for _, file := range files {
		ran := 0
		tests, err := File(file, o, func(r Result) {
			ran++
			if r.Passed {
				s.Passed++
			} else {
				s.Failed++
			}
			print(out, &r, verbose)
		})
		switch {
		case err != nil:
			s.Failed++
			fmt.Fprintf(out, "FAIL  %s\n%s", file, indented(failure(err)))
		case tests == 0:
			s.Failed++
			fmt.Fprintf(out, "FAIL  %s\n%s", file, indented("there is no test in it: t.it(\"…\", function() … end)"))
		}
		s.Left += tests - ran
	}
	fmt.Fprintf(out, "%d passed, %d failed (seed %d)\n", s.Passed, s.Failed, o.Seed)
	return s
}

func print(out io.Writer, r *Result, verbose bool) {
	verdict, log := "ok  ", r.Log
	if !r.Passed {
		verdict = "FAIL"
	}
	if verbose {
		log = r.FullLog
	}
	fmt.Fprintf(out, "%s  %s: %s (%s)\n", verdict, r.File, r.Name, seconds(r.Took.Round(1e6)))
	if r.Passed && !verbose {
		return
	}
	for _, part := range []string{r.Failure, r.Ladder, log} {
		if part != "" {
			fmt.Fprintf(out, "%s\n", indented(part))
		}
	}
}

// indented sets text off from the line above it.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("      " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}
