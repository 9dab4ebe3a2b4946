package registrar

// This file is the registrar's policy: its choices, their defaults and bounds.

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/message"
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

// Policy is what a registrar grants. Zero values mean the stated defaults; everything may change at
// a reload.
type Policy struct {
	// Bindings an address-of-record may have, default 10; a REGISTER beyond it is answered 403, or
	MaxContacts   int
	ReplaceOldest bool // puts its contacts in place of those registered least recently
	// Bindings of all addresses together, default 2,000,000; a REGISTER that adds beyond it is
	// answered 503
	MaxBindings int
	// An expiration below it is answered 423, default 60 s; it has no say over one of an hour or
	// more (§10.3)
	MinExpires     time.Duration
	MaxExpires     time.Duration // longer expirations are shortened to it, default 2 h
	DefaultExpires time.Duration // for contacts that name none, default 1 h
	NoPath         bool          // do not keep the Path of RFC 3327
	Durability     Durability    // Commit by default

	// Do not distinguish the flows of an instance, and do not claim to (RFC 5626)
	NoOutbound bool
	// Answer 439 if a UA asks for outbound over a first hop that does not support it, as in RFC
	// 5626 §6; otherwise it is registered without
	StrictOutbound bool
	// The interval in which outbound clients must send keep-alives, default 120 s; at most 25 s for
	// UDP clients
	FlowTimer time.Duration
	NoGRUU    bool // give out no GRUUs (RFC 5627)
	// Route entries that clients should use for their requests, topmost first (RFC 3608); none by
	// default
	ServiceRoute []string
}

// Check reports whether the policy contradicts itself.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

// complete fills in the defaults and checks that the times agree with each other.
func (p Policy) complete() (Policy, error) {
	if p.MaxContacts < 0 || p.MaxBindings < 0 || p.MinExpires < 0 || p.MaxExpires < 0 || p.DefaultExpires < 0 || p.FlowTimer < 0 {
		return p, errors.New("max_contacts, max_bindings and the expiration times must not be negative")
	}
	if p.FlowTimer = orElse(p.FlowTimer, 120*time.Second); p.FlowTimer < time.Second {
		return p, errors.New("flow_timer must be at least a second")
	}
	if err := checkRoutes(p.ServiceRoute); err != nil {
		return p, err
	}
	p.MaxContacts = orElse(p.MaxContacts, 10)
	p.MaxBindings = orElse(p.MaxBindings, 2_000_000)
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
	return p, nil
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
