package spec

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sipscript/sipscript/luabind"
)

// This file prints the coverage of scripts: for people, and as a tracefile of lcov.

// share is how much of something ran.
type share struct{ covered, total int }

func (s *share) count(covered bool) {
	if s.total++; covered {
		s.covered++
	}
}

// String is "10/11   90.9 %", in columns; nothing of nothing is all of it.
func (s share) String() string {
	return fmt.Sprintf("%-9s %5.1f %%", fmt.Sprintf("%d/%d", s.covered, s.total), s.percent())
}

func (s share) percent() float64 {
	if s.total == 0 {
		return 100
	}
	return 100 * float64(s.covered) / float64(s.total)
}

// shares are those of a file's lines and of the outcomes of its decisions, of which each has two.
func shares(f *luabind.FileCoverage) (lines, decisions share) {
	for _, l := range f.Lines {
		lines.count(l.Hits > 0)
	}
	for _, d := range f.Decisions {
		decisions.count(d.True > 0)
		decisions.count(d.False > 0)
	}
	return lines, decisions
}

// WriteCoverage writes a table: for each file its lines and decisions, and what of them did not
// happen.
func WriteCoverage(w io.Writer, files []luabind.FileCoverage) error {
	var b strings.Builder
	var allLines, allDecisions share
	fmt.Fprintf(&b, "%-19s%-19s%s\n", "lines", "decisions", "file")
	for i := range files {
		f := &files[i]
		lines, decisions := shares(f)
		allLines.covered, allLines.total = allLines.covered+lines.covered, allLines.total+lines.total
		allDecisions.covered, allDecisions.total = allDecisions.covered+decisions.covered, allDecisions.total+decisions.total
		fmt.Fprintf(&b, "%-19s%-19s%s\n", lines, decisions, f.Name)
		missing(&b, "not run", notRun(f))
		never, always := oneSided(f)
		missing(&b, "never true", never)
		missing(&b, "never false", always)
	}
	fmt.Fprintf(&b, "%-19s%-19stotal\n", allLines, allDecisions)
	_, err := io.WriteString(w, b.String())
	return err
}

// missing writes what did not happen, in lines that a terminal can show.
func missing(b *strings.Builder, what string, items []string) {
	const indent, most = 38, 100
	if len(items) == 0 {
		return
	}
	line := strings.Repeat(" ", indent+2) + what + ":"
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		if len(line)+1+len(item) > most {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", indent+3)
		}
		line += " " + item
	}
	b.WriteString(line + "\n")
}

// notRun are the lines that did not run, those that follow each other as a range.
func notRun(f *luabind.FileCoverage) (list []string) {
	for i := 0; i < len(f.Lines); i++ {
		first := i
		for i < len(f.Lines) && f.Lines[i].Hits == 0 {
			i++
		}
		switch {
		case i-first == 1:
			list = append(list, strconv.Itoa(f.Lines[first].Line))
		case i > first:
			list = append(list, fmt.Sprintf("%d-%d", f.Lines[first].Line, f.Lines[i-1].Line))
		}
	}
	return list
}

// oneSided are the decisions that were taken, but always the same way: "23 if".
func oneSided(f *luabind.FileCoverage) (neverTrue, neverFalse []string) {
	for _, d := range f.Decisions {
		text := fmt.Sprintf("%d %s", d.Line, d.Kind)
		switch {
		case d.True == 0 && d.False > 0:
			neverTrue = append(neverTrue, text)
		case d.False == 0 && d.True > 0:
			neverFalse = append(neverFalse, text)
		}
	}
	return neverTrue, neverFalse
}

// WriteLCOV writes a tracefile, which genhtml and many editors read. Each decision is a block with
// two branches, true and false.
func WriteLCOV(w io.Writer, files []luabind.FileCoverage) error {
	var b strings.Builder
	for i := range files {
		f := &files[i]
		lines, decisions := shares(f)
		fmt.Fprintf(&b, "TN:\nSF:%s\n", f.Path)
		for n, d := range f.Decisions {
			for branch, taken := range []uint64{d.True, d.False} {
				count := strconv.FormatUint(taken, 10)
				if d.True+d.False == 0 {
					count = "-" // never evaluated
				}
				fmt.Fprintf(&b, "BRDA:%d,%d,%d,%s\n", d.Line, n, branch, count)
			}
		}
		fmt.Fprintf(&b, "BRF:%d\nBRH:%d\n", decisions.total, decisions.covered)
		for _, l := range f.Lines {
			fmt.Fprintf(&b, "DA:%d,%d\n", l.Line, l.Hits)
		}
		fmt.Fprintf(&b, "LF:%d\nLH:%d\nend_of_record\n", lines.total, lines.covered)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
