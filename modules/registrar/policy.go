package registrar

// This file is the registrar's policy: its choices, their defaults and bounds.

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// Bounds on the contents of one binding, so that a registration can never fill the memory. They
// keep offsets into a binding's packed text within 16 bits.
const (
	maxContact   = 1024 // bytes of a contact's URI with its parameters
	maxCallID    = 256  // bytes
	maxPath      = 2048 // bytes of all Path values together
	maxUserAgent = 128  // bytes kept of a User-Agent; the rest is cut off
)

// An hour is both the value of malformed expirations (§10.2.1.1) and the longest that may be too
// brief (§10.3 step 7).
const hour = time.Hour

// Policy is what a registrar grants: what registrar.configure sets, and may change at a reload.
// Where a Policy is asked for, the zero value stands for DefaultPolicy; any other is made from
// that.
//
// Of the three expirations, 0 stands for what goes with the others: their defaults, or what is
// nearest to them within the bounds that are given.
type Policy struct {
	Domains        string        `lua:"domains,reloadable" oneof:"alias separate all" default:"\"alias\"" doc:"which domains share users. \"alias\": bob at an address of this server (bob@192.0.2.1) is bob of the first domain, and other domains have their own users; \"separate\": each domain and address has its own; \"all\": all share those of the first domain. auth follows this option. A dot at the end of a domain is ignored"`
	MaxContacts    int           `lua:"max_contacts,reloadable" min:"1" max:"1000" default:"10" doc:"bindings per address"`
	AtLimit        string        `lua:"at_limit,reloadable" oneof:"reject replace" default:"\"reject\"" doc:"what happens to a REGISTER that exceeds max_contacts: \"reject\" answers 403; \"replace\" replaces the contacts registered least recently"`
	MaxBindings    int           `lua:"max_bindings,reloadable" min:"1" max:"1000000000" default:"2000000" doc:"bindings of all addresses together: a REGISTER that would exceed it is answered 503; refreshing and removing still work"`
	MinExpires     time.Duration `lua:"min_expires,reloadable" min:"1" max:"31536000" default:"60" doc:"seconds. As the RFC requires, an hour or more is never refused as too brief"`
	MaxExpires     time.Duration `lua:"max_expires,reloadable" min:"1" max:"31536000" default:"7200" doc:"seconds; longer times are shortened"`
	DefaultExpires time.Duration `lua:"default_expires,reloadable" min:"1" max:"31536000" default:"3600" doc:"seconds, if the client names none"`
	UsePath        bool          `lua:"use_path,reloadable" default:"true" doc:"store the Path"`
	GRUU           bool          `lua:"gruu,reloadable" default:"true" doc:"give GRUUs to clients that name an instance and list gruu in Supported"`
	Outbound       *bool         `lua:"outbound,reloadable" default:"if supported" doc:"distinguish the flows of one client. Not set: if the client and its first hop support it; other clients are registered without it. true: as in RFC 5626, 439 if the first hop does not support it (after which some phones never register again). false: never"`
	FlowTimer      time.Duration `lua:"flow_timer,reloadable" min:"1" max:"86400" default:"120" doc:"seconds within which clients with flows must send keep-alives (Flow-Timer); at most 25 for UDP clients"`
	ServiceRoute   []string      `lua:"service_route,reloadable" default:"none" doc:"Route entries that clients should use for their requests: \"<sip:proxy.example.com;lr>\" or a list"`
	Durability     Durability    `lua:"durability,reloadable" oneof:"commit relaxed" default:"\"commit\"" doc:"\"commit\": a 200 means that the binding is on disk; \"relaxed\": it is written soon after. Has no effect on bindings kept only in memory"`

	Subscriptions regevent.Policy `lua:"subscriptions,reloadable" doc:"a table with the options of subscribe:"`
}

// DefaultPolicy is what counts where nothing is said.
func DefaultPolicy() Policy {
	return Policy{Domains: "alias", MaxContacts: 10, AtLimit: "reject", MaxBindings: 2_000_000, UsePath: true, GRUU: true,
		FlowTimer: 120 * time.Second, Durability: Commit, Subscriptions: regevent.DefaultPolicy()}
}

// orDefault is p, or the default for the zero value.
func (p Policy) orDefault() Policy {
	if reflect.ValueOf(p).IsZero() {
		return DefaultPolicy()
	}
	return p
}

// userBases are the values of Domains.
var userBases = map[string]engine.UserBase{"alias": engine.AliasAddresses, "separate": engine.Separate, "all": engine.OneForAll}

// flows reports whether the flows of an instance are distinguished (RFC 5626).
func (p *Policy) flows() bool { return p.Outbound == nil || *p.Outbound }

// strict reports whether a client is refused that asks for outbound over a first hop that does not
// support it (RFC 5626 §6).
func (p *Policy) strict() bool { return p.Outbound != nil && *p.Outbound }

// Check reports whether the policy contradicts itself.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

// complete settles the expirations, and checks the whole.
func (p Policy) complete() (Policy, error) {
	p = p.orDefault()
	_, known := userBases[p.Domains]
	switch {
	case !known:
		return p, fmt.Errorf("domains must be \"alias\", \"separate\" or \"all\", not %.40q", p.Domains)
	case p.AtLimit != "reject" && p.AtLimit != "replace":
		return p, fmt.Errorf("at_limit must be \"reject\" or \"replace\", not %.40q", p.AtLimit)
	case p.Durability != Commit && p.Durability != Relaxed:
		return p, fmt.Errorf("durability must be \"commit\" or \"relaxed\", not %.40q", p.Durability)
	case p.MaxContacts < 1 || p.MaxBindings < 1:
		return p, errors.New("max_contacts and max_bindings must be at least 1")
	case p.MinExpires < 0 || p.MaxExpires < 0 || p.DefaultExpires < 0:
		return p, errors.New("expiration times must not be negative")
	case p.FlowTimer < time.Second:
		return p, errors.New("flow_timer must be at least a second")
	}
	if err := checkRoutes(p.ServiceRoute); err != nil {
		return p, err
	}
	p.MinExpires = orElse(p.MinExpires, min(60*time.Second, orElse(p.MaxExpires, hour)))
	p.MaxExpires = orElse(p.MaxExpires, max(2*hour, p.MinExpires))
	if p.MinExpires > p.MaxExpires {
		return p, errors.New("min_expires is greater than max_expires")
	}
	if p.DefaultExpires == 0 {
		p.DefaultExpires = min(max(hour, p.MinExpires), p.MaxExpires)
	}
	if p.DefaultExpires < p.MinExpires || p.DefaultExpires > p.MaxExpires {
		return p, errors.New("default_expires is not between min_expires and max_expires")
	}
	return p, p.Subscriptions.Check()
}

// checkRoutes checks that each entry can be in a Route: "<sip:…;lr>".
func checkRoutes(list []string) error {
	for _, text := range list {
		a, err := message.ParseAddress([]byte(text))
		if err != nil {
			return fmt.Errorf("service_route: %.80q: %w", text, err)
		}
		uri, err := message.ParseURI(a.URI)
		if err != nil || !uri.IsSIP() || !uri.Params.Has("lr") || text[0] != '<' || strings.ContainsAny(text, "\r\n\x00") {
			return fmt.Errorf("service_route: %.80q is not like \"<sip:proxy.example.com;lr>\"", text)
		}
	}
	return nil
}

func orElse[T int | time.Duration](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}
