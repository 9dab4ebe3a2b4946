package admin

// The certificate of the admin interface, which changes while it serves.

import (
	"crypto/tls"
	"fmt"
	"sync/atomic"
)

// Certificate is a certificate in files.
type Certificate struct {
	cert, key string
	now       atomic.Pointer[tls.Certificate]
}

// LoadCertificate reads a PEM certificate with its chain, and its key.
func LoadCertificate(cert, key string) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key}
	return c, c.Reload()
}

// Reload reads the files again. On an error the certificate stays as it was.
func (c *Certificate) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("admin: %s, %s: %w", c.cert, c.key, err)
	}
	c.now.Store(&pair)
	return nil
}

// Files are its files, for whoever watches them.
func (c *Certificate) Files() []string { return []string{c.cert, c.key} }

func (c *Certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }}
}
