package cfg

import (
	"errors"
	"fmt"
	"strings"
)

// line is one statement or directive, without comments.
type line struct {
	text   string
	number int
}

// split takes comments away and joins the lines of one statement: modparam goes on until its
// parenthesis is closed.
func split(text string) ([]line, error) {
	var out []line
	number, comment := 0, false
	for raw := range strings.Lines(text) {
		number++
		s := strings.TrimSpace(raw)
		if comment {
			_, after, ended := strings.Cut(s, "*/")
			if !ended {
				continue
			}
			comment, s = false, strings.TrimSpace(after)
		}
		if !strings.HasPrefix(s, "#!") && !strings.HasPrefix(s, "!!") {
			s, comment = strip(s)
		}
		if s == "" {
			continue
		}
		if n := len(out); n > 0 && unfinished(out[n-1].text) {
			if out[n-1].text += " " + s; len(out[n-1].text) > maxBytes {
				return nil, errors.New("a statement is too long")
			}
			continue
		}
		out = append(out, line{s, number})
	}
	if n := len(out); n > 0 && unfinished(out[n-1].text) {
		return nil, fmt.Errorf("%d: ) is missing", out[n-1].number)
	}
	return out, nil
}

func unfinished(s string) bool {
	if !strings.HasPrefix(s, "modparam") {
		return false
	}
	depth, quoted := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
	}
	return depth > 0 || quoted
}

// strip takes the comments of a line away; open: one goes on in the next line.
func strip(s string) (out string, open bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case c == '#' || strings.HasPrefix(s[i:], "//"):
			return strings.TrimSpace(s[:i]), false
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return strings.TrimSpace(s[:i]), true
			}
			s = s[:i] + " " + s[i+2+end+2:]
		}
	}
	return strings.TrimSpace(s), false
}

// arguments splits at the commas outside of quotes.
func arguments(s string) []string {
	var out []string
	from, quoted := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
		case c == ',' && !quoted:
			out = append(out, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// unquote is the text of one or several quoted texts, one after another; what is not quoted stays.
func unquote(s string) string {
	if !strings.Contains(s, `"`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '"' {
			continue
		}
		for i++; i < len(s) && s[i] != '"'; i++ {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
