package message

// This file finds the HeaderID of a header name as it is in a message.

import "encoding/binary"

// LookupHeader names the header written as name, in any case and in its compact form ("v" is Via,
// RFC 3261 §7.3.3).
func LookupHeader(name []byte) HeaderID {
	if nextControl(name, 0) != len(name) {
		return HeaderOther
	}
	return lookupHeader(name, 0, len(name))
}

const (
	wordBytes  = 8
	nameWords  = 4                     // of the longest name known
	nameLimit  = nameWords * wordBytes // bytes
	indexSlots = 256                   // a power of two, more than twice the names
)

// indexSlot is one name in lower case, in words of eight bytes.
type indexSlot struct {
	words [nameWords]uint64
	n     uint8 // bytes
	id    HeaderID
}

// headerIndex finds names by hash; it is never written after it is made.
var headerIndex = makeHeaderIndex()

func makeHeaderIndex() (index [indexSlots]indexSlot) {
	add := func(name string, id HeaderID) {
		slot := indexSlot{n: uint8(len(name)), id: id}
		for i := 0; i < len(name); i += wordBytes {
			slot.words[i/wordBytes] = nameWord([]byte(name), i, len(name)-i)
		}
		at := nameHash(slot.words[0], len(name))
		for index[at].id != HeaderOther {
			at = (at + 1) % indexSlots
		}
		index[at] = slot
	}
	for id := HeaderOther + 1; id < headerCount; id++ {
		add(id.String(), id)
		if c := headerTable[id].compact; c != 0 {
			add(string(rune(c)), id)
		}
	}
	return index
}

// nameWord is up to eight of the n bytes of a name at b[i], letters in lower case, zeros behind.
//
// Setting one bit lowercases letters and leaves '-' and digits unchanged; apart from CR, which
// becomes '-', it turns nothing else into a letter or '-'. The caller has made sure that there is
// no control character.
func nameWord(b []byte, i, n int) (w uint64) {
	if i+wordBytes <= len(b) {
		w = binary.LittleEndian.Uint64(b[i:])
	} else {
		for k, c := range b[i:] {
			w |= uint64(c) << (8 * k)
		}
	}
	w |= 0x2020202020202020
	if n < wordBytes {
		w &= 1<<(8*n) - 1
	}
	return w
}

func nameHash(first uint64, n int) uint64 {
	return (first + uint64(n)) * 0x9e3779b97f4a7c15 >> (64 - 8) % indexSlots
}

// lookupHeader returns the header whose name is the n bytes at b[i], which contain no control
// character.
func lookupHeader(b []byte, i, n int) HeaderID {
	if n == 0 || n > nameLimit {
		return HeaderOther
	}
	first := nameWord(b, i, n)
	for at := nameHash(first, n); ; at = (at + 1) % indexSlots {
		slot := &headerIndex[at]
		if slot.id == HeaderOther {
			return HeaderOther
		}
		if slot.words[0] != first || int(slot.n) != n {
			continue
		}
		k := wordBytes
		for k < n && slot.words[k/wordBytes] == nameWord(b, i+k, n-k) {
			k += wordBytes
		}
		if k >= n {
			return slot.id
		}
	}
}
