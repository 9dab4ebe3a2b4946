// The configurations of crypto/tls that a stack works with, and their replacement while traffic
// flows.

package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// tlsState is one generation of certificates. It never changes: a reload creates another one, and
// connections keep the one they were made with. Each has new session ticket keys, so that no
// session outlives what it was checked against.
type tlsState struct {
	material *TLSMaterial
	certs    []ownCertificate
	server   [WSS + 1]*tls.Config // by kind, for TLS and WSS
}

// ownCertificate is one of our certificates and the names it is shown for.
type ownCertificate struct {
	cert  *tls.Certificate
	leaf  *x509.Certificate
	names []string
}

var errNoCertificate = errors.New("there is no certificate: name its file and the key's, as with --tls-cert and --tls-key")

// ReloadCertificates loads certificates and authorities again. Open connections continue; later
// ones use what was loaded. On an error everything stays as it was. Without a listener over TLS it
// does nothing.
func (s *Stack) ReloadCertificates() error {
	if s.tls.Load() == nil {
		return nil
	}
	return s.loadCertificates()
}

// ServerTLS is a configuration for servers beside this stack. They show its certificates, after a
// reload the new ones, and ask clients for none.
func (s *Stack) ServerTLS() (*tls.Config, error) {
	if s.tls.Load() == nil {
		if err := s.loadCertificates(); err != nil {
			return nil, err
		}
	}
	c := baseConfig()
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return s.tls.Load().choose(hello) }
	return c, nil
}

// AddCertificate shows a further certificate, to clients that ask for a name of its own. If it
// cannot be used nothing changes.
func (s *Stack) AddCertificate(f TLSFiles) error {
	s.tlsMu.Lock()
	defer s.tlsMu.Unlock()
	o := s.opts.TLS
	if o.Load != nil {
		return errors.New("tls: certificates come from TLSOptions.Load")
	}
	o.Files = append(slices.Clone(o.Files), f)
	if err := s.useLocked(&o); err != nil {
		return err
	}
	s.opts.TLS.Files = o.Files
	return nil
}

// RemoveCertificate takes one back that AddCertificate has added: it is no longer shown. On an
// error nothing changes. The last one stays while there is a listener that needs it.
func (s *Stack) RemoveCertificate(f TLSFiles) error {
	s.mu.Lock() // no listener is added meanwhile
	defer s.mu.Unlock()
	s.tlsMu.Lock()
	defer s.tlsMu.Unlock()
	o := s.opts.TLS
	i := slices.Index(o.Files, f)
	if i < 0 {
		return errors.New("tls: there is no such certificate")
	}
	o.Files = slices.Delete(slices.Clone(o.Files), i, i+1)
	if len(o.Files) == 0 {
		if slices.ContainsFunc(s.roster.Load().known, func(l *Local) bool { return l.Kind.Secure() }) {
			return errors.New("tls: a listener shows the certificate")
		}
		s.opts.TLS.Files = nil
		s.tls.Store(nil)
		return nil
	}
	if err := s.useLocked(&o); err != nil {
		return err
	}
	s.opts.TLS.Files = o.Files
	return nil
}

func (s *Stack) loadCertificates() error {
	s.tlsMu.Lock()
	defer s.tlsMu.Unlock()
	return s.useLocked(&s.opts.TLS)
}

// useLocked loads what the options name; tlsMu is held.
func (s *Stack) useLocked(o *TLSOptions) error {
	m, err := o.load()
	if err != nil {
		return err
	}
	state, err := newTLSState(o, m)
	if err != nil {
		return err
	}
	s.tls.Store(state)
	return nil
}

func newTLSState(o *TLSOptions, m *TLSMaterial) (*tlsState, error) {
	if m == nil || len(m.Certificates) == 0 {
		return nil, errNoCertificate
	}
	state := &tlsState{material: m}
	for i := range m.Certificates {
		own := ownCertificate{cert: &m.Certificates[i], leaf: m.Certificates[i].Leaf}
		if own.leaf == nil {
			if len(own.cert.Certificate) == 0 {
				return nil, errNoCertificate
			}
			var err error
			if own.leaf, err = x509.ParseCertificate(own.cert.Certificate[0]); err != nil {
				return nil, fmt.Errorf("tls: certificate %d: %w", i, err)
			}
		}
		own.names = identities(own.leaf)
		state.certs = append(state.certs, own)
	}
	for _, k := range []Kind{TLS, WSS} {
		auth := o.clientAuth(k, m)
		if m.ClientCAs == nil && auth > ClientAuthNone {
			return nil, errors.New("tls: clients are asked for certificates, but no authority is given to verify them")
		}
		state.server[k] = state.serverConfig(auth)
	}
	return state, nil
}

// baseConfig is common to both sides. Records are as large as they may be: a message is sent whole,
// in one piece.
func baseConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, DynamicRecordSizingDisabled: true}
}

func (t *tlsState) serverConfig(auth ClientAuth) *tls.Config {
	c := baseConfig()
	c.GetCertificate = t.choose
	switch auth {
	case ClientAuthOptional:
		c.ClientAuth = tls.RequestClientCert
	case ClientAuthRequired:
		c.ClientAuth = tls.RequireAnyClientCert
	default:
		return c
	}
	// Told to the client, checked in VerifyConnection, which also sees resumed sessions
	c.ClientCAs = t.material.ClientCAs
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if len(cs.PeerCertificates) == 0 && auth == ClientAuthOptional {
			return nil
		}
		return believe(cs.PeerCertificates, t.material.ClientCAs)
	}
	return c
}

// clientConfig is for a connection to the server of that name, or of that address if it has none.
// The check of crypto/tls is replaced because it would take wildcards (RFC 5922 §7.2) and not know
// sip URIs. No session is ever resumed.
func (t *tlsState) clientConfig(name string, addr netip.Addr) *tls.Config {
	c := baseConfig()
	c.ServerName = name
	c.InsecureSkipVerify = true // VerifyConnection does it all
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := believe(cs.PeerCertificates, t.material.RootCAs); err != nil {
			return err
		}
		return proves(cs.PeerCertificates[0], name, addr)
	}
	c.GetClientCertificate = func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for _, own := range t.certs {
			if asked.SupportsCertificate(own.cert) == nil {
				return own.cert, nil
			}
		}
		return t.certs[0].cert, nil
	}
	return c
}

// choose finds the certificate for the name that a client asks for: one for exactly this domain, or
// one with a matching wildcard (for browsers), or the first that the client can use.
func (t *tlsState) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := canonicalName(hello.ServerName)
	nameless := *hello
	nameless.ServerName = "" // names are compared here
	var wild, first *tls.Certificate
	for _, own := range t.certs {
		if nameless.SupportsCertificate(own.cert) != nil {
			continue
		}
		switch {
		case name != "" && slices.Contains(own.names, name):
			return own.cert, nil
		case wild == nil && name != "" && own.leaf.VerifyHostname(name) == nil:
			wild = own.cert
		case first == nil:
			first = own.cert
		}
	}
	switch {
	case wild != nil:
		return wild, nil
	case first != nil:
		return first, nil
	}
	return t.certs[0].cert, nil // crypto/tls reports what does not fit
}
