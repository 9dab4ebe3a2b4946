package engine

import (
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/proxy"
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

// supported are the option tags that the router implements.
func (e *Engine) supported(l *lane.Lane) []string {
	if s, ok := e.config.Router.(Supporter); ok {
		return s.Supported(l)
	}
	return nil
}

// Supports reports whether the router serves an extension by its option tag, in any case (see
// [Supporter]).
func (r *Request) Supports(tag []byte) bool {
	return proxy.Lists(r.unit.e.supported(r.unit.lane), tag)
}

// IsOptionTag reports whether text may be an option tag: a token (§25.1) that is not too long.
func IsOptionTag(text string) bool { return proxy.IsOptionTag([]byte(text)) }
