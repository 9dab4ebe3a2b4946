package trace

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// luaText is a text as Lua 5.1 writes it, whose escapes are decimal. What is not UTF-8, and what a
// terminal would obey, is escaped.
func luaText[T string | []byte](text T) string {
	var out strings.Builder
	out.WriteByte('"')
	for b := []byte(text); len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < ' ', obeyed(r), r == utf8.RuneError && n == 1:
			for _, c := range b[:n] {
				fmt.Fprintf(&out, "\\%03d", c)
			}
		default:
			out.Write(b[:n])
		}
		b = b[n:]
	}
	out.WriteByte('"')
	return out.String()
}
