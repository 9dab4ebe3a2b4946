// Package auth is server-side digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): it
// challenges requests, checks credentials, and holds users to the identities that are theirs.
//
// It is used directly from Go, and from scripts as the module "auth". An [Auth] belongs to the
// program, not to a script: used nonces, bans, and open databases survive a reload.
package auth

// This file is the authenticator itself: its parts, and what they share.

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/internal/sparing"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	trusting "github.com/sipscript/sipscript/modules/trust"
)

// Options of New. The zero value knows no users.
type Options struct {
	Policy Policy // the zero value is DefaultPolicy()
	// Event, if not nil, receives failures and bans, on the goroutine that found them. It must not
	// block.
	Event func(Event)
	// Key makes nonces. Where it is left out, the first engine served gives it (engine.Key);
	// [Auth.Verify] without an engine needs it.
	Key [32]byte
	// Clients has the databases that scripts name; nil: an Auth has its own.
	Clients *clients.Pool
	// Cluster, if not nil, makes several processes accept each other's challenges. They need the
	// same Key.
	Cluster Cluster
	// Lists returns what has the lists that Policy.Trusted names; nil: there are none.
	Lists func() trusting.Lists
	// Vouch reports whether credentials whose response is asterisks were right, in a replay of
	// requests whose secrets are not known; nil: such credentials can't be read.
	Vouch func(callID []byte, cseq uint32) bool
}

// Auth asks for credentials and checks them. It is safe for concurrent use.
type Auth struct {
	*service
	given  Policy // as it was requested
	policy Policy // with its defaults
}

// service is what all Auths made from one share: everything except the policy.
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
	lists   func() trusting.Lists
	vouch   func(callID []byte, cseq uint32) bool // nil outside of replays
	first   atomic.Pointer[firstDomain]
	told    sparing.Teller         // limits warnings per source
	script  luabind.Events[Event]  // the script generation that receives events
	serving atomic.Pointer[Auth]   // whose realm is ours: see Withhold
	kept    atomic.Pointer[keeper] // of the engine attached last
}

// live is created by the first request: it needs a key.
type live struct {
	engine  *engine.Engine // whose key it is, nil for that of the Options
	nonces  *nonces
	replays *replays
}

// New creates an Auth. An error: the policy is wrong.
func New(o Options) (*Auth, error) {
	p, err := o.Policy.complete()
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if o.Lists == nil {
		o.Lists = func() trusting.Lists { return nil }
	}
	if o.Clients == nil {
		o.Clients = newPool(nil)
	}
	return &Auth{service: &service{key: o.Key, cluster: o.Cluster, event: o.Event, clients: o.Clients, lists: o.Lists, vouch: o.Vouch, guesses: newGuesses(), choices: newChoices()}, given: o.Policy.orDefault(), policy: p}, nil
}

// With is an Auth with the same memory under another policy (a script generation's own settings).
func (a *Auth) With(p Policy) (*Auth, error) {
	full, err := p.complete()
	if err != nil {
		return nil, err
	}
	return &Auth{service: a.service, given: p.orDefault(), policy: full}, nil
}

// Policy is the policy in force, defaults filled in.
func (a *Auth) Policy() Policy { return a.policy }

// Reload reads the users again if they come from a file, and drops what is cached of a database.
func (a *Auth) Reload(ctx context.Context) error {
	if r, ok := a.policy.Users.(Reloader); ok {
		return r.Reload(ctx)
	}
	return nil
}

// Forget drops what is cached about a user.
func (a *Auth) Forget(user string) {
	if f, ok := a.policy.Users.(Forgetter); ok {
		f.Forget(user)
	}
}

// begun is the live state of an engine, or nil.
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
