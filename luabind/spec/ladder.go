package spec

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
	drawing "github.com/sipscript/sipscript/internal/ladder"
)

// This file records what went over the links, for the ladder of a test.

// mostHops is how many messages are drawn; of more, the last ones.
const mostHops = 300

// party is a column.
type party = drawing.Party

// hop is one message on its way.
type hop struct {
	drawing.Hop
	text []byte // the message, if ladder.texts
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
	h := hop{Hop: drawing.Hop{At: at, From: behind(p.Sender, p.From), To: behind(p.Target, p.To), Lost: p.Lost}}
	h.Label, h.Note = l.describe(p.From, p.Bytes)
	if l.texts {
		h.text = p.Bytes
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	key := p.From.String() + p.To.String() + string(p.Bytes)
	if l.seen[key] {
		h.Label += " again"
	}
	l.seen[key] = true
	if len(l.hops) == 2*mostHops {
		l.hops = append(l.hops[:0], l.hops[mostHops:]...)
		l.left += mostHops
	}
	l.hops = append(l.hops, h)
}

// describe is a ladder's label for a message, and the place of a script behind it.
func (l *ladder) describe(from netip.AddrPort, b []byte) (label, step string) {
	var m message.Message
	if err := m.Parse(b, &message.Limits{}); err != nil {
		line, _, _ := strings.Cut(string(b), "\r\n")
		return fmt.Sprintf("%.40q", line), ""
	}
	if cseq, err := m.CSeq(); err == nil {
		step = l.steps.of(from.Addr(), &m, cseq.Number)
	}
	return drawing.Label(&m), step
}

// parties are the columns in their order: the first phone, the servers, the other phones.
func (l *ladder) parties() (list []party) {
	list = append(list, l.phones[:min(1, len(l.phones))]...)
	list = append(list, l.servers...)
	return append(list, l.phones[min(1, len(l.phones)):]...)
}

// since are the hops after the first n, and how many there are now.
func (l *ladder) since(n int) ([]hop, int) {
	total := l.left + len(l.hops)
	return l.hops[min(max(0, n-l.left), len(l.hops)):], total
}

// String draws the ladder.
func (l *ladder) String() string {
	return l.draw(l.hops[max(0, len(l.hops)-mostHops):], l.left+max(0, len(l.hops)-mostHops))
}

// draw draws hops, before which left others are left out.
func (l *ladder) draw(hops []hop, left int) string {
	list := make([]drawing.Hop, len(hops))
	for i := range hops {
		list[i] = hops[i].Hop
	}
	return drawing.Draw(l.parties(), list, left)
}
