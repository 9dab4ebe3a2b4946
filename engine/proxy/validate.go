package proxy

// This file checks a request before anybody decides about it (§16.3).

import (
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transaction"
)

// Refuse is the answer to a request that the router need not see; code is 0 for all others.
func (c *Core) Refuse(s *transaction.Server) (code int, reason string, headers []byte) {
	m := s.Req
	n, ok, _ := m.MaxForwards()
	switch {
	case ok && n == 0 && m.Method() == message.MethodOptions:
		// §11: somebody tracing a path wants to know who is here
		return 200, "", abilities(c.supported())
	case ok && n == 0: // §16.3 step 3
		return 483, "", nil
	case c.Looped(m): // §16.3 step 4
		return 482, "Loop Detected", nil
	case !s.Stateless && m.Find(message.HeaderProxyRequire, 0) >= 0: // §16.3 step 5
		return required(m, c.supported())
	}
	return 0, "", nil
}

// supported are the option tags that the router implements.
func (c *Core) supported() []string {
	if c.Supported == nil {
		return nil
	}
	return c.Supported(c.Lane)
}

// Lists reports whether tags, in lower case, have a tag, in any case (§7.3.1).
func Lists(tags []string, tag []byte) bool {
	for _, known := range tags {
		if strings.EqualFold(known, string(tag)) {
			return true
		}
	}
	return false
}

// IsOptionTag reports whether text may be an option tag: a token (§25.1) that is not too long.
func IsOptionTag(text []byte) bool { return len(text) <= 64 && message.IsToken(text) }

// mostUnsupported bounds how many option tags a 420 names.
const mostUnsupported = 16

// required is the answer to the Proxy-Require of a request, with code 0 if all of it is supported.
// An empty one requires nothing. Unsupported lists the tags that are not supported (§8.2.2.3).
func required(m *message.Message, known []string) (code int, reason string, headers []byte) {
	tags := m.Elements(message.HeaderProxyRequire)
	for n := 0; n < mostUnsupported && tags.Next(); {
		switch {
		case len(tags.Value) == 0 || Lists(known, tags.Value):
			continue
		case !IsOptionTag(tags.Value):
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
func abilities(supported []string) []byte {
	h := []byte("Accept: */*\r\nAccept-Encoding: identity\r\nSupported:")
	for i, tag := range supported {
		if i > 0 {
			h = append(h, ',')
		}
		h = append(append(h, ' '), tag...)
	}
	return append(h, "\r\n"...)
}
