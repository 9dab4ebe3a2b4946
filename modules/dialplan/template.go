package dialplan

// Regular expressions and what replaces their matches.

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// template is text with captures in it.
type template struct {
	parts []part
}

// part is text, or a capture.
type part struct {
	text    string
	capture int // -1 for text
}

// parseTemplate reads text in which mark and a digit stand for a capture, and two marks for one.
// captures is how many there are; 0, the whole match, always is.
func parseTemplate(text string, mark byte, captures int) (*template, error) {
	t := &template{}
	from := 0
	for i := 0; i < len(text); i++ {
		if text[i] != mark {
			continue
		}
		if i+1 == len(text) {
			return nil, fmt.Errorf("replace: %q ends in %c", text, mark)
		}
		t.literal(text[from:i])
		i++
		switch c := text[i]; {
		case c == mark:
			t.literal(string(mark))
		case c < '0' || c > '9':
			return nil, fmt.Errorf("replace: %c%c in %q: after %c comes the number of a capture, or %c again", mark, c, text, mark, mark)
		case int(c-'0') > captures:
			return nil, fmt.Errorf("replace: %c%c in %q: match has %d captures", mark, c, text, captures)
		default:
			t.parts = append(t.parts, part{capture: int(c - '0')})
		}
		from = i + 1
	}
	t.literal(text[from:])
	return t, nil
}

func (t *template) literal(text string) {
	if text != "" {
		t.parts = append(t.parts, part{text: text, capture: -1})
	}
}

// expand appends the template, with the captures of text that at has.
func (t *template) expand(out []byte, text string, at []int) []byte {
	for _, p := range t.parts {
		switch i := 2 * p.capture; {
		case p.capture < 0:
			out = append(out, p.text...)
		case at[i] >= 0:
			out = append(out, text[at[i]:at[i+1]]...)
		}
	}
	return out
}

// compile compiles a regular expression, and counts what a text can cost.
func (b *builder) compile(expression string) (*regexp.Regexp, error) {
	if len(expression) > mostPattern {
		return nil, fmt.Errorf("match: a regular expression has at most %d bytes", mostPattern)
	}
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	b.counts.patterns++
	if b.counts.patterns > mostPatterns {
		return nil, fmt.Errorf("match: a plan has at most %d regular expressions; prefixes have no such limit", mostPatterns)
	}
	if b.counts.steps += len(program.Inst); b.counts.steps > mostSteps {
		return nil, fmt.Errorf("match: the regular expressions of the plan are too complex: their repetitions make more than %d steps", mostSteps)
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	return re, nil
}
