package limit

// Scanners: recognised by what they call themselves.

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/internal/glob"
	"github.com/sipscript/sipscript/modules/source"
)

//go:embed scanners.txt
var shippedList string

// pattern is an entry of the list.
type pattern struct {
	Pattern string `lua:"pattern,required" source:"bare" doc:"agent:PATTERN, from:PATTERN, user:PATTERN or method:NAME"`
	Note    string `lua:"note" doc:"for people"`
}

// scanners are patterns in lower case, by what they are for.
type scanners struct {
	agents, froms, users, methods []string
}

var errPattern = errors.New("expected agent:PATTERN, from:PATTERN, user:PATTERN or method:NAME")

func newScanners(entries []pattern) (*scanners, error) {
	s := &scanners{}
	for i, e := range entries {
		kind, text, _ := strings.Cut(strings.ToLower(strings.TrimSpace(e.Pattern)), ":")
		if strings.Trim(text, "* ") == "" || len(text) > 200 {
			return nil, source.At(i, fmt.Errorf("%.60q: %w", e.Pattern, errPattern))
		}
		switch kind {
		case "agent":
			s.agents = append(s.agents, text)
		case "from":
			s.froms = append(s.froms, text)
		case "user":
			s.users = append(s.users, text)
		case "method":
			s.methods = append(s.methods, text)
		default:
			return nil, source.At(i, fmt.Errorf("%.60q: %w", e.Pattern, errPattern))
		}
	}
	return s, nil
}

// shippedScanners are those of scanners.txt.
func shippedScanners() (*scanners, error) {
	var list []pattern
	for line := range strings.Lines(shippedList) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, pattern{Pattern: line})
		}
	}
	return newScanners(list)
}

// longestLooked bounds how much of a value is looked at.
const longestLooked = 256

func anyMatches(list []string, text []byte) bool {
	text = text[:min(len(text), longestLooked)]
	for _, p := range list {
		if glob.Match(p, text) {
			return true
		}
	}
	return false
}

// recognise reports whether a request is a scanner's.
func (s *scanners) recognise(m *message.Message) bool {
	if s == nil {
		return false
	}
	if agent := m.Header(message.HeaderUserAgent); agent != nil && anyMatches(s.agents, agent) {
		return true
	}
	from := m.Header(message.HeaderFrom)
	if anyMatches(s.froms, from) || len(s.methods) > 0 && anyMatches(s.methods, m.MethodText()) {
		return true
	}
	return len(s.users) > 0 && (anyMatches(s.users, userOf(from)) || anyMatches(s.users, userOf(m.Header(message.HeaderTo))) || anyMatches(s.users, userOf(m.RequestURI())))
}

// userOf is the user in a URI or an address, as it is written, or nil.
func userOf(text []byte) []byte {
	a, err := message.ParseAddress(text)
	if err != nil {
		return nil
	}
	u, err := message.ParseURI(a.URI)
	if err != nil {
		return nil
	}
	return u.User
}
