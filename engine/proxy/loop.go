package proxy

import (
	"bytes"
	"encoding/hex"
	"hash/maphash"

	"github.com/sipscript/sipscript/engine/message"
)

// Loop detection (§16.3 step 4, §16.6 step 8, RFC 5393 §4.2): the branch we push ends in a hash over all that decides
// where a request goes. A request that comes back with the same hash would go the same way again; one that was
// changed in between is a spiral and welcome. Via is no part of the hash, since it grows with each round.

// loopMark is ".%016x" over the request as it came in.
func (s *Signer) loopMark(req *message.Message) [17]byte {
	var h maphash.Hash
	h.SetSeed(s.loop)
	part := func(b []byte) { h.Write(b); h.WriteByte(0) }
	part(req.RequestURI())
	part(req.ToTag())
	part(req.FromTag())
	part(req.CallID())
	if cs, err := req.CSeq(); err == nil {
		part([]byte{byte(cs.Number >> 24), byte(cs.Number >> 16), byte(cs.Number >> 8), byte(cs.Number)})
	}
	for _, id := range [...]message.HeaderID{message.HeaderRoute, message.HeaderProxyRequire, message.HeaderProxyAuthorization} {
		for i := req.Find(id, 0); i >= 0; i = req.Find(id, i+1) {
			part(req.Value(i))
		}
	}
	var mark [17]byte
	sum := h.Sum64()
	var raw [8]byte
	for i := range raw {
		raw[i] = byte(sum >> (8 * i))
	}
	mark[0] = '.'
	hex.Encode(mark[1:], raw[:])
	return mark
}

// Looped tells whether the request went through here before and nothing that decides its way has changed since.
func (c *Core) Looped(req *message.Message) bool {
	var mark [17]byte
	made := false
	vias := req.Elements(message.HeaderVia)
	for n := 0; vias.Next(); n++ {
		via, err := message.ParseVia(vias.Value)
		if err != nil || !c.ourSentBy(&via) {
			continue
		}
		if !made {
			mark, made = c.Signer.loopMark(req), true
		}
		if bytes.HasSuffix(via.Branch(), mark[:]) {
			return true
		}
	}
	return false
}

// ourSentBy tells whether a Via was written by one of our listeners.
func (c *Core) ourSentBy(via *message.Via) bool {
	for _, l := range c.Wire.Locals() {
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
