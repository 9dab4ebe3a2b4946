package auth

// This file keeps credentials for our realm in (RFC 3261 §22.3): some phones send them unasked, in
// a re-INVITE and an ACK too, and whoever is called could use them in the caller's name.

import (
	"net/netip"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	trusting "github.com/sipscript/sipscript/modules/trust"
)

// keeper is a service to one engine.
type keeper struct {
	service *service
	engine  *engine.Engine
	border  atomic.Bool // it keeps the engine's
}

// Attach has e keep to Policy.IdentityHeaders, and keep back, from all that it sends, the
// credentials that are for this server:
//   - those that answer a challenge of ours, whatever its age, where that can be told;
//   - where there are users, all of Proxy-Authorization in our realm. A server behind this one may
//     use the same realm for Authorization, which passes.
//
// The first Require, Check or Challenge of a request does it as well. It makes an Auth an
// engine.Part.
func (a *Auth) Attach(e *engine.Engine) error {
	old := a.kept.Load()
	if old != nil && old.engine == e {
		old.keepBorder()
		return nil
	}
	a.serving.CompareAndSwap(nil, a)
	if k := (&keeper{service: a.service, engine: e}); a.kept.CompareAndSwap(old, k) {
		e.Withhold(k)
		k.keepBorder()
	}
	return nil
}

// keepBorder makes the trusted peers a trust domain, if the policy says so.
func (k *keeper) keepBorder() {
	if a := k.service.serving.Load(); a != nil && a.policy.IdentityHeaders == "trusted" && k.border.CompareAndSwap(false, true) {
		k.engine.SetBorder(k)
	}
}

// Beyond is called by the engine. The generation in service decides.
func (k *keeper) Beyond(addr netip.Addr, identity []string) bool {
	a := k.service.serving.Load()
	return a != nil && a.policy.IdentityHeaders == "trusted" && a.trusts(&trusting.Sender{Addr: netip.AddrPortFrom(addr, 0), Identity: identity}) == ""
}

// Withhold is the engine's to call.
func (k *keeper) Withhold(m *message.Message, made bool) {
	a := k.service.serving.Load()
	if a == nil {
		return
	}
	for _, id := range [...]message.HeaderID{message.HeaderProxyAuthorization, message.HeaderAuthorization} {
		if m.Find(id, 0) < 0 {
			continue
		}
		var room [maxCredentials]int
		found := room[:0]
		all := m.Elements(id)
		for n := 0; all.Next(); n++ {
			var c credentials
			if digest, _ := c.parse(all.Value); digest && k.ours(a, &c, id, made) {
				found = append(found, n)
			}
		}
		for i := len(found) - 1; i >= 0; i-- {
			m.RemoveElement(id, found[i])
		}
	}
}

// ours reports whether credentials are for us.
func (k *keeper) ours(a *Auth, c *credentials, id message.HeaderID, made bool) bool {
	own := a.ownRealm(k.engine, string(c.realm))
	if own && a.policy.asks && !made && id == message.HeaderProxyAuthorization {
		return true
	}
	nonces := a.begun(k.engine).nonces
	if nonces.made(c.nonce, k.engine.Clock().Wall(), string(c.realm)) {
		return true
	}
	// The secret of the nonce may be forgotten; what a process with the same key issued with it is
	// not.
	return own && string(c.opaque) == nonces.opaque
}

// ownRealm reports whether realm is the configured one or, without one, a realm by domain.
func (a *Auth) ownRealm(e *engine.Engine, realm string) bool {
	if a.policy.Realm != "" {
		return realm == a.policy.Realm
	}
	return e.Domains().Has(realm) || realm == a.firstRealm(e, e.Clock().Wall())
}
