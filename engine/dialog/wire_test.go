package dialog_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/sim"
)

// wire checks what this server sends, and what it gets: per dialog (Call-ID and its own tag).
type wire struct {
	legs   map[string]*onWire
	wrong  []string
	passes func(sdp string) bool // nil, or whether what we say was relayed
}

// onWire is what was seen of one dialog.
type onWire struct {
	sent map[string]bool // transactions of ours, by branch
	last uint32          // the highest CSeq number of ours
	// 2xx to our INVITEs, by CSeq number and their tag: when they were sent
	accepted  map[string]time.Duration
	refused   map[string]int    // failures of them, with the code
	acked     map[string]bool   // those of either kind that we have acknowledged
	answered  map[uint32]string // our final answers to their INVITEs
	firstSent map[uint32]time.Duration
	gotAck    map[uint32]bool // ACKs of our 2xx
	byes      int
	offers    offers
	refers    map[uint32]string // REFERs of theirs, by number: what became of them
	finals    map[string]int    // our final answers, by transaction
}

// slowest is how long a message may be on its way.
const slowest = 130 * time.Millisecond

func newWire() *wire { return &wire{legs: map[string]*onWire{}} }

func (w *wire) leg(m *message.Message) *onWire {
	key := string(m.CallID())
	l := w.legs[key]
	if l == nil {
		l = &onWire{sent: map[string]bool{}, accepted: map[string]time.Duration{}, refused: map[string]int{}, acked: map[string]bool{}, answered: map[uint32]string{}, gotAck: map[uint32]bool{}, firstSent: map[uint32]time.Duration{}, refers: map[uint32]string{}, finals: map[string]int{}, offers: offers{over: map[string]bool{}, theirs: map[string]time.Duration{}, ours: map[string]time.Duration{}}}
		w.legs[key] = l
	}
	return l
}

func (w *wire) fault(m *message.Message, format string, args ...any) {
	w.wrong = append(w.wrong, string(m.CallID())+": "+fmt.Sprintf(format, args...))
}

// see takes a message as it is sent.
func (w *wire) see(p sim.Packet, at time.Duration) {
	var m message.Message
	if m.Parse(p.Bytes, &message.Limits{}) != nil {
		return
	}
	cs, err := m.CSeq()
	if err != nil {
		return
	}
	l := w.leg(&m)
	ours := p.From.Addr().String() == "10.0.0.1" // a stream has a port of its own
	w.referring(l, &m, cs, ours, p.Lost)
	if body := string(m.Body()); ours && w.passes != nil && strings.HasPrefix(body, "v=0") && !w.passes(body) {
		w.fault(&m, "a description that was not relayed: %q", body)
	}
	defer l.offers.see(&m, cs, ours, p.Lost, at)
	if via, err := m.TopVia(); err == nil && !m.IsRequest() && ours && m.Status() >= 200 {
		key := string(via.Branch()) + cs.Method.String()
		if was := l.finals[key]; was != 0 && was != m.Status() {
			w.fault(&m, "%s %d was answered %d, and when it came again %d", cs.Method, cs.Number, was, m.Status())
		}
		l.finals[key] = m.Status()
	}
	switch {
	case m.IsRequest() && ours:
		w.sentRequest(l, &m, cs, at)
	case m.IsRequest() && !p.Lost:
		if cs.Method == message.MethodAck {
			l.gotAck[cs.Number] = true
		}
	case !m.IsRequest() && ours && cs.Method == message.MethodInvite && m.Status() >= 200:
		to := fmt.Sprint(m.Status(), string(m.ToTag()))
		if was := l.answered[cs.Number]; was != "" && was != to && m.Status() != 482 {
			w.fault(&m, "INVITE %d was answered %s and %s", cs.Number, was, to)
		}
		l.answered[cs.Number] = to
		if _, again := l.firstSent[cs.Number]; !again && m.Status() < 300 {
			l.firstSent[cs.Number] = at
		}
	case !m.IsRequest() && !ours && !p.Lost && cs.Method == message.MethodInvite && m.Status()/100 == 2:
		if key := fmt.Sprint(cs.Number, string(m.ToTag())); l.accepted[key] == 0 {
			l.accepted[key] = max(at, 1)
		}
	case !m.IsRequest() && !ours && !p.Lost && cs.Method == message.MethodInvite && m.Status() >= 300: // RFC 3261 §17.1.1.3
		l.refused[fmt.Sprint(cs.Number, string(m.ToTag()))] = m.Status()
	}
}

func (w *wire) sentRequest(l *onWire, m *message.Message, cs message.CSeq, at time.Duration) {
	via, err := m.TopVia()
	if err != nil {
		return
	}
	branch := string(via.Branch()) + cs.Method.String()
	again := l.sent[branch]
	l.sent[branch] = true
	switch cs.Method {
	case message.MethodAck:
		l.acked[fmt.Sprint(cs.Number, string(m.ToTag()))] = true
		return
	case message.MethodCancel:
		return
	}
	if again {
		return
	}
	if cs.Number <= l.last && cs.Method != message.MethodBye {
		w.fault(m, "CSeq %d after %d", cs.Number, l.last)
	}
	l.last = max(l.last, cs.Number)
	if len(m.Body()) > 0 && (cs.Method == message.MethodInvite || cs.Method == message.MethodUpdate) {
		if what := l.offers.open(at); what != "" {
			w.fault(m, "an offer in %s %d while %s is open", cs.Method, cs.Number, what)
		}
	}
	if cs.Method != message.MethodBye {
		return
	}
	l.byes++
	for number, first := range l.firstSent {
		if !l.gotAck[number] && at-first < 32*time.Second {
			w.fault(m, "a BYE before the ACK of INVITE %d", number)
		}
	}
	for key, sent := range l.accepted {
		if !l.acked[key] && at-sent > slowest {
			w.fault(m, "a BYE before our ACK %s", key)
		}
	}
}

// check reports what was wrong in the end.
func (w *wire) check(t *testing.T) {
	t.Helper()
	for _, text := range append(w.wrong, w.left()...) {
		t.Error(text)
	}
}

// left is what is missing in the end.
func (w *wire) left() (list []string) {
	for id, l := range w.legs {
		for key := range l.accepted {
			if !l.acked[key] {
				list = append(list, fmt.Sprintf("%s: the 2xx %s has no ACK", id, key))
			}
		}
		for key, code := range l.refused {
			if !l.acked[key] {
				list = append(list, fmt.Sprintf("%s: the %d %s has no ACK", id, code, key))
			}
		}
	}
	return list
}
