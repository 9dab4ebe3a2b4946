package spec

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// This file draws what went over the links: one column for each party, one line for each message.

// mostHops is how many messages are drawn; of more, the last ones.
const mostHops = 300

// party is a column.
type party struct {
	name string
	ip   netip.Addr
	port uint16
}

// hop is one message on its way.
type hop struct {
	at       time.Duration
	from, to netip.AddrPort
	label    string
	step     string // the place of the script behind it
	lost     bool
	text     []byte // the message, if ladder.texts
}

// ladder is what happened in one world.
type ladder struct {
	servers, phones []party
	hops            []hop
	seen            map[string]bool
	left            int  // hops that are not kept
	texts           bool // keep the messages' bytes
	steps           steps
}

// record records a message. It is called with the network's lock held.
func (l *ladder) record(at time.Duration, p sim.Packet) {
	if len(p.Bytes) == 0 || p.Bytes[0] < ' ' { // a keep-alive, of which there are many
		return
	}
	h := hop{at: at, from: behind(p.Sender, p.From), to: behind(p.Target, p.To), lost: p.Lost}
	h.label, h.step = l.describe(p.From, p.Bytes)
	if l.texts {
		h.text = p.Bytes
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	key := p.From.String() + p.To.String() + string(p.Bytes)
	if l.seen[key] {
		h.label += " again"
	}
	l.seen[key] = true
	if len(l.hops) == 2*mostHops {
		l.hops = append(l.hops[:0], l.hops[mostHops:]...)
		l.left += mostHops
	}
	l.hops = append(l.hops, h)
}

// describe is a ladder's label for a message, its method or status and its CSeq, and the place of a
// script behind it.
func (l *ladder) describe(from netip.AddrPort, b []byte) (label, step string) {
	var m message.Message
	if err := m.Parse(b, &message.Limits{}); err != nil {
		line, _, _ := strings.Cut(string(b), "\r\n")
		return fmt.Sprintf("%.40q", line), ""
	}
	cseq, err := m.CSeq()
	switch {
	case err != nil && m.IsRequest():
		return string(m.MethodText()), ""
	case err != nil:
		return fmt.Sprintf("%d %s", m.Status(), m.ReasonPhrase()), ""
	}
	step = l.steps.of(from.Addr(), &m, cseq.Number)
	if m.IsRequest() {
		return fmt.Sprintf("%s %d", m.MethodText(), cseq.Number), step
	}
	return fmt.Sprintf("%d %s (%s %d)", m.Status(), m.ReasonPhrase(), cseq.Text, cseq.Number), step
}

// columns are the parties in the order they are drawn: the first phone, the servers, the other
// phones, and other participants.
func (l *ladder) columns(hops []hop) []party {
	var list []party
	if len(l.phones) > 0 {
		list = append(list, l.phones[0])
	}
	list = append(list, l.servers...)
	if len(l.phones) > 1 {
		list = append(list, l.phones[1:]...)
	}
	for _, h := range hops {
		for _, a := range []netip.AddrPort{h.from, h.to} {
			if find(list, a) < 0 {
				list = append(list, party{a.String(), a.Addr(), a.Port()})
			}
		}
	}
	return list
}

// find is the column of an address: the one of its port, or the only one of its host, whose streams
// have other ports.
func find(list []party, a netip.AddrPort) int {
	host := -1
	for i, p := range list {
		if p.ip != a.Addr() {
			continue
		}
		if p.port == a.Port() {
			return i
		}
		host = i
	}
	return host
}

// since are the hops after the first n, and how many there are now.
func (l *ladder) since(n int) ([]hop, int) {
	total := l.left + len(l.hops)
	return l.hops[min(max(0, n-l.left), len(l.hops)):], total
}

const timeWidth = 10

// String draws the ladder.
func (l *ladder) String() string {
	return l.draw(l.hops[max(0, len(l.hops)-mostHops):], l.left+max(0, len(l.hops)-mostHops))
}

// draw draws hops, before which left others are left out.
func (l *ladder) draw(hops []hop, left int) string {
	list := l.columns(hops)
	if len(list) == 0 {
		return ""
	}
	gaps := l.gaps(list, hops)
	var b strings.Builder
	l.header(&b, list, gaps)
	if left > 0 {
		fmt.Fprintf(&b, "%*s  (%d earlier messages left out)\n", timeWidth, "", left)
	}
	for _, h := range hops {
		l.line(&b, h, list, gaps)
	}
	return b.String()
}

// gaps are the widths between columns: gaps[0] before the first one, gaps[i] between columns i-1
// and i.
func (l *ladder) gaps(list []party, hops []hop) []int {
	gaps := make([]int, len(list))
	for i, p := range list {
		half := width(p.name)/2 + 1
		gaps[i] += half
		if i+1 < len(list) {
			gaps[i+1] = max(gaps[i+1], half)
		}
		if i > 0 {
			gaps[i] = max(gaps[i], 16)
		}
	}
	for _, h := range hops {
		i, j := find(list, h.from), find(list, h.to)
		if i > j {
			i, j = j, i
		}
		room := j - i - 1 // the lines crossed
		for k := i + 1; k <= j; k++ {
			room += gaps[k]
		}
		if need := width(h.label) + 7; i != j && room < need {
			gaps[j] += need - room
		}
	}
	return gaps
}

func (l *ladder) header(b *strings.Builder, list []party, gaps []int) {
	fmt.Fprintf(b, "%*s  ", timeWidth, "seconds")
	at, line := 0, 0 // cells written, and the cell of the column's line
	for i, p := range list {
		line += gaps[i]
		if i > 0 {
			line++
		}
		start := max(line-width(p.name)/2, at)
		b.WriteString(strings.Repeat(" ", start-at) + p.name)
		at = start + width(p.name)
	}
	b.WriteString("\n")
}

// line draws one message. Columns it doesn't touch are drawn as lines.
func (l *ladder) line(b *strings.Builder, h hop, list []party, gaps []int) {
	fmt.Fprintf(b, "%*.3f  ", timeWidth, h.at.Seconds())
	from, to := find(list, h.from), find(list, h.to)
	lo, hi := min(from, to), max(from, to)
	for i := range list {
		switch {
		case i <= lo || i > hi:
			b.WriteString(strings.Repeat(" ", gaps[i]) + "|")
		case i == hi:
			room := hi - lo - 1
			for k := lo + 1; k <= hi; k++ {
				room += gaps[k]
			}
			b.WriteString(arrow(h, room, from < to) + "|")
		}
	}
	if from == to {
		b.WriteString("  " + h.label + " (to itself)")
	}
	if h.step != "" {
		b.WriteString("  " + h.step)
	}
	b.WriteString("\n")
}

// arrow is one message between two lines that are room cells apart. One that the link lost doesn't
// arrive.
func arrow(h hop, room int, right bool) string {
	text := " " + h.label + " "
	dashes := room - width(text) - 1
	head, tail := 2, max(dashes-2, 0)
	end := ">"
	switch {
	case h.lost:
		end = "x"
	case !right:
		end = "<"
	}
	if right {
		return strings.Repeat("-", head) + text + strings.Repeat("-", tail) + end
	}
	return end + strings.Repeat("-", head) + text + strings.Repeat("-", tail)
}
