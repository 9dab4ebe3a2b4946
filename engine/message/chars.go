package message

// This file holds the character classes of RFC 3261 §25.1 and the small scanners the parsers share.

import (
	"encoding/binary"
	"math/bits"
)

// Character classes, bits of charTable.
const (
	charToken = 1 << iota // token: alphanum and -.!%*_+`'~
	// User and password without escapes: unreserved, user-unreserved, and '#', which dial strings
	// carry
	charUser
	charHost  // a host name or IPv4 address; '_' is in no grammar but in many names
	charURI   // what may be in URI parameters and headers: visible ASCII but "<>\^`{|}
	charDigit // 0-9
	charHex   // 0-9 a-f A-F
	// User characters the canonical form leaves unescaped (unreserved, user-unreserved)
	charUserOK
	// SP HT CR LF: linear white space once a message's lines are known to be right
	charSpace
	charParam     // neither ';' nor white space: continues a parameter's value
	charParamName // charParam except for '='
	// charURI except for ';', '=', '?', '@' and '%': needs no further inspection in a URI parameter
	charURIName
)

// The tables are never written after they are made.
var (
	charTable  = makeCharTable()
	lowerTable = makeLowerTable()
)

func makeCharTable() (t [256]uint16) {
	set := func(chars string, class uint16) {
		for i := 0; i < len(chars); i++ {
			t[chars[i]] |= class
		}
	}
	const alphanum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	set(alphanum, charToken|charUser|charHost|charURI|charUserOK)
	set("-.!%*_+`'~", charToken)
	set("-_.!~*'()&=+$,;?/", charUser|charUserOK)
	set("#", charUser)
	set("-._", charHost)
	set("!#$%&'()*+,-./:;=?@[]_~", charURI)
	set(alphanum+"!#$&'()*+,-./:[]_~", charURIName)
	set("0123456789", charDigit|charHex)
	set("abcdefABCDEF", charHex)
	set(" \t\r\n", charSpace)
	for c := range t {
		if c != ';' && t[c]&charSpace == 0 {
			t[c] |= charParam
			if c != '=' {
				t[c] |= charParamName
			}
		}
	}
	return t
}

func makeLowerTable() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] = byte(i) + 'a' - 'A'
		}
	}
	return t
}

func is(c byte, class uint16) bool { return charTable[c]&class != 0 }

// IsToken reports whether b is a token (RFC 3261 §25.1), as methods and option tags are.
func IsToken(b []byte) bool {
	for _, c := range b {
		if !is(c, charToken) {
			return false
		}
	}
	return len(b) > 0
}

// all reports whether every byte of b is of the class.
func all(b []byte, class uint16) bool {
	for _, c := range b {
		if charTable[c]&class == 0 {
			return false
		}
	}
	return true
}

// nextControl is the index of the first control character (below SP, or DEL) in b at or after i, or
// len(b). It looks at sixteen bytes at a time: every byte of a message's head goes through it once.
func nextControl(b []byte, i int) int {
	for ; i+16 <= len(b); i += 16 {
		p := b[i : i+16 : i+16]
		x := controls(binary.LittleEndian.Uint64(p))
		y := controls(binary.LittleEndian.Uint64(p[8:]))
		if x|y != 0 {
			if x != 0 {
				return i + bits.TrailingZeros64(x)>>3
			}
			return i + 8 + bits.TrailingZeros64(y)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] < ' ' || b[i] == 0x7f {
			return i
		}
	}
	return len(b)
}

// controls has the high bit set of each byte of x that is a control character.
func controls(x uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	// Neither sum carries from one byte into the next: the first sets the high bit of all from SP
	// on, the second of DEL alone. Bytes that have it already are not ASCII.
	low := x & (0x7f * ones)
	return (^(low + 0x60*ones) | (low + ones)) &^ x & highs
}

// skipSpace is the index of the first byte of b at or after i that is not white space.
func skipSpace(b []byte, i int) int {
	for i < len(b) && is(b[i], charSpace) {
		i++
	}
	return i
}

// trimEnd is the end of b[lo:hi] without the white space at its end.
func trimEnd(b []byte, lo, hi int) int {
	for hi > lo && is(b[hi-1], charSpace) {
		hi--
	}
	return hi
}

func trim(b []byte) []byte {
	lo := skipSpace(b, 0)
	return b[lo:trimEnd(b, lo, len(b))]
}

// skipQuoted is the index past the quoted string that begins at b[i] == '"', or -1 when it does not
// end (RFC 3261 §25.1, quoted-string).
func skipQuoted(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// equalFold compares without the case of ASCII letters.
func equalFold[A, B ~[]byte | ~string](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if a[i] != b[i] && lowerTable[a[i]] != lowerTable[b[i]] {
			return false
		}
	}
	return true
}

// decimal reads 1*DIGIT no greater than limit. ok is false for anything else, an overflow included.
func decimal(b []byte, limit uint64) (n uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		if !is(c, charDigit) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
		if n > limit {
			return 0, false
		}
	}
	return n, true
}

// unhex is the value of a hexadecimal digit.
func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// escaped reports whether every '%' of b begins an escape, %HH (§25.1, escaped), and every other
// byte is of the class.
func escaped(b []byte, class uint16) bool {
	for i := 0; i < len(b); i++ {
		if b[i] == '%' {
			if i+2 >= len(b) || !is(b[i+1], charHex) || !is(b[i+2], charHex) {
				return false
			}
			i += 2
			continue
		}
		if !is(b[i], class) {
			return false
		}
	}
	return true
}

// appendClean appends text without what could end a line or be taken for another: control
// characters become SP.
func appendClean[T ~[]byte | ~string](dst []byte, text T) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < ' ' && c != '\t' || c == 0x7f {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
