package phone

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/icholy/digest"

	"github.com/sipscript/sipscript/engine/message"
)

// This file answers digest challenges (§22, RFC 7616, RFC 8760).

// answerChallenge sends the request again with credentials; it returns false if the test should see
// the challenge: the phone has no password, or has already tried it.
func (o *Outgoing) answerChallenge(res *message.Message) bool {
	if o.p.o.Password == "" {
		return false
	}
	name, answer := message.HeaderWWWAuthenticate, "Authorization"
	if res.Status() == 407 {
		name, answer = message.HeaderProxyAuthenticate, "Proxy-Authorization"
	}
	c := chooseChallenge(res, name)
	if c == nil || o.tries > 0 && (!c.Stale || o.tries > 2) {
		return false
	}
	o.tries++
	creds, err := digest.Digest(c, digest.Options{Method: o.spec.Method, URI: o.spec.URI, Username: o.p.o.User, Password: o.p.o.Password, Cnonce: o.p.tag(),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.spec.Body)), nil }})
	if err != nil {
		o.p.trouble("can't answer the challenge: %v", err)
		return false
	}
	o.credentials = answer + ": " + creds.String() + "\r\n"
	o.start()
	return true
}

// chooseChallenge is the first challenge that can be answered: the server lists the one it prefers
// first (RFC 8760 §2.4).
func chooseChallenge(res *message.Message, name message.HeaderID) *digest.Challenge {
	for i := res.Find(name, 0); i >= 0; i = res.Find(name, i+1) {
		c, err := digest.ParseChallenge(string(res.Value(i)))
		if err != nil {
			continue
		}
		for j := range c.QOP {
			c.QOP[j] = strings.TrimSpace(c.QOP[j])
		}
		if digest.CanDigest(c) && !slices.Contains(c.QOP, "") {
			return c
		}
	}
	return nil
}
