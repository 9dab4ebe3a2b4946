package passport

// Certificates of signers: the chain, and what numbers they are for (RFC 8226).

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxChain bounds the certificates of a chain.
	maxChain = 8
	// maxEntries bounds the numbers of a certificate.
	maxEntries = 10_000
)

// Certificate is a signer's, with those that lead from it to a root.
type Certificate struct {
	Leaf      *x509.Certificate // the signer's
	Key       *ecdsa.PublicKey  // of the curve P-256
	Numbers   *Numbers          // nil: it names no numbers
	NotAfter  time.Time         // of the chain that was verified; of Leaf before
	NotBefore time.Time         // of the same
	between   []*x509.Certificate
}

// ReadCertificate reads a chain, the signer's certificate first: PEM, or DER of one. The error is
// an [*Error].
func ReadCertificate(b []byte) (*Certificate, error) {
	list, err := certificates(b)
	if err != nil {
		return nil, &Error{BadCredentials, err}
	}
	c := &Certificate{Leaf: list[0], between: list[1:], NotAfter: list[0].NotAfter, NotBefore: list[0].NotBefore}
	key, ok := c.Leaf.PublicKey.(*ecdsa.PublicKey)
	switch { // RFC 8225 §6: ES256 is the algorithm
	case !ok || key.Curve != elliptic.P256():
		return nil, &Error{BadCredentials, errors.New("the certificate's key is not one of P-256")}
	case c.Leaf.IsCA:
		return nil, &Error{BadCredentials, errors.New("the certificate is one of an authority")}
	case c.Leaf.KeyUsage != 0 && c.Leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return nil, &Error{BadCredentials, errors.New("the certificate's key is not for signatures")}
	}
	c.Key = key
	if c.Numbers, err = numbersOf(c.Leaf); err != nil {
		return nil, &Error{BadCredentials, err}
	}
	return c, nil
}

// certificates are those of a text.
func certificates(b []byte) (list []*x509.Certificate, err error) {
	if !bytes.Contains(b, []byte("-----BEGIN ")) {
		c, err := x509.ParseCertificate(b)
		if err != nil {
			return nil, errors.New("what is there is not a certificate")
		}
		return []*x509.Certificate{c}, nil
	}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(list) == maxChain {
			return nil, fmt.Errorf("there are more than %d certificates", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate can't be read")
		}
		list = append(list, c)
	}
	if list == nil {
		return nil, errors.New("there is no certificate in it")
	}
	return list, nil
}

// ReadRoots reads the certificates of authorities.
func ReadRoots(pool *x509.CertPool, b []byte) error {
	n := 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return errors.New("there is no certificate in it")
	}
	return nil
}

// Chain checks that the certificate is one of the roots' at that time, and sets from when to when
// it is. The error is an [*Error].
func (c *Certificate) Chain(roots *x509.CertPool, now time.Time) error {
	between := x509.NewCertPool()
	for _, b := range c.between {
		between.AddCert(b)
	}
	leaf := *c.Leaf // shared
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(leaf.UnhandledCriticalExtensions), oidNumbers.Equal)
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return &Error{BadCredentials, errors.New("the certificate is not trusted: " + strings.TrimPrefix(err.Error(), "x509: "))}
	}
	c.NotAfter, c.NotBefore = leaf.NotAfter, leaf.NotBefore
	for _, one := range chains[0] {
		if one.NotAfter.Before(c.NotAfter) {
			c.NotAfter = one.NotAfter
		}
		if one.NotBefore.After(c.NotBefore) {
			c.NotBefore = one.NotBefore
		}
	}
	return nil
}

// At reports, by an [*Error], that the certificate is not valid at that time.
func (c *Certificate) At(now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return &Error{BadCredentials, errors.New("the certificate has expired")}
	case now.Before(c.NotBefore):
		return &Error{BadCredentials, errors.New("the certificate is not valid yet")}
	}
	return nil
}

// MaySign checks that the certificate is one for calls of that party, by an [*Error] (RFC 8224 §6.2
// step 2). A certificate with a service provider's code is for any number: the code stands for all
// numbers that the provider was given, which only the provider's authority knows. One with numbers
// is for these. A SIP address needs a certificate with its domain. strict: one of "shaken", which
// needs numbers or codes (ATIS-1000080).
func (c *Certificate) MaySign(id Identity) error {
	if id.TN == "" {
		_, host, _ := strings.Cut(id.URI, "@")
		if c.Numbers == nil && c.Leaf.VerifyHostname(strings.Trim(host, "[]")) == nil {
			return nil
		}
		return &Error{BadCredentials, fmt.Errorf("the certificate is not one of the domain of %.80s", id.URI)}
	}
	switch {
	case c.Numbers == nil:
		return &Error{BadCredentials, errors.New("the certificate names neither numbers nor a provider (TNAuthList)")}
	case !c.Numbers.Has(id.TN):
		return &Error{BadCredentials, fmt.Errorf("the certificate is not for the number %.40s", id.TN)}
	}
	return nil
}

// Numbers are whose numbers a certificate is for: its TNAuthList (RFC 8226 §9).
type Numbers struct {
	Codes  []string // of service providers
	Ranges []Range  // of numbers
}

// Range are numbers that follow each other.
type Range struct {
	First string // its digits
	Count uint64 // 1 or more
}

// Has reports whether a number is among them.
func (n *Numbers) Has(tn string) bool {
	tn = strings.TrimPrefix(tn, "+")
	return len(n.Codes) > 0 || slices.ContainsFunc(n.Ranges, func(r Range) bool { return r.has(tn) })
}

func (r *Range) has(tn string) bool {
	if r.Count == 1 {
		return tn == r.First
	}
	first, err := strconv.ParseUint(r.First, 10, 64)
	n, err2 := strconv.ParseUint(tn, 10, 64)
	return err == nil && err2 == nil && len(tn) == len(r.First) && n >= first && n-first < r.Count
}

// oidNumbers is id-pe-TNAuthList.
var oidNumbers = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 26}

// numbersOf reads the extension of a certificate; nil: there is none.
func numbersOf(c *x509.Certificate) (*Numbers, error) {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidNumbers) {
			return readNumbers(e.Value)
		}
	}
	return nil, nil
}

var errNumbers = errors.New("the certificate's TNAuthList can't be read")

// readNumbers reads SEQUENCE OF CHOICE { spc [0] IA5String, range [1] SEQUENCE { start IA5String,
// count INTEGER }, one [2] IA5String }, with explicit tags.
func readNumbers(der []byte) (*Numbers, error) {
	var list asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &list); err != nil || len(rest) > 0 || list.Tag != asn1.TagSequence || list.Class != asn1.ClassUniversal || !list.IsCompound {
		return nil, errNumbers
	}
	n := &Numbers{}
	for b := list.Bytes; len(b) > 0; {
		var entry asn1.RawValue
		rest, err := asn1.Unmarshal(b, &entry)
		if err != nil || entry.Class != asn1.ClassContextSpecific || !entry.IsCompound || len(n.Codes)+len(n.Ranges) == maxEntries {
			return nil, errNumbers
		}
		if err := n.add(entry.Tag, entry.Bytes); err != nil {
			return nil, err
		}
		b = rest
	}
	if len(n.Codes)+len(n.Ranges) == 0 { // SIZE (1..MAX)
		return nil, errNumbers
	}
	return n, nil
}

// add reads one entry.
func (n *Numbers) add(tag int, b []byte) error {
	switch tag {
	case 0, 2:
		text, rest, ok := ia5(b)
		if !ok || len(rest) > 0 {
			return errNumbers
		}
		if tag == 0 {
			n.Codes = append(n.Codes, text)
			return nil
		}
		if !dialled(text) {
			return errNumbers
		}
		n.Ranges = append(n.Ranges, Range{text, 1})
	case 1:
		var r asn1.RawValue
		rest, err := asn1.Unmarshal(b, &r)
		if err != nil || len(rest) > 0 || r.Tag != asn1.TagSequence {
			return errNumbers
		}
		first, left, ok := ia5(r.Bytes)
		var count int64
		if _, err := asn1.Unmarshal(left, &count); !ok || err != nil || count < 2 || !dialled(first) {
			return errNumbers
		}
		n.Ranges = append(n.Ranges, Range{first, uint64(count)})
	default:
		return errNumbers
	}
	return nil
}

// ia5 reads an IA5String, which is not empty.
func ia5(b []byte) (text string, rest []byte, ok bool) {
	var v asn1.RawValue
	rest, err := asn1.Unmarshal(b, &v)
	if err != nil || v.Class != asn1.ClassUniversal || v.Tag != asn1.TagIA5String || len(v.Bytes) == 0 || len(v.Bytes) > 64 {
		return "", nil, false
	}
	for _, c := range v.Bytes {
		if c <= ' ' || c >= 0x7f {
			return "", nil, false
		}
	}
	return string(v.Bytes), rest, true
}

// dialled reports whether a text is a TelephoneNumber of RFC 8226.
func dialled(s string) bool {
	return len(s) <= 15 && strings.Trim(s, "0123456789#*") == ""
}
