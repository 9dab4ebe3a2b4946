package dialog

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// stranger is the witness of a request within a call that another node has.
type stranger struct {
	s      *shared
	method message.Method
	notice notice
}

// strange follows a request whose call is not here.
func (s *shared) strange(r *engine.Request, id track.ID) {
	if s == nil || r.Method() == message.MethodAck {
		return
	}
	w := &stranger{s: s, method: r.Method(), notice: notice{ID: id, By: track.Callee, Tag: string(r.Message().FromTag())}}
	if r.ByCaller() {
		w.notice.By, w.notice.Tag = track.Caller, string(r.Message().ToTag())
	}
	r.Witness(w)
}

// Sending notes the number that the other party sees.
func (w *stranger) Sending(b *engine.Branch) {
	if cs, err := b.Message().CSeq(); err == nil {
		w.saw(cs.Number)
	}
}

func (w *stranger) saw(n uint32) {
	if w.notice.By == track.Caller {
		w.notice.ToCallee = max(w.notice.ToCallee, n)
	} else {
		w.notice.ToCaller = max(w.notice.ToCaller, n)
	}
}

// Answering notes the number that was answered.
func (w *stranger) Answering(a *engine.Answer) bool {
	w.saw(a.Asked)
	return true
}

// Ended tells the call's node.
func (w *stranger) Ended(code int) {
	if w.notice.Ends = endOf(w.method, code); w.notice.Ends == track.CauseGone {
		w.notice.By, w.notice.Code = track.Nobody, code
	}
	w.s.tell(&w.notice)
}

// endOf is why the answer to a request within a call ends its leg, "" if it does not: a BYE, except
// for a challenge of it (§15.1.1), or one that found nobody (§12.2.1.2, RFC 5057 §5.1).
func endOf(method message.Method, code int) string {
	switch {
	case method == message.MethodBye && code != 0 && code != 401 && code != 407:
		return track.CauseBye
	case code == 408 || code == 481:
		return track.CauseGone
	}
	return ""
}
