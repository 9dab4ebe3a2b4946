package replay

// The report for people.

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// mostShown bounds the rows that people get to see.
const mostShown = 50

// Text is the report in words. It has what peers sent: control characters must be taken out before
// it is printed.
func (r *Report) Text() string {
	var b strings.Builder
	for i := range r.Rows[:min(len(r.Rows), mostShown)] {
		r.Rows[i].write(&b)
	}
	if n := len(r.Rows) - mostShown; n > 0 {
		fmt.Fprintf(&b, "and %d more differences: see --json\n\n", n)
	}
	fmt.Fprintf(&b, "%d requests were replayed, %d compared: %d are decided alike, %d differently\n", r.Requests, r.Compared, r.Same, r.Compared-r.Same)
	if r.Unlike > 0 {
		fmt.Fprintf(&b, "%d of them are decided otherwise than they were then by the script that serves, too: the state is another\n", r.Unlike)
	}
	counts := func(what string, list map[string]int) {
		for _, why := range slices.Sorted(maps.Keys(list)) {
			fmt.Fprintf(&b, "%s: %d (%s)\n", what, list[why], why)
		}
	}
	counts("not compared", r.NotCompared)
	counts("left out", r.LeftOut)
	for _, text := range r.Missing {
		fmt.Fprintf(&b, "state that is missing: %s\n", text)
	}
	for _, text := range r.Loads {
		fmt.Fprintf(&b, "asked outside by the file or a task, in vain: %s\n", text)
	}
	if g := r.Gate; g != nil {
		if g.Passed {
			b.WriteString("the gate is open\n")
		}
		for _, why := range g.Why {
			fmt.Fprintf(&b, "the gate is shut: %s\n", why)
		}
	}
	return b.String()
}

func (r *Row) write(b *strings.Builder) {
	some := "request"
	if r.Count > 1 {
		some = "requests"
	}
	fmt.Fprintf(b, "%d %s %s, such as %s (Call-ID %s)\n", r.Count, r.Method, some, r.Example.URI, r.Example.CallID)
	for _, d := range r.Differences {
		fmt.Fprintf(b, "  %-12s  %s\n  %-12s  %s\n", d.Kind, d.Old, "", "→ "+d.New)
	}
	if was, is := r.Example.Old.lastStep(), r.Example.New.lastStep(); was != "" || is != "" {
		fmt.Fprintf(b, "  %-12s  %s → %s\n", "by", orNone(short(was), "nothing"), orNone(short(is), "nothing"))
	}
	b.WriteString("\n")
}

// short is a step with its file's name alone.
func short(step string) string {
	function, place, ok := strings.Cut(step, " ")
	if !ok {
		return step
	}
	return function + " " + filepath.Base(place)
}
