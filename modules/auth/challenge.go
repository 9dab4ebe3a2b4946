package auth

// This file writes challenges (RFC 7616 §3.3, RFC 8760 §2.3).

import (
	"net/netip"
	"time"

	"github.com/sipscript/sipscript/engine"
)

// Challenge asks a sender for credentials.
type Challenge struct {
	Realm  string     // in which the user is to have a password; without quotes and backslashes
	Source netip.Addr // who is asked
	Stale  bool       // only the nonce was bad
	Now    time.Time  // from when the nonce is valid
	Plain  bool       // MD5 alone is offered, to a client that can't choose

	engine *engine.Engine
}

// plainly is what a client that cannot choose is offered; it is never written to.
var plainly = []Algorithm{MD5}

// Challenges are the values of WWW-Authenticate or Proxy-Authenticate: one field for each
// algorithm, the preferred one first. They share a nonce: a client answers one of them.
func (a *Auth) Challenges(c Challenge) []string {
	a.figures.challenges.Add(1)
	live := a.begun(c.engine)
	nonce := live.nonces.issue(c.Now, a.policy.NonceLifetime, c.Realm, c.Source)
	list := make([]string, 0, len(a.policy.Algorithms))
	algorithms := a.policy.Algorithms
	if c.Plain {
		algorithms = plainly
	}
	for _, algorithm := range algorithms {
		// In the order of RFC 8760's examples, with quotes as RFC 7616 §3.3 wants them.
		text := `Digest realm="` + c.Realm + `", nonce="` + nonce + `", opaque="` + live.nonces.opaque + `", algorithm=` + algorithm.String()
		if a.policy.offered != "" {
			text += `, qop="` + a.policy.offered + `"`
		}
		if c.Stale {
			text += `, stale=true`
		}
		list = append(list, text)
	}
	return list
}
