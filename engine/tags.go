package engine

import (
	"bytes"
	"strings"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// Option tags (RFC 3261 §19.2): what a request may require, and what this server says it supports.
// They are tokens, which are compared without case (§7.3.1).

// Supporter is a Router that implements extensions. The proxy itself implements none: what a
// Proxy-Require requires is up to the router.
type Supporter interface {
	// Supported are the option tags, in lower case, that the router implements on the lane, whose
	// token is held. The list must not be changed.
	Supported(l *lane.Lane) []string
}

func (u *unit) supported() []string {
	if s, ok := u.e.config.Router.(Supporter); ok {
		return s.Supported(u.lane)
	}
	return nil
}

// Supports reports whether the router serves an extension by its option tag, in any case (see
// [Supporter]).
func (r *Request) Supports(tag []byte) bool { return listed(r.unit.supported(), tag) }

func listed(tags []string, tag []byte) bool {
	for _, known := range tags {
		if strings.EqualFold(known, string(tag)) {
			return true
		}
	}
	return false
}

// mostUnsupported bounds how many option tags a 420 names.
const mostUnsupported = 16

// required is the answer to the Proxy-Require of a request, with code 0 if all of it is supported.
// An empty one requires nothing. Unsupported lists the tags that are not supported (§8.2.2.3).
func (u *unit) required(m *message.Message) (code int, reason string, headers []byte) {
	known := u.supported()
	tags := m.Elements(message.HeaderProxyRequire)
	for n := 0; n < mostUnsupported && tags.Next(); {
		switch {
		case len(tags.Value) == 0 || listed(known, tags.Value):
			continue
		case !IsOptionTag(string(tags.Value)):
			return 400, "Bad Proxy-Require", nil
		}
		if n++; n == 1 {
			headers = append(headers, "Unsupported: "...)
		} else {
			headers = append(headers, ", "...)
		}
		headers = append(headers, tags.Value...)
	}
	if headers == nil {
		return 0, "", nil
	}
	return 420, "", append(headers, "\r\n"...)
}

// abilities are the headers of a 200 to an OPTIONS that ends here. A proxy passes all methods and
// bodies, so Allow is omitted (§11.2).
func (u *unit) abilities() []byte {
	h := []byte("Accept: */*\r\nAccept-Encoding: identity\r\nSupported:")
	for i, tag := range u.supported() {
		if i > 0 {
			h = append(h, ',')
		}
		h = append(append(h, ' '), tag...)
	}
	return append(h, "\r\n"...)
}

// IsOptionTag reports whether text may be an option tag: a token (§25.1) that is not too long.
func IsOptionTag(text string) bool { return isToken([]byte(text)) }

// isToken reports whether b is a token of a length an option tag may have (§25.1).
func isToken(b []byte) bool {
	for _, c := range b {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || bytes.IndexByte([]byte("-.!%*_+`'~"), c) >= 0) {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 64
}
