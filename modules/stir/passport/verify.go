package passport

// Verification of the Identity headers of a request (RFC 8224 §6.2, RFC 8946 §6).

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Request is what verification compares tokens with.
type Request struct {
	Tokens []*Token  // of types that are known
	Flaws  []error   // of headers that could not be read
	Orig   Identity  // who calls
	To     Identity  // who was called first, by the To header
	Target Identity  // who is called now, by the Request-URI; may be empty
	Date   time.Time // of the Date header; zero: there is none
}

// MaxTokens bounds the Identity headers of a request that are looked at.
const MaxTokens = 8

// MaxURLs bounds the certificates that are fetched for a request.
const MaxURLs = 4

// Read reads Identity headers into the request. Tokens of types that are not known do not count
// (RFC 8224 §6.2 step 1).
func (r *Request) Read(values [][]byte) {
	for _, v := range values[:min(len(values), MaxTokens)] {
		t, err := Parse(v)
		switch {
		case err != nil:
			r.Flaws = append(r.Flaws, err)
		case t.Type == Base || t.Type == Shaken || t.Type == Div:
			r.Tokens = append(r.Tokens, t)
		}
	}
	if len(values) > MaxTokens {
		r.Flaws = append(r.Flaws, invalid("there are more than %d Identity headers", MaxTokens))
	}
}

// Policy is how requests are verified.
type Policy struct {
	MaxAge time.Duration // how much Date and iat may differ from now
	// Certificate is that at a URL: valid now, and of an authority that is trusted. Its errors are
	// [*Error] where they have a code of their own.
	Certificate func(url string) (*Certificate, error)
	// AnyNumber lets certificates sign for numbers that are not theirs.
	AnyNumber bool
}

// Verified is a request whose caller somebody vouches for.
type Verified struct {
	Token       *Token       // the one of the call
	Certificate *Certificate // that it was signed with
	// Diverted are those who were called, one after the other, the present one last; nil if there
	// was no diversion.
	Diverted []Identity
}

// Verify verifies a request. The error is an [*Error]: that of the first token, if there are
// several.
func (p *Policy) Verify(r *Request, now time.Time) (*Verified, error) {
	if len(r.Tokens) == 0 {
		if len(r.Flaws) > 0 {
			return nil, r.Flaws[0]
		}
		return nil, &Error{Missing, ErrMissing}
	}
	var first error
	for _, t := range r.Tokens {
		if t.Type == Div {
			continue
		}
		v, err := p.call(r, t, now)
		if err == nil {
			return v, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil { // diversions of nothing
		return nil, &Error{Missing, ErrMissing}
	}
	return nil, first
}

// call verifies one token of a call, and the diversions it takes to lead to whom is called.
func (p *Policy) call(r *Request, t *Token, now time.Time) (*Verified, error) {
	if t.Compact() {
		if t.Type != Base { // RFC 8588 §6
			return nil, invalid("a token of type %q needs the full form", t.Type)
		}
		if r.Date.IsZero() || r.To.Empty() || r.Orig.Empty() {
			return nil, invalid("the compact form needs Date, and From and To that name somebody")
		}
		t.Fill(r.Orig, To(r.To), r.Date.Unix())
	}
	if !t.Claims.Orig.Same(r.Orig) {
		return nil, invalid("orig is %.80s, but the call is from %.80s", t.Claims.Orig, r.Orig)
	}
	c, err := p.signed(r, t, t.Claims.Orig, now)
	if err != nil {
		return nil, err
	}
	v := &Verified{Token: t, Certificate: c}
	if t.Claims.Dest.Has(r.To) {
		return v, nil
	}
	if v.Diverted, err = p.diverted(r, t, now); err != nil {
		return nil, err
	}
	return v, nil
}

// URLs are where the certificates are that Verify will ask for, of tokens which could be accepted
// at that time: a stranger's token does not have everything fetched that it names.
func (p *Policy) URLs(r *Request, now time.Time) (list []string) {
	for _, t := range r.Tokens {
		orig, at := t.Claims.Orig, now
		if !t.Compact() {
			at = time.Unix(t.Claims.IssuedAt, 0)
		} else if orig = r.Orig; r.Date.IsZero() {
			continue
		}
		if orig.Same(r.Orig) && at.Sub(now).Abs() <= p.MaxAge && (r.Date.IsZero() || r.Date.Sub(now).Abs() <= p.MaxAge) && !slices.Contains(list, t.X5U) {
			list = append(list, t.X5U)
		}
	}
	return list[:min(len(list), MaxURLs)]
}

// signed checks what all tokens have: their age, certificate and signature. id is who it has to be
// a certificate for.
func (p *Policy) signed(r *Request, t *Token, id Identity, now time.Time) (*Certificate, error) {
	if err := p.fresh(r, t, now); err != nil {
		return nil, err
	}
	c, err := p.Certificate(t.X5U)
	if err != nil {
		var known *Error
		if !errors.As(err, &known) {
			err = &Error{BadInfo, fmt.Errorf("the certificate can't be had: %w", err)}
		}
		return nil, err
	}
	if err := c.At(now); err != nil {
		return nil, err
	}
	// Step 4: it was valid when it was used.
	if err := c.At(time.Unix(t.Claims.IssuedAt, 0)); err != nil {
		return nil, err
	}
	if !t.SignedBy(c.Key) {
		return nil, invalid("the signature is wrong")
	}
	if !p.AnyNumber {
		if err := c.MaySign(id); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// fresh checks the age of a token, and of the request (RFC 8224 §6.2 step 4).
func (p *Policy) fresh(r *Request, t *Token, now time.Time) error {
	if !r.Date.IsZero() && r.Date.Sub(now).Abs() > p.MaxAge {
		return &Error{StaleDate, fmt.Errorf("stale: Date is %s", apart(r.Date, now))}
	}
	if at := time.Unix(t.Claims.IssuedAt, 0); at.Sub(now).Abs() > p.MaxAge {
		return &Error{StaleDate, fmt.Errorf("stale: iat is %s", apart(at, now))}
	}
	return nil
}

func apart(at, now time.Time) string {
	if d := now.Sub(at).Round(time.Second); d > 0 {
		return fmt.Sprintf("%v ago", d)
	}
	return fmt.Sprintf("%v ahead", at.Sub(now).Round(time.Second))
}

// diverted follows the diversions of a call, each signed by whom was called before (RFC 8946 §6),
// from its token to whom To or the Request-URI names.
func (p *Policy) diverted(r *Request, t *Token, now time.Time) (list []Identity, err error) {
	used := map[*Token]bool{t: true}
	at := t
	for range MaxTokens {
		next := r.diversion(at, used)
		if next == nil {
			break
		}
		if !next.Claims.Orig.Same(t.Claims.Orig) { // RFC 8946 §4.1: it stays
			return nil, invalid("a diversion is one of a call from %.80s", next.Claims.Orig)
		}
		if _, err := p.signed(r, next, next.Claims.Div, now); err != nil {
			return nil, err
		}
		used[next] = true
		at = next
		list = append(list, next.Claims.Div)
		for _, id := range [...]Identity{r.To, r.Target} {
			if next.Claims.Dest.Has(id) {
				return append(list, id), nil
			}
		}
	}
	return nil, invalid("dest is %.80s, but the call is for %.80s", at.Claims.Dest.First(), r.To)
}

// diversion is the token by which a callee of t's was replaced.
func (r *Request) diversion(t *Token, used map[*Token]bool) *Token {
	for _, d := range r.Tokens {
		if d.Type == Div && !d.Compact() && !used[d] && t.Claims.Dest.Has(d.Claims.Div) {
			return d
		}
	}
	return nil
}

// Last is the token that says whom the request is for now: the one of the call, or that of its last
// diversion; nil if there is none.
func (r *Request) Last() *Token {
	for _, t := range r.Tokens {
		if t.Type == Div {
			continue
		}
		used := map[*Token]bool{t: true}
		for d := r.diversion(t, used); d != nil; d = r.diversion(t, used) {
			t, used[d] = d, true
		}
		return t
	}
	return nil
}
