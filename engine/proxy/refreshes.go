package proxy

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Remote targets that changed within dialogs (§12.2.1.2, RFC 3311): tickets know those that dialogs
// began with. They are kept by lane, in bounded memory. A restart, or another node, does not affect
// calls whose parties stay where they were.

// refreshes records where parties of dialogs are now, and where they were before: a refresh may be
// refused, or cross a request (§12.2.1.2). The zero value is empty.
//
// The parties of one Call-ID share a row, in which the oldest is replaced: the holder of a callee's
// ticket may invent any number of tags, and displaces only those of its row.
type refreshes struct {
	rows [][rowOfParties]moved // nil until there is one
}

// moved is one party; the key 0 is none.
type moved struct {
	key    uint64 // a mark of Call-ID and tag
	target [2]uint64
}

const (
	rowOfParties = 8
	// mostRefreshes bounds the parties of a lane that are remembered, with 24 bytes each.
	mostRefreshes = 16384
)

// partyKey is one side of a dialog, by marks.
type partyKey struct {
	row int
	key uint64
}

// partyKey marks one side of a dialog by the tag it has there.
func (s *Signer) partyKey(callID, tag []byte) partyKey {
	row := s.marks.Sum(callID) % (mostRefreshes / rowOfParties)
	return partyKey{row: int(row), key: s.marks.Sum(callID, tag)}
}

func (r *refreshes) has(p partyKey, target uint64) bool {
	if r.rows == nil || target == 0 {
		return false
	}
	for i := range r.rows[p.row] {
		if m := &r.rows[p.row][i]; m.key == p.key {
			return m.target[0] == target || m.target[1] == target
		}
	}
	return false
}

func (r *refreshes) add(p partyKey, target uint64) {
	if target == 0 {
		return
	}
	if r.rows == nil {
		r.rows = make([][rowOfParties]moved, mostRefreshes/rowOfParties)
	}
	row := &r.rows[p.row]
	for i := range row {
		if m := &row[i]; m.key == p.key {
			if m.target[0] != target {
				m.target = [2]uint64{target, m.target[0]}
			}
			return
		}
	}
	copy(row[1:], row[:rowOfParties-1])
	row[0] = moved{p.key, [2]uint64{target}}
}

// refreshesTarget reports whether a request of this method within a dialog may change its sender's
// remote target (RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.4, RFC 3515).
func refreshesTarget(m message.Method) bool {
	return StartsDialog(m) || m == message.MethodUpdate
}

// refreshedBy remembers the new remote target of the sender of a request within a dialog. m is what
// is sent: the other party knows no other Contact.
func (x *Context) refreshedBy(m *message.Message) {
	if x.Signed && refreshesTarget(m.Method()) && len(m.ToTag()) > 0 {
		x.core.partyMoved(m.CallID(), m.FromTag(), m.ToTag(), x.core.Signer.targetMark(contactURI(m)))
	}
}

// partyMoved remembers a party by its tag. A callee's ticket does not know its holder's tag: a
// holder that claims the other party's tag speaks for nobody.
func (c *Core) partyMoved(callID, tag, other []byte, target uint64) {
	if len(tag) > 0 && !bytes.EqualFold(tag, other) {
		c.moved.add(c.Signer.partyKey(callID, tag), target)
	}
}

// answered notes what the answer m says of its sender, before it goes on: in our Record-Route, and
// in memory where that is not enough.
func (b *Branch) answered(m *message.Message, from *transport.Peer) {
	x := b.fork.x
	c, code := x.core, m.Status()
	target, sealed := c.sealAnswer(m, from)
	if b.rare().admitted != nil && b.rare().admitted.call && code >= 200 && code < 300 {
		b.rare().admitted.dialog = c.calls.dialogKey(m.CallID(), m.FromTag(), m.ToTag())
	}
	if sealed && code < 200 {
		b.promised = target
	}
	if code < 200 || code >= 300 || x.Req == nil || !refreshesTarget(x.Req.Method()) {
		return
	}
	switch asked := x.Req.ToTag(); {
	case len(asked) == 0:
		// The caller may go on with the route set of an 18x, whose Contact was another, or none.
		if !sealed || !b.early || b.promised == target {
			return
		}
	case !x.Signed || !bytes.Equal(asked, m.ToTag()):
		// It is the one that was asked: who writes another tag into the answer speaks for nobody
		return
	default:
		if target = c.Signer.targetMark(contactURI(m)); target == c.Signer.targetMark(x.Req.RequestURI()) {
			return
		}
	}
	c.partyMoved(m.CallID(), m.ToTag(), x.Req.FromTag(), target)
}
