package proxy

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"

	"github.com/sipscript/sipscript/engine/siphash"
)

// Signer makes and checks the marks by which this server recognizes what is its own, under keys
// derived from the secret: the tickets of its Record-Route entries, which are valid for the length
// of a dialog, and the branches of requests it forwarded statelessly, by which a response finds its
// way back. Both have 64 bits of SipHash-2-4: a forger has to ask here about each guess.
type Signer struct {
	route  siphash.Key
	branch siphash.Key
	state  stateKeys
	marks  siphash.Key
	loop   maphash.Seed
}

// macKey is an HMAC key with its pads applied, so that a mark costs no allocation.
type macKey struct{ inner, outer [64]byte }

// NewSigner creates a signer from four keys: for tickets, for stateless branches, for encrypted
// state, and for marks.
func NewSigner(route, branch, state, marks [32]byte) *Signer {
	return &Signer{route: siphashKey(route), branch: siphashKey(branch), state: newStateKeys(state),
		marks: siphashKey(marks), loop: maphash.MakeSeed()}
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

// sum is the HMAC of the parts, each terminated by a zero byte so that no two lists of parts are
// read alike.
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
