// Package auth is digest authentication (RFC 3261 §22, RFC 7616, RFC 8760) on the server's side: it
// challenges requests, checks credentials, and holds users to the identities that are theirs.
//
// It is used from Go as it is, and from scripts as the module "auth". An [Auth] belongs to the
// program, not to a script: which nonces have been used, who is banned, and open databases survive
// a reload.
package auth

// This file is the authenticator itself: its parts, and what they share.

import (
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/sparing"
	"github.com/sipscript/sipscript/modules/clients"
)

// Options of New. The zero value knows no users.
type Options struct {
	Policy Policy
	// Event, when not nil, is told of failures and bans, on the goroutine that found them. It must
	// not block.
	Event func(Event)
	// Key makes nonces. Where it is left out, the first engine served gives it (engine.Key);
	// [Auth.Verify] without an engine needs it.
	Key [32]byte
	// Clients has the databases that scripts name; nil: an Auth has its own.
	Clients *clients.Pool
	// Cluster, when not nil, is what makes several processes accept each other's challenges. They
	// need the same Key.
	Cluster Cluster
}

// Auth asks for credentials and checks them. It is safe for concurrent use.
type Auth struct {
	*service
	given  Policy // as it was asked for
	policy Policy // with its defaults
}

// service is what all Auths made from one share: everything but the policy.
type service struct {
	key     [32]byte
	cluster Cluster
	live    atomic.Pointer[live]
	guesses *guesses
	choices *choices
	event   func(Event)
	figures figures
	sources sources
	clients *clients.Pool
	first   atomic.Pointer[firstDomain]
	told    sparing.Teller           // what was logged of a source
	script  atomic.Pointer[listener] // the script generation that hears of events
	serving atomic.Pointer[Auth]     // whose realm is ours: see Withhold
	kept    atomic.Pointer[keeper]   // of the engine attached last
}

// live is what begins with the first request: it needs a key.
type live struct {
	engine  *engine.Engine // whose key it is, nil for that of the Options
	nonces  *nonces
	replays *replays
}

// New makes an Auth. It panics when the policy is wrong, which Policy.Check tells before.
func New(o Options) *Auth {
	p, err := o.Policy.complete()
	if err != nil {
		panic("auth: " + err.Error())
	}
	if o.Clients == nil {
		o.Clients = newPool(nil)
	}
	return &Auth{service: &service{key: o.Key, cluster: o.Cluster, event: o.Event, clients: o.Clients, guesses: newGuesses(), choices: newChoices()}, given: o.Policy, policy: p}
}

// With is an Auth with the same memory under another policy (a script generation's own settings).
func (a *Auth) With(p Policy) (*Auth, error) {
	full, err := p.complete()
	if err != nil {
		return nil, err
	}
	return &Auth{service: a.service, given: p, policy: full}, nil
}

// Policy is the policy in force, defaults filled in.
func (a *Auth) Policy() Policy { return a.policy }

// Forget drops what is cached of a user.
func (a *Auth) Forget(user string) {
	if f, ok := a.policy.Users.(Forgetter); ok {
		f.Forget(user)
	}
}

// begun is what is live for an engine, nil for none.
func (s *service) begun(e *engine.Engine) *live {
	old := s.live.Load()
	if old != nil && (old.engine == e || old.engine == nil) {
		return old
	}
	l := &live{engine: e, replays: newReplays(0)}
	if key := s.key; key != [32]byte{} || e == nil {
		l.engine, l.nonces = nil, newNonces(key, s.cluster)
	} else {
		l.nonces = newNonces(e.Key("nonce"), s.cluster)
	}
	if s.live.CompareAndSwap(old, l) {
		return l
	}
	return s.live.Load()
}
