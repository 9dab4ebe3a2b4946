package notifier

// This file is the notifier: its subscriptions, and who is informed of a change.

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/lane"
)

// Options of New.
type Options struct {
	Name string // of the module, for errors
	User string // of our Contacts, by which the later SUBSCRIBEs of a dialog are known
	// Find is an event package by its name in lower case, or nil. It is called on lanes.
	Find func(event string) *Package
	// Allow is the value of Allow-Events.
	Allow func() string
	// Keep, if not nil, is given each subscription after each SUBSCRIBE, with what has to be
	// written of it (nil: it can't outlive the process), and when it is over. It is called on
	// lanes, and must not block.
	Keep func(s *Subscription, r *Record, over bool)
	// Elsewhere, if not nil, is asked for a dialog that is not known here: where another process
	// has it, it becomes one of this process (see Adopt). It is called on lanes, and must not
	// block.
	Elsewhere func(l *lane.Lane, dialog string) bool
	Policy    Policy
}

// Notifier keeps subscriptions. It is safe for concurrent use.
type Notifier struct {
	o      Options // never changed, but for Policy
	policy atomic.Pointer[Policy]
	count  atomic.Int64 // subscriptions: while there are none, changes cost nothing

	mu        sync.Mutex               // held briefly, never while a subscription works
	dialogs   map[string]*Subscription // by dialogKey; guarded by mu
	resources map[string]*resource     // guarded by mu
	watchers  map[string]int           // how many each has, where that is limited; guarded by mu
	proving   map[string]*Subscription // by place: who waits for its first answer; guarded by mu

	notified, failed atomic.Uint64
}

// resource is what its subscriptions are about: a list that they are linked in.
type resource struct {
	first *Subscription
	n     int
}

// New creates a notifier.
func New(o Options) *Notifier {
	n := &Notifier{o: o, dialogs: map[string]*Subscription{}, resources: map[string]*resource{}, watchers: map[string]int{}, proving: map[string]*Subscription{}}
	n.SetPolicy(o.Policy)
	return n
}

// SetPolicy has SUBSCRIBEs from now on served by another policy.
func (n *Notifier) SetPolicy(p Policy) { n.policy.Store(&p) }

// Policy is the one in force.
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

// Resources is how many resources have subscriptions.
func (n *Notifier) Resources() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.resources)
}

// Watched reports whether there is a subscription to key. It allocates nothing.
func (n *Notifier) Watched(key string) bool {
	if n.Idle() {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.resources[key] != nil
}

// Changed tells the subscribers of a resource that it has changed. hear, which may be nil, is
// called with the feed of each before, under a lock. It is called after the change was stored, from
// any goroutine, and does not block.
func (n *Notifier) Changed(key string, hear func(Feed)) {
	if n.Idle() {
		return
	}
	n.mu.Lock()
	var list []*Subscription
	if r := n.resources[key]; r != nil {
		list = make([]*Subscription, 0, r.n)
		for s := r.first; s != nil; s = s.after {
			if hear != nil {
				hear(s.feed)
			}
			list = append(list, s)
		}
	}
	n.mu.Unlock()
	for _, s := range list {
		s.changed()
	}
}

// AllChanged makes all subscriptions check whether something has changed, when changes could not be
// received for a while. It is called from any goroutine, and does not block.
func (n *Notifier) AllChanged() {
	for _, s := range n.all() {
		s.changed()
	}
}

// Again makes the subscribers of a resource be told everything, even if nothing has changed: what
// they may know has. hear is as for Changed.
func (n *Notifier) Again(key string, hear func(Feed)) {
	n.mu.Lock()
	var list []*Subscription
	if r := n.resources[key]; r != nil {
		for s := r.first; s != nil; s = s.after {
			if hear != nil {
				hear(s.feed)
			}
			list = append(list, s)
		}
	}
	n.mu.Unlock()
	for _, s := range list {
		s.wanted.Store(true)
		s.kick()
	}
}

// Of lists the subscriptions to a resource.
func (n *Notifier) Of(key string) (list []*Subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.resources[key]; r != nil {
		for s := r.first; s != nil; s = s.after {
			list = append(list, s)
		}
	}
	return list
}

// ByID is the subscription with an ID, or nil.
func (n *Notifier) ByID(id string) *Subscription {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.dialogs {
		if s.local == id {
			return s
		}
	}
	return nil
}

// ByDialog is the subscription of a dialog, as Subscription.Dialog names it, or nil.
func (n *Notifier) ByDialog(dialog string) *Subscription { return n.find(dialog) }

func (n *Notifier) all() []*Subscription {
	if n.Idle() {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]*Subscription, 0, len(n.dialogs))
	for _, s := range n.dialogs {
		list = append(list, s)
	}
	return list
}

// add enters s, or says why not.
func (n *Notifier) add(s *Subscription) *Refusal {
	p := n.policy.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.resources[s.key]
	switch {
	case n.dialogs[s.dialog] != nil: // a SUBSCRIBE that was answered long ago comes again
		return Refuse(500, "Out Of Order")
	case r != nil && r.forked(s):
		return Refuse(482, "")
	case len(n.dialogs) >= p.Max:
		return Unavailable("Too Many Subscriptions", nil)
	case r != nil && r.n >= p.MaxPerResource, p.MaxPerWatcher > 0 && n.watchers[s.watcher] >= p.MaxPerWatcher:
		return Refuse(403, "Too Many Subscriptions")
	case !n.mayProve(s):
		return Unavailable("Contact Not Proved", nil)
	}
	n.dialogs[s.dialog] = s
	if r == nil {
		r = &resource{}
		n.resources[s.key] = r
	}
	r.link(s)
	if p.MaxPerWatcher > 0 {
		n.watchers[s.watcher]++
		s.counted = true
	}
	n.count.Add(1)
	return nil
}

// forked reports whether a SUBSCRIBE came before by another way: a proxy forked it, and a UA takes
// it once (RFC 3261 §8.2.2.2).
func (r *resource) forked(s *Subscription) bool {
	for o := r.first; o != nil; o = o.after {
		if o.first == s.first && o.remote == s.remote && o.callID() == s.callID() && o.event == s.event && o.eventID == s.eventID {
			return true
		}
	}
	return false
}

func (r *resource) link(s *Subscription) {
	if s.after = r.first; s.after != nil {
		s.after.before = s
	}
	r.first = s
	r.n++
}

func (r *resource) unlink(s *Subscription) {
	if s.after != nil {
		s.after.before = s.before
	}
	if s.before != nil {
		s.before.after = s.after
	} else {
		r.first = s.after
	}
	s.before, s.after = nil, nil
	r.n--
}

// remove reports whether s was there.
func (n *Notifier) remove(s *Subscription) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dialogs[s.dialog] != s {
		return false
	}
	delete(n.dialogs, s.dialog)
	if n.proving[s.place] == s {
		delete(n.proving, s.place)
	}
	n.count.Add(-1)
	r := n.resources[s.key]
	if r.unlink(s); r.n == 0 {
		delete(n.resources, s.key)
	}
	if s.counted {
		if n.watchers[s.watcher]--; n.watchers[s.watcher] <= 0 {
			delete(n.watchers, s.watcher)
		}
	}
	return true
}

// dialogKey identifies a dialog (RFC 3261 §12): the tags as the notifier sees them.
func dialogKey(callID, local, remote []byte) string {
	var b strings.Builder
	b.Grow(len(callID) + len(local) + len(remote) + 2)
	b.Write(callID)
	b.WriteByte(0)
	b.Write(local)
	b.WriteByte(0)
	b.Write(remote)
	return b.String()
}

func (n *Notifier) find(dialog string) *Subscription {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialogs[dialog]
}

// Stop ends all subscriptions but those that outlive the process: each subscriber is told to
// subscribe again ("deactivated", RFC 6665 §4.2.2). It returns when the NOTIFYs have been passed to
// the network, or ctx ends; it does not wait for those to subscribers that have not answered an
// earlier one.
func (n *Notifier) Stop(ctx context.Context) {
	lanes := map[*lane.Lane]struct{}{}
	for _, s := range n.all() {
		s.closing.CompareAndSwap(nil, &closing{reason: Deactivated, stop: true})
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
