package regevent

// This file is the notifier: its subscriptions, and who is informed of a change.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
)

// Notifier keeps subscriptions to registrations. It is safe for concurrent use.
type Notifier struct {
	from   Registrations
	policy atomic.Pointer[Policy] // complete
	count  atomic.Int64           // subscriptions: while there are none, changes cost nothing

	mu      sync.Mutex                 // held briefly, never while a subscription works
	dialogs map[dialog]*subscription   // guarded by mu
	byAOR   map[string][]*subscription // guarded by mu
	proving map[string]*subscription   // by place: who waits for its first answer; guarded by mu

	notified, failed atomic.Uint64
}

// dialog identifies a dialog (RFC 3261 §12): the tags as the notifier sees them.
type dialog struct{ callID, local, remote string }

// New creates a notifier for what from knows. An error: the policy contradicts itself.
func New(from Registrations, p Policy) (*Notifier, error) {
	n := &Notifier{from: from, dialogs: map[dialog]*subscription{}, byAOR: map[string][]*subscription{}, proving: map[string]*subscription{}}
	if err := n.SetPolicy(p); err != nil {
		return nil, fmt.Errorf("regevent: %w", err)
	}
	return n, nil
}

// SetPolicy has SUBSCRIBEs from now on served by another policy. An error: it contradicts itself,
// and the old one stays.
func (n *Notifier) SetPolicy(p Policy) error {
	full, err := p.complete()
	if err != nil {
		return err
	}
	n.policy.Store(&full)
	return nil
}

// Policy is the policy in force, defaults filled in.
func (n *Notifier) Policy() Policy { return *n.policy.Load() }

// Stats are figures since the start, except for Subscriptions, which is their current number.
type Stats struct {
	Subscriptions int
	Notified      uint64 // NOTIFYs sent
	Failed        uint64 // NOTIFYs that were not answered 2xx
}

// Stats reads the figures.
func (n *Notifier) Stats() Stats {
	return Stats{Subscriptions: int(n.count.Load()), Notified: n.notified.Load(), Failed: n.failed.Load()}
}

// Idle reports whether there are no subscriptions: then Changed has nothing to do. It costs one
// atomic load.
func (n *Notifier) Idle() bool { return n.count.Load() == 0 }

// Changed tells the subscribers of the canonical address-of-record aor that its contacts have
// changed; key and why are a contact that ended and the reason, "" for another change. It is called
// after the change was stored, from any goroutine, and does not block.
func (n *Notifier) Changed(aor, key string, why Event) {
	if n.Idle() {
		return
	}
	n.mu.Lock()
	list := slices.Clone(n.byAOR[aor])
	for _, s := range list {
		s.hear(key, why)
	}
	n.mu.Unlock()
	for _, s := range list {
		s.kick()
	}
}

// AllChanged makes all subscriptions check whether contacts have changed, when changes could not be
// received for a while. It is called from any goroutine, and does not block.
func (n *Notifier) AllChanged() {
	if n.Idle() {
		return
	}
	n.mu.Lock()
	list := make([]*subscription, 0, len(n.dialogs))
	for _, s := range n.dialogs {
		s.hear("", "")
		list = append(list, s)
	}
	n.mu.Unlock()
	for _, s := range list {
		s.kick()
	}
}

// add enters s, or says why not.
func (n *Notifier) add(s *subscription) *refusal {
	p := n.policy.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.dialogs[s.dialog] != nil: // a SUBSCRIBE that was answered long ago comes again
		return refuse(500, "Out Of Order")
	case len(n.dialogs) >= p.MaxSubscriptions:
		return unavailable("Too Many Subscriptions", nil)
	case len(n.byAOR[s.view.aor]) >= p.MaxPerUser:
		return refuse(403, "Too Many Subscriptions")
	case !n.mayProve(s):
		return unavailable("Contact Not Proved", nil)
	}
	n.dialogs[s.dialog] = s
	n.byAOR[s.view.aor] = append(n.byAOR[s.view.aor], s)
	n.count.Add(1)
	return nil
}

func (n *Notifier) remove(s *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dialogs[s.dialog] != s {
		return
	}
	delete(n.dialogs, s.dialog)
	if n.proving[s.place] == s {
		delete(n.proving, s.place)
	}
	n.count.Add(-1)
	list := slices.DeleteFunc(n.byAOR[s.view.aor], func(o *subscription) bool { return o == s })
	if n.byAOR[s.view.aor] = list; len(list) == 0 {
		delete(n.byAOR, s.view.aor)
	}
}

func (n *Notifier) find(d dialog) *subscription {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialogs[d]
}

// Stop ends all subscriptions: each subscriber is told to subscribe again ("deactivated", RFC 6665
// §4.2.2). It returns when the NOTIFYs have been passed to the network, or ctx ends; it does not
// wait for those to subscribers that have not answered an earlier one.
func (n *Notifier) Stop(ctx context.Context) {
	n.mu.Lock()
	list := make([]*subscription, 0, len(n.dialogs))
	for _, s := range n.dialogs {
		list = append(list, s)
	}
	n.mu.Unlock()
	lanes := map[*lane.Lane]struct{}{}
	for _, s := range list {
		s.closing.Store(true)
		s.kick()
		lanes[s.lane] = struct{}{}
	}
	done := make(chan struct{}, len(lanes))
	waiting := 0
	for l := range lanes {
		// What a subscription sends is queued once more, behind the first of these two.
		last := lane.Func(func(*lane.Lane) { done <- struct{}{} })
		if l.Return(lane.Func(func(l *lane.Lane) {
			if !l.Return(last) {
				done <- struct{}{}
			}
		})) {
			waiting++
		}
	}
	for range waiting {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// lookTime bounds how long a look at the registrations may take.
const lookTime = 10 * time.Second
