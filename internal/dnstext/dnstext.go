// Package dnstext reads character-strings of DNS records: the library keeps them as a zone file
// writes them, with a backslash before quotes and backslashes, and bytes as \DDD.
package dnstext

// Raw is the text itself.
func Raw(text string) string {
	var out []byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			i++
			if c = text[i]; isDigit(c) && i+2 < len(text) && isDigit(text[i+1]) && isDigit(text[i+2]) {
				c = (c-'0')*100 + (text[i+1]-'0')*10 + text[i+2] - '0'
				i += 2
			}
		}
		out = append(out, c)
	}
	return string(out)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Quoted is text as the library keeps it.
func Quoted(text string) string {
	var out []byte
	for i := range len(text) {
		if c := text[i]; c == '\\' || c == '"' {
			out = append(out, '\\')
		}
		out = append(out, text[i])
	}
	return string(out)
}
