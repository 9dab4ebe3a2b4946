package message

// This file reads addresses: name-addr and addr-spec with header parameters.

import "bytes"

// Address is a name-addr or addr-spec with header parameters (§20.10): From, To, Contact, Route,
// Record-Route, Path, Refer-To, P-Asserted-Identity … In the addr-spec form whatever follows ';'
// belongs to the header (§20). The Params of a parsed Address must not be replaced.
type Address struct {
	Display []byte // as written, quotes included
	URI     []byte // without <>; [ParseURI] reads it
	Params  Params
	Star    bool // Contact: *

	tag found // the tag parameter
}

// ParseAddress reads one element of a header that holds addresses. The URI is parsed only as far as
// is needed to find its end; see [ParseURI]. The error is an [*Error] of status 400.
//
// A display name need not consist of tokens, as the grammar requires: peers send any text there.
// But a comma outside quotes, or a misplaced quote, is an error (RFC 4475 §3.1.2.15), and so is an
// addr-spec with '?' or a comma in it, which must be in <> (§20).
func ParseAddress(element []byte) (Address, error) {
	var a Address
	if flaw := a.parse(element, defaultParams); flaw != "" {
		return a, bad("Bad address: " + flaw)
	}
	return a, nil
}

// parse reads the address b into a, which is empty.
func (a *Address) parse(b []byte, limit int) (flaw string) {
	i := skipSpace(b, 0)
	b = b[:trimEnd(b, i, len(b))]
	if i == len(b) {
		return "empty"
	}
	if len(b)-i == 1 && b[i] == '*' {
		a.Star = true
		return ""
	}
	end := -1
	if b[i] == '"' {
		quoted := skipQuoted(b, i)
		if quoted < 0 {
			return "quoted string not closed"
		}
		a.Display = b[i:quoted:quoted]
		if i = skipSpace(b, quoted); i == len(b) || b[i] != '<' {
			return "no URI after the display name"
		}
	} else if b[i] == '<' {
		// no display name
	} else if open := bytes.IndexByte(b[i:], '<'); open >= 0 && !headerParamsBefore(b[i:i+open]) {
		display := i + open
		a.Display = b[i:trimEnd(b, i, display):display]
		if bytes.IndexByte(a.Display, ',') >= 0 || bytes.IndexByte(a.Display, '"') >= 0 {
			return "display name needs quotes"
		}
		i = display
	}
	if b[i] == '<' {
		if end = bytes.IndexByte(b[i:], '>'); end < 0 {
			return "'<' not closed"
		}
		end += i
		a.URI = b[i+1 : end : end]
		i = skipSpace(b, end+1)
	} else {
		end = i
		for end < len(b) && b[end] != ';' && !is(b[end], charSpace) {
			if c := b[end]; c == '?' || c == ',' || c == '>' || c == '"' {
				return "URI needs '<' and '>'"
			}
			end++
		}
		a.URI = b[i:end:end]
		i = skipSpace(b, end)
	}
	if len(a.URI) == 0 {
		return "empty URI"
	}
	if i < len(b) && b[i] != ';' {
		return "bad text after the URI"
	}
	a.Params = Params(b[i:])
	return a.Params.check(limit, "tag", &a.tag)
}

// headerParamsBefore reports whether b, the text before a '<', is an addr-spec with parameters, one
// of which has the '<' in its value (as in a@b;x="<"). A display name has no ';' and no '=' outside
// of quotes.
func headerParamsBefore(b []byte) bool {
	semi := bytes.IndexByte(b, ';')
	return semi >= 0 && bytes.IndexByte(b[:semi], ':') >= 0 && bytes.IndexByte(b[semi:], '"') >= 0
}

// DisplayName is the display name for people: quotes off, escapes undone, folds made one space.
func (a *Address) DisplayName() string {
	b := a.Display
	quoted := len(b) >= 2 && b[0] == '"' && b[len(b)-1] == '"'
	if quoted {
		b = b[1 : len(b)-1]
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case quoted && b[i] == '\\' && i+1 < len(b):
			i++
			out = append(out, b[i])
		case b[i] == '\r' || b[i] == '\n':
			i = skipSpace(b, i) - 1
			out = append(out, ' ')
		default:
			out = append(out, b[i])
		}
	}
	return string(out)
}

// Tag is the tag parameter, or nil if there is none.
func (a *Address) Tag() []byte { return a.tag.value(a.Params, "tag") }
