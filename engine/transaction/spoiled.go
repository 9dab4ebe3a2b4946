package transaction

import "github.com/sipscript/sipscript/engine/message"

// This file handles final responses that cannot be read well enough to be forwarded. If the
// transaction kept waiting, its caller would hear nothing for 32 s, so it ends with a 502 made
// here.

// Spoiled takes a response that is malformed. It reports false when nothing comes of it: for a
// provisional one, since a final one follows; for one that matches no client transaction which
// waits for it; and for one cut off on the way, which MUST be dropped (§18.3) and is sent again.
func (l *Layer) Spoiled(a *Arrival) bool {
	if a.Msg.IsRequest() || a.Msg.Status() < 200 || a.Msg.CutOff() {
		return false
	}
	via, err := a.Msg.TopVia()
	if err != nil {
		return false
	}
	cseq, err := a.Msg.CSeq()
	if err != nil {
		return false
	}
	c := l.clientOf(&via, &cseq)
	if c == nil {
		return false
	}
	switch c.state {
	case Calling, Trying, Proceeding:
		return c.spoiled(a)
	case Completed: // it came again: so does the ACK
		if a.Msg.Status() >= 300 {
			c.feed(ev3xx, a)
			return true
		}
	}
	return false
}

// spoiled ends c, which waits for a final response, with a 502 in place of what arrived.
func (c *Client) spoiled(a *Arrival) bool {
	l := c.terms.layer
	var req, res message.Message
	if req.Parse(c.sent, &ownLimits) != nil {
		return false
	}
	tag := string(a.Msg.ToTag()) // by which the peer knows its ACK
	if tag == "" {
		tag = string(appendHex(nil, l.options.Random()))
	}
	text := message.AppendResponse(nil, &req, 502, "", tag, l.lines(nil), nil)
	if res.Parse(text, &ownLimits) != nil {
		return false
	}
	in := *a
	in.Msg = &res
	if c.method == message.MethodInvite && a.Msg.Status() < 300 {
		// A callee whose 2xx is not acknowledged hangs up (§13.3.1.4); an ACK would leave it alone
		// in a call.
		owner := c.owner
		c.owner = nil
		c.feed(evError, nil)
		if owner != nil {
			owner.Response(c, &res)
		}
		return true
	}
	c.feed(ev3xx, &in)
	return true
}
