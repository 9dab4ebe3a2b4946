package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"

	"github.com/sipscript/sipscript/engine/siphash"
)

// Signer makes and checks the marks by which this server knows its own, under keys derived from the secret: the signature of its Record-Route
// entries, HMAC-SHA256 (RFC 2104), which says for the length of a dialog that who bears it may pass, and the branch of requests it forwarded
// statelessly, SipHash, by which a response finds its way back within seconds.
type Signer struct {
	route  macKey
	branch siphash.Key
	state  stateKeys
	loop   maphash.Seed
}

// macKey is an HMAC key with its pads applied, so that a mark costs no allocation.
type macKey struct{ inner, outer [64]byte }

const signatureBytes = 12 // 96 bits of a route

// NewSigner makes a signer from three keys.
func NewSigner(route, branch, state [32]byte) *Signer {
	return &Signer{route: newMacKey(route), branch: siphashKey(branch), state: newStateKeys(state), loop: maphash.MakeSeed()}
}

func siphashKey(key [32]byte) siphash.Key {
	return siphash.Key{binary.LittleEndian.Uint64(key[:]), binary.LittleEndian.Uint64(key[8:])}
}

func newMacKey(key [32]byte) (k macKey) {
	for i := range k.inner {
		b := byte(0)
		if i < len(key) {
			b = key[i]
		}
		k.inner[i], k.outer[i] = b^0x36, b^0x5c
	}
	return k
}

// sum is the HMAC of the parts, each closed by a zero byte so that no two lists of parts read alike.
func (k *macKey) sum(parts ...[]byte) [sha256.Size]byte {
	var space [512]byte
	buf := append(space[:0], k.inner[:]...)
	for _, p := range parts {
		buf = append(append(buf, p...), 0)
	}
	inner := sha256.Sum256(buf)
	var second [64 + sha256.Size]byte
	copy(second[:], k.outer[:])
	copy(second[64:], inner[:])
	return sha256.Sum256(second[:])
}

// appendRoute appends the signature of a Record-Route entry for a call, over the script's parameters and the flow token, if there is one. It is
// in hexadecimal, of which no name of a header can be made: some look for those anywhere in a message (one of 1.3 million signatures in base64 has CSeq in
// it, and sipp gives up such a call). And parameters compare without case (§19.1.4), which somebody may take for leave to change it.
func (s *Signer) appendRoute(dst, callID, params, token []byte) []byte {
	var sum [sha256.Size]byte
	if len(token) == 0 {
		sum = s.route.sum(callID, params)
	} else {
		sum = s.route.sum(callID, params, token)
	}
	return hex.AppendEncode(dst, sum[:signatureBytes])
}

// routeHolds checks such a signature, in constant time and without case.
func (s *Signer) routeHolds(signature, callID, params, token []byte) bool {
	var space, lower [2 * signatureBytes]byte
	if len(signature) != len(lower) {
		return false
	}
	for i, c := range signature {
		lower[i] = c | 0x20 // digits have that bit
	}
	want := s.appendRoute(space[:0], callID, params, token)
	return subtle.ConstantTimeCompare(lower[:], want) == 1
}
