package spec

// This file looks at drawings.

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/sim"
	drawing "github.com/sipscript/sipscript/internal/ladder"
)

func draw(names []string, hops [][3]string, lost int) string {
	l := ladder{servers: []party{{Name: "server", IP: netip.MustParseAddr("10.0.0.1"), Port: 5060}}}
	for i, name := range names {
		l.phones = append(l.phones, party{Name: name, IP: netip.AddrFrom4([4]byte{10, 0, 1, byte(i + 1)}), Port: 5060})
	}
	for i, h := range hops {
		l.record(time.Duration(i)*time.Second, sim.Packet{From: netip.MustParseAddrPort(h[0]), To: netip.MustParseAddrPort(h[1]),
			Bytes: []byte(h[2]), Lost: i == lost})
	}
	return l.String()
}

const (
	msgInvite  = "INVITE sip:b SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
	msgRinging = "SIP/2.0 180 呼び出し中\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)

// Columns are aligned, whatever is written between them; streams from other ports belong to their
// host.
func TestLadderIsAligned(t *testing.T) {
	out := draw([]string{"alice", "ボブさん"}, [][3]string{
		{"10.0.1.1:5060", "10.0.0.1:5060", msgInvite},
		{"10.0.1.1:5060", "10.0.0.1:5060", msgInvite},
		{"10.0.0.1:40001", "10.0.1.2:5060", msgInvite},
		{"10.0.1.2:5060", "10.0.0.1:5060", msgRinging},
		{"10.0.1.2:5060", "10.0.1.1:5060", msgRinging},
		{"10.0.0.1:5060", "10.0.0.99:5070", "nonsense"},
		{"10.0.0.1:5060", "10.0.0.1:5060", msgInvite},
	}, 1)
	want := `
   seconds   alice                 server                         ボブさん         10.0.0.99:5070
     0.000     |-- INVITE 1 -------->|                                |                  |
     1.000     |-- INVITE 1 again --x|                                |                  |
     2.000     |                     |-- INVITE 1 ------------------->|                  |
     3.000     |                     |<-- 180 呼び出し中 (INVITE 1) --|                  |
     4.000     |<-- 180 呼び出し中 (INVITE 1) ------------------------|                  |
     5.000     |                     |-- "nonsense" --------------------------------------->|
     6.000     |                     |                                |                  |  INVITE 1 (to itself)
`
	lines := strings.Split(strings.TrimSpace(out), "\n")
	wide := drawing.Width(lines[1])
	for i, line := range lines[1:] {
		if w := drawing.Width(line); w != wide && i != 6 {
			t.Errorf("line %d is %d cells wide, not %d", i+1, w, wide)
		}
	}
	for i, line := range strings.Split(strings.TrimSpace(want), "\n") {
		if a, b := strings.Join(strings.Fields(strings.ReplaceAll(line, "-", " ")), " "), strings.Join(strings.Fields(strings.ReplaceAll(lines[i], "-", " ")), " "); a != b {
			t.Errorf("line %d: %q, want %q", i, b, a)
		}
	}
	if t.Failed() {
		t.Logf("\n%s", out)
	}
}

// Of a very long ladder the end is drawn.
func TestLadderIsBounded(t *testing.T) {
	var hops [][3]string
	for range 5 * mostHops {
		hops = append(hops, [3]string{"10.0.1.1:5060", "10.0.0.1:5060", msgInvite})
	}
	out := draw([]string{"alice"}, hops, -1)
	if n := strings.Count(out, "INVITE"); n != mostHops || !strings.Contains(out, "(1200 earlier messages left out)") {
		t.Errorf("%d lines\n%.500s", n, out)
	}
}
