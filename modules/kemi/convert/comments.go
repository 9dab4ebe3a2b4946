package convert

// The script's comments, and those for its reader.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/luabind/syntax"
)

// comments are those that stand alone between two lines.
func (f *fn) comments(after, before int) (list []string) {
	for _, c := range f.c.file.Comments {
		if c.Alone && c.Line > after && c.End < before {
			if len(list) > 0 && f.c.file.Blank(c.Line-1) {
				list = append(list, "")
			}
			list = append(list, c.Text)
		}
	}
	return list
}

// blankBefore reports whether a blank line stands before a statement and its comments.
func (f *fn) blankBefore(after, line int) bool {
	first := line
	for _, c := range f.c.file.Comments {
		if c.Alone && c.Line > after && c.End < line {
			first = min(first, c.Line)
		}
	}
	return first > after+1 && f.c.file.Blank(first-1)
}

// trailing is the comment behind a statement.
func (f *fn) trailing(s syntax.Stmt, last int) string {
	switch s.(type) {
	case *syntax.If, *syntax.While, *syntax.Repeat, *syntax.NumberFor, *syntax.GenericFor, *syntax.Do:
		return ""
	}
	for _, c := range f.c.file.Comments {
		if !c.Alone && c.Line == last && c.End == last {
			return c.Text
		}
	}
	return ""
}

// decide tells the reader what is left to decide at the present statement.
func (f *fn) decide(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(f.notes, text) {
		f.notes = append(f.notes, text)
	}
	f.c.next.decisions++
}

// toldLines are the notes since there were n, as comments.
func (f *fn) toldLines(n int) (lines []string) {
	for _, t := range f.notes[min(n, len(f.notes)):] {
		lines = append(lines, wrapped("-- DECIDE:", t, 1)...)
	}
	f.notes = f.notes[:min(n, len(f.notes))]
	return lines
}

func (f *fn) told(n int) []node {
	if lines := f.toldLines(n); len(lines) > 0 {
		return []node{{lead: lines}}
	}
	return nil
}

// leave notes what was left out, with why; it is told once, at the top.
func (c *conv) leave(what string, line int, why string) {
	if c.next.left == nil {
		c.next.left = map[string]*omission{}
	}
	o := c.next.left[what]
	if o == nil {
		o = &omission{why: why}
		c.next.left[what] = o
	}
	if line > 0 && !slices.Contains(o.lines, line) {
		o.lines = append(o.lines, line)
	}
}

// omission is what was left out.
type omission struct {
	why   string
	lines []int
}

// preface is the comment at the top.
func (c *conv) preface() (lines []string) {
	lines = append(lines, wrapped("--", "Translated from "+c.name+" by sipscript kemi convert, for a human to go on with.", 0)...)
	if c.next.decisions > 0 {
		lines = append(lines, wrapped("--", "What is left to decide is marked DECIDE. Then write a spec, and run sipscript check and sipscript test.", 0)...)
	}
	if len(c.next.left) == 0 {
		return lines
	}
	lines = append(lines, "--", "-- Left out:")
	names := make([]string, 0, len(c.next.left))
	for name := range c.next.left {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := c.next.left[a].first(), c.next.left[b].first(); x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		o := c.next.left[name]
		slices.Sort(o.lines)
		at := ""
		for i, n := range o.lines {
			if i == 6 {
				at += " …"
				break
			}
			at += fmt.Sprintf(" %d", n)
		}
		if at != "" {
			at = " (line" + map[bool]string{true: "s"}[len(o.lines) > 1] + strings.ReplaceAll(at[1:], " ", ", ") + ")"
			at = strings.Replace(at, "(line", "(line ", 1)
			at = strings.Replace(at, "(line s", "(lines ", 1)
		}
		lines = append(lines, wrapped("--  ", name+at+": "+o.why, 0)...)
	}
	return lines
}

func (o *omission) first() int {
	if len(o.lines) == 0 {
		return 0
	}
	return slices.Min(o.lines)
}
