package auth

// This file recognizes peers that need no password: by their address, or by what their certificate
// proves.

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine"
	trusting "github.com/sipscript/sipscript/modules/trust"
)

// trust is one entry of Policy.Trusted.
type trust struct {
	text    string       // as it was written
	network netip.Prefix // invalid: domain counts
	domain  string       // in lower case
	list    string       // the name of a list of module acl
}

// parseTrust reads "192.0.2.4", "192.0.2.0/24", "cert:trunk.example.net", or the name of a list.
func parseTrust(text string) (t trust, err error) {
	t.text = text
	if domain, ok := strings.CutPrefix(text, "cert:"); ok {
		t.domain = strings.TrimSuffix(strings.ToLower(domain), ".")
		if t.domain == "" || strings.ContainsAny(t.domain, "*@/: \t") {
			return t, fmt.Errorf("trusted: %q does not name a SIP domain; a wildcard is not one (RFC 5922 §7.2)", text)
		}
		return t, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		t.network = netip.PrefixFrom(addr.Unmap().WithZone(""), addr.Unmap().BitLen())
		return t, nil
	}
	if trusting.IsListName(text) {
		t.list = text
		return t, nil
	}
	if t.network, err = netip.ParsePrefix(text); err != nil || t.network.Addr().Is4In6() {
		return t, fmt.Errorf("trusted: %q is not an address, a network such as 192.0.2.0/24, cert:DOMAIN, or the name of a list of acl", text)
	}
	if t.network != t.network.Masked() {
		return t, fmt.Errorf("trusted: %q has bits outside its network; did you mean %s?", text, t.network.Masked())
	}
	return t, nil
}

// Trusts returns the entry of Policy.Trusted that covers a peer at addr whose certificate has
// proved identity; "" for none. It knows no lists: see [Auth.Trusted].
func (p *Policy) Trusts(addr netip.Addr, identity []string) string {
	addr = addr.Unmap().WithZone("")
	for _, t := range p.trusted {
		if t.network.IsValid() && t.network.Contains(addr) || t.domain != "" && slices.Contains(identity, t.domain) {
			return t.text
		}
	}
	return ""
}

// Trusted returns the entry of Policy.Trusted that covers the sender of req, or "".
func (a *Auth) Trusted(req *engine.Request) string {
	if len(a.policy.trusted) == 0 {
		return ""
	}
	from := req.Source()
	return a.trusts(&trusting.Sender{Addr: from.Addr, Kind: from.Transport, Identity: req.Identity()})
}

// trusts is Policy.Trusts with lists.
func (a *Auth) trusts(s *trusting.Sender) string {
	if text := a.policy.Trusts(s.Addr.Addr(), s.Identity); text != "" {
		return text
	}
	for _, t := range a.policy.trusted {
		if t.list == "" {
			continue
		}
		if lists := a.lists(); lists != nil {
			if _, ok := lists.Covers(t.list, s); ok {
				return t.text
			}
		}
	}
	return ""
}

// checkLists returns an error if a list is named that there is not.
func (a *Auth) checkLists() error {
	for _, t := range a.policy.trusted {
		if t.list == "" {
			continue
		}
		if lists := a.lists(); lists == nil || !lists.HasList(t.list) {
			return fmt.Errorf("trusted: %q is not an address, a network or cert:DOMAIN, and acl has no list of the name", t.list)
		}
	}
	return nil
}
