// Package digest answers challenges: the client's side of RFC 7616 and RFC 8760 as SIP uses them
// (RFC 3261 §22). The server's side is the business of whoever challenges.
package digest

// This file reads challenges and chooses among them.

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine/message"
)

// Challenge is one challenge that can be answered.
type Challenge struct {
	Realm, Nonce, Opaque string // as written between their quotes
	// The password was right, only the nonce was too old (RFC 7616 §3.3)
	Stale bool

	algorithm algorithm
	qop       string // the one to use: "auth", "auth-int", or "" for the digest of RFC 2069
	opaque    bool   // Opaque was given, and is returned even if it is empty
}

// ErrNone says that a response contains no challenge that can be answered.
var ErrNone = errors.New("there is no challenge that can be answered")

// most bounds how many challenges of one response are looked at.
const most = 16

// longest bounds realm, nonce and opaque: they go back in each request that answers.
const longest = 1024

// Choose finds the strongest challenge among the fields with id (WWW-Authenticate or
// Proxy-Authenticate), the first among equals. The server's order, which RFC 8760 §2.4 would
// follow, can be changed by an attacker in between; strength cannot. Errors wrap ErrNone.
func Choose(m *message.Message, id message.HeaderID) (best Challenge, err error) {
	err = ErrNone
	i := -1
	for range most {
		if i = m.Find(id, i+1); i < 0 {
			break
		}
		c, flaw := parse(m.Value(i))
		switch {
		case flaw != nil && best.algorithm == 0:
			err = fmt.Errorf("%w: %w", ErrNone, flaw)
		case flaw == nil && c.algorithm.strength() > best.algorithm.strength():
			best, err = c, nil
		}
	}
	return best, err
}

// parse reads one challenge.
func parse(value []byte) (c Challenge, err error) {
	a, err := message.ParseAuth(value)
	if err != nil {
		return c, err
	}
	if !bytes.EqualFold(a.Scheme, []byte("digest")) {
		return c, fmt.Errorf("scheme %.20q", a.Scheme)
	}
	for _, p := range [...]struct {
		name     string
		into     *string
		required bool
	}{{"realm", &c.Realm, true}, {"nonce", &c.Nonce, true}, {"opaque", &c.Opaque, false}} {
		v, ok := a.Params.Get(p.name)
		switch {
		case !ok && p.required:
			return c, fmt.Errorf("no %s", p.name)
		case len(v) > longest || bytes.ContainsAny(v, "\"\\\r\n\x00"):
			// RFC 7616 leaves open whether escapes are hashed, so what the server does is unknown.
			return c, fmt.Errorf("%s has escapes in it, or is too long", p.name)
		}
		*p.into = string(v)
		c.opaque = c.opaque || ok && p.into == &c.Opaque
	}
	stale, _ := a.Params.Get("stale")
	c.Stale = bytes.EqualFold(stale, []byte("true"))
	name, ok := a.Params.Get("algorithm")
	if c.algorithm = lookup(name); !ok {
		c.algorithm = md5Digest // RFC 7616 §3.3
	}
	if c.algorithm == 0 {
		return c, fmt.Errorf("algorithm %.20q", name)
	}
	c.qop, err = chooseQop(a.Params)
	if c.qop == "" && c.algorithm.session() {
		return c, errors.New("a -sess algorithm without qop")
	}
	return c, err
}

// chooseQop prefers auth: auth-int breaks if somebody on the way changes the body.
func chooseQop(p message.AuthParams) (string, error) {
	v, ok := p.Get("qop")
	if !ok {
		return "", nil
	}
	integrity := false
	for _, one := range bytes.Split(v, []byte(",")) {
		switch one = bytes.TrimSpace(one); {
		case bytes.EqualFold(one, []byte("auth")):
			return "auth", nil
		case bytes.EqualFold(one, []byte("auth-int")):
			integrity = true
		}
	}
	if !integrity {
		return "", fmt.Errorf("qop %.20q", v)
	}
	return "auth-int", nil
}
