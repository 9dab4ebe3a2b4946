package loop

import "bytes"

// Number is in a Text where its number is to be.
const Number = "0000000000"

// Text is a message that is told from others like it by a number (in its branch, tag and Call-ID),
// which is written in place: making messages is not part of what is measured.
type Text struct {
	Bytes []byte
	spots [][]byte
}

// NewText makes a Text of a message in which Number is at least once.
func NewText(message string) *Text {
	t := &Text{Bytes: []byte(message)}
	for rest := t.Bytes; ; {
		i := bytes.Index(rest, []byte(Number))
		if i < 0 {
			return t
		}
		t.spots = append(t.spots, rest[i:i+len(Number)])
		rest = rest[i+len(Number):]
	}
}

// Set writes a number.
func (t *Text) Set(n int) {
	first := t.spots[0]
	for i := len(first) - 1; i >= 0; i, n = i-1, n/10 {
		first[i] = byte('0' + n%10)
	}
	for _, s := range t.spots[1:] {
		copy(s, first)
	}
}
