package passport

// Signing and checking signatures: ES256 (RFC 7518 §3.4).

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode/utf8"
)

// Sign is the value of an Identity header with the token. key must be one of the curve P-256; the
// form is Full for types with claims that a request does not have (RFC 8588 §6, RFC 8946 §3).
func (t *Token) Sign(key *ecdsa.PrivateKey, form Form) (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	if key.Curve != elliptic.P256() {
		return "", errCurve
	}
	if form == Compact && t.Type != Base {
		return "", fmt.Errorf("passport: a token of type %q has no compact form", t.Type)
	}
	b := encoding.AppendEncode(make([]byte, 0, 1024), t.appendHeader(make([]byte, 0, 256)))
	b = append(b, '.')
	b = encoding.AppendEncode(b, t.appendClaims(make([]byte, 0, 512)))
	hash := sha256.Sum256(b)
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		return "", fmt.Errorf("passport: %w", err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	if form == Compact {
		b = append(b[:0], '.')
	}
	b = append(b, '.')
	b = encoding.AppendEncode(b, signature[:])
	return string(t.appendParams(b)), nil
}

var (
	errX5U   = errors.New("passport: x5u must be a https URL without blanks, quotes and brackets")
	errCurve = errors.New("passport: the key is not one of P-256")
	errClaim = errors.New("passport: a claim is missing, too long, or has a control character in it")
)

// check refuses what must not be signed.
func (t *Token) check() error {
	c := &t.Claims
	if !strings.HasPrefix(t.X5U, "https://") || strings.ContainsAny(t.X5U, " \t\r\n<>\"\\") {
		return errX5U
	}
	texts := []string{c.Orig.TN + c.Orig.URI}
	if len(c.Dest.TN)+len(c.Dest.URI) == 0 || len(c.Dest.TN)+len(c.Dest.URI) > MaxDest {
		return errClaim
	}
	texts = append(append(texts, c.Dest.TN...), c.Dest.URI...)
	switch t.Type {
	case Shaken:
		if c.Attest != "A" && c.Attest != "B" && c.Attest != "C" {
			return fmt.Errorf("passport: attest must be A, B or C, not %.40q", c.Attest)
		}
		texts = append(texts, c.OrigID)
	case Div:
		texts = append(texts, c.Div.TN+c.Div.URI)
	}
	for _, s := range texts {
		if s == "" || len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			return errClaim
		}
	}
	return nil
}

// Fill completes a token in the compact form by what the request says: who calls whom, and its Date
// (RFC 8224 §6.2, step 5).
func (t *Token) Fill(orig Identity, dest Dest, date int64) {
	t.Claims = Claims{Orig: orig, Dest: dest, IssuedAt: date}
}

// SignedBy reports whether the signature is that of the key.
func (t *Token) SignedBy(key *ecdsa.PublicKey) bool {
	signed := t.signed
	if signed == nil {
		signed = encoding.AppendEncode(make([]byte, 0, 512), t.appendHeader(nil))
		signed = append(signed, '.')
		signed = encoding.AppendEncode(signed, t.appendClaims(nil))
	}
	hash := sha256.Sum256(signed)
	return ecdsa.Verify(key, hash[:], new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:]))
}
