package sink

// Parts of texts.

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// cut is at most n characters of a text.
func cut(text string, n int) string {
	if len(text) <= n || utf8.RuneCountInString(text) <= n {
		return text
	}
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// userOf and hostOf are the parts of a URI.
func userOf(uri string) string { user, _ := partsOf(uri); return user }
func hostOf(uri string) string { _, host := partsOf(uri); return host }

func partsOf(uri string) (user, host string) {
	_, rest, _ := strings.Cut(uri, ":")
	if i := strings.IndexAny(rest, ";?"); i >= 0 && !strings.Contains(rest[i:], "@") {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		user, rest = rest[:i], rest[i+1:]
		user, _, _ = strings.Cut(user, ":")
	}
	if i := strings.IndexAny(rest, ";?"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		rest = rest[:i]
	}
	return user, rest
}

// addressOf is the address in "udp:192.0.2.1:5060".
func addressOf(source string) string {
	_, rest, _ := strings.Cut(source, ":")
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		rest = rest[:i]
	}
	return strings.Trim(rest, "[]")
}

// timeText is a time as a driver returns it, in seconds.
func timeText(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05")
	case []byte:
		return cut(string(v), 19)
	}
	return cut(strings.Replace(fmt.Sprint(v), "T", " ", 1), 19)
}
