package ring

// The text of records, in few bytes and few nanoseconds.
//
// SIP repeats itself: what a proxy sends is what it received, less a line and plus a line, and the
// responses repeat the Via, From, To and Call-ID of their request. So a record refers to the text
// before it (as LZ77 does), and matches are looked for only where lines begin: first among the
// lines of the same call, then among all. A match may go on over many lines.

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

const (
	tableBits = 11
	tableSize = 4 << tableBits // bytes
	prime     = 0x9e3779b97f4a7c15
	word      = 8 // bytes that tell one line from another
)

// encoder belongs to the holder of a lane's token.
type encoder struct {
	window []byte // the text of all records in the segment, masked
	out    []byte // the segment, up to its end
	// By the hash of a line's first bytes, with and without the call's: where it was last, plus one
	lines [1 << tableBits]uint32
	mask  masker
}

// reset begins a segment: it refers to nothing outside of itself.
func (e *encoder) reset(out []byte) {
	e.window, e.out = e.window[:0], out
	clear(e.lines[:])
}

// append appends text to the segment. call is any number that the texts of one call have in common.
// Text may be longer than what is kept of it, and is masked.
func (e *encoder) append(text []byte, call uint64) {
	start := len(e.window)
	e.window = append(e.window, text...)
	w := e.window
	e.mask.begin(start)
	lit := start // what has not been written yet
	for i := start; i < len(w); {
		n, at := e.find(i, call)
		m := i + n
		if n > 0 && (m == len(w) || w[m-1] == '\n') {
			e.match(w[lit:i], n, i-at)
			lit, i = m, m
			continue
		}
		// The rest of this line is new
		line := i
		if n > 0 {
			line += bytes.LastIndexByte(w[i:m], '\n') + 1
		}
		end := len(w)
		if k := bytes.IndexByte(w[m:], '\n'); k >= 0 {
			end = m + k + 1
		}
		changed := end
		if w[line] <= ' ' || suspect(w[line]) {
			changed = e.mask.mask(w[:end], line, end)
		} else if bytes.IndexByte(w[m:end], '@') >= 0 || bytes.IndexByte(w[line:end], '?') >= 0 {
			changed = line + e.mask.uris(w[line:end], line == start)
		}
		if changed < m {
			n -= m - changed
			m = changed
		}
		if n >= word {
			e.match(w[lit:i], n, i-at)
			lit = m
		}
		i = end
	}
	e.literal(w[lit:])
}

// suspect reports whether lines that begin so may have secrets.
func suspect(c byte) bool { c |= 0x20; return c == 'a' || c == 'p' || c == 'k' }

// find returns how many bytes at i were in the window before, and where.
func (e *encoder) find(i int, call uint64) (n, at int) {
	w := e.window
	if len(w)-i < word {
		return 0, 0
	}
	first := binary.LittleEndian.Uint64(w[i:])
	own := (first ^ call) * prime >> (64 - tableBits)
	at = int(e.lines[own]) - 1
	if at < 0 || binary.LittleEndian.Uint64(w[at:]) != first {
		all := first * prime >> (64 - tableBits)
		at = int(e.lines[all]) - 1
		e.lines[all] = uint32(i + 1)
		if at < 0 || binary.LittleEndian.Uint64(w[at:]) != first {
			e.lines[own] = uint32(i + 1)
			return 0, 0
		}
	}
	e.lines[own] = uint32(i + 1)
	return word + common(w[at+word:], w[i+word:]), at
}

// common is how many bytes a and b begin with in common; b is not longer than a.
func common(a, b []byte) int {
	a = a[:len(b)]
	n := 0
	for len(b)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// match writes new text, and n bytes as they were distance before.
func (e *encoder) match(literal []byte, n, distance int) {
	e.out = binary.AppendUvarint(e.out, uint64(len(literal)))
	e.out = append(e.out, literal...)
	e.out = binary.AppendUvarint(e.out, uint64(n))
	e.out = binary.AppendUvarint(e.out, uint64(distance))
}

// literal ends a text: nothing is referred to behind it.
func (e *encoder) literal(text []byte) {
	e.out = binary.AppendUvarint(e.out, uint64(len(text)))
	e.out = append(e.out, text...)
	e.out = append(e.out, 0)
}

// mostExpansion is how many bytes a text of n bytes takes at most: each match stands for at least
// word bytes, and takes three numbers.
func mostExpansion(n int) int { return n + n/word*2 + 32 }
