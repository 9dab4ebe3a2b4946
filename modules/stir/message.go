package stir

// What a SIP request says about who calls whom, and when.

import (
	"errors"
	"net/http"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/stir/passport"
)

// origOf is who calls: the first P-Asserted-Identity that names a telephone number, or else the
// first at all (ATIS-1000074 §5.2.1), or else From (RFC 8224 §4.1 step 1).
func origOf(m *message.Message) (passport.Identity, error) {
	var first passport.Identity
	list := m.Elements(message.HeaderPAssertedIdentity)
	for list.Next() {
		a, err := message.ParseAddress(list.Value)
		if err != nil {
			continue
		}
		id, err := passport.OfURI(a.URI)
		if err == nil && id.TN != "" {
			return id, nil
		}
		if err == nil && first.Empty() {
			first = id
		}
	}
	if !first.Empty() {
		return first, nil
	}
	from, err := m.From()
	if err != nil {
		return first, err
	}
	return passport.OfURI(from.URI)
}

// destOf is who is called: To (RFC 8224 §4.1 step 1).
func destOf(m *message.Message) (passport.Identity, error) {
	to, err := m.To()
	if err != nil {
		return passport.Identity{}, err
	}
	return passport.OfURI(to.URI)
}

// dateOf is the Date of a message; zero: there is none.
func dateOf(m *message.Message) (time.Time, error) {
	text := m.Header(message.HeaderDate)
	if len(text) == 0 {
		return time.Time{}, nil
	}
	at, err := time.Parse(http.TimeFormat, string(text)) // RFC 3261 §20.17: always GMT
	if err != nil {
		return time.Time{}, errors.New("the Date can't be read")
	}
	return at, nil
}

// identities are the values of the Identity headers.
func identities(m *message.Message) (list [][]byte) {
	for i := m.Find(message.HeaderIdentity, 0); i >= 0 && len(list) <= passport.MaxTokens; i = m.Find(message.HeaderIdentity, i+1) {
		list = append(list, m.Value(i))
	}
	return list
}

// requestOf is what a request is verified by. It keeps nothing of the message.
func requestOf(m *message.Message) (*passport.Request, error) {
	r := &passport.Request{}
	r.Read(identities(m))
	if len(r.Tokens)+len(r.Flaws) == 0 {
		return r, nil
	}
	var err error
	if r.Date, err = dateOf(m); err != nil {
		return nil, &passport.Error{Code: passport.Invalid, Err: err}
	}
	// Who is not named there, is not whom a token names.
	r.Orig, _ = origOf(m)
	r.To, _ = destOf(m)
	r.Target, _ = passport.OfURI(m.RequestURI())
	return r, nil
}
