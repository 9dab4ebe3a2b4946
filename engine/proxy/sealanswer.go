package proxy

import (
	"bytes"
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// sealed entries of one response, in the order of Record-Route.
type answerEntries struct {
	at [2]struct {
		entry
		n     int // its place among the elements
		value []byte
	}
	count int
	above []byte // the URI of the element before them, which is the caller's next hop after us
	below []byte // and after them, the callee's
}

// sealAnswer signs our entries in a response that may begin a dialog, for the caller (§16.7 step
// 8), and removes them from any other: they are the callee's. from is where the response came from.
// If its Contact does not lead there, the entry of that side gets a token that does, in the
// caller's copy. An invalid entry is left alone: nobody can use it. It returns the mark of the
// Contact they were signed with, if they were.
func (c *Core) sealAnswer(m *message.Message, from *transport.Peer) (target uint64, sealed bool) {
	code := m.Status()
	if code <= 100 || m.Find(message.HeaderRecordRoute, 0) < 0 {
		return 0, false
	}
	if cs, err := m.CSeq(); err != nil || code >= 300 || !StartsDialog(cs.Method) {
		c.keepTickets(m)
		return 0, false
	}
	var r answerEntries
	c.findEntries(m, &r)
	if r.count == 0 {
		return 0, false
	}
	s := c.Signer
	was := bond{callID: m.CallID(), callerTag: m.FromTag(), hop: r.below}
	var t ticket
	for i := range r.at[:r.count] {
		e := &r.at[i]
		own, ok := s.read(e.ticket, &was, e.params, e.user)
		if !ok || own.answer || i > 0 && own != t {
			return 0, false
		}
		t = own
	}
	contact := contactURI(m)
	t.answer, t.seen, t.target = true, s.seenMark(from.Addr.Addr()), s.targetMark(contact)
	is := bond{callID: was.callID, callerTag: was.callerTag, calleeTag: m.ToTag(), hop: r.above}
	if r.above == nil && len(r.at[0].user) == 0 && unreached(contact, from) {
		c.leadBack(m, &r.at[0].entry, &r.at[0].value, from)
	}
	var space [2][512]byte
	var values [2][]byte
	for i := range r.at[:r.count] {
		e := &r.at[i]
		at := bytes.Index(e.value, e.ticket)
		b := append(space[i][:0], e.value[:at]...)
		b = s.sign(b, &t, &is, e.params, e.user)
		values[i] = append(b, e.value[at+len(e.ticket):]...)
	}
	for i := range r.at[:r.count] {
		m.ReplaceElement(message.HeaderRecordRoute, r.at[i].n, values[i])
	}
	return t.target, true
}

// leadBack gives the callee's entry a token that leads where it answered. The callee's own copy has
// none, and says nothing when the callee moves, so the place is noted here, too.
func (c *Core) leadBack(m *message.Message, e *entry, value *[]byte, from *transport.Peer) {
	a, err := message.ParseAddress(*value)
	if err != nil {
		return
	}
	at := bytes.Index(*value, a.URI)
	colon := bytes.IndexByte(a.URI, ':')
	if at < 0 || colon < 0 {
		return
	}
	at += colon + 1
	b := append(make([]byte, 0, len(*value)+longestToken*2), (*value)[:at]...)
	start := len(b)
	b = c.appendFlow(b, &side{local: from.Local, nat: from})
	e.user = b[start:len(b):len(b)]
	*value = append(append(b, '@'), (*value)[at:]...)
	if tag := m.ToTag(); len(tag) > 0 && !bytes.EqualFold(tag, m.FromTag()) {
		c.places.set(c.Signer.partyKey(m.CallID(), tag), placed{addr: from.Addr, local: from.Local, localIP: from.LocalIP})
	}
}

// keepTickets removes our entries with a callee's ticket from a response that does not begin a
// dialog: many user agents copy Record-Route into every response, and nobody needs it there
// (§12.1.1).
func (c *Core) keepTickets(m *message.Message) {
	const most = 16 // twice as often as a request may reasonably pass here
	var space [most]int
	found := space[:0]
	all := m.Elements(message.HeaderRecordRoute)
	for n := 0; all.Next() && len(found) < most; n++ {
		a, err := message.ParseAddress(all.Value)
		if err != nil {
			continue
		}
		if e, ok := c.ours(a.URI); ok && forCallee(e.ticket) {
			found = append(found, n)
		}
	}
	for _, n := range slices.Backward(found) {
		m.RemoveElement(message.HeaderRecordRoute, n)
	}
}

// findEntries finds our topmost entries with a callee's ticket. Below them there may be others of
// ours, from a request that passed here twice: those are signed when the response passes there.
func (c *Core) findEntries(m *message.Message, r *answerEntries) {
	all := m.Elements(message.HeaderRecordRoute)
	for n := 0; all.Next(); n++ {
		a, err := message.ParseAddress(all.Value)
		if err != nil {
			a.URI = nil
		}
		e, ok := c.ours(a.URI)
		switch {
		case r.count == 0 && ok && forCallee(e.ticket), r.count == 1 && ok && e.double && r.at[0].double:
			own := &r.at[r.count]
			own.entry, own.n, own.value = e, n, all.Value
			r.count++
		case r.count == 0:
			r.above = a.URI
		default:
			r.below = a.URI
			return
		}
	}
}

// forCallee reports whether a ticket says that it is a callee's: its first bit is not set.
func forCallee(ticket []byte) bool {
	return len(ticket) == ticketChars && message.TokenFirst(ticket) < 16
}
