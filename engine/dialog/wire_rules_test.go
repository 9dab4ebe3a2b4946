package dialog_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// offers are those of one dialog that have no answer, and when each was sent. Who is told of an
// answer is not known, so one that was sent counts.
type offers struct {
	ours, theirs map[string]time.Duration
	over         map[string]bool // those that have one: their requests may be repeated meanwhile
}

// open is an offer that certainly is one for this server; "" for none.
func (o *offers) open(at time.Duration) string {
	for what := range o.ours {
		return "ours in " + what
	}
	for what, sent := range o.theirs {
		if at-sent > slowest {
			return "theirs in " + what
		}
	}
	return ""
}

// see takes a message as it is sent.
func (o *offers) see(m *message.Message, cs message.CSeq, ours, lost bool, at time.Duration) {
	mine, other := o.ours, o.theirs
	if !ours {
		mine, other = other, mine
	}
	key := fmt.Sprint(cs.Method, " ", cs.Number)
	late := "the 2xx of INVITE " + fmt.Sprint(cs.Number)
	has := len(m.Body()) > 0
	offering := cs.Method == message.MethodInvite || cs.Method == message.MethodUpdate
	switch {
	case m.IsRequest() && cs.Method == message.MethodAck:
		if ours || !lost {
			delete(other, late)
		}
	case m.IsRequest() && cs.Method == message.MethodBye:
		if ours || !lost {
			clear(o.ours)
			clear(o.theirs)
		}
	case m.IsRequest() && offering && has && (ours || !lost):
		if _, again := mine[key]; !again && !o.over[fmt.Sprint(ours, key)] {
			mine[key] = at
		}
	case m.IsRequest() || !offering || lost && !ours || m.Status() <= 100:
	case m.Status() >= 200 || has && m.HeaderName("RSeq") != nil:
		_, asked := other[key]
		delete(other, key)
		o.over[fmt.Sprint(!ours, key)] = true
		if m.Status()/100 == 2 && has && !asked && cs.Method == message.MethodInvite {
			if _, again := mine[late]; !again {
				mine[late] = at
			}
		}
	}
}

// referring checks REFERs: 202 before the first NOTIFY, and the last NOTIFY before the BYE.
func (w *wire) referring(l *onWire, m *message.Message, cs message.CSeq, ours, lost bool) {
	switch {
	case !ours:
		if !m.IsRequest() && !lost && cs.Method == message.MethodNotify && (m.Status() == 481 || m.Status() == 489) {
			for id := range l.refers { // the party wants no more of them
				l.refers[id] = "over"
			}
		}
	case !m.IsRequest() && cs.Method == message.MethodRefer && m.Status()/100 == 2:
		if l.refers[cs.Number] == "" {
			l.refers[cs.Number] = "open"
		}
		if string(m.HeaderName("Refer-Sub")) == "false" {
			l.refers[cs.Number] = "over"
		}
	case m.IsRequest() && cs.Method == message.MethodNotify:
		var id uint32
		_, _ = fmt.Sscanf(string(m.HeaderName("Event")), "refer;id=%d", &id)
		if l.refers[id] == "" {
			w.fault(m, "a NOTIFY before the 202 of REFER %d", id)
		}
		if via, err := m.TopVia(); l.byes > 0 && err == nil && !l.sent[string(via.Branch())+cs.Method.String()] {
			w.fault(m, "a NOTIFY after the BYE")
		}
		if strings.HasPrefix(string(m.HeaderName("Subscription-State")), "terminated") {
			l.refers[id] = "over"
		}
	case m.IsRequest() && cs.Method == message.MethodBye:
		for id, state := range l.refers {
			if state == "open" {
				w.fault(m, "a BYE before the last NOTIFY of REFER %d", id)
			}
		}
	}
}

// Each rule of the wire finds what breaks it.
func TestWireFinds(t *testing.T) {
	const sdp = "v=0"
	type packet struct {
		ours       bool
		first, tag string // the start line, and the tag of To
		cseq       string
		more, body string
		// It is of the transaction of so many before; without first the same once more
		again int
	}
	us := func(first, cseq, more, body string) packet { return packet{true, first, "b", cseq, more, body, 0} }
	them := func(first, cseq, more, body string) packet { return packet{false, first, "b", cseq, more, body, 0} }
	const r, ok = "%s sip:x@h SIP/2.0", "SIP/2.0 200 OK"
	for _, c := range []struct {
		want string
		list []packet
	}{
		{"a NOTIFY before the 202", []packet{us("NOTIFY", "2 NOTIFY", "Event: refer;id=7\r\nSubscription-State: active\r\n", "")}},
		{"a BYE before the last NOTIFY", []packet{us("SIP/2.0 202 A", "7 REFER", "", ""), us("BYE", "3 BYE", "", "")}},
		{"a NOTIFY after the BYE", []packet{us("SIP/2.0 202 A", "7 REFER", "", ""), us("NOTIFY", "2 NOTIFY", "Event: refer;id=7\r\nSubscription-State: terminated\r\n", ""),
			us("BYE", "3 BYE", "", ""), us("NOTIFY", "4 NOTIFY", "Event: refer;id=7\r\nSubscription-State: terminated\r\n", "")}},
		{"while ours in INVITE 2", []packet{us("INVITE", "2 INVITE", "", sdp), us("UPDATE", "3 UPDATE", "", sdp)}},
		{"while theirs in INVITE 9", []packet{them("INVITE", "9 INVITE", "", sdp), us("INVITE", "3 INVITE", "", sdp)}},
		{"while theirs in the 2xx", []packet{us("INVITE", "2 INVITE", "", ""), them(ok, "2 INVITE", "", sdp), us("INVITE", "3 INVITE", "", sdp)}},
		{"", []packet{us("INVITE", "2 INVITE", "", sdp), them(ok, "2 INVITE", "", sdp), us("ACK", "2 ACK", "", ""), us("INVITE", "3 INVITE", "", sdp), them(ok, "3 INVITE", "", sdp), us("ACK", "3 ACK", "", "")}},
		{"", []packet{us("UPDATE", "2 UPDATE", "", sdp), them(ok, "2 UPDATE", "", sdp), {again: 2}, us("INVITE", "3 INVITE", "", sdp), them("SIP/2.0 486 B", "3 INVITE", "", ""), us("ACK", "3 ACK", "", "")}},
		{"answered 200, and when it came again 500", []packet{us("SIP/2.0 200 OK", "2 INFO", "", ""), {true, "SIP/2.0 500 No", "b", "2 INFO", "", "", 1}}},
		{"CSeq 2 after 3", []packet{us("INFO", "3 INFO", "", ""), us("INFO", "2 INFO", "", "")}},
		{"has no ACK", []packet{us("INVITE", "2 INVITE", "", sdp), them(ok, "2 INVITE", "", sdp)}},
		{"the 486 2b has no ACK", []packet{us("INVITE", "2 INVITE", "", sdp), them("SIP/2.0 486 B", "2 INVITE", "", "")}},
		{"", []packet{us("INVITE", "2 INVITE", "", sdp), them("SIP/2.0 486 B", "2 INVITE", "", ""), us("ACK", "2 ACK", "", "")}},
		{"a BYE before our ACK", []packet{us("INVITE", "2 INVITE", "", sdp), them(ok, "2 INVITE", "", sdp), us("BYE", "3 BYE", "", ""), us("ACK", "2 ACK", "", "")}},
		{"a BYE before the ACK of INVITE 9", []packet{them("INVITE", "9 INVITE", "", sdp), us(ok, "9 INVITE", "", sdp), us("BYE", "3 BYE", "", "")}},
		{"was answered", []packet{them("INVITE", "9 INVITE", "", sdp), us(ok, "9 INVITE", "", sdp), us("SIP/2.0 486 B", "9 INVITE", "", ""), them("ACK", "9 ACK", "", "")}},
	} {
		t.Run(c.want, func(t *testing.T) {
			w := newWire()
			for i, p := range c.list {
				at := i
				if p.again > 0 {
					if at = i - p.again; p.first == "" {
						p = c.list[at]
					}
				}
				first := p.first
				if !strings.HasPrefix(first, "SIP") {
					first = fmt.Sprintf(r, first)
				}
				body := p.body
				text := fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nFrom: <sip:a@h>;tag=a\r\nTo: <sip:b@h>;tag=%s\r\nCall-ID: c\r\nCSeq: %s\r\nMax-Forwards: 70\r\n%sContent-Length: %d\r\n\r\n%s",
					first, at, p.tag, p.cseq, p.more, len(body), body)
				from := netip.MustParseAddrPort("10.0.1.1:5060")
				if p.ours {
					from = netip.MustParseAddrPort(here)
				}
				w.see(sim.Packet{From: from, Bytes: []byte(text)}, time.Duration(i+1)*time.Second)
			}
			got := strings.Join(append(w.wrong, w.left()...), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q", got)
			}
		})
	}
}
