package proxy

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
)

// A branch whose request differs from the caller's in From, To or CSeq: its responses are changed
// back, and the rest of the dialog, if one begins, has to pass here.

// alteration is what a branch knows about that.
type alteration struct {
	answers Answers // to challenges

	// As they came in from the caller; "" until something was sent that differs.
	cseq, from, to string
	tagged         bool // to has a tag

	carried []byte // credentials that the ACK of a 2xx has, where a witness refused it
}

func (b *Branch) alter() *alteration {
	if b.altered == nil {
		b.altered = &alteration{}
	}
	return b.altered
}

// differs reports whether m, about to be sent, differs from the request in what its responses must
// agree with, and records it if so.
func (b *Branch) differs(m *message.Message) bool {
	x := b.fork.x
	if x.rare().dialog == nil && x.rare().mask == nil && x.rare().renumber == nil && b.altered == nil && len(x.core.steps.known) == 0 || !x.changes(m) {
		return false
	}
	r := x.Req
	a := b.alter()
	a.cseq, a.from, a.to = string(r.Header(message.HeaderCSeq)), string(r.Header(message.HeaderFrom)), string(r.Header(message.HeaderTo))
	a.tagged = r.ToTag() != nil
	return true
}

// restore makes an answer one to the request as it came in.
func (a *alteration) restore(m *message.Message) {
	if a == nil || a.cseq == "" {
		return
	}
	to := a.to
	if tag := m.ToTag(); !a.tagged && tag != nil {
		to += ";tag=" + string(tag)
	}
	_ = m.Set("CSeq", a.cseq)
	_ = m.Set("From", a.from)
	_ = m.Set("To", to)
}

// recordRoute writes our Record-Route if the script asked for it, or if we must stay in the path of
// a dialog whose CSeq numbers were changed.
func (b *Branch) recordRoute(m *message.Message, out side) {
	x := b.fork.x
	begins := b.differs(m) && x.Req.ToTag() == nil && StartsDialog(x.Req.Method())
	if !x.recordRoute && !begins {
		return
	}
	account := x.Req.ToTag() == nil && b.credentials() != nil
	notes := b.rare().notes
	if notes == nil {
		notes = x.rare().notes
	}
	in, params := x.caller, x.rare().recordParams
	if in == nil {
		s := x.callerSide()
		in = &s
	}
	switch {
	case x.rare().dialog != nil: // the entry of a re-INVITE says the same as that of the INVITE
		params = x.core.Signer.state.seal(&x.core.crypt, x.rare().dialog, x.Req.CallID()) + params
	case begins || account || len(notes) > 0: // a side without a challenge now may challenge later
		d := dialog{account: account, notes: notes}
		x.begun(m, &d)
		params = x.core.Signer.state.seal(&x.core.crypt, &d, x.Req.CallID()) + params
	}
	x.writeRecordRoute(m, in, &out, params)
}

// begun notes what was changed in the dialog that m begins.
func (x *Context) begun(m *message.Message, d *dialog) {
	d.caller = x.core.Signer.callerMark(x.Req.FromTag())
	was, err := x.Req.CSeq()
	is, err2 := m.CSeq()
	if err == nil && err2 == nil {
		d.shift = is.Number - was.Number
	}
	var sides masked
	for _, p := range [...]struct {
		id   message.HeaderID
		into *party
	}{{message.HeaderFrom, &sides.from}, {message.HeaderTo, &sides.to}} {
		if bytes.Equal(x.Req.Header(p.id), m.Header(p.id)) {
			continue
		}
		if was, is := partyText(x.Req, p.id), partyText(m, p.id); was != is {
			*p.into = party{was, is}
			d.masked = &masked{sides.from, sides.to}
		}
	}
}
