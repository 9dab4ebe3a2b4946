package trace

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Plain is text for a terminal: what it would obey, or what would turn the order of characters, is
// shown as \x1b. Line feeds and tabs stay, and so do the lines that CRLF ends.
func Plain(text string) string {
	if strings.IndexFunc(text, obeyed) < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case strings.HasPrefix(text[i:], "\r\n"):
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "\\x%02x", text[i])
		case obeyed(r):
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}

// obeyed are C0, DEL, C1 and what turns the direction of text.
func obeyed(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return false
}

// unfold is a text on one line.
func unfold(text string) string { return strings.Join(strings.Fields(text), " ") }
