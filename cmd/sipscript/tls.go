package main

// The TLS flags.

import (
	"crypto/tls"
	"fmt"
	"time"

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
		return usagef("--listen %s: TLS needs a certificate: --tls-cert FILE --tls-key FILE", s.secure)
	case ca != "" && len(certs) == 0:
		return usagef("--tls-client-ca %s: there is no --tls-cert to use it with", ca)
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
		return usagef("--tls-client-auth %s: expected required or optional", auth)
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

// checkTLS reads all files of the TLS flags, also those that no listener needs, before anything is
// opened. The listeners read them again. It warns of certificates that nobody will believe.
func (s *server) checkTLS() error {
	if len(s.set.tls) == 0 && s.set.rootCA == "" {
		return nil
	}
	m, err := transport.LoadTLS(s.set.tls, s.set.rootCA)
	if err != nil {
		return fmt.Errorf("%w; --tls-cert, --tls-key, --tls-client-ca and --tls-ca need PEM files that this process may read, and each key must match its certificate", err)
	}
	s.noteExpiry(m)
	for i, c := range m.Certificates {
		if now := time.Now(); c.Leaf != nil && (now.After(c.Leaf.NotAfter) || now.Before(c.Leaf.NotBefore)) {
			s.log.Warn("a certificate is not valid at this time, and clients will refuse it; renew it, then reload", "file", s.set.tls[i].Cert, "not_before", c.Leaf.NotBefore, "not_after", c.Leaf.NotAfter)
		}
	}
	return nil
}

// trusting is how this server looks at others that have certificates: by the authorities of
// --tls-ca, whose file is read each time.
func (s *settings) trusting() (*tls.Config, error) {
	m, err := transport.LoadTLS(nil, s.rootCA)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: m.RootCAs, MinVersion: tls.VersionTLS12}, nil
}
