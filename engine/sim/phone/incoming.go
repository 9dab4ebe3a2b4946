package phone

import (
	"bytes"
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transaction"
)

// This file is about requests that came: keeping, answering and ignoring them.

// hesitation is how long a BYE waits for the test to answer it, before the phone does so by itself.
const hesitation = 100 * time.Millisecond

// Incoming is a request that came to the phone.
type Incoming struct {
	Msg   *message.Message // the request, parsed; it must not be changed
	Taken bool             // for whoever reads the inbox: this one was seen

	p        *Phone
	server   *transaction.Server // nil for ACK and CANCEL
	tag      string
	answered int  // the code of the final answer, 0 before
	byItself bool // the phone answered on its own
	ignored  bool
	dialog   *Dialog // that it belongs to, or made
	timer    lane.Timer
	session  *session // of what makes a dialog, before it is there

	rseq           int       // of the last reliable response
	unacknowledged *reliable // the one without its PRACK
	known          bool      // of a PRACK: it acknowledges a response
}

// Reply is the content of an answer.
type Reply struct {
	Reason      string             // default: the code's
	Headers     []proxy.HeaderEdit // added to the response, after the phone's own
	Body        []byte             // nil for none
	ContentType string             // of Body; "" writes no Content-Type
	Media       Media              // a description in the place of Body
	// A provisional one that is repeated until its PRACK comes (RFC 3262)
	Reliable bool
}

// Phone is the phone whose inbox it is in.
func (r *Incoming) Phone() *Phone { return r.p }

// Method is the request's method.
func (r *Incoming) Method() string { return string(r.Msg.MethodText()) }

// Answered is the code of the final answer, or 0 before there is one.
func (r *Incoming) Answered() int { return r.answered }

// Dialog is the dialog the request belongs to, or made by an answer above 100; nil for none.
func (r *Incoming) Dialog() *Dialog { return r.dialog }

func (p *Phone) add(r *Incoming) {
	p.inbox = append(p.inbox, r)
	p.o.Changed()
}

// newRequest takes a request that wants an answer.
func (p *Phone) newRequest(s *transaction.Server) {
	r := &Incoming{p: p, Msg: s.Req, server: s, tag: s.ToTag()}
	if tag := s.Req.ToTag(); tag != nil {
		r.tag = string(tag)
		r.dialog = p.dialogs[dialogKey{string(s.Req.CallID()), string(tag), string(s.Req.FromTag())}]
	}
	if r.dialog != nil {
		r.dialog.refresh(s.Req)
	}
	switch s.Req.Method() {
	case message.MethodInvite:
		p.invites[s] = r
	case message.MethodBye:
		if r.dialog != nil {
			r.dialog.over = true
		}
		if !p.o.Manual {
			p.lane.After(hesitation, &r.timer, r)
		}
	}
	if r.Method() == "PRACK" {
		if r.known = p.gotPrack(s.Req); !p.o.Manual {
			p.lane.After(hesitation, &r.timer, r)
		}
	}
	p.add(r)
}

// Expire answers a BYE or a PRACK that nobody answered.
func (r *Incoming) Expire(*lane.Timer) {
	if r.answered != 0 || r.ignored {
		return
	}
	code := 200
	if r.dialog == nil || r.Method() == "PRACK" && !r.known {
		code = 481
	}
	r.byItself = true
	r.p.check(r.reply(code, Reply{}))
}

// Reply answers the request. A request that the phone answered by itself may be answered again with
// the same code, which does nothing.
func (r *Incoming) Reply(code int, o Reply) (err error) {
	r.p.do(func() { err = r.reply(code, o) })
	return err
}

func (r *Incoming) reply(code int, o Reply) error {
	switch {
	case code < 100 || code > 699:
		return fmt.Errorf("%d is not a code of a response", code)
	case r.ignored:
		return fmt.Errorf("the %s was ignored before", r.Method())
	case r.byItself && r.answered == code:
		return nil
	case r.byItself && r.answered != 0:
		return fmt.Errorf("the phone has answered the %s %d by itself already", r.Method(), r.answered)
	case r.answered != 0 && !(r.Msg.Method() == message.MethodInvite && r.answered < 300 && code/100 == 2):
		return fmt.Errorf("the %s was answered %d already", r.Method(), r.answered)
	case r.Msg.Method() == message.MethodAck:
		return fmt.Errorf("an ACK is never answered")
	}
	if o.Reliable {
		if err := r.mayRely(code); err != nil {
			return err
		}
		r.rseq++
	}
	m, err := r.response(code, o)
	if err != nil {
		return err
	}
	invite := r.Msg.Method() == message.MethodInvite
	if code >= 200 {
		r.answered = code
		r.settle()
		delete(r.p.invites, r.server)
	}
	if code > 100 && code < 300 && r.dialog == nil && makesDialog(r.Msg) {
		r.dialog = r.p.callee(r)
	}
	if r.dialog != nil && code/100 == 2 && invite {
		r.dialog.confirmed = true
	}
	if o.Reliable {
		r.repeat(m)
	}
	if invite && code/100 == 2 {
		r.p.accept(r, m)
	}
	return r.server.Respond(m)
}

// makesDialog reports whether a 2xx to the request makes a dialog (§12.1, RFC 6665, RFC 3515).
func makesDialog(m *message.Message) bool {
	return m.Method() == message.MethodInvite || string(m.MethodText()) == "SUBSCRIBE"
}

// response writes an answer. A phone that accepts, or may accept, a dialog says where it is reached
// (§12.1.1).
func (r *Incoming) response(code int, o Reply) (*message.Message, error) {
	var headers bytes.Buffer
	method := r.Msg.Method()
	if code > 100 && code < 300 && (makesDialog(r.Msg) || method == message.MethodUpdate) {
		fmt.Fprintf(&headers, "Contact: <%s>\r\n", r.p.dialogContact())
	}
	if o.Reliable {
		fmt.Fprintf(&headers, "Require: 100rel\r\nRSeq: %d\r\n", r.rseq)
	}
	if o.Media.given() {
		offer, _ := ParseSDP(r.Msg.Body())
		o.Body, o.ContentType = []byte(r.describer().describe(&o.Media, offer)), ""
	}
	if len(o.Body) > 0 {
		ct := o.ContentType
		if ct == "" {
			ct = "application/sdp"
		}
		fmt.Fprintf(&headers, "Content-Type: %s\r\n", ct)
	}
	m := &message.Message{}
	text := message.AppendResponse(nil, r.Msg, code, o.Reason, r.tag, headers.Bytes(), o.Body)
	if err := m.Parse(text, &message.Limits{}); err != nil {
		return nil, err
	}
	return m, edit(m, o.Headers)
}

// describer is the session that a description in an answer belongs to.
func (r *Incoming) describer() *session {
	if r.dialog != nil {
		return r.dialog.session()
	}
	if r.session == nil {
		r.session = r.p.newSession()
	}
	return r.session
}

// edit sets the given headers of m; one without values is removed.
func edit(m *message.Message, headers []proxy.HeaderEdit) error {
	for _, h := range headers {
		m.Remove(h.Name)
		for _, v := range h.Values {
			if err := m.Add(h.Name, v); err != nil {
				return fmt.Errorf("header %s: %w", h.Name, err)
			}
		}
	}
	return nil
}

// Ignore makes the phone dead for this request: it answers neither its retransmissions nor its
// CANCEL.
func (r *Incoming) Ignore() (err error) {
	r.p.do(func() {
		if r.answered != 0 || r.server == nil {
			err = fmt.Errorf("the %s was answered %d already", r.Method(), r.answered)
			return
		}
		r.ignored = true
		r.p.ignored[branchKey(r.Msg)] = true
		delete(r.p.invites, r.server)
		r.server.Forget()
	})
	return err
}

// branchKey is what a request has in common with its retransmissions and its CANCEL.
func branchKey(m *message.Message) string {
	via, err := m.TopVia()
	if err != nil {
		return ""
	}
	return string(m.CallID()) + "\x00" + string(via.Branch())
}

// noteCancel keeps a CANCEL, once. It is answered by the transaction layer, also when its INVITE
// was answered before.
func (p *Phone) noteCancel(m *message.Message) {
	key := branchKey(m)
	if p.cancels[key] {
		return
	}
	p.cancels[key] = true
	r := &Incoming{p: p, Msg: keep(m), answered: 481, byItself: true, ignored: p.ignored[key]}
	for _, invite := range p.inbox {
		if invite.Msg.Method() == message.MethodInvite && branchKey(invite.Msg) == key {
			r.answered = 200
		}
	}
	p.add(r)
}
