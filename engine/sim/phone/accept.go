package phone

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file repeats a 2xx until its ACK has come (§13.3.1.4).

const (
	t1     = 500 * time.Millisecond
	t2     = 4 * time.Second
	giveUp = 64 * t1
)

// accepted is a 2xx to an INVITE without its ACK.
type accepted struct {
	p      *Phone
	key    string
	bytes  []byte
	to     transport.Peer
	next   time.Duration
	until  lane.Time
	timer  lane.Timer
	dialog *Dialog
}

// accept starts to repeat m, which is about to be sent as the answer to r.
func (p *Phone) accept(r *Incoming, m *message.Message) {
	key := ackKey(r.Msg, string(m.ToTag()))
	if w := p.waiting[key]; w != nil {
		p.lane.StopTimer(&w.timer)
	}
	w := &accepted{p: p, key: key, bytes: m.AppendTo(nil), to: r.server.ReplyTo(), next: t1, until: p.lane.Now().Add(giveUp), dialog: r.dialog}
	p.waiting[key] = w
	p.lane.After(w.next, &w.timer, w)
}

// Expire sends the 2xx once more; when nobody acknowledged it for long enough, the phone hangs up.
func (w *accepted) Expire(*lane.Timer) {
	if w.p.lane.Now() >= w.until {
		delete(w.p.waiting, w.key)
		if w.dialog != nil && !w.dialog.over {
			w.dialog.send(Spec{Method: "BYE"})
		}
		return
	}
	_ = w.p.wire.Send(&w.to, w.bytes, nil) // a connection that broke takes the call with it
	w.next = min(2*w.next, t2)
	w.p.lane.After(min(w.next, w.until.Sub(w.p.lane.Now())), &w.timer, w)
}

// ackKey is what an ACK has in common with the INVITE and the tag of its answer.
func ackKey(m *message.Message, tag string) string {
	cseq, _ := m.CSeq()
	return fmt.Sprintf("%s\x00%d\x00%s\x00%s", m.CallID(), cseq.Number, tag, m.FromTag())
}

// gotAck takes the ACK of a 2xx. Those that come again, and those of nothing, are dropped, as
// phones do.
func (p *Phone) gotAck(m *message.Message) {
	key := ackKey(m, string(m.ToTag()))
	w := p.waiting[key]
	if w == nil {
		return
	}
	p.lane.StopTimer(&w.timer)
	delete(p.waiting, key)
	p.add(&Incoming{p: p, Msg: keep(m), dialog: w.dialog})
}
