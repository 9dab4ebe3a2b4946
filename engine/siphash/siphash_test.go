package siphash

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"testing"
)

// The example of the paper's appendix: key 00 01 … 0f, text 00 01 … 0e.
func TestPaper(t *testing.T) {
	v := newState(Key{0x0706050403020100, 0x0f0e0d0c0b0a0908})
	v = v.word(0x0706050403020100)
	if got := v.end(0x0f0e0d0c0b0a0908); got != 0xa129ca6149be45e5 {
		t.Errorf("%x", got)
	}
}

// Every bit of the key, the text, and where one part ends, changes the sum.
func TestSum(t *testing.T) {
	seen := map[uint64]string{}
	note := func(what string, sum uint64) {
		if was, ok := seen[sum]; ok {
			t.Errorf("%s hashes like %s", what, was)
		}
		seen[sum] = what
	}
	for n := range 40 {
		text := bytes.Repeat([]byte{'a'}, n)
		note("as", Key{1, 2}.Sum(text))
		for at := range n {
			note("parts", Key{1, 2}.Sum(text[:at], text[at:]))
			text[at] ^= 1
			note("a bit", Key{1, 2}.Sum(text))
			text[at] ^= 1
		}
	}
	note("no part", Key{1, 2}.Sum())
	for bit := range 128 {
		k := Key{1, 2}
		k[bit/64] ^= 1 << (bit % 64)
		note("key", k.Sum([]byte("a")))
	}
}

func TestSumAllocatesNothing(t *testing.T) {
	text, number := []byte("a84b4c76e66710@pc33.atlanta.example.com"), binary.BigEndian.AppendUint32(nil, 1)
	var sum uint64
	if n := testing.AllocsPerRun(100, func() { sum += Key{1, 2}.Sum(text, number) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSum(b *testing.B) {
	text, number := []byte("a84b4c76e66710@pc33.atlanta.example.com"), binary.BigEndian.AppendUint32(nil, 1)
	var sum uint64
	for b.Loop() {
		sum += Key{1, sum}.Sum(text, number, number, text)
	}
}

// Of the reference's vectors: key 00 01 … 0f, texts of 0, 1 and 63 bytes 00 01 ….
func TestSum128(t *testing.T) {
	k := Key{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	var text [63]byte
	for i := range text {
		text[i] = byte(i)
	}
	for n, want := range map[int]string{0: "a3817f04ba25a8e66df67214c7550293", 1: "da87c1d86b99af44347659119b22fc45", 63: "5150d1772f50834a503e069a973fbd7c"} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			sum := k.Sum128(text[:n])
			got := hex.EncodeToString(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, sum[0]), sum[1]))
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
