package agent

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
	"github.com/sipscript/sipscript/engine/transport"
)

// answer is a 2xx to an INVITE that is sent again until its ACK comes (§13.3.1.4).
type answer struct {
	a      *Agent
	key    string
	bytes  []byte
	to     transport.Peer
	next   time.Duration
	until  lane.Time
	timer  lane.Timer
	dialog *Dialog // nil when the INVITE was one within a dialog
	lost   func()
}

// Answer sends 200 to an INVITE with our contact, again and again until it is acknowledged. lost is
// called when no ACK came within 64*T1; it may be nil.
func (a *Agent) Answer(s *transaction.Server, lost func()) { a.answer(s, s.Req, s.ToTag(), lost) }

// AnswerTwice answers as two phones behind a forking proxy do, the second one d later.
func (a *Agent) AnswerTwice(s *transaction.Server, d time.Duration, lost func()) {
	req, tag := s.Req, s.ToTag()
	a.answer(s, req, tag, lost)
	a.After(d, func() { a.answer(s, req, tag+"-second", lost) })
}

func (a *Agent) answer(s *transaction.Server, req *message.Message, tag string, lost func()) {
	res := message.AppendResponse(nil, req, 200, "", tag, []byte(a.contact()), nil)
	if t := req.ToTag(); t != nil {
		tag = string(t)
	}
	w := &answer{a: a, key: ackKey(req, tag), bytes: res, to: s.ReplyTo(), next: 500 * time.Millisecond, until: a.lane.Now().Add(32 * time.Second), lost: lost}
	if req.ToTag() == nil {
		w.dialog = a.callee(req, tag)
	}
	a.acked[w.key] = w
	var m message.Message
	if err := m.Parse(res, &message.Limits{}); err != nil {
		panic(err)
	}
	_ = s.Respond(&m)
	a.lane.After(w.next, &w.timer, w)
}

// Expire sends the 2xx once more.
func (w *answer) Expire(*lane.Timer) {
	if w.a.lane.Now() >= w.until {
		delete(w.a.acked, w.key)
		if w.lost != nil {
			w.lost()
		}
		return
	}
	_ = w.a.wire.Send(&w.to, w.bytes, nil)
	w.next = min(2*w.next, 4*time.Second)
	w.a.lane.After(w.next, &w.timer, w)
}

// ackKey is what the ACK of an answer has in common with its INVITE, and the To tag.
func ackKey(m *message.Message, tag string) string {
	cs, _ := m.CSeq()
	return fmt.Sprintf("%s\x00%d\x00%s\x00%s", m.CallID(), cs.Number, tag, m.FromTag())
}

func (a *Agent) gotAck(m *message.Message) {
	key := ackKey(m, string(m.ToTag()))
	if w := a.acked[key]; w != nil {
		a.lane.StopTimer(&w.timer)
		delete(a.acked, key)
		if w.dialog != nil && a.OnDialog != nil {
			a.OnDialog(w.dialog)
		}
	}
	if a.OnAck != nil {
		a.OnAck(m)
	}
}
