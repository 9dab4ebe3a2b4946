package uac

// This file is the policy for registrations: defaults and bounds.

import (
	"fmt"
	"time"
)

// Policy says how long to wait after failures. uac.configure sets it, and it may change at a
// reload.
type Policy struct {
	Retry time.Duration `lua:"retry,reloadable" min:"1" max:"86400" default:"30" doc:"seconds to wait after a first failure"`
	// Doubled with each further failure up to this, which is also how long to wait after a refusal
	// that will not change by itself (403, a wrong password). 0: half an hour, or Retry if that is
	// more.
	MaxRetry time.Duration `lua:"max_retry,reloadable" min:"1" max:"86400" default:"1800" doc:"seconds between attempts, at most"`
}

// DefaultPolicy applies to what is not given.
func DefaultPolicy() Policy { return Policy{Retry: 30 * time.Second} }

// Check reports whether the policy contradicts itself.
func (p Policy) Check() error {
	_, err := p.complete()
	return err
}

// complete fills in what depends on the rest. The zero Policy is the default.
func (p Policy) complete() (Policy, error) {
	if p == (Policy{}) {
		p = DefaultPolicy()
	}
	if p.MaxRetry == 0 {
		p.MaxRetry = max(30*time.Minute, p.Retry)
	}
	if p.Retry < time.Second || p.MaxRetry < p.Retry {
		return p, fmt.Errorf("retry must be at least a second, and max_retry not less than retry (%v, %v)", p.Retry, p.MaxRetry)
	}
	return p, nil
}
