package dialog

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// stranger is the witness of a request within a call that another node has.
type stranger struct {
	s      *shared
	method message.Method
	notice notice
	sender string // the Contact of a request that may refresh the call
	heard  outcomes
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
	if w.refreshes() {
		w.sender = reachable(r.Reach())
	}
	r.Witness(w)
}

func (w *stranger) refreshes() bool {
	return w.method == message.MethodInvite || w.method == message.MethodUpdate
}

// reachable is the Contact of a party, "" for one that is reached by this node alone.
func reachable(r engine.Reach) string {
	if r.Flow != 0 || r.At != "" {
		return ""
	}
	return r.URI
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
	w.heard.note(a)
	w.saw(a.Asked)
	if code := a.Message.Status(); w.refreshes() && code >= 200 && code < 300 && w.notice.Refresh == nil {
		expires, _ := secondsIn(a.Message, message.HeaderSessionExpires)
		w.notice.Refresh = &refreshed{w.sender, reachable(a.Reach()), expires}
	}
	return true
}

// Ended tells the call's node.
func (w *stranger) Ended(int) {
	if w.notice.Ends = w.heard.endOf(w.method); w.notice.Ends == track.CauseGone {
		w.notice.By, w.notice.Code = track.Nobody, w.heard.code
	}
	w.s.tell(&w.notice)
}

// outcomes are what became of the branches of a request within a call. What a script or the router
// answers is not among them: it says nothing of the other party.
type outcomes struct {
	code        int  // the other party's last, 408 if it was silent; a 2xx stays; 0 for none
	unreachable bool // it could not be sent there
}

func (o *outcomes) note(a *engine.Answer) {
	code := a.Message.Status()
	switch {
	case code < 200 || o.code >= 200 && o.code < 300:
	case a.Cause == "" || a.Cause == proxy.CauseTimeout:
		o.code, o.unreachable = code, false
	case a.Cause == proxy.CauseUnreachable:
		o.unreachable = true
	}
}

// endOf is why what became of a request within a call ends its leg, "" if it does not. A BYE was
// answered, or found nobody (§15.1.1); other requests of the INVITE's usage found nobody
// (§12.2.1.2, RFC 5057 §5.1). Those of other usages say nothing of it, and PRACK is for an early
// dialog.
func (o *outcomes) endOf(method message.Method) string {
	nobody := o.code == 408 || o.code == 481
	switch method {
	case message.MethodBye:
		if nobody || o.unreachable || o.code >= 200 && o.code < 300 {
			return track.CauseBye
		}
	case message.MethodInvite, message.MethodUpdate, message.MethodInfo, message.MethodOptions:
		if nobody {
			return track.CauseGone
		}
	}
	return ""
}
