// Package passporttest makes certificates for tests: an authority, and signers with numbers.
package passporttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// Authority issues certificates.
type Authority struct {
	Key  *ecdsa.PrivateKey // signs
	Cert *x509.Certificate // its own
	PEM  []byte            // its certificate
	t    testing.TB
}

// Signer is somebody with a certificate.
type Signer struct {
	Key      *ecdsa.PrivateKey // its own
	Cert     *x509.Certificate // for that
	PEM      []byte            // the certificate
	KeyPEM   []byte            // the key
	DER      []byte            // the certificate
	NotAfter time.Time         // of the certificate
}

// New makes an authority whose certificate is valid for ten years around that time.
func New(t testing.TB, now time.Time) *Authority {
	key := newKey(t, elliptic.P256())
	c := template("an authority", now.AddDate(-5, 0, 0), now.AddDate(5, 0, 0))
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	der := create(t, c, c, key.Public(), key)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{Key: key, Cert: cert, PEM: encode("CERTIFICATE", der), t: t}
}

// Issue makes a signer whose certificate is valid for a day around that time. numbers is its
// TNAuthList, nil for none; change may change the certificate before it is signed, nil for none; a
// private key in PublicKey is used.
func (a *Authority) Issue(now time.Time, numbers []byte, change func(c *x509.Certificate)) *Signer {
	c := template("a signer", now.Add(-12*time.Hour), now.Add(12*time.Hour))
	c.KeyUsage = x509.KeyUsageDigitalSignature
	if numbers != nil {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}, Value: numbers}}
	}
	if change != nil {
		change(c)
	}
	key, ok := c.PublicKey.(*ecdsa.PrivateKey) // a test's own
	if !ok {
		key = newKey(a.t, elliptic.P256())
	}
	s := &Signer{Key: key, NotAfter: c.NotAfter, DER: create(a.t, c, a.Cert, key.Public(), a.Key)}
	var err error
	if s.Cert, err = x509.ParseCertificate(s.DER); err != nil {
		a.t.Fatal(err)
	}
	s.PEM = encode("CERTIFICATE", s.DER)
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	s.KeyPEM = encode("EC PRIVATE KEY", raw)
	return s
}

// Codes is a TNAuthList of service providers' codes.
func Codes(codes ...string) []byte {
	var all []byte
	for _, c := range codes {
		all = append(all, tlv(0xa0, tlv(0x16, []byte(c)))...)
	}
	return tlv(0x30, all)
}

// Number is a TNAuthList of one number.
func Number(tn string) []byte { return tlv(0x30, tlv(0xa2, tlv(0x16, []byte(tn)))) }

// Range is a TNAuthList of numbers that follow each other.
func Range(first string, count int64) []byte {
	n, err := asn1.Marshal(count)
	if err != nil {
		panic(err)
	}
	return tlv(0x30, tlv(0xa1, tlv(0x30, append(tlv(0x16, []byte(first)), n...))))
}

// tlv is one short value of DER.
func tlv(tag byte, b []byte) []byte { return append([]byte{tag, byte(len(b))}, b...) }

func template(name string, from, to time.Time) *x509.Certificate {
	n, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{SerialNumber: n, Subject: pkix.Name{CommonName: name, Country: []string{"DE"}}, NotBefore: from, NotAfter: to}
}

func newKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func create(t testing.TB, c, parent *x509.Certificate, public any, by *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, public, by)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
