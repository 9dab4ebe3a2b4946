package regevent

// This file is the notifier's policy: its choices, their defaults and bounds.

import (
	"errors"
	"time"

	"github.com/sipscript/sipscript/modules/internal/notifier"
)

// Policy is what a notifier grants: the table subscriptions of registrar.configure. The zero value
// stands for DefaultPolicy; any other is made from that. Of the expirations, 0 stands for what goes
// with the other one.
type Policy struct {
	// Default 3761 s (RFC 3680 §4.4)
	MaxExpires time.Duration `lua:"max_expires,reloadable" min:"1" max:"31536000" default:"3761" doc:"the longest duration of a subscription in seconds, and the default"`
	// A shorter one is answered 423, unless it is an hour or more (RFC 6665 §4.2.1.1)
	MinExpires time.Duration `lua:"min_expires,reloadable" min:"1" max:"31536000" default:"60" doc:"seconds; as for min_expires, an hour or more is never refused"`
	// But for the first NOTIFY, the last and the answer to a SUBSCRIBE (RFC 3680 §4.10)
	Interval time.Duration `lua:"interval,reloadable" max:"3600" default:"5" doc:"minimum seconds between NOTIFYs of changes to one subscriber; 0 for no minimum"`
	// A SUBSCRIBE beyond it is answered 503
	MaxSubscriptions int `lua:"max,reloadable" min:"1" max:"10000000" default:"100000" doc:"subscriptions in all"`
	// A SUBSCRIBE beyond it is answered 403
	MaxPerUser int `lua:"max_per_user,reloadable" min:"1" max:"1000000" default:"100" doc:"subscriptions to one user's registrations"`
}

// DefaultPolicy is what counts where nothing is said.
func DefaultPolicy() Policy {
	return Policy{Interval: 5 * time.Second, MaxSubscriptions: 100_000, MaxPerUser: 100}
}

// Check reports whether the policy contradicts itself.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

func (p Policy) complete() (Policy, error) {
	if p == (Policy{}) {
		p = DefaultPolicy()
	}
	switch {
	case p.MaxExpires < 0 || p.MinExpires < 0 || p.Interval < 0:
		return p, errors.New("subscriptions: times must not be negative")
	case p.MaxSubscriptions < 1 || p.MaxPerUser < 1:
		return p, errors.New("subscriptions: max and max_per_user must be at least 1")
	}
	if p.MaxExpires == 0 {
		p.MaxExpires = max(3761*time.Second, p.MinExpires)
	}
	if p.MinExpires == 0 {
		p.MinExpires = min(time.Minute, p.MaxExpires)
	}
	if p.MinExpires > p.MaxExpires {
		return p, errors.New("subscriptions: min_expires is greater than max_expires")
	}
	return p, nil
}

// core is a complete policy as the common notifier has it.
func (p Policy) core() notifier.Policy {
	return notifier.Policy{MaxExpires: p.MaxExpires, MinExpires: p.MinExpires, Interval: p.Interval, Max: p.MaxSubscriptions, MaxPerResource: p.MaxPerUser}
}
