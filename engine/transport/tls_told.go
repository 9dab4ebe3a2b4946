// What is told of TLS: names that do not fit, on either side.

package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// nameError is why a server's certificate does not do: it is for another name.
type nameError struct {
	speaksFor []string
	name      string
	addr      netip.Addr
}

func (e *nameError) Error() string {
	if e.name == "" {
		return fmt.Sprintf("the server's certificate is not for the address %s", e.addr)
	}
	return fmt.Sprintf("the server's certificate is for %.200q, not for %s (RFC 5922)", e.speaksFor, e.name)
}

// tellServer warns of a server that proves another name than it should, once per address and
// minute.
func (s *Stack) tellServer(key connKey, err error) {
	var other *nameError
	if errors.As(err, &other) {
		s.warn("a TLS server is not who it should be", key.addr.Addr(), "transport", key.kind.String(), "peer", key.addr.String(), "host", key.serverName, "error", err.Error())
	}
}

// tellClient warns of a client over TLS that asked for a name which none of our certificates has,
// or did not believe the one it was shown; once per address and minute.
func (s *Stack) tellClient(c *tls.Conn, k Kind, err error) {
	remote := addrPortOf(c.RemoteAddr())
	name := canonicalName(c.ConnectionState().ServerName)
	if err != nil {
		if refusedByPeer(err) {
			s.warn("a TLS client does not believe our certificate", remote.Addr(), "transport", k.String(), "peer", remote.String(), "host", name, "error", err.Error())
		}
		return
	}
	if name != "" && !s.tls.Load().has(name) {
		s.warn("a TLS client asked for a name that no certificate has", remote.Addr(), "transport", k.String(), "peer", remote.String(), "host", name)
	}
}

// refusedByPeer reports whether the other side ended a handshake because of our certificate: alerts
// of RFC 8446 §6.2 from bad_certificate to certificate_unknown, and unknown_ca.
func refusedByPeer(err error) bool {
	var alert tls.AlertError
	var op *net.OpError
	if errors.As(err, &alert) {
		return alert >= 42 && alert <= 46 || alert == 48
	}
	if errors.As(err, &op) && op.Op == "remote error" {
		switch op.Err.Error() {
		case "tls: bad certificate", "tls: unsupported certificate", "tls: revoked certificate", "tls: expired certificate",
			"tls: unknown certificate", "tls: unknown certificate authority":
			return true
		}
	}
	return false
}

// has reports whether a certificate is for the name.
func (t *tlsState) has(name string) bool {
	return slices.ContainsFunc(t.certs, func(own ownCertificate) bool {
		return slices.Contains(own.names, name) || own.leaf.VerifyHostname(name) == nil
	})
}

// warn logs something about a peer, unless Options.May says that it was said lately.
func (s *Stack) warn(what string, from netip.Addr, args ...any) {
	silent := 0
	if s.opts.May != nil {
		var ok bool
		if silent, ok = s.opts.May(what, from); !ok {
			return
		}
	}
	s.opts.Log.Warn(what, append(args, "suppressed", silent)...)
}
