package main

// The TLS flags.

import (
	"github.com/urfave/cli/v2"

	"github.com/sipscript/sipscript/engine/transport"
)

// readTLS pairs certificates with keys. The files themselves are read at the start.
func (s *settings) readTLS(c *cli.Context) error {
	s.rootCA = c.String("tls-ca")
	certs, keys, ca := c.StringSlice("tls-cert"), c.StringSlice("tls-key"), c.String("tls-client-ca")
	switch {
	case len(certs) != len(keys):
		return usagef("%d --tls-cert and %d --tls-key: each certificate needs its key, in the same order", len(certs), len(keys))
	case s.secure != "" && len(certs) == 0:
		return usagef("--listen %s: give it a certificate with --tls-cert FILE --tls-key FILE", s.secure)
	case ca != "" && len(certs) == 0:
		return usagef("--tls-client-ca %s: there is no --tls-cert it could go with", ca)
	}
	switch auth := c.String("tls-client-auth"); {
	case auth == "":
	case ca == "":
		return usagef("--tls-client-auth %s: there is no --tls-client-ca to check certificates with", auth)
	case auth == "required":
		s.clientAuth = transport.ClientAuthRequired
	case auth == "optional":
		s.clientAuth = transport.ClientAuthOptional
	default:
		return usagef("--tls-client-auth is required or optional, not %q", auth)
	}
	for i := range certs {
		f := transport.TLSFiles{Cert: certs[i], Key: keys[i]}
		if i == 0 {
			f.ClientCA = ca
		}
		s.tls = append(s.tls, f)
	}
	return nil
}
