package syntax

import "strings"

// comments finds the comments of a text that parses.
func comments(text string) (list []Comment) {
	line, fresh := 1, true // fresh: only blanks stand on the line so far
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n':
			line, fresh = line+1, true
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "--"):
			end := commentEnd(text, i)
			found := text[i:end]
			list = append(list, Comment{Line: line, End: line + strings.Count(found, "\n"), Text: strings.TrimRight(found, " \t\r"), Alone: fresh})
			line += strings.Count(found, "\n")
			i, fresh = end, false
		default:
			end := tokenEnd(text, i)
			line += strings.Count(text[i:end], "\n")
			i, fresh = end, false
		}
	}
	return list
}

// commentEnd is where the comment at i ends.
func commentEnd(text string, i int) int {
	if end := longEnd(text, i+2); end > 0 {
		return end
	}
	if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(text)
}

// tokenEnd is where the text, or the character, at i ends.
func tokenEnd(text string, i int) int {
	switch c := text[i]; c {
	case '"', '\'':
		for j := i + 1; j < len(text); j++ {
			switch text[j] {
			case '\\':
				j++
			case c:
				return j + 1
			}
		}
		return len(text)
	case '[':
		if end := longEnd(text, i); end > 0 {
			return end
		}
	}
	return i + 1
}

// longEnd is where the long bracket at i ends; 0 if there is none.
func longEnd(text string, i int) int {
	if i >= len(text) || text[i] != '[' {
		return 0
	}
	j := i + 1
	for j < len(text) && text[j] == '=' {
		j++
	}
	if j >= len(text) || text[j] != '[' {
		return 0
	}
	shut := "]" + text[i+1:j] + "]"
	if n := strings.Index(text[j:], shut); n >= 0 {
		return j + n + len(shut)
	}
	return len(text)
}
