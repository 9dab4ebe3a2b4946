// Package siphash is SipHash-2-4 (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012): a
// keyed hash short enough for a tag, whose values reveal nothing about the key and cannot be made
// without it. The standard library has no such hash with a key of one's own, which processes that
// share a secret and repeatable simulations need.
package siphash

import (
	"encoding/binary"
	"math/bits"
)

// Key is a key: 128 unpredictable bits.
type Key [2]uint64

// Sum is the hash of the parts, each preceded by its length in eight bytes and filled up with zeros
// to a multiple of eight: moving a border changes it.
func (k Key) Sum(parts ...[]byte) uint64 {
	v := newState(k)
	total := uint64(0)
	for _, p := range parts {
		v = v.word(uint64(len(p)))
		total += uint64(len(p)) + 8
		for ; len(p) >= 8; p = p[8:] {
			v = v.word(binary.LittleEndian.Uint64(p))
		}
		if len(p) > 0 {
			var last [8]byte
			copy(last[:], p)
			v = v.word(binary.LittleEndian.Uint64(last[:]))
		}
	}
	return v.end(total << 56)
}

// Sum128 is a hash of twice the length (SipHash-2-4-128), which has nothing to do with Sum: so long
// that it can stand for the text.
func (k Key) Sum128(text []byte) [2]uint64 {
	v := newState(k)
	v.b ^= 0xee
	total := uint64(len(text))
	for ; len(text) >= 8; text = text[8:] {
		v = v.word(binary.LittleEndian.Uint64(text))
	}
	var last [8]byte
	copy(last[:], text)
	v = v.word(binary.LittleEndian.Uint64(last[:]) | total<<56)
	v.c ^= 0xee
	v = v.round().round().round().round()
	first := v.a ^ v.b ^ v.c ^ v.d
	v.b ^= 0xdd
	v = v.round().round().round().round()
	return [2]uint64{first, v.a ^ v.b ^ v.c ^ v.d}
}

// state is passed by value, which keeps it in registers.
type state struct{ a, b, c, d uint64 }

func newState(k Key) state {
	return state{k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573}
}

func (v state) word(m uint64) state {
	v.d ^= m
	v = v.round().round()
	v.a ^= m
	return v
}

// end takes the last word.
func (v state) end(last uint64) uint64 {
	v = v.word(last)
	v.c ^= 0xff
	v = v.round().round().round().round()
	return v.a ^ v.b ^ v.c ^ v.d
}

func (v state) round() state {
	v.a += v.b
	v.b = bits.RotateLeft64(v.b, 13) ^ v.a
	v.a = bits.RotateLeft64(v.a, 32)
	v.c += v.d
	v.d = bits.RotateLeft64(v.d, 16) ^ v.c
	v.a += v.d
	v.d = bits.RotateLeft64(v.d, 21) ^ v.a
	v.c += v.b
	v.b = bits.RotateLeft64(v.b, 17) ^ v.c
	v.c = bits.RotateLeft64(v.c, 32)
	return v
}
