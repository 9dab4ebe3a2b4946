package relay

// What a server is made of, and what it may do.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Kind says what a listener serves.
type Kind uint8

const (
	STUN  Kind = iota // binding requests alone, over UDP and TCP
	TURN              // allocations and binding requests, over UDP and TCP
	TURNS             // the same over TLS
)

// String is the name of the kind in listeners and URIs.
func (k Kind) String() string { return [...]string{"stun", "turn", "turns"}[k] }

// DefaultPort is the kind's port (RFC 8489 §18.6, RFC 8656 §18.7).
func (k Kind) DefaultPort() uint16 {
	if k == TURNS {
		return 5349
	}
	return 3478
}

// Listener is one address that clients reach the server at.
type Listener struct {
	Kind Kind           // what is served there
	Addr netip.AddrPort // port 0 picks a free one, the same over UDP and TCP
	// Transport is the only one it uses: "udp" or "tcp"; "" for all that the kind has.
	Transport string
	// AdvertisedHost and AdvertisedPort are what clients are told ([Server.URIs]), unless "" or 0.
	AdvertisedHost string
	AdvertisedPort uint16 // 0: the port it listens at
}

// Relay is an address that media is relayed at.
type Relay struct {
	Public netip.Addr // what peers send to
	// Local is the address of this machine that Public leads to, if a NAT lies between; the zero
	// value: Public itself.
	Local netip.Addr
}

// Ports is a range of ports, both ends included.
type Ports struct {
	First, Last uint16 // both 0: 49152 to 65535
}

// Options of a server. Listeners and Secrets are required.
type Options struct {
	Listeners []Listener
	// Relays are the addresses of allocations, at most one for IPv4 and one for IPv6; none: those
	// of the listeners.
	Relays  []Relay
	Ports   Ports // of allocations
	Secrets Secrets
	Realm   string // default "sipscript"
	// NonceKey keys nonces; servers that clients change between share it. Nil: random.
	NonceKey []byte
	// TLS of turns listeners; GetConfigForClient may replace it while the server runs.
	TLS    *tls.Config
	Policy Policy           // in force until SetPolicy
	Log    *slog.Logger     // nil: nobody is told
	Now    func() time.Time // nil: time.Now
}

// Policy is what clients may do.
type Policy struct {
	// Allow are networks that clients may reach although they are not public.
	Allow []netip.Prefix
	Deny  []netip.Prefix // networks that they must not reach although they are public
	// PerUser, PerIP and Total bound the allocations of a user, of an address of clients, and of
	// the server; 0: no bound.
	PerUser, PerIP, Total int
	// Bandwidth bounds what is relayed for one user, in bytes per second, both ways together; 0: no
	// bound.
	Bandwidth int
	// MaxLifetime bounds how long an allocation lives without a refresh; at least 10 minutes.
	MaxLifetime time.Duration
}

// DefaultPolicy is what a script gets that says nothing.
func DefaultPolicy() Policy {
	return Policy{PerUser: 100, PerIP: 1000, Total: 10000, MaxLifetime: time.Hour}
}

// Check returns what is wrong with a policy.
func (p *Policy) Check() error {
	switch {
	case p.PerUser < 0 || p.PerIP < 0 || p.Total < 0 || p.Bandwidth < 0:
		return errors.New("turn: a bound below 0")
	case p.MaxLifetime < defaultLifetime:
		return fmt.Errorf("turn: allocations live at least %v", defaultLifetime)
	}
	return nil
}

const (
	defaultLifetime    = 10 * time.Minute // of an allocation (RFC 8656 §3.2)
	permissionLifetime = 5 * time.Minute  // RFC 8656 §9
	channelLifetime    = 10 * time.Minute // RFC 8656 §12
	nonceLifetime      = 10 * time.Minute // at most an hour (RFC 8656 §5)
	reservedLifetime   = 30 * time.Second // of the other port of a pair (RFC 8656 §7.2)
)

// ErrNoRelay is why New fails for listeners on all interfaces, without Relays.
var ErrNoRelay = errors.New("turn: a listener on all interfaces does not say at which address media is relayed")

// complete fills in defaults and checks.
func (o *Options) complete() error {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Realm == "" {
		o.Realm = "sipscript"
	}
	if o.Ports == (Ports{}) {
		o.Ports = Ports{49152, 65535}
	}
	if o.Ports.First == 0 || o.Ports.Last < o.Ports.First {
		return fmt.Errorf("turn: %d-%d is not a range of ports", o.Ports.First, o.Ports.Last)
	}
	if o.Policy.MaxLifetime == 0 {
		o.Policy.MaxLifetime = DefaultPolicy().MaxLifetime
	}
	if err := o.Policy.Check(); err != nil {
		return err
	}
	if len(o.Listeners) == 0 {
		return errors.New("turn: there is nothing to listen on")
	}
	allocates := false
	for i := range o.Listeners {
		l := &o.Listeners[i]
		switch {
		case l.Transport != "" && l.Transport != "udp" && l.Transport != "tcp":
			return fmt.Errorf("turn: a listener of transport %q: there are udp and tcp", l.Transport)
		case l.Kind == TURNS && l.Transport == "udp":
			return errors.New("turn: turns over UDP, which is DTLS, is not served")
		case l.Kind == TURNS && o.TLS == nil:
			return errors.New("turn: a turns listener needs a certificate")
		}
		allocates = allocates || l.Kind != STUN
	}
	if !allocates {
		o.Relays = nil
		return nil
	}
	if len(o.Secrets) == 0 {
		return errors.New("turn: there is no secret to check credentials with")
	}
	return o.completeRelays()
}

// completeRelays finds the addresses of allocations.
func (o *Options) completeRelays() error {
	if len(o.Relays) == 0 {
		for _, l := range o.Listeners {
			ip := l.Addr.Addr()
			if l.Kind != STUN && !ip.IsUnspecified() && o.relay(ip.Is4()) == nil {
				o.Relays = append(o.Relays, Relay{Public: ip})
			}
		}
	}
	seen := map[bool]bool{}
	for i := range o.Relays {
		r := &o.Relays[i]
		if !r.Local.IsValid() {
			r.Local = r.Public
		}
		switch {
		case !r.Public.IsValid() || r.Public.IsUnspecified() || r.Public.IsMulticast() || r.Public.Is4In6() || r.Public.Zone() != "":
			return fmt.Errorf("turn: media can't be relayed at %s", r.Public)
		case r.Public.Is4() != r.Local.Is4():
			return fmt.Errorf("turn: %s can't lead to %s, which is of another family", r.Public, r.Local)
		case seen[r.Public.Is4()]:
			return errors.New("turn: there is more than one address to relay at of one family")
		}
		seen[r.Public.Is4()] = true
	}
	if len(o.Relays) == 0 {
		return ErrNoRelay
	}
	return nil
}

func (o *Options) relay(v4 bool) *Relay {
	for i := range o.Relays {
		if o.Relays[i].Public.Is4() == v4 {
			return &o.Relays[i]
		}
	}
	return nil
}
