package passport

// The Identity header (RFC 8224 §4).

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// Form is how a token is written.
type Form uint8

// Forms of RFC 8225.
const (
	Full    Form = iota // header, claims and signature
	Compact             // the signature alone; the rest follows from the request (§7)
)

var encoding = base64.RawURLEncoding.Strict()

// Parse reads the value of an Identity header. Of a token in the compact form the claims are not
// known yet: see [Token.Fill]. The error is an [*Error].
func Parse(value []byte) (*Token, error) {
	t, err := parse(value)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func parse(value []byte) (*Token, *Error) {
	if len(value) > MaxField {
		return nil, invalid("the header has more than %d bytes", MaxField)
	}
	digest, rest, _ := bytes.Cut(value, []byte{';'})
	p, err := parameters(rest)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(string(bytes.TrimSpace(digest)), ".")
	if len(parts) != 3 {
		return nil, invalid("the token does not have three parts")
	}
	t := &Token{Type: p.ppt, X5U: p.info}
	if t.signature, err = decode(parts[2]); err != nil {
		return nil, err
	}
	if p.alg != "" && p.alg != "ES256" {
		return nil, &Error{BadCredentials, invalid("the algorithm is %.40q, not ES256", p.alg).Err}
	}
	if len(t.signature) != 64 { // RFC 7518 §3.4
		return nil, invalid("the signature has %d bytes, not 64", len(t.signature))
	}
	if parts[0] == "" && parts[1] == "" {
		return t, nil
	}
	return t, t.full(parts[0], parts[1], p)
}

// full reads the parts of the full form.
func (t *Token) full(header, claims string, p params) *Error {
	h, err := decode(header)
	if err != nil {
		return err
	}
	c, err := decode(claims)
	if err != nil {
		return err
	}
	t.Type, t.X5U = Base, ""
	if err := t.readHeader(h); err != nil {
		return err
	}
	switch { // RFC 8224 §4: what is said twice agrees
	case t.X5U != p.info:
		return invalid("info is not x5u")
	case p.ppt != "" && p.ppt != t.Type:
		return invalid("the parameter ppt is %.40q, in the token it is %.40q", p.ppt, t.Type)
	}
	t.signed = []byte(header + "." + claims)
	return t.readClaims(c)
}

// decode reads base64url without padding. The decoder of the standard library skips line breaks,
// which may not be here.
func decode(s string) ([]byte, *Error) {
	b, err := encoding.DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, invalid("a part of the token is not base64url")
	}
	return b, nil
}

// params are those of the header.
type params struct{ info, alg, ppt string }

// parameters reads ;info=<URI>;alg=ES256;ppt="shaken", in any order.
func parameters(b []byte) (p params, err *Error) {
	seen := map[string]bool{}
	for b = bytes.TrimSpace(b); len(b) > 0; b = bytes.TrimSpace(b) {
		name, rest, ok := bytes.Cut(b, []byte{'='})
		n := strings.ToLower(string(bytes.TrimSpace(name)))
		if !ok || n == "" || seen[n] || len(seen) > 8 {
			return p, invalid("the parameters of the header can't be read")
		}
		seen[n] = true
		rest = bytes.TrimSpace(rest)
		value, rest, ok := cutValue(rest)
		if !ok || n == "info" != value.uri {
			return p, invalid("the parameter %.40q can't be read", n)
		}
		switch n {
		case "info":
			p.info = value.text
		case "alg":
			p.alg = value.text
		case "ppt":
			p.ppt = value.text
		}
		rest = bytes.TrimSpace(rest)
		if len(rest) > 0 {
			if rest[0] != ';' || len(rest) == 1 {
				return p, invalid("the parameters of the header can't be read")
			}
			rest = rest[1:]
		}
		b = rest
	}
	if p.info == "" {
		return p, invalid("there is no info")
	}
	return p, nil
}

// value is that of a parameter.
type value struct {
	text string
	uri  bool // it was in <>
}

// cutValue takes <…>, "…" or a token off b.
func cutValue(b []byte) (v value, rest []byte, ok bool) {
	if len(b) == 0 {
		return v, nil, false
	}
	if c := b[0]; c == '<' || c == '"' {
		end := byte('>')
		if c == '"' {
			end = c
		}
		n := bytes.IndexByte(b[1:], end)
		if n <= 0 {
			return v, nil, false
		}
		v = value{string(b[1 : n+1]), c == '<'}
		return v, b[n+2:], !strings.ContainsAny(v.text, " \t\r\n\\<\"")
	}
	n := bytes.IndexAny(b, "; \t\r\n<>\"=,")
	if n < 0 {
		n = len(b)
	}
	return value{text: string(b[:n])}, b[n:], n > 0
}

// appendParams writes the parameters.
func (t *Token) appendParams(b []byte) []byte {
	b = append(append(append(b, ";info=<"...), t.X5U...), ">;alg=ES256"...)
	if t.Type != Base {
		b = append(append(append(b, `;ppt="`...), t.Type...), '"')
	}
	return b
}
