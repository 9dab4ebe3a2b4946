package proxy

import (
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// A branch that itself answers the challenge of its target's server, and what that changes: the
// request is sent again with another CSeq number, so this server has to stay between the two sides
// of the dialog for good.

// credentials are those that may be sent to the branch's target: its own, or the fork's. A contact
// from a redirect is a stranger. Within a dialog they are for the side they were meant for when it
// began, whether or not it challenged then, and for no other.
func (b *Branch) credentials() *Credentials {
	t, x := b.target, b.fork.x
	switch {
	case t.Credentials != nil:
		return t.Credentials
	case t.found:
		return nil
	case t == vouched && (x.rare().dialog == nil || !x.rare().dialog.account || !x.byCaller()):
		return nil
	}
	return b.fork.opts.Defaults.Credentials
}

// challenged sends the branch again to where the challenge res came from, with credentials and in a
// new transaction. It returns false if the challenge is to be treated like any other response.
func (b *Branch) challenged(c *transaction.Client, res *message.Message) bool {
	x := b.fork.x
	// The request may have been returned to the pool.
	if b.msg == nil || b.done || b.cancelled || b.fork.closed || x.over {
		return false
	}
	cr := b.credentials()
	if cr == nil || !b.alter().answers.Answer(b.msg, res, cr, x.core.Random) {
		return false
	}
	if cs, err := x.Req.CSeq(); err == nil && x.Req.ToTag() != nil && cs.Method != message.MethodBye {
		x.core.steps.add(x.Req.CallID(), x.Req.FromTag(), cs.Number)
	}
	if b.heard, b.early, b.ringing = false, false, false; b.extra != nil {
		b.extra.ringAt = 0
	}
	to := *c.To()
	b.launch(to)
	return true
}
