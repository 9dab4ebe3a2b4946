package proxy

import (
	"bytes"
	"net/netip"

	"github.com/sipscript/sipscript/engine/message"
)

// Remote targets that changed within dialogs (§12.2.1.2, RFC 3311): tickets know those that dialogs
// began with. They are kept by lane, in bounded memory. A restart, or another node, does no harm to
// calls whose parties stay where they were.

// refreshes is where parties of dialogs are now, and were before that: a refresh may be refused, or
// cross a request (§12.2.1.2). The zero value is empty.
type refreshes struct {
	known map[uint64][2]uint64 // a mark of Call-ID and tag → the marks of the last two targets
	ring  []uint64             // the keys, in order of arrival
	next  int
}

// mostRefreshes bounds the parties of a lane whose targets are remembered: 50 bytes each. The one
// that came first goes.
const mostRefreshes = 16384

func (r *refreshes) has(key, target uint64) bool {
	at := r.known[key]
	return target != 0 && (at[0] == target || at[1] == target)
}

func (r *refreshes) add(key, target uint64) {
	if target == 0 {
		return
	}
	if at, there := r.known[key]; there {
		if at[0] != target {
			r.known[key] = [2]uint64{target, at[0]}
		}
		return
	}
	if r.known == nil {
		r.known = map[uint64][2]uint64{}
	}
	r.known[key] = [2]uint64{target}
	if len(r.ring) < mostRefreshes {
		r.ring = append(r.ring, key)
		return
	}
	delete(r.known, r.ring[r.next])
	r.ring[r.next] = key
	r.next = (r.next + 1) % mostRefreshes
}

// partyKey is the key of one party of a dialog.
func (s *Signer) partyKey(callID, tag []byte) uint64 { return s.marks.Sum(callID, tag) }

// refreshesTarget tells whether a request of this method within a dialog may change where its sender
// is reached (RFC 3261 §12.2, RFC 3311 §5.1, RFC 6665 §4.4, RFC 3515).
func refreshesTarget(m message.Method) bool {
	return StartsDialog(m) || m == message.MethodUpdate
}

// refreshedBy remembers where the sender of a request within a dialog is reached from now on. m is
// what is sent: the other party knows no other Contact.
func (x *Context) refreshedBy(m *message.Message) {
	if !x.Signed || !refreshesTarget(m.Method()) || len(m.ToTag()) == 0 || len(m.FromTag()) == 0 {
		return
	}
	c := x.core
	c.moved.add(c.Signer.partyKey(m.CallID(), m.FromTag()), c.Signer.targetMark(contactURI(m)))
}

// answered notes what the answer m says of its sender, before it goes on: in our Record-Route, and in
// memory where that is not enough.
func (b *Branch) answered(m *message.Message, seen netip.Addr) {
	x := b.fork.x
	c, code := x.core, m.Status()
	c.sealAnswer(m, seen)
	if code < 200 || code >= 300 || x.Req == nil || !refreshesTarget(x.Req.Method()) {
		return
	}
	uri, asked := contactURI(m), x.Req.ToTag()
	switch {
	case uri == nil || len(m.ToTag()) == 0:
		return
	case len(asked) > 0:
		// It is the one that was asked: who writes another tag into the answer speaks for nobody.
		if !x.Signed || !bytes.Equal(asked, m.ToTag()) {
			return
		}
	case !b.early:
		return
	default:
		// The caller may go on with the route set of an 18x, whose Contact was another, or none.
		if mark, ok := c.Signer.seenHost(uri); ok && mark == c.Signer.seenMark(seen) {
			return
		}
	}
	if target := c.Signer.targetMark(uri); target != c.Signer.targetMark(x.Req.RequestURI()) {
		c.moved.add(c.Signer.partyKey(m.CallID(), m.ToTag()), target)
	}
}
