package proxy

// This file proves to servers with the same secret that one of them changed the Request-URI on the
// way: they may want to know what the sender wrote, as in a digest's uri (RFC 7616 §3.4.6). The
// proof is in the branch of our Via, where the change was made. It is bound to the request and to
// both addresses, so that nobody can use it for another.

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/sipscript/sipscript/engine/message"
)

// proofSuffix is the length of a proof in a branch.
const proofSuffix = 1 + 16

// addressMark is the mark of the user and host that a URI names, or 0.
func (s *Signer) addressMark(uri []byte) uint64 {
	u, err := message.ParseURI(uri)
	if err != nil {
		return s.mark('u', uri)
	}
	u.Port = 0
	var space [256]byte
	return s.mark('u', u.AppendAOR(space[:0]))
}

// proof says that a server put the second address in place of the first.
func (s *Signer) proof(m *message.Message, first, second uint64) uint64 {
	cs, err := m.CSeq()
	if err != nil {
		return 0
	}
	var b [20]byte
	binary.BigEndian.PutUint32(b[:], cs.Number)
	binary.BigEndian.PutUint64(b[4:], first)
	binary.BigEndian.PutUint64(b[12:], second)
	return s.marks.Sum([]byte{'v'}, m.CallID(), m.FromTag(), b[:])
}

func appendProof(dst []byte, proof uint64) []byte {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], proof)
	return hex.AppendEncode(append(dst, '.'), raw[:])
}

// appendProof appends the proof for m, which is about to be sent, if it needs one.
func (x *Context) appendProof(dst []byte, m *message.Message) []byte {
	if x.asked == 0 {
		return dst
	}
	s := x.core.Signer
	now := s.addressMark(m.RequestURI())
	if now == x.asked {
		return dst
	}
	return appendProof(dst, s.proof(m, x.asked, now))
}

// mostProofs bounds how many Vias are looked at.
const mostProofs = 16

// Readdressed reports whether a server with our secret replaced uri by the current Request-URI of
// m.
func (c *Core) Readdressed(m *message.Message, uri []byte) bool {
	var space [proofSuffix]byte
	var want []byte
	all := m.Elements(message.HeaderVia)
	for n := 0; n < mostProofs && all.Next(); n++ {
		via, err := message.ParseVia(all.Value)
		if err != nil {
			continue
		}
		b := via.Branch()
		if len(b) < proofSuffix {
			continue
		}
		if want == nil {
			s := c.Signer
			want = appendProof(space[:0], s.proof(m, s.addressMark(uri), s.addressMark(m.RequestURI())))
		}
		// At the end of what was forwarded statelessly, otherwise before the mark that
		// distinguishes loops.
		if sameWithoutCase(b[len(b)-proofSuffix:], want) {
			return true
		}
		if n := len(b) - loopSuffix; n >= proofSuffix && sameWithoutCase(b[n-proofSuffix:n], want) {
			return true
		}
	}
	return false
}
