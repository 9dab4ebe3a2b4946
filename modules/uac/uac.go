// Package uac is the user agent's side of this server towards others: it keeps addresses registered
// with trunks, and shows them other names in From and To.
//
// It is used directly from Go, and from scripts as the module "uac". A [UAC] belongs to the
// program, not to a script: registrations continue through a reload. The engine itself answers
// challenges of a relayed request, for targets with credentials.
package uac

// This file is the set of registrations.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/luabind"
)

// Options of New. The zero value is good.
type Options struct {
	// Event, if not nil, receives what happens to registrations, on the goroutine that found out.
	// It must not block.
	Event func(Event)
}

// UAC keeps registrations. It is safe for concurrent use.
type UAC struct {
	event   func(Event)
	script  luabind.Events[Event] // the script generation that receives events
	figures figures

	mu    sync.Mutex
	eng   *engine.Engine           // guarded by mu
	known map[string]*registration // by name; guarded by mu
	ended bool                     // Stop was called; guarded by mu
}

// New makes a UAC that keeps nothing yet.
func New(o Options) *UAC { return &UAC{event: o.Event, known: map[string]*registration{}} }

// Keep makes accounts the ones that e keeps registered: unchanged ones continue undisturbed,
// changed ones are registered again, those that are gone are unregistered. Errors: an invalid
// account, or two with one name; then nothing changes.
func (u *UAC) Keep(e *engine.Engine, accounts []Account, p Policy) error {
	wanted := map[string]Account{}
	for _, a := range accounts {
		full, err := a.complete()
		if err != nil {
			return fmt.Errorf("uac: account %q: %w", a.Name, err)
		}
		if _, twice := wanted[full.Name]; twice {
			return fmt.Errorf("uac: there are two accounts %q", full.Name)
		}
		wanted[full.Name] = full
	}
	p, err := p.complete()
	if err != nil {
		return fmt.Errorf("uac: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return nil
	}
	if u.eng != e {
		u.eng = e
		clear(u.known) // of an engine that has stopped
	}
	for name, r := range u.known {
		if _, stays := wanted[name]; !stays {
			delete(u.known, name)
			r.post((*registration).remove)
		}
	}
	for name, a := range wanted {
		u.keepLocked(name, a, p)
	}
	return nil
}

// keepLocked starts or changes one; u.mu is held.
func (u *UAC) keepLocked(name string, a Account, p Policy) {
	old := u.known[name]
	if old != nil && !old.given.moved(&a) {
		changed := old.given != a
		old.given = a
		old.post(func(r *registration) { r.change(a, p, changed) })
		return
	}
	switch {
	case old == nil:
	case a.rebinds(&old.given, u.eng.Locals()):
		old.post((*registration).leave)
	default:
		old.post((*registration).remove)
	}
	r := newRegistration(u, u.eng, a, p)
	u.known[name] = r
	r.post((*registration).begin)
}

// Stop takes all registrations back, for a process that ends: calls go elsewhere at once. It
// returns when each registrar has answered, or ctx ends; the bindings that are left expire. Nothing
// is kept registered after it.
func (u *UAC) Stop(ctx context.Context) error {
	u.mu.Lock()
	u.ended = true
	all := len(u.known)
	gone := make(chan struct{}, all)
	for _, r := range u.known {
		r.post(func(r *registration) {
			r.gone = func() { gone <- struct{}{} }
			r.remove()
		})
	}
	clear(u.known)
	u.mu.Unlock()
	for n := range all {
		select {
		case <-gone:
		case <-ctx.Done():
			return fmt.Errorf("uac: %d of %d registrations were not removed: %w", all-n, all, ctx.Err())
		}
	}
	return nil
}

// Attach makes a UAC an engine.Part, whose registrations are removed when e drains.
func (u *UAC) Attach(e *engine.Engine) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.eng != e {
		u.eng, u.ended = e, false
		clear(u.known) // of an engine that has stopped
	}
	return nil
}

// Drain is Stop.
func (u *UAC) Drain(ctx context.Context) error { return u.Stop(ctx) }

// List is the state of the registrations, by name.
func (u *UAC) List() []*Status {
	u.mu.Lock()
	list := make([]*Status, 0, len(u.known))
	for _, r := range u.known {
		list = append(list, r.status.Load())
	}
	u.mu.Unlock()
	slices.SortFunc(list, func(a, b *Status) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// post has f called with r on the lane that registrations belong to.
func (r *registration) post(f func(*registration)) {
	r.engine.Background().Post(lane.Func(func(l *lane.Lane) {
		r.lane = l
		f(r)
	}))
}
