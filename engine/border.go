package engine

import (
	"net/netip"
	"strings"

	"github.com/sipscript/sipscript/engine/proxy"
	"github.com/sipscript/sipscript/engine/transport"
)

// Border is the border of a trust domain (RFC 3325 §2.3). P-Asserted-Identity, P-Preferred-Identity
// and Remote-Party-ID from peers outside it are removed from requests and responses as they arrive,
// except for P-Preferred-Identity in a request, which routers may see and which is not forwarded.
// Identities that must be kept private ("Privacy: id") are removed from what is sent to peers
// outside.
type Border interface {
	// Beyond reports whether a peer is outside the domain. identity are the SIP domains its
	// certificate is valid for, over TLS (RFC 5922). It is called only for messages with such
	// headers, runs on a lane and must not block.
	Beyond(addr netip.Addr, identity []string) bool
}

// SetBorder makes b the border from now on; nil is none, as at the start: everything passes.
func (e *Engine) SetBorder(b Border) {
	if b == nil {
		e.border.Store(nil)
		return
	}
	beyond := proxy.Beyond(func(p *transport.Peer) bool { return b.Beyond(p.Addr.Addr(), e.identityOf(p)) })
	e.border.Store(&beyond)
}

// beyond is what the proxy calls, or nil for no border.
func (e *Engine) beyond() proxy.Beyond {
	if b := e.border.Load(); b != nil {
		return *b
	}
	return nil
}

// identityOf are the SIP domains that a peer has proved, or must prove before anything is sent to
// it.
func (e *Engine) identityOf(p *transport.Peer) []string {
	if e.stack != nil && p.Flow != 0 {
		if names := e.stack.FlowIdentity(p.Flow); names != nil {
			return names
		}
	}
	if p.Kind.Secure() && p.ServerName != "" {
		return []string{strings.TrimSuffix(strings.ToLower(p.ServerName), ".")}
	}
	return nil
}
