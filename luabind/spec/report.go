package spec

import (
	"fmt"
	"io"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// This file prints how tests went.

// Summary is the result of a run. A file that could not be run is a Result without a name.
type Summary struct {
	// How many tests did either; a file that could not be run has failed
	Passed, Failed int
	Left           int // tests that Options.Run left out
	// What the simulator's chances came from: with it, a run repeats
	Seed     uint64
	Results  []Result               // in the order of files and tests
	Coverage []luabind.FileCoverage // what Options.Cover counted
}

// Show says what Run prints beside the failures.
type Show struct {
	Verbose  bool // the messages and logs of all tests
	Coverage bool // which lines and decisions of the scripts ran
}

// Run runs the specs and prints a line for each test and, for one that failed, why, with what went
// over the links. The coverage follows, if it is asked for and Options.Cover counts it.
func Run(out io.Writer, files []string, o Options, show Show) Summary {
	s := Summary{Seed: o.Seed}
	for _, file := range files {
		ran := 0
		tests, err := File(file, o, func(r Result) {
			ran++
			s.Results = append(s.Results, r)
			if r.Passed {
				s.Passed++
			} else {
				s.Failed++
			}
			print(out, &r, show.Verbose)
		})
		text := ""
		switch {
		case err != nil:
			text = failure(err)
		case tests == 0:
			text = "there is no test in it: t.it(\"…\", function() … end)"
		}
		if text != "" {
			s.Failed++
			s.Results = append(s.Results, Result{File: file, Failure: text})
			fmt.Fprintf(out, "FAIL  %s\n%s", file, indented(text))
		}
		s.Left += tests - ran
	}
	if o.Cover != nil {
		if s.Coverage = o.Cover.Files(); show.Coverage {
			_ = WriteCoverage(out, s.Coverage)
		}
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
