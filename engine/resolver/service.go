package resolver

// This file ties transports to the names DNS has for them, and chooses among those the engine has.

import (
	"fmt"
	"slices"

	"github.com/sipscript/sipscript/engine/transport"
)

// srvPrefix is what precedes the domain in an SRV question (RFC 3263 §4.2): TLS is _sips._tcp,
// never _sip._tls. RFC 7118 defines none for WebSocket; these are the ones in use.
func srvPrefix(k transport.Kind) string {
	return [...]string{"", "_sip._udp.", "_sip._tcp.", "_sips._tcp.", "_sip._ws.", "_sips._wss."}[k]
}

// naptrKind is the transport of a NAPTR service in upper case (RFC 3263 §4.1, RFC 7118 §6), 0 for
// one not known here.
func naptrKind(service string) transport.Kind {
	switch service {
	case "SIP+D2U":
		return transport.UDP
	case "SIP+D2T":
		return transport.TCP
	case "SIPS+D2T":
		return transport.TLS
	case "SIP+D2W":
		return transport.WS
	case "SIPS+D2W":
		return transport.WSS
	}
	return 0
}

func (r *Resolver) has(k transport.Kind) bool { return slices.Contains(*r.kinds.Load(), k) }

// SetKinds changes Options.Kinds, for what is resolved from now on; what was found for others is
// worth nothing then.
func (r *Resolver) SetKinds(kinds []transport.Kind) error {
	o := Options{Kinds: slices.Clone(kinds)}
	if err := o.completeKinds(); err != nil {
		return err
	}
	if !slices.Equal(o.Kinds, *r.kinds.Load()) {
		r.kinds.Store(&o.Kinds)
	}
	return nil
}

// written is the transport that a URI names, as modified by sips: sips with transport=tcp is TLS
// over TCP (RFC 3261 §26.2.2), and it does not exist over UDP.
func (r *Resolver) written(k transport.Kind, secure bool) (transport.Kind, error) {
	if secure {
		switch k {
		case transport.UDP:
			return 0, fmt.Errorf("%w: sips over UDP", ErrTransport)
		case transport.TCP:
			k = transport.TLS
		case transport.WS:
			k = transport.WSS
		}
	}
	if k != 0 && (k > transport.WSS || !r.has(k)) {
		return 0, ErrTransport
	}
	return k, nil
}

// usual is the transport when neither URI nor DNS names one: UDP for sip, TLS for sips (RFC 3263
// §4.1). An engine without it takes the nearest it has; 0 when none will do.
func (r *Resolver) usual(secure bool) transport.Kind {
	order := [...]transport.Kind{transport.UDP, transport.TCP, transport.TLS, transport.WS, transport.WSS}
	for _, k := range order {
		if r.has(k) && (k.Secure() || !secure) {
			return k
		}
	}
	return 0
}
