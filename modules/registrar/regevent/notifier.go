package regevent

// This file is the notifier: the common one (RFC 6665) for the package reg.

import (
	"context"
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/internal/notifier"
)

// Notifier keeps subscriptions to registrations. It is safe for concurrent use.
type Notifier struct {
	from Registrations
	core *notifier.Notifier
}

// contactUser is the user part of our Contacts, by which the later SUBSCRIBEs of a dialog are
// known.
const contactUser = "reg-event"

// New creates a notifier for what from knows. An error: the policy contradicts itself.
func New(from Registrations, p Policy) (*Notifier, error) {
	full, err := p.complete()
	if err != nil {
		return nil, fmt.Errorf("regevent: %w", err)
	}
	event := &notifier.Package{Event: "reg", Types: []string{ContentType}}
	return &Notifier{from: from, core: notifier.New(notifier.Options{Name: "registrar", User: contactUser, Policy: full.core(),
		Allow: func() string { return "reg" },
		Find: func(name string) *notifier.Package {
			if name == event.Event {
				return event
			}
			return nil
		}})}, nil
}

// SetPolicy has SUBSCRIBEs from now on served by another policy. An error: it contradicts itself,
// and the old one stays.
func (n *Notifier) SetPolicy(p Policy) error {
	full, err := p.complete()
	if err != nil {
		return err
	}
	n.core.SetPolicy(full.core())
	return nil
}

// Policy is the policy in force, defaults filled in.
func (n *Notifier) Policy() Policy {
	p := n.core.Policy()
	return Policy{MaxExpires: p.MaxExpires, MinExpires: p.MinExpires, Interval: p.Interval, MaxSubscriptions: p.Max, MaxPerUser: p.MaxPerResource}
}

// Stats are figures since the start, except for Subscriptions, which is their current number.
type Stats struct {
	Subscriptions int
	Notified      uint64 // NOTIFYs sent
	Failed        uint64 // NOTIFYs that were not answered 2xx
}

// Stats reads the figures.
func (n *Notifier) Stats() Stats { return Stats(n.core.Stats()) }

// Idle reports whether there are no subscriptions: then Changed has nothing to do. It costs one
// atomic load.
func (n *Notifier) Idle() bool { return n.core.Idle() }

// Changed tells the subscribers of the canonical address-of-record aor that its contacts have
// changed; key and why are a contact that ended and the reason, "" for another change. It is called
// after the change was stored, from any goroutine, and does not block.
func (n *Notifier) Changed(aor, key string, why Event) {
	if !n.core.Watched(aor) {
		return
	}
	n.core.Changed(aor, func(f notifier.Feed) { f.(*feed).hear(key, why) })
}

// AllChanged makes all subscriptions check whether contacts have changed, when changes could not be
// received for a while. It is called from any goroutine, and does not block.
func (n *Notifier) AllChanged() { n.core.AllChanged() }

// Stop ends all subscriptions: each subscriber is told to subscribe again ("deactivated", RFC 6665
// §4.2.2). It returns when the NOTIFYs have been passed to the network, or ctx ends; it does not
// wait for those to subscribers that have not answered an earlier one.
func (n *Notifier) Stop(ctx context.Context) { n.core.Stop(ctx) }

// Intercept serves the later SUBSCRIBEs of the notifier's dialogs, which come to its Contact, and
// reports whether req was one. Go programs call it first in Route; scripts don't see the request.
func (n *Notifier) Intercept(req *engine.Request) (taken bool, err error) {
	return n.core.Intercept(req)
}
