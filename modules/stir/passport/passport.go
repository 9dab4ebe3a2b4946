// Package passport makes and checks PASSporTs (RFC 8225), the signed tokens by which whoever sends
// a call vouches for the caller's number (RFC 8224), with the extensions "shaken" (RFC 8588) and
// "div" (RFC 8946). Only ES256 is there, which is the one algorithm of all of these.
//
// It knows neither scripts nor the network: who verifies brings the certificates, and who signs the
// key.
//
//	token := passport.Token{X5U: "https://cert.example.org/a.pem", Claims: passport.Claims{
//		Attest: "A", Orig: passport.Identity{TN: "12155550100"}, Dest: passport.Dest{TN: []string{"12155550101"}},
//		IssuedAt: now.Unix(), OrigID: id}}
//	value, err := token.Sign(key, passport.Full)      // of an Identity header
package passport

import (
	"errors"
	"fmt"
)

// Error is a PASSporT that is not accepted, with the code by which RFC 8224 §6.2.2 has a request
// refused for it.
type Error struct {
	Code int   // 403, 428, 436, 437 or 438
	Err  error // why
}

// The codes of RFC 8224 §6.2.2.
const (
	StaleDate      = 403 // it is too old, or from the future
	Missing        = 428 // there is none
	BadInfo        = 436 // its certificate can't be had
	BadCredentials = 437 // its certificate is not one that is trusted, or not for this number
	Invalid        = 438 // anything else: the signature, the form, or what it says
)

// Error says why.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the reason.
func (e *Error) Unwrap() error { return e.Err }

// Reason is the phrase of a response with the code.
func Reason(code int) string {
	switch code {
	case StaleDate:
		return "Stale Date"
	case Missing:
		return "Use Identity Header"
	case BadInfo:
		return "Bad Identity Info"
	case BadCredentials:
		return "Unsupported Credential"
	}
	return "Invalid Identity Header"
}

// ErrMissing is the reason of [Missing].
var ErrMissing = errors.New("missing")

func invalid(format string, args ...any) *Error {
	return &Error{Invalid, fmt.Errorf(format, args...)}
}

// Bounds of what a peer sends.
const (
	// MaxField bounds the value of an Identity header, in bytes.
	MaxField = 8 << 10
	// MaxDest bounds the parties a PASSporT is for.
	MaxDest = 32
	// maxText bounds a text of a claim.
	maxText = 1 << 10
)

// Types of PASSporTs, as ppt has them.
const (
	Base   = ""       // RFC 8225, without an extension
	Shaken = "shaken" // RFC 8588
	Div    = "div"    // RFC 8946
)

// Claims are what a PASSporT says.
type Claims struct {
	Attest   string   // of "shaken": "A", "B" or "C"
	Dest     Dest     // who is called
	Div      Identity // of "div": who was called before
	IssuedAt int64    // iat, in seconds since 1970
	Orig     Identity // who calls
	OrigID   string   // of "shaken": where the call came from, as a UUID
}

// Dest are the parties that a call is for; at least one.
type Dest struct {
	TN, URI []string // canonical numbers, and URIs
}

// Has reports whether the call is for that party.
func (d *Dest) Has(id Identity) bool {
	for _, tn := range d.TN {
		if (Identity{TN: tn}).Same(id) {
			return true
		}
	}
	for _, uri := range d.URI {
		if (Identity{URI: uri}).Same(id) {
			return true
		}
	}
	return false
}

// First is the one of the parties that is named first.
func (d *Dest) First() Identity {
	switch {
	case len(d.TN) > 0:
		return Identity{TN: d.TN[0]}
	case len(d.URI) > 0:
		return Identity{URI: d.URI[0]}
	}
	return Identity{}
}

// To is a Dest of one party.
func To(id Identity) Dest {
	if id.TN != "" {
		return Dest{TN: []string{id.TN}}
	}
	return Dest{URI: []string{id.URI}}
}

// Token is a PASSporT.
type Token struct {
	Type   string // ppt: Base, Shaken, Div or one that is not known here
	X5U    string // where its certificate is
	Claims Claims // what it says

	signed    []byte // what the signature is over; nil: it has to be made of the rest
	signature []byte
}

// Compact reports whether the token came without its claims, which are those of the request it was
// in (RFC 8225 §7).
func (t *Token) Compact() bool { return t.signed == nil }
