package transaction

import (
	"encoding/binary"
	"math/bits"
)

// This file is SipHash-2-4 (Aumasson, Bernstein): a keyed hash short enough for a tag, whose values tell nothing about
// the key. The standard library has none whose key can be given, and a simulation must be repeatable.

// sipHash is the key.
type sipHash struct{ k0, k1 uint64 }

// sum is the hash of the parts, each with its length, so that moving a border changes it.
func (h sipHash) sum(parts ...[]byte) uint64 {
	v := sipState{h.k0 ^ 0x736f6d6570736575, h.k1 ^ 0x646f72616e646f6d, h.k0 ^ 0x6c7967656e657261, h.k1 ^ 0x7465646279746573}
	total := uint64(0)
	for _, p := range parts {
		v.word(uint64(len(p)))
		total += uint64(len(p)) + 8
		for ; len(p) >= 8; p = p[8:] {
			v.word(binary.LittleEndian.Uint64(p))
		}
		if len(p) > 0 {
			var last [8]byte
			copy(last[:], p)
			v.word(binary.LittleEndian.Uint64(last[:]))
		}
	}
	v.word(total << 56)
	v[2] ^= 0xff
	for range 4 {
		v.round()
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

type sipState [4]uint64

func (v *sipState) word(m uint64) {
	v[3] ^= m
	v.round()
	v.round()
	v[0] ^= m
}

func (v *sipState) round() {
	v[0] += v[1]
	v[1] = bits.RotateLeft64(v[1], 13) ^ v[0]
	v[0] = bits.RotateLeft64(v[0], 32)
	v[2] += v[3]
	v[3] = bits.RotateLeft64(v[3], 16) ^ v[2]
	v[0] += v[3]
	v[3] = bits.RotateLeft64(v[3], 21) ^ v[0]
	v[2] += v[1]
	v[1] = bits.RotateLeft64(v[1], 17) ^ v[2]
	v[2] = bits.RotateLeft64(v[2], 32)
}
