package transport

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority makes certificates for a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	a.key = a.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(template, template, a.key, a.key)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue makes a certificate for DNS names, IP addresses and sip URIs, each by its looks.
func (a *authority) issue(names ...string) tls.Certificate {
	return a.issueWith(func(*x509.Certificate) {}, names...)
}

func (a *authority) issueWith(change func(*x509.Certificate), names ...string) tls.Certificate {
	a.n++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 + a.n), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if u, err := url.Parse(name); err == nil && u.Scheme != "" {
			template.URIs = append(template.URIs, u)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	change(template)
	key := a.newKey()
	cert := a.sign(template, a.cert, key, a.key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// options are a stack's with these certificates, which trusts the authority.
func (a *authority) options(certs ...tls.Certificate) Options {
	m := &TLSMaterial{Certificates: certs, RootCAs: a.pool()}
	return Options{TLS: TLSOptions{Load: func() (*TLSMaterial, error) { return m, nil }}}
}

// files writes a certificate as its administrator would.
func (a *authority) files(cert tls.Certificate) TLSFiles {
	dir := a.t.TempDir()
	f := TLSFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	a.write(f.Cert, "CERTIFICATE", cert.Certificate[0])
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(f.Key, "PRIVATE KEY", key)
	return f
}

// file writes the authority's own certificate.
func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	a.write(name, "CERTIFICATE", a.cert.Raw)
	return name
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// client is the configuration of a TLS client that trusts the authority.
func (a *authority) client(name string, certs ...tls.Certificate) *tls.Config {
	return &tls.Config{ServerName: name, RootCAs: a.pool(), Certificates: certs}
}

// dialTLS is a TLS client of the standard library that ends with the test.
func dialTLS(t testing.TB, to netip.AddrPort, c *tls.Config) (*tls.Conn, error) {
	t.Helper()
	conn := tls.Client(dial(t, to), c)
	t.Cleanup(func() { conn.Close() })
	return conn, conn.Handshake()
}

func mustDialTLS(t testing.TB, to netip.AddrPort, c *tls.Config) *tls.Conn {
	t.Helper()
	conn, err := dialTLS(t, to, c)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// echoes sends a request and checks that it comes back.
func echoes(t testing.TB, c net.Conn, in *bufio.Reader, n, body int) {
	t.Helper()
	write(t, c, request(n, body))
	if text, err := readMessage(in); err != nil || text != request(n, body) {
		t.Fatalf("%.80q, %v", text, err)
	}
}

// held is how many connections are counted, also those being made.
func held(s *Stack) int {
	s.conns.mu.RLock()
	defer s.conns.mu.RUnlock()
	return s.conns.total
}

// tlsOver makes a TLS client of a connection.
func tlsOver(t testing.TB, raw net.Conn, a *authority) *tls.Conn {
	t.Helper()
	c := tls.Client(raw, a.client("b.example"))
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}
