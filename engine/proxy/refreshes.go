package proxy

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
)

// Remote targets that changed within dialogs (§12.2.1.2, RFC 3311): tickets know those that dialogs
// began with. They are kept by lane, in bounded memory. A restart, or another node, does no harm to
// calls whose parties stay where they were.

// refreshes is where parties of dialogs are now. The zero value is empty.
type refreshes struct {
	known map[uint64]uint64 // a mark of Call-ID and tag → the mark of the target
	ring  []uint64          // the keys, in order of arrival
	next  int
}

// mostRefreshes bounds the parties of a lane whose targets are remembered: 40 bytes each. The one
// that came first goes.
const mostRefreshes = 16384

func (r *refreshes) add(key, target uint64) {
	if target == 0 {
		return
	}
	if _, there := r.known[key]; there {
		r.known[key] = target
		return
	}
	if r.known == nil {
		r.known = map[uint64]uint64{}
	}
	r.known[key] = target
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

// refreshedBySender remembers where the sender of a request within a dialog is reached from now on.
func (x *Context) refreshedBySender() {
	if !refreshesTarget(x.Req.Method()) || len(x.Req.ToTag()) == 0 || len(x.Req.FromTag()) == 0 {
		return
	}
	c := x.core
	if target := c.Signer.targetMark(contactURI(x.Req)); target != 0 {
		c.moved.add(c.Signer.partyKey(x.Req.CallID(), x.Req.FromTag()), target)
	}
}

// refreshedByAnswer remembers where the one who answered such a request with m is reached. It is the
// one that was asked: who writes another tag into the answer speaks for nobody.
func (x *Context) refreshedByAnswer(m *message.Message) {
	c, tag := x.core, x.Req.ToTag()
	if len(tag) == 0 || !bytes.Equal(tag, m.ToTag()) {
		return
	}
	target := c.Signer.targetMark(contactURI(m))
	if target != 0 && target != c.Signer.targetMark(x.Req.RequestURI()) {
		c.moved.add(c.Signer.partyKey(x.Req.CallID(), tag), target)
	}
}
