package auth

// This file is the policy: choices, their defaults and bounds.

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Policy says how users are authenticated: what auth.configure sets, and may change at a reload.
// Where a Policy is asked for, the zero value stands for DefaultPolicy; any other is made from
// that.
type Policy struct {
	Realm         string        `lua:"realm,reloadable" default:"the claimed domain if it is local, otherwise the first domain" doc:"what clients show, and what password hashes are computed with"`
	Algorithms    Algorithms    `lua:"algorithms,reloadable" default:"\"auto\"" doc:"\"auto\": SHA-256 and MD5, and MD5 alone for a client that cannot choose and for users in tables of Kamailio or OpenSIPS; or a list in order of preference, with one challenge each: { \"SHA-256\", \"MD5\" } or \"SHA-256, MD5\""`
	QOP           []string      `lua:"qop,reloadable" oneof:"auth auth-int none" default:"{\"auth\"}" doc:"any of \"auth\", \"auth-int\" and \"none\". \"none\" accepts clients that do not know qop (RFC 2069); a nonce is then valid for one request"`
	NonceLifetime time.Duration `lua:"nonce_lifetime,reloadable" min:"10" max:"86400" default:"300" doc:"how long a nonce is valid, in seconds; 10 to 86400"`
	Users         Users         // nil: nobody; scripts name them by users
	CheckURI      string        `lua:"uri,reloadable" oneof:"direct always never" default:"\"direct\"" doc:"whether the signed uri must name the user and host of the Request-URI. \"always\"; \"never\"; or \"direct\": it may also name this server, or use another of its names, and it is not checked if a proxy in between may have changed the Request-URI: one in trusted, or in --trust-via, whose phones still need passwords. A server with the same --secret needs no listing: its Via proves what the Request-URI was before. It is not checked after the script itself has changed req.ruri"`
	Info          string        `lua:"info,reloadable" oneof:"auto always never" default:"\"auto\"" doc:"whether this server's own 2xx responses carry Authentication-Info: \"auto\", once half of the nonce's lifetime has passed, to supply the next nonce; \"always\"; \"never\""`
	Limits
	Trusted []string      `lua:"trusted,reloadable" default:"{}" doc:"the peers for auth.trusted and identity_headers: addresses, networks, \"cert:DOMAIN\", and names of lists of acl"`
	Cache   time.Duration `lua:"cache,reloadable" max:"86400" default:"60" doc:"seconds for which a user from a database is not looked up again. A wrong password always causes a new look-up"`
	// P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID. Trusted peers are then also
	// the only ones to be shown private identities (RFC 3325).
	IdentityHeaders string `lua:"identity_headers,reloadable" oneof:"any trusted" default:"\"any\"" doc:"whose identity headers pass: \"any\" peer's, or \"trusted\": those of the peers in trusted only"`

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

// DefaultPolicy is what counts where nothing is said.
func DefaultPolicy() Policy {
	return Policy{QOP: []string{"auth"}, NonceLifetime: 5 * time.Minute, CheckURI: "direct", Info: "auto", Cache: time.Minute, IdentityHeaders: "any",
		Limits: Limits{PerUser: 10, PerSource: 100, Window: 5 * time.Minute, Ban: 5 * time.Minute}}
}

// orDefault is p, or the default for the zero value.
func (p Policy) orDefault() Policy {
	if reflect.ValueOf(p).IsZero() {
		return DefaultPolicy()
	}
	return p
}

// Check returns what is wrong with the policy.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

// complete settles what depends on the rest, and checks the whole.
func (p Policy) complete() (Policy, error) {
	p = p.orDefault()
	switch {
	case p.NonceLifetime < minLifetime || p.NonceLifetime > maxLifetime:
		return p, fmt.Errorf("nonce_lifetime must be from %v to %v", minLifetime, maxLifetime)
	case !slices.Contains([]string{"direct", "always", "never"}, p.CheckURI):
		return p, fmt.Errorf("uri must be \"direct\", \"always\" or \"never\", not %.40q", p.CheckURI)
	case !slices.Contains([]string{"auto", "always", "never"}, p.Info):
		return p, fmt.Errorf("info must be \"auto\", \"always\" or \"never\", not %.40q", p.Info)
	case p.IdentityHeaders != "any" && p.IdentityHeaders != "trusted":
		return p, fmt.Errorf("identity_headers must be \"any\" or \"trusted\", not %.40q", p.IdentityHeaders)
	case p.PerUser < 0 || p.PerSource < 0 || p.Cache < 0:
		return p, errors.New("max_failures, max_source_failures and cache must not be negative")
	case p.Window <= 0 || p.Ban <= 0:
		return p, errors.New("window and ban must be at least a second")
	}
	if p.auto = p.Algorithms == nil; p.auto {
		p.Algorithms = Algorithms{SHA256, MD5}
		if c, ok := p.Users.(*Cache); ok && c.md5 {
			p.Algorithms, p.auto = Algorithms{MD5}, false
		}
	}
	if len(p.Algorithms) == 0 || slices.Contains(p.Algorithms, 0) {
		return p, errors.New("algorithms needs at least one name")
	}
	if p.asks = p.Users != nil; !p.asks {
		p.Users = Table{}
	}
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
	// The order means nothing (RFC 7616 §3.3), but linphone takes the first one or none, and knows
	// only "auth", which sorts before "auth-int".
	slices.Sort(offered)
	p.offered = strings.Join(slices.Compact(offered), ",")
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
