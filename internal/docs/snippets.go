// Package docs keeps documentation true: its test loads each Lua snippet of the READMEs in a real
// engine, and reads each command line with the real flags.
package docs

import "strings"

// Snippet is a fenced block of a Markdown file.
type Snippet struct {
	Language string
	Line     int // of its first line, from 1
	Text     string
}

// Snippets finds the fenced blocks of a Markdown text.
func Snippets(text string) []Snippet {
	var all []Snippet
	var in *Snippet
	for i, line := range strings.Split(text, "\n") {
		fence, ok := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case ok && in == nil:
			in = &Snippet{Language: fence, Line: i + 2}
		case ok:
			all = append(all, *in)
			in = nil
		case in != nil:
			in.Text += line + "\n"
		}
	}
	return all
}
