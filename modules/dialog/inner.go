package dialog

import (
	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/dialog/track"
)

// Intercept follows the later requests of tracked calls; the router decides on them as on others.
func (d *Dialogs) Intercept(r *engine.Request) (bool, error) {
	if !r.InDialog() {
		return false, nil
	}
	note := r.Carried(noteName)
	if len(note) != len(track.ID{}) {
		return false, nil
	}
	if _, ours := r.RouteParams(); !ours {
		return false, nil
	}
	id := track.ID([]byte(note))
	c := d.table.get(id)
	if c == nil {
		if d.lingers.takes(r, id) {
			return true, nil
		}
		d.shared.strange(r, id)
		return false, nil
	}
	byCaller, tag := r.ByCaller(), r.Message().FromTag()
	if byCaller {
		tag = r.Message().ToTag()
	}
	c.mu.Lock()
	l := c.t.LegOf(tag)
	c.mu.Unlock()
	if l == nil {
		return false, nil
	}
	i := inner{call: c, method: r.Method(), byCaller: byCaller, tag: l.Tag}
	if c.tellsUs(r, &i) || c.asks.interrupts(r, &i) {
		return true, nil
	}
	c.renumber(r, l.Own, byCaller)
	c.renewRequest(r, byCaller)
	if s := c.sessionTimer; s != nil && i.refreshes() {
		if err := s.tooShort(r); err != nil {
			return true, nil
		}
	}
	i.came(r)
	if i.method != message.MethodAck {
		if i.refreshes() {
			c.negotiating++
		}
		own := i // of an ACK there is nothing to be seen
		r.Witness(&own)
	}
	return false, nil
}

// inner is the witness of a request within a call.
type inner struct {
	call     *Call
	method   message.Method
	byCaller bool
	tag      string        // the callee's
	refresh  *engine.Reach // of the sender, once the request is accepted; nil for none
	own      uint32        // its number, as the sender wrote it
	before   uint32        // the number of the sender's last request before it
	refer    uint32        // of a REFER, as the other party has seen it; 0: none was sent
	timer    askedTimer    // what it asks for, if it may refresh the session
	settled  bool          // it was accepted; it may be answered again
	heard    outcomes
}

// came notes what the request itself says.
func (i *inner) came(r *engine.Request) {
	c := i.call
	if i.byCaller {
		c.acked(i.tag)
	}
	c.returned(r, i)
	i.number(r)
	if i.refreshes() {
		reach := r.Reach()
		i.refresh = &reach
	}
}

// refreshes reports whether the request may change where its sender is reached, and refresh the
// session (§12.2.1.2, RFC 3311 §5.1, RFC 4028 §7.4).
func (i *inner) refreshes() bool {
	return i.method == message.MethodInvite || i.method == message.MethodUpdate
}

// number notes the request's own number.
func (i *inner) number(r *engine.Request) {
	cs, err := r.Message().CSeq()
	if err != nil {
		return
	}
	c := i.call
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.t.Leg(i.tag)
	last := &l.FromCallee
	if i.byCaller {
		last = &l.FromCaller
	}
	i.own, i.before = cs.Number, *last
	*last = max(*last, cs.Number)
}

// Sending notes the number that the other party sees.
func (i *inner) Sending(b *engine.Branch) {
	if cs, err := b.Message().CSeq(); err == nil {
		i.saw(cs.Number)
		i.refers(cs.Number)
	}
	if s := i.call.sessionTimer; s != nil && i.refreshes() {
		i.timer = s.ask(b)
	}
}

func (i *inner) saw(n uint32) {
	c := i.call
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.t.Leg(i.tag)
	if l == nil {
		return
	}
	if i.byCaller {
		l.ToCallee = max(l.ToCallee, n)
	} else {
		l.ToCaller = max(l.ToCaller, n)
	}
}

// Answering notes where the parties are from now on.
func (i *inner) Answering(a *engine.Answer) bool {
	i.heard.note(a)
	if a.Message.Status() < 300 {
		i.call.renewResponse(a.Message, i.byCaller)
	}
	if a.Asked > 0 {
		i.saw(a.Asked)
		i.refers(a.Asked)
	}
	i.unheard(a.Message)
	if code := a.Message.Status(); i.refresh == nil || code < 200 || code >= 300 {
		return true
	}
	answered := a.Reach()
	c := i.call
	if c.sessionTimer != nil {
		after := i.timer.answered(a.Message)
		if !i.settled { // it may come again
			c.sessionExpires(after)
		}
	}
	if !i.settled {
		i.settled = true
		before := c.onlyFlows()
		i.moved(&answered)
		c.adoptFlows(before)
	}
	return true
}

// moved notes where both parties of an accepted request are from now on.
func (i *inner) moved(answered *engine.Reach) {
	c := i.call
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.t.Leg(i.tag)
	if l == nil {
		return
	}
	from, to := &c.t.A, &l.B
	if !i.byCaller {
		from, to = to, from
	}
	moved(from, i.refresh)
	moved(to, answered)
}

// moved takes over a remote target; the route set of a dialog stays (§12.2).
func moved(s *track.Side, to *engine.Reach) {
	if to.URI == "" {
		return
	}
	is := *to
	if is.Routes = s.Reach().Routes; len(is.Routes) > 0 {
		is.Flow, is.At, is.Only = 0, "", false
	}
	s.Set(is)
}

// Ended ends the leg if the request was its last.
func (i *inner) Ended(int) {
	if i.refreshes() {
		i.call.negotiating--
	}
	by := track.Callee
	if i.byCaller {
		by = track.Caller
	}
	switch cause := i.heard.endOf(i.method); cause {
	case "":
		i.call.d.journal.note(i.call) // its numbers, and perhaps a Contact
	case track.CauseBye:
		i.call.change(func(t *track.Call, at int64) track.Change { return t.Hangup(i.tag, by, cause, 0, at) })
	default:
		i.call.change(func(t *track.Call, at int64) track.Change {
			return t.Hangup(i.tag, track.Nobody, cause, i.heard.code, at)
		})
	}
}
