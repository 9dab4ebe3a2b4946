// Package prefix finds the longest of a million prefixes of a number.
//
// A [Table] is made once and then only read: flat arrays without pointers, so that the garbage
// collector has nothing to follow in them, some 25 bytes for each prefix. A list that changes is
// built again and swapped as a whole.
package prefix

import (
	"fmt"
	"math/bits"
	"strings"
)

// MaxLen is how many symbols a prefix may have: the 15 digits of E.164 and a "+", or a technical
// prefix.
const MaxLen = 16

// symbols are those a prefix may consist of, in their order.
const symbols = "0123456789*#+"

// Key is a prefix or a number: four bits for each symbol, the first in the highest; 0 where there
// is none. So keys are ordered as their texts are, and a prefix comes before all that it begins.
type Key uint64

// codes are the four bits of each symbol, 0 for other bytes.
var codes = func() (t [256]uint8) {
	for i := range len(symbols) {
		t[symbols[i]] = uint8(i + 1)
	}
	return t
}()

// Parse reads a prefix. "" is the prefix of everything.
func Parse(text string) (Key, error) {
	if len(text) > MaxLen {
		return 0, fmt.Errorf("a prefix has at most %d digits, not %.40q", MaxLen, text)
	}
	k := Of(text)
	if k.Len() != len(text) {
		return 0, fmt.Errorf("a prefix consists of digits, *, # and +, not %q", text)
	}
	return k, nil
}

// Of is the key of a number: of its first MaxLen symbols, up to anything that is not one.
func Of(text string) (k Key) {
	for i := 0; i < len(text) && i < MaxLen; i++ {
		c := codes[text[i]]
		if c == 0 {
			break
		}
		k |= Key(c) << (60 - 4*i)
	}
	return k
}

// Len is how many symbols the key has.
func (k Key) Len() int {
	if k == 0 {
		return 0
	}
	return 16 - bits.TrailingZeros64(uint64(k))/4
}

// Begins reports whether the key is a prefix of other.
func (k Key) Begins(other Key) bool { return k.Len() <= common(k, other) }

// common is how many symbols two keys share.
func common(a, b Key) int { return bits.LeadingZeros64(uint64(a^b)) / 4 }

// String is the prefix as it is written.
func (k Key) String() string {
	var b strings.Builder
	for ; k != 0; k <<= 4 {
		b.WriteByte(symbols[k>>60-1])
	}
	return b.String()
}
