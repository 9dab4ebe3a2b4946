package dialog

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// A blind transfer: one party is told to call somebody else (REFER, RFC 3515), in the name of the
// other. What it tells about that call (NOTIFY) is for this server alone; when the target has
// answered, both parties get a BYE (RFC 5589 §6.1).

// DefaultTransferTime is how long a transfer may take.
const DefaultTransferTime = 60 * time.Second

// errReferTo is the error for a target that is not one.
var errReferTo = errors.New("the target is not a sip or sips URI")

// TransferOptions say how a call is transferred. All may be zero.
type TransferOptions struct {
	Callee  bool          // the callee calls the target; otherwise the caller
	Timeout time.Duration // until the target has answered; 0: DefaultTransferTime
}

// Transfer has one party call the target instead. It returns at once; done is called on the call's
// lane, with nil when the target has answered, and the call ends; otherwise the call goes on.
// false: the server is overloaded, and done is not called.
func (c *Call) Transfer(target string, o TransferOptions, done func(error)) bool {
	return c.begin(func() { c.transfer(target, o, done) })
}

// referral is a transfer in progress.
type referral struct {
	toCallee bool   // who was told
	number   uint32 // of the REFER
}

func (c *Call) transfer(target string, o TransferOptions, done func(error)) {
	u, err := message.ParseURI([]byte(target))
	if err != nil || !u.IsSIP() || len(target) > 1024 || strings.ContainsAny(target, "<>\"\r\n \t\x00") {
		done(errReferTo)
		return
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTransferTime
	}
	c.do(func(a *asking, _ *View, _ *track.Leg) {
		s := a.request("REFER", o.Callee)
		a.refer = &referral{toCallee: o.Callee, number: s.CSeq}
		c.referred(a.tag, track.Refer{ToCallee: o.Callee, Ours: true, Number: s.CSeq, Asked: s.CSeq})
		by := aor(uriOf(s.From)) // as the party is shown the other
		s.Headers = append(s.Headers, engine.HeaderEdit{Name: "Refer-To", Values: []string{"<" + target + ">"}},
			engine.HeaderEdit{Name: "Referred-By", Values: []string{"<" + by + ">"}})
		a.after(o.Timeout, func() {
			if a.c.State() == track.Ended {
				a.finish(ErrOver)
				return
			}
			a.finish(&RefusedError{a.refer.who(), 408})
		})
		c.send(s, func(res *engine.Response, err error) {
			if err == nil && res.Code() < 300 {
				return
			}
			if err == nil {
				c.unreferred(a.tag, o.Callee, s.CSeq)
			}
			if a.over {
				return
			}
			a.refused(a.refer.who(), res, err)
		})
	}, done)
}

// who was told to call.
func (f *referral) who() track.Who {
	if f.toCallee {
		return track.Callee
	}
	return track.Caller
}

// notified takes a NOTIFY of the party that was told about its call.
func (f *referral) notified(a *asking, m *message.Message, final bool) {
	code := fragment(m.Body())
	switch c := a.c; {
	case code >= 200 && code < 300:
		a.finish(nil)
		c.end(track.CauseTransferred, "")
	case code >= 300 || final:
		a.finish(&RefusedError{f.who(), max(code, 300)})
	}
}

// fragment is the code of a message/sipfrag (RFC 3420), 0 for none.
func fragment(text []byte) int {
	rest, ok := bytes.CutPrefix(text, []byte("SIP/2.0 "))
	if !ok || len(rest) < 3 {
		return 0
	}
	code, err := strconv.Atoi(string(rest[:3]))
	if err != nil || code < 100 || code > 699 {
		return 0
	}
	return code
}
