package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unsafe"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// NextHop is the next destination of a request, read from a URI (§8.1.2, §16.6 steps 6 and 7, RFC
// 3263 §4).
type NextHop struct {
	Host   string           // a name or an address; maddr if the URI has one
	Port   uint16           // 0: none written
	Kind   transport.Kind   // 0: none written, RFC 3263 §4.1 chooses
	Secure bool             // sips: only TLS will do
	Local  *transport.Local // the listener to send from; nil: the transport chooses
}

var (
	errNoDestination = errors.New("no destination")
	errScheme        = errors.New("requests can be sent only to sip and sips URIs")
)

// ParseNextHop is the next hop that a URI names.
func ParseNextHop(uri string) (NextHop, error) { return nextHop(view(uri)) }

// view is the bytes of a string that nobody will write to.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// text is the string of bytes that will not change while it is used.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// nextHop reads the URI of a next hop. hop.Host refers to uri.
func nextHop(uri []byte) (hop NextHop, err error) {
	u, err := message.ParseURI(uri)
	if err != nil {
		return hop, err
	}
	if !u.IsSIP() {
		return hop, errScheme
	}
	hop.Secure = len(u.Scheme) == 4
	host := u.Host
	hop.Port = u.Port
	if len(u.Params) > 0 {
		if m, ok := u.Params.Get("maddr"); ok && len(m) > 0 {
			host = m
			if host[0] == '[' && host[len(host)-1] == ']' {
				host = host[1 : len(host)-1]
			}
		}
		if t, ok := u.Params.Get("transport"); ok {
			if hop.Kind, ok = transport.ParseKind(t); !ok {
				return hop, fmt.Errorf("unknown transport %q", t)
			}
		}
	}
	if hop.Secure {
		hop.secure()
	}
	hop.Host = text(host)
	return hop, nil
}

// secure makes the hop one over TLS.
func (h *NextHop) secure() {
	h.Secure = true
	switch h.Kind {
	case 0, transport.UDP, transport.TCP:
		h.Kind = transport.TLS
	case transport.WS:
		h.Kind = transport.WSS
	}
}

// isSIPS reports whether a URI has the scheme sips.
func isSIPS(uri []byte) bool { return len(uri) > 4 && uri[4] == ':' && uri[3]|0x20 == 's' }

// Peer is the peer if the host is an address; ok is false if it is a name, which a [Resolver] must
// look up.
func (h *NextHop) Peer() (p transport.Peer, ok bool) {
	addr, err := netip.ParseAddr(h.Host)
	if err != nil {
		return p, false
	}
	p.Kind = h.Kind
	if p.Kind == 0 {
		p.Kind = transport.UDP // RFC 3263 §4.1: a numeric host without a transport
	}
	port := h.Port
	if port == 0 {
		port = p.Kind.DefaultPort()
	}
	p.Addr = netip.AddrPortFrom(addr.Unmap(), port)
	p.Local = h.Local
	return p, true
}

// ParseReceived reads "udp:192.0.2.7:1024", the address a client was seen at.
func ParseReceived(s string) (p transport.Peer, err error) {
	kind, rest, ok := strings.Cut(s, ":")
	if ok {
		if p.Kind, ok = transport.ParseKind(view(kind)); ok {
			p.Addr, err = netip.ParseAddrPort(rest)
		}
	}
	if !ok || err != nil {
		return p, fmt.Errorf("bad address %q: expected transport:host:port", s)
	}
	return p, nil
}
