package regevent

// This file is the notifier's policy: its choices, their defaults and bounds.

import (
	"errors"
	"time"
)

// Policy is what a notifier grants. Zero values mean the stated defaults.
type Policy struct {
	// Longer subscriptions are shortened to it, and it is the duration of one that names none;
	// default 3761 s (RFC 3680 §4.4)
	MaxExpires time.Duration
	// A shorter one is answered 423, unless it is an hour or more (RFC 6665 §4.2.1.1); default 60 s
	MinExpires time.Duration
	// Between NOTIFYs to one subscriber, except the first, the last and the answer to a SUBSCRIBE;
	// default 5 s (RFC 3680 §4.10); negative: none
	Interval time.Duration
	// Of all users; a SUBSCRIBE beyond it is answered 503; default 100,000
	MaxSubscriptions int
	// To one user's registrations; a SUBSCRIBE beyond it is answered 403; default 100
	MaxPerUser int
}

// DefaultInterval is the recommendation of RFC 3680 §4.10.
const DefaultInterval = 5 * time.Second

// Check reports whether the policy contradicts itself.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

func (p Policy) complete() (Policy, error) {
	if p.MaxExpires < 0 || p.MinExpires < 0 || p.MaxSubscriptions < 0 || p.MaxPerUser < 0 {
		return p, errors.New("subscriptions: expiration times and limits must not be negative")
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
	if p.Interval == 0 {
		p.Interval = DefaultInterval
	}
	p.Interval = max(0, p.Interval)
	if p.MaxSubscriptions == 0 {
		p.MaxSubscriptions = 100_000
	}
	if p.MaxPerUser == 0 {
		p.MaxPerUser = 100
	}
	return p, nil
}

// Bounds on the contents of one subscription.
const (
	maxURI     = 1024     // bytes of From's, To's and Contact's URI each
	maxRoutes  = 2048     // bytes of all Record-Route values
	maxTag     = 256      // bytes of the subscriber's tag, and of the Call-ID
	maxEventID = 64       // bytes of Event's id
	maxReasons = 256      // reasons kept of contacts that ended
	maxBody    = 60 << 10 // bytes: what UDP carries, without the headers
	maxTries   = 5        // of a NOTIFY that is answered with Retry-After
)
