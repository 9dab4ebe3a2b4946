package proxy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Loop detection (§16.3 step 4, §16.6 step 8, RFC 5393 §4.2): the branch we push ends in a hash
// over everything that decides where a request goes. A request that comes back with the same hash
// would take the same path again; one that was changed in between is a spiral, and is accepted. Via
// is not part of the hash, because it grows with each round.

// loopMark is the hash of a request as it came in.
type loopMark uint32

// loopSuffix is the length of a mark at the end of a branch.
const loopSuffix = 1 + 8

// appendTo appends the mark as it ends a branch.
func (k loopMark) appendTo(dst []byte) []byte {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], uint32(k))
	return hex.AppendEncode(append(dst, '.'), raw[:])
}

func (s *Signer) loopMark(req *message.Message) loopMark {
	var space [512]byte
	b := append(append(space[:0], req.RequestURI()...), 0)
	b = append(append(b, req.ToTag()...), 0)
	b = append(append(b, req.FromTag()...), 0)
	b = append(append(b, req.CallID()...), 0)
	if cs, err := req.CSeq(); err == nil {
		b = binary.BigEndian.AppendUint32(b, cs.Number)
	}
	for _, id := range [...]message.HeaderID{message.HeaderRoute, message.HeaderProxyRequire, message.HeaderProxyAuthorization} {
		for i := req.Find(id, 0); i >= 0; i = req.Find(id, i+1) {
			b = append(append(b, req.Value(i)...), 0)
		}
	}
	return loopMark(maphash.Bytes(s.loop, b))
}

// Looped reports whether the request went through here before and nothing that decides its way has
// changed since.
func (c *Core) Looped(req *message.Message) bool {
	var space [loopSuffix]byte
	var mark []byte
	vias := req.Elements(message.HeaderVia)
	for n := 0; vias.Next(); n++ {
		via, err := message.ParseVia(vias.Value)
		if err != nil || !c.ourSentBy(&via) {
			continue
		}
		if mark == nil {
			mark = c.Signer.loopMark(req).appendTo(space[:0])
		}
		if bytes.HasSuffix(via.Branch(), mark) {
			return true
		}
	}
	return false
}

// ourSentBy reports whether a Via was written by one of our listeners.
func (c *Core) ourSentBy(via *message.Via) bool {
	for _, l := range transport.Known(c.Wire) {
		port := via.Port
		if port == 0 {
			port = l.Kind.DefaultPort()
		}
		if port == l.Port && len(via.Host) == len(l.Host) && bytes.EqualFold(via.Host, []byte(l.Host)) {
			return true
		}
	}
	return false
}
