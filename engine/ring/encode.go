package ring

// The text of records, in few bytes and few nanoseconds.
//
// SIP repeats itself: what a proxy sends is what it received, less a line and plus a line, and the
// responses repeat the Via, From, To and Call-ID of their request. So a record refers to the text
// before it (as LZ77 does), and matches are looked for only where lines begin: the same line, then
// one that begins like it. A match may go on over many lines. Of what is sent the engine knows from
// which parts of what was received it was made (message.Origin): there nothing has to be looked
// for, only compared.

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
)

const (
	tableBits = 11
	tableSize = 4 << tableBits // bytes
	prime     = 0x9e3779b97f4a7c15
	word      = 8  // bytes that tell one line from another
	placeBits = 19 // of an entry of the table; the rest are of the hash
	// What a segment's text may have, for its places to fit
	mostWindow = 1<<placeBits - 2
)

// encoder belongs to the holder of a lane's token.
type encoder struct {
	window []byte // the text of all records in the segment, masked
	out    []byte // the segment, up to its end
	apart  int    // bytes of texts that were made from others, and are not in the window
	// By the hash of a line, and by that of its first bytes: where it was last, plus one, and more
	// bits of the hash, so that most lines that are others are not looked at.
	lines [1 << tableBits]uint32
	seed  maphash.Seed
	mask  masker
}

// reset begins a segment: it refers to nothing outside of itself.
func (e *encoder) reset(out []byte) {
	e.window, e.out, e.apart = e.window[:0], out, 0
	clear(e.lines[:])
}

// append appends text to the segment, masked. With first it begins with the start line of a
// message.
func (e *encoder) append(text []byte, first bool) {
	start := len(e.window)
	e.window = append(e.window, text...)
	w := e.window
	e.mask.begin(start, first)
	lit := start // what has not been written yet
	for i := start; i < len(w); {
		end, n, at := lineEnd(w, i), 0, 0
		if apart(w[i:]) { // whether the rest of a header is a secret, its line does not say
			n, at = e.find(i, end)
		}
		m := i + n
		if n > 0 && w[m-1] == '\n' {
			e.match(w[lit:i], n, i-at)
			lit, i = m, m
			continue
		}
		// The rest of this line is new
		line := i
		if m >= end {
			line += bytes.LastIndexByte(w[i:m], '\n') + 1
			end = lineEnd(w, m)
		}
		changed := end
		if w[line] <= ' ' || suspect(w[line]) {
			changed = e.mask.mask(w[:end], line, end)
		} else if mayHaveSecrets(w[line:end]) {
			changed = line + e.mask.uris(w[line:end], first && line == start)
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

// lineEnd is behind the LF of the line that goes on at i, or the end.
func lineEnd(w []byte, i int) int { return min(indexNewline(w, i)+1, len(w)) }

// suspect reports whether lines that begin so may have secrets.
func suspect(c byte) bool { c |= 0x20; return c == 'a' || c == 'p' || c == 'k' }

// find returns how many bytes at i, where a line begins that ends at end, were in the window
// before, and where: at the same line, or at one that begins like it.
func (e *encoder) find(i, end int) (n, at int) {
	w := e.window
	if len(w)-i < word {
		return 0, 0
	}
	if at = e.look(maphash.Bytes(e.seed, w[i:end]), i); at >= 0 {
		if n = common(w[at:], w[i:]); n >= word {
			return n, at
		}
	}
	if at = e.look(binary.LittleEndian.Uint64(w[i:])*prime, i); at >= 0 {
		if n = common(w[at:], w[i:]); n >= word {
			return n, at
		}
	}
	return 0, 0
}

// look returns where a line with this hash was last, or -1, and notes that it is at i.
func (e *encoder) look(hash uint64, i int) int {
	entry := &e.lines[hash>>(64-tableBits)]
	rest := uint32(hash>>(64-tableBits-(32-placeBits))) << placeBits
	last := *entry
	*entry = rest | uint32(i+1)
	if last>>placeBits != rest>>placeBits {
		return -1
	}
	if at := int(last&(1<<placeBits-1)) - 1; at < i {
		return at
	}
	return -1
}

// common is how many bytes a and b begin with in common; b is not longer than a.
func common(a, b []byte) int {
	a = a[:len(b)]
	n := 0
	for len(b)-n >= 4*8 {
		x, y := a[n:n+4*8], b[n:n+4*8]
		if (binary.LittleEndian.Uint64(x)^binary.LittleEndian.Uint64(y))|
			(binary.LittleEndian.Uint64(x[8:])^binary.LittleEndian.Uint64(y[8:]))|
			(binary.LittleEndian.Uint64(x[16:])^binary.LittleEndian.Uint64(y[16:]))|
			(binary.LittleEndian.Uint64(x[24:])^binary.LittleEndian.Uint64(y[24:])) != 0 {
			break
		}
		n += 4 * 8
	}
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
	out, p := e.out[:cap(e.out)], len(e.out)
	p = number(out, p, len(literal))
	p += copy(out[p:], literal)
	p = number(out, p, n)
	p = number(out, p, distance)
	e.out = out[:p]
}

// number writes n to out at p, and returns where it ends.
func number(out []byte, p, n int) int {
	for n >= 0x80 {
		out[p] = byte(n) | 0x80
		n >>= 7
		p++
	}
	out[p] = byte(n)
	return p + 1
}

// literal ends a text: nothing is referred to behind it.
func (e *encoder) literal(text []byte) {
	out, p := e.out[:cap(e.out)], len(e.out)
	p = number(out, p, len(text))
	p += copy(out[p:], text)
	out[p] = 0
	e.out = out[:p+1]
}

// mostExpansion is how many bytes a text of n bytes takes at most: each match stands for at least
// word bytes, and takes three numbers.
func mostExpansion(n int) int { return n + n/word*2 + 32 }

// mostOfRun is how many bytes the numbers around a part of a source take at most.
const mostOfRun = 16
