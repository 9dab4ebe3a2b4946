package stir

// Signing: as a branch is about to be sent, so that the token agrees with what is sent.

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/stir/passport"
)

// SignOptions say what is vouched for.
type SignOptions struct {
	Attest  string `lua:"attest" oneof:"A B C" doc:"\"A\": the caller is known and may use the number; \"B\": is known; \"C\": came from elsewhere. Without it a token of RFC 8225 is made, which says no more than who calls whom"`
	Orig    string `lua:"orig" default:"P-Asserted-Identity, or From" doc:"who calls: a number or URI"`
	Dest    string `lua:"dest" default:"To" doc:"who is called: a number or URI"`
	OrigID  string `lua:"origid" default:"a new one" doc:"where the call came from, as a UUID"`
	Compact bool   `lua:"compact" default:"false" doc:"the short form, without attest: whoever verifies takes the rest from From, To and Date"`
}

// editable is what is signed: a request or a branch.
type editable interface {
	Message() *message.Message
	SetHeader(name string, values ...string) error
	AddHeader(name, value string, first bool) error
}

var (
	errCompact = errors.New("compact: a token with attest, orig or dest has no short form")
	errExpired = errors.New("our certificate is not valid now")
)

// claimed is what a token to be made says.
type claimed struct {
	kind    string
	compact bool
	orig    passport.Identity // empty: that of the message
	dest    passport.Identity // empty: that of the message
	div     passport.Identity
	attest  string
	origID  string
}

// claim checks options.
func claim(o SignOptions) (c claimed, err error) {
	c = claimed{attest: o.Attest, origID: o.OrigID, compact: o.Compact}
	if o.Compact && o.Attest+o.Orig+o.Dest != "" {
		return c, errCompact
	}
	if o.Attest != "" {
		c.kind = passport.Shaken
	}
	if o.Orig != "" {
		if c.orig, err = passport.Of(o.Orig); err != nil {
			return c, fmt.Errorf("orig: %w", err)
		}
	}
	if o.Dest != "" {
		if c.dest, err = passport.Of(o.Dest); err != nil {
			return c, fmt.Errorf("dest: %w", err)
		}
	}
	if len(o.OrigID) > 64 {
		return c, errors.New("origid has more than 64 bytes")
	}
	if c.origID == "" && c.kind == passport.Shaken {
		c.origID = newID()
	}
	return c, nil
}

// newID is a random UUID (RFC 9562 §5.4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// token is what is to be signed for a message, by our certificate o.
func (u *setup) token(o *own, m *message.Message, c claimed, now time.Time) (*passport.Token, error) {
	if o.cert.At(now) != nil {
		return nil, errExpired
	}
	var err error
	if c.orig.Empty() {
		if c.orig, err = origOf(m); err != nil {
			return nil, fmt.Errorf("the caller: %w", err)
		}
	}
	if c.dest.Empty() {
		if c.dest, err = destOf(m); err != nil {
			return nil, fmt.Errorf("the callee: %w", err)
		}
	}
	signer := c.orig
	if c.kind == passport.Div {
		signer = c.div // RFC 8946 §4.1
	}
	if u.Authority {
		if err := o.cert.MaySign(signer); err != nil {
			return nil, fmt.Errorf("our certificate: %w", err)
		}
	}
	return &passport.Token{Type: c.kind, X5U: u.X5U, Claims: passport.Claims{Attest: c.attest, OrigID: c.origID, Orig: c.orig, Div: c.div,
		Dest: passport.To(c.dest), IssuedAt: now.Unix()}}, nil
}

// sign adds an Identity header to a message, and Date if it has none that is right (RFC 8224 §4.1
// step 3).
func (u *setup) sign(e editable, c claimed, now time.Time) error {
	o := u.own.Load()
	if o == nil {
		return errExpired
	}
	t, err := u.token(o, e.Message(), c, now)
	if err != nil {
		return err
	}
	date, err := dateOf(e.Message())
	if err != nil || date.IsZero() || date.Sub(now).Abs() > u.MaxAge {
		date = now
		if err := e.SetHeader("Date", now.UTC().Format(http.TimeFormat)); err != nil {
			return err
		}
	}
	form := passport.Full
	if c.compact { // whose iat is the Date
		form, t.Claims.IssuedAt = passport.Compact, date.Unix()
	}
	value, err := t.Sign(o.key, form)
	if err != nil {
		return err
	}
	if err := e.AddHeader("Identity", value, false); err != nil {
		return err
	}
	if c.kind == passport.Div {
		u.stir.count.diverted.Add(1)
	} else {
		u.stir.count.signed.Add(1)
	}
	return nil
}

// signing has each branch of a request signed.
type signing struct {
	u   *setup
	own *claimed // by sign; may be nil
	div *claimed // by divert; may be nil
}

// signingOf is that of a request.
func (u *setup) signingOf(r *engine.Request) *signing {
	s, ok := engine.FollowerOf[*signing](r)
	if !ok {
		s = &signing{}
		r.Follow(s)
	}
	s.u = u
	return s
}

// Sending signs a branch. One that can't be signed is sent without: the call is worth more than the
// signature, and whoever verifies sees that there is none.
func (s *signing) Sending(r *engine.Request, b *engine.Branch) error {
	now := r.Lane().Wall()
	for _, c := range [...]*claimed{s.own, s.div} {
		if c == nil {
			continue
		}
		if err := s.u.sign(b, *c, now); err != nil {
			s.u.stir.count.unsigned.Add(1)
			s.u.stir.log.Warn("stir: a call was sent without a signature", "call_id", string(r.Message().CallID()), "error", err)
		}
	}
	return nil
}

// Responding does nothing.
func (*signing) Responding(*engine.Request, *engine.Response) {}

// Ended does nothing.
func (*signing) Ended(*engine.Request) {}

var errNoTarget = errors.New("the Request-URI names nobody")

// diversion is the token that leads from those of a request to whom it goes now (RFC 8946 §4.1);
// nil if it goes there already.
func diversion(m *message.Message, target passport.Identity) (*claimed, error) {
	var r passport.Request
	r.Read(identities(m))
	last := r.Last()
	if last == nil {
		return nil, passport.ErrMissing
	}
	c := &claimed{kind: passport.Div, orig: last.Claims.Orig, dest: target}
	to, err := destOf(m)
	switch {
	case last.Compact():
		if c.orig, err = origOf(m); err == nil {
			c.div = to
		}
		if err != nil {
			return nil, err
		}
	case err == nil && last.Claims.Dest.Has(to):
		c.div = to
	default:
		c.div = last.Claims.Dest.First()
	}
	if c.div.Empty() {
		return nil, errNoTarget
	}
	if last.Claims.Dest.Has(target) || c.div.Same(target) {
		return nil, nil
	}
	return c, nil
}
