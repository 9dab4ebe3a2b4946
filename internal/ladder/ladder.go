// Package ladder draws who sent what to whom: one column for each party, one line for each message,
// as `sipscript test` and `sipscript trace` show it.
package ladder

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// Party is a column.
type Party struct {
	Name string
	IP   netip.Addr
	Port uint16 // 0: all ports of the address
}

// Hop is one message on its way.
type Hop struct {
	At       time.Duration
	From, To netip.AddrPort
	Label    string
	Note     string // behind the line: what led to it
	Lost     bool   // it did not arrive
}

// TimeWidth is how many cells the time takes at the beginning of a line.
const TimeWidth = 10

// Columns are the parties, and after them those who are in hops and in none of them.
func Columns(list []Party, hops []Hop) []Party {
	list = list[:len(list):len(list)]
	for _, h := range hops {
		for _, a := range []netip.AddrPort{h.From, h.To} {
			if find(list, a) < 0 {
				list = append(list, Party{a.String(), a.Addr(), a.Port()})
			}
		}
	}
	return list
}

// find is the column of an address: the one of its port, or the only one of its host, whose streams
// have other ports.
func find(list []Party, a netip.AddrPort) int {
	host := -1
	for i, p := range list {
		if p.IP != a.Addr() {
			continue
		}
		if p.Port == a.Port() {
			return i
		}
		host = i
	}
	return host
}

// Label is a ladder's label for a message: its method or status and its CSeq.
func Label(m *message.Message) string {
	cseq, err := m.CSeq()
	switch {
	case err != nil && m.IsRequest():
		return string(m.MethodText())
	case err != nil:
		return fmt.Sprintf("%d %s", m.Status(), m.ReasonPhrase())
	case m.IsRequest():
		return fmt.Sprintf("%s %d", m.MethodText(), cseq.Number)
	}
	return fmt.Sprintf("%d %s (%s %d)", m.Status(), m.ReasonPhrase(), cseq.Text, cseq.Number)
}

// Draw draws hops, before which left others are left out. Parties that no message touches have
// columns too.
func Draw(parties []Party, hops []Hop, left int) string {
	d := NewDrawing(parties, hops)
	if len(d.columns) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(d.Header())
	if left > 0 {
		fmt.Fprintf(&b, "%*s  (%d earlier messages left out)\n", TimeWidth, "", left)
	}
	for _, h := range hops {
		b.WriteString(d.Line(h))
	}
	return b.String()
}

// Drawing is a ladder whose lines are drawn one by one.
type Drawing struct {
	columns []Party
	gaps    []int
}

// NewDrawing makes room for the hops.
func NewDrawing(parties []Party, hops []Hop) *Drawing {
	d := &Drawing{columns: Columns(parties, hops)}
	d.gaps = widths(d.columns, hops)
	return d
}

// widths are those between columns: the first before the first one, the next between it and the
// second.
func widths(list []Party, hops []Hop) []int {
	gaps := make([]int, len(list))
	for i, p := range list {
		half := Width(p.Name)/2 + 1
		gaps[i] += half
		if i+1 < len(list) {
			gaps[i+1] = max(gaps[i+1], half)
		}
		if i > 0 {
			gaps[i] = max(gaps[i], 16)
		}
	}
	for _, h := range hops {
		i, j := find(list, h.From), find(list, h.To)
		if i > j {
			i, j = j, i
		}
		room := j - i - 1 // the lines crossed
		for k := i + 1; k <= j; k++ {
			room += gaps[k]
		}
		if need := Width(h.Label) + 7; i != j && room < need {
			gaps[j] += need - room
		}
	}
	return gaps
}

// Header is the line with the parties' names.
func (d *Drawing) Header() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%*s  ", TimeWidth, "seconds")
	at, line := 0, 0 // cells written, and the cell of the column's line
	for i, p := range d.columns {
		line += d.gaps[i]
		if i > 0 {
			line++
		}
		start := max(line-Width(p.Name)/2, at)
		b.WriteString(strings.Repeat(" ", start-at) + p.Name)
		at = start + Width(p.Name)
	}
	b.WriteString("\n")
	return b.String()
}

// Line draws one message. Columns it doesn't touch are drawn as lines.
func (d *Drawing) Line(h Hop) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%*.3f  ", TimeWidth, h.At.Seconds())
	from, to := find(d.columns, h.From), find(d.columns, h.To)
	lo, hi := min(from, to), max(from, to)
	for i := range d.columns {
		switch {
		case i <= lo || i > hi:
			b.WriteString(strings.Repeat(" ", d.gaps[i]) + "|")
		case i == hi:
			room := hi - lo - 1
			for k := lo + 1; k <= hi; k++ {
				room += d.gaps[k]
			}
			b.WriteString(arrow(h, room, from < to) + "|")
		}
	}
	if from == to {
		b.WriteString("  " + h.Label + " (to itself)")
	}
	if h.Note != "" {
		b.WriteString("  " + h.Note)
	}
	b.WriteString("\n")
	return b.String()
}

// arrow is one message between two lines that are room cells apart. One that was lost doesn't
// arrive.
func arrow(h Hop, room int, right bool) string {
	text := " " + h.Label + " "
	dashes := room - Width(text) - 1
	head, tail := 2, max(dashes-2, 0)
	end := ">"
	switch {
	case h.Lost:
		end = "x"
	case !right:
		end = "<"
	}
	if right {
		return strings.Repeat("-", head) + text + strings.Repeat("-", tail) + end
	}
	return end + strings.Repeat("-", head) + text + strings.Repeat("-", tail)
}
