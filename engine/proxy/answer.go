package proxy

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/sipscript/sipscript/engine/digest"
	"github.com/sipscript/sipscript/engine/message"
)

// Answering challenges in the name of a target that has credentials (§22.2, §22.3).

// Answers are the challenges answered for one request. Each realm is answered once, and again as
// often as it says that only the nonce was too old, up to a limit: a server that refuses the
// password is not asked for ever.
type Answers struct {
	given []given
}

// given is one answered challenge.
type given struct {
	header       message.HeaderID
	realm, nonce string
}

// mostAnswers bounds how often one request is sent again: a proxy and a server on the way, each
// with a nonce that grew old.
const mostAnswers = 4

// Answer puts the credentials that res asks for into m, the message that was sent, and increments
// its CSeq number, as required for a request that is sent again with credentials (§22.2). It
// reports whether there is anything to send again.
func (a *Answers) Answer(m, res *message.Message, cr *Credentials, random func() uint64) bool {
	asks, carries := message.HeaderWWWAuthenticate, message.HeaderAuthorization
	switch res.Status() {
	case 401:
	case 407:
		asks, carries = message.HeaderProxyAuthenticate, message.HeaderProxyAuthorization
	default:
		return false
	}
	c, err := digest.Choose(res, asks)
	if err != nil || !a.allows(asks, &c) {
		return false
	}
	cs, err := m.CSeq()
	if err != nil || cs.Number >= math.MaxInt32 {
		return false
	}
	value := c.Answer(&digest.Request{User: cr.User, Password: cr.Password, Method: string(m.MethodText()), URI: string(m.RequestURI()), Body: m.Body(),
		Cnonce: fmt.Sprintf("%016x", random())})
	removeCredentials(m, carries, c.Realm)
	if m.Add(carries.String(), value) != nil {
		return false
	}
	setCSeq(m, cs.Number+1)
	a.given = append(a.given, given{asks, c.Realm, c.Nonce})
	return true
}

// allows reports whether a challenge should be answered.
func (a *Answers) allows(id message.HeaderID, c *digest.Challenge) bool {
	if len(a.given) >= mostAnswers {
		return false
	}
	for _, g := range a.given {
		if g.header == id && g.realm == c.Realm && (!c.Stale || g.nonce == c.Nonce) {
			return false
		}
	}
	return true
}

// removeCredentials removes m's credentials for a realm: our earlier ones, or somebody else's that
// we replace.
func removeCredentials(m *message.Message, id message.HeaderID, realm string) {
	n := 0
	for i := m.Find(id, 0); i >= 0; i = m.Find(id, i) {
		a, err := message.ParseAuth(m.Value(i))
		own, _ := a.Params.Get("realm")
		if err == nil && bytes.Equal(own, []byte(realm)) {
			m.RemoveElement(id, n)
			continue
		}
		i++
		n++
	}
}

// setCSeq writes the number of CSeq; the method stays.
func setCSeq(m *message.Message, n uint32) {
	cs, err := m.CSeq()
	if err != nil {
		return
	}
	_ = m.Set("CSeq", strconv.FormatUint(uint64(n), 10)+" "+string(cs.Text))
}
