package enum

// What a NAPTR record says (RFC 3403, RFC 6116 §3).

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/dnstext"
)

const (
	// mostSteps bounds what a regular expression is compiled to: it comes from a stranger's zone.
	mostSteps = 1000
	// mostURI bounds a URI that is made.
	mostURI = 1024
)

// has reports whether a services field names an enumservice: "E2U+sip", "E2U+voice:tel+sip", and
// "sip+E2U" as RFC 2916 wrote it.
func has(services, service string) bool {
	first, rest, ok := strings.Cut(services, "+")
	if !ok {
		return false
	}
	if !strings.EqualFold(first, "E2U") {
		if !strings.EqualFold(rest, "E2U") {
			return false
		}
		rest = first
	}
	for part := range strings.SplitSeq(rest, "+") {
		kind, _, _ := strings.Cut(part, ":")
		if strings.EqualFold(kind, service) || strings.EqualFold(part, service) {
			return true
		}
	}
	return false
}

var errRegexp = errors.New("a regexp field that can't be read")

// substitute applies a regexp field: delimiter, POSIX extended regular expression, delimiter,
// replacement, delimiter, flags (RFC 3402 §3.2). ok: it matched.
func substitute(field, number string) (text string, ok bool, err error) {
	field = dnstext.Raw(field)
	if field == "" {
		return "", false, errRegexp
	}
	delimiter := field[0]
	// RFC 3402 §3.2: neither a digit nor the flag.
	if delimiter >= '0' && delimiter <= '9' || delimiter == 'i' || delimiter == '\\' {
		return "", false, errRegexp
	}
	expression, rest, ok1 := upTo(field[1:], delimiter)
	replacement, flags, ok2 := upTo(rest, delimiter)
	if !ok1 || !ok2 || flags != "" && !strings.EqualFold(flags, "i") {
		return "", false, errRegexp
	}
	re, err := compile(expression, flags != "")
	if err != nil {
		return "", false, err
	}
	at := re.FindStringSubmatchIndex(number)
	if at == nil {
		return "", false, nil
	}
	text, err = expand(replacement, number, at)
	return text, err == nil, err
}

// upTo is what comes before a delimiter that has no backslash in front, and what comes after it. A
// backslash before a delimiter is taken away, all others stay.
func upTo(text string, delimiter byte) (before, after string, ok bool) {
	var out []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == delimiter:
			return string(out), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] != delimiter {
				out = append(out, c)
			}
			out = append(out, text[i])
		default:
			out = append(out, c)
		}
	}
	return "", "", false
}

// compile compiles a POSIX extended regular expression.
func compile(expression string, fold bool) (*regexp.Regexp, error) {
	flags := syntax.POSIX
	if fold {
		flags |= syntax.FoldCase
	}
	parsed, err := syntax.Parse(expression, flags)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRegexp, err)
	}
	if cost(parsed) > mostSteps {
		return nil, fmt.Errorf("%w: it repeats too much", errRegexp)
	}
	re, err := regexp.Compile(parsed.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRegexp, err)
	}
	re.Longest() // as POSIX has it
	return re, nil
}

// cost is how much a regular expression is compiled to.
func cost(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += cost(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, mostSteps+1)
}

// expand puts the captures into a replacement: \1 to \9, and \\ for a backslash.
func expand(replacement, number string, at []int) (string, error) {
	var out []byte
	for i := 0; i < len(replacement); i++ {
		c := replacement[i]
		if c != '\\' || i+1 == len(replacement) {
			out = append(out, c)
			continue
		}
		i++
		if c = replacement[i]; c < '1' || c > '9' {
			out = append(out, c)
			continue
		}
		n := 2 * int(c-'0')
		if n+1 >= len(at) {
			return "", fmt.Errorf("%w: there is no capture %c", errRegexp, c)
		}
		if at[n] >= 0 {
			out = append(out, number[at[n]:at[n+1]]...)
		}
	}
	return string(out), nil
}

// uriOf checks what was made: a URI, and for sip one of SIP.
func uriOf(text, service string) (string, error) {
	if text == "" || len(text) > mostURI {
		return "", fmt.Errorf("a URI of %d bytes", len(text))
	}
	u, err := message.ParseURI([]byte(text))
	if err != nil {
		return "", err
	}
	if strings.EqualFold(service, "sip") && !u.IsSIP() {
		return "", fmt.Errorf("%.60q is not a sip URI", text)
	}
	return text, nil
}
