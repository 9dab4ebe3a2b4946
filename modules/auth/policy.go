package auth

// This file is the policy: choices, their defaults and bounds.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy says how users are authenticated. Zero values mean the stated defaults; everything may
// change at a reload.
type Policy struct {
	// default: the domain that the request claims if it is local, otherwise the first local domain
	Realm string
	// One challenge each, in the order of preference; default SHA-256 and MD5, MD5 alone for
	// clients that can't choose, and for users in tables of Kamailio or OpenSIPS
	Algorithms    []Algorithm
	QOP           []string      // of "auth", "auth-int", "none"; default "auth"
	NonceLifetime time.Duration // default 5 min
	Users         Users         // default: nobody
	// Whether the URI signed must be the Request-URI: "direct" (default; see README.md), "always",
	// "never"
	CheckURI string
	Info     string // "auto" (default), "always", "never"
	Limits   Limits
	// How long a user from a database is believed, default 1 min; negative: not at all
	Cache time.Duration
	// Addresses, networks, and "cert:" with a SIP domain: peers that need no password; default:
	// none
	Trusted []string
	// IdentityHeaders says whose P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID are
	// kept: those of "any" peer (default), or of "trusted" ones, which then are also the only ones
	// to be shown private identities (RFC 3325).
	IdentityHeaders string

	offered string // of QOP: the value in challenges
	bare    bool   // of QOP: credentials without qop are accepted
	trusted []trust
	auto    bool // clients that can't choose an algorithm are offered MD5 alone
	asks    bool // there are users: credentials for the realm are for this server
}

const (
	minLifetime = 10 * time.Second
	maxLifetime = 24 * time.Hour
)

// Check returns what is wrong with the policy.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

// complete fills in the defaults.
func (p Policy) complete() (Policy, error) {
	p.NonceLifetime = orElse(p.NonceLifetime, 5*time.Minute)
	if p.NonceLifetime < minLifetime || p.NonceLifetime > maxLifetime {
		return p, fmt.Errorf("nonce_lifetime must be from %v to %v", minLifetime, maxLifetime)
	}
	if p.auto = p.Algorithms == nil; p.auto {
		p.Algorithms = []Algorithm{SHA256, MD5}
		if c, ok := p.Users.(*Cache); ok && c.md5 {
			p.Algorithms, p.auto = []Algorithm{MD5}, false
		}
	}
	if len(p.Algorithms) == 0 || slices.Contains(p.Algorithms, 0) {
		return p, errors.New("algorithms needs at least one name")
	}
	if p.asks = p.Users != nil; !p.asks {
		p.Users = Table{}
	}
	p.Cache = orElse(p.Cache, time.Minute)
	p.CheckURI = orElse(p.CheckURI, "direct")
	p.Info = orElse(p.Info, "auto")
	p.IdentityHeaders = orElse(p.IdentityHeaders, "any")
	if p.IdentityHeaders != "any" && p.IdentityHeaders != "trusted" {
		return p, fmt.Errorf("identity_headers is \"trusted\" or \"any\", not %.40q", p.IdentityHeaders)
	}
	p.Limits = p.Limits.complete()
	if err := checkRealm(p.Realm); err != nil {
		return p, err
	}
	p.trusted = nil
	for _, text := range p.Trusted {
		t, err := parseTrust(text)
		if err != nil {
			return p, err
		}
		p.trusted = append(p.trusted, t)
	}
	return p, p.setQOP()
}

func (p *Policy) setQOP() error {
	if p.QOP == nil {
		p.QOP = []string{"auth"}
	}
	var offered []string
	for _, q := range p.QOP {
		switch q {
		case "auth", "auth-int":
			offered = append(offered, q)
		case "none":
			p.bare = true
		default:
			return fmt.Errorf("qop must be \"auth\", \"auth-int\" or \"none\", not %.40q", q)
		}
	}
	if len(p.QOP) == 0 {
		return errors.New("qop needs at least one value")
	}
	p.offered = strings.Join(offered, ",")
	return nil
}

// checkRealm refuses realms that would need escapes: implementations differ on whether those are
// hashed.
func checkRealm(realm string) error {
	for i := range len(realm) {
		if c := realm[i]; c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			return fmt.Errorf("a realm must not contain quotes, backslashes or line breaks: %.60q", realm)
		}
	}
	if len(realm) > 255 {
		return errors.New("a realm may have at most 255 bytes")
	}
	return nil
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}
