// Package registrar is the location service of RFC 3261 §10: it processes REGISTER requests and
// knows where the users of the local domains can be reached.
//
// It is used directly from Go, and from scripts as the module "registrar". A [Registrar] belongs to
// the program, not to a script: registrations survive a reload. A [Store] decides where bindings
// are kept; the one in memory ([NewMemory]) is the default.
package registrar

// This file is the registrar itself: its parts, and what reads and removes bindings.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// Options of New. The zero value keeps bindings in memory, with the default policy.
type Options struct {
	Store  Store  // nil: NewMemory()
	Policy Policy // the zero value is DefaultPolicy()
	// Event, if not nil, receives each change after it was stored, on the goroutine that made it.
	// It must not block.
	Event func(Event)
}

// Registrar processes REGISTER requests and answers lookups. It is safe for concurrent use.
type Registrar struct {
	*service
	given  Policy // as it was requested
	policy Policy // with its defaults
}

// service is what all Registrars made from one share: everything except the policy.
type service struct {
	store  Store
	peeker Peeker // store, if it is one
	// Answers lookups, if the store is a Memory: this avoids the interface and its strings
	memory    *Memory
	event     func(Event)
	waiters   waiters
	followers followers
	distants  sync.Map // of *distant
	figures   figures
	sweeper   atomic.Pointer[sweeper] // the one that runs
	counted   atomic.Int64            // bindings at the last sweep, if no Memory can be asked
	node      atomic.Pointer[Node]    // this process, once it is attached to an engine
	gruus     atomic.Pointer[gruus]   // once it is attached to an engine, which has the key
	flows     flows
	// script is the script generation that receives changes.
	script luabind.Events[Event]
	// notifier informs subscribers (RFC 3680), by the policy of the registrar in service; nil: the
	// first.
	notifier *regevent.Notifier
	serving  atomic.Pointer[Registrar]
}

// New creates a registrar. An error: a policy contradicts itself.
func New(o Options) (*Registrar, error) {
	p, err := o.Policy.complete()
	if err != nil {
		return nil, fmt.Errorf("registrar: %w", err)
	}
	s := &service{store: o.Store, event: o.Event}
	if s.store == nil {
		s.store = NewMemory()
	}
	s.peeker, _ = s.store.(Peeker)
	switch store := s.store.(type) {
	case *Memory:
		s.memory = store
	case Served:
		s.memory = store.Serving()
	}
	r := &Registrar{service: s, given: o.Policy.orDefault(), policy: p}
	if s.notifier, err = regevent.New(watched{r}, p.Subscriptions); err != nil {
		return nil, fmt.Errorf("registrar: %w", err)
	}
	return r, nil
}

// With is a registrar of the same bindings under another policy (a script generation's own
// settings).
func (r *Registrar) With(p Policy) (*Registrar, error) {
	q, err := r.with(p)
	if err != nil {
		return nil, fmt.Errorf("registrar: %w", err)
	}
	return q, nil
}

func (r *Registrar) with(p Policy) (*Registrar, error) {
	full, err := p.complete()
	if err != nil {
		return nil, err
	}
	return &Registrar{service: r.service, given: p.orDefault(), policy: full}, nil
}

// inForce is the registrar of the script generation in service, or r.
func (r *Registrar) inForce() *Registrar {
	if s := r.serving.Load(); s != nil {
		return s
	}
	return r
}

// Policy is the policy in force, defaults filled in.
func (r *Registrar) Policy() Policy { return r.policy }

// Waits reports whether lookups, and whether updates may block: if so, callers on a lane lend it
// first (engine.Await).
func (r *Registrar) Waits() (lookup, update bool) { return r.store.Waits() }

// Lookup finds the bindings of the address-of-record that uri denotes, in the form a proxy needs:
// the highest q first, among equals the most recent first, none expired at now. Of an instance with
// several flows it returns one, whose Target has the others (RFC 5626 §7). A GRUU denotes only its
// instance (RFC 5627 §6.1). The slice is shared: it must not be changed. Errors: the store is
// unavailable.
func (r *Registrar) Lookup(ctx context.Context, uri *message.URI, now time.Time) ([]*Binding, error) {
	var room [128]byte
	q := r.query(uri, room[:0])
	found, err := r.lookup(ctx, q.aor, now)
	return q.choose(found), err
}

// query is a lookup for a proxy: whose bindings, and which of them.
type query struct {
	wanted
	gruu, flows bool
}

// query reads uri; room is for the address.
func (r *Registrar) query(uri *message.URI, room []byte) (q query) {
	if q.gruu = r.policy.GRUU && isGRUU(uri); q.gruu {
		q.wanted = r.readGRUU(uri)
	}
	if q.flows = r.policy.flows(); q.aor == nil {
		q.aor = r.address(room, uri)
	}
	return q
}

// address appends the address-of-record that uri denotes: see engine.UserBase.
func (s *service) address(dst []byte, uri *message.URI) []byte {
	if w := s.sweeper.Load(); w != nil {
		return w.engine.AppendAddress(dst, uri)
	}
	return uri.AppendAOR(dst)
}

// choose is those of q.aor's bindings that should be reached.
func (q *query) choose(found []*Binding) []*Binding {
	if q.gruu {
		found = q.of(found)
	}
	if q.flows || q.gruu {
		found = oncePerInstance(found)
	}
	return found
}

// Bindings lists all bindings of uri's address-of-record, each flow for itself, in the order of
// Lookup. The slice is shared. Errors: the store is unavailable.
func (r *Registrar) Bindings(ctx context.Context, uri *message.URI, now time.Time) ([]*Binding, error) {
	return r.lookup(ctx, r.address(nil, uri), now)
}

func (r *Registrar) lookup(ctx context.Context, aor []byte, now time.Time) ([]*Binding, error) {
	if r.memory != nil {
		return r.memory.lookup(aor, now.UnixMilli()), nil
	}
	bindings, err := r.store.Lookup(ctx, string(aor), now)
	r.figures.lookups.Add(1)
	if err != nil {
		r.figures.failed.Add(1)
		return nil, fmt.Errorf("registrar: lookup: %w", err)
	}
	return bindings, nil
}

// peek is lookup if that does not wait.
func (r *Registrar) peek(aor []byte, now time.Time) ([]*Binding, bool) {
	if r.peeker == nil {
		return nil, false
	}
	found, ok := r.peeker.Peek(string(aor), now)
	if ok {
		r.figures.lookups.Add(1)
	}
	return found, ok
}

// Remove removes the bindings of uri's address-of-record or, if contact is not nil, only those
// whose contact equals it (§19.1.4). It returns how many were removed. Errors: the store is
// unavailable.
func (r *Registrar) Remove(ctx context.Context, uri, contact *message.URI, now time.Time) (int, error) {
	text := ""
	if contact != nil {
		text = string(contact.AppendTo(nil))
	}
	return r.removeText(ctx, string(r.address(nil, uri)), text, now)
}

// ErrContact is returned by Add for a record that makes no binding.
var ErrContact = errors.New("registrar: a binding needs the URI of a contact of at most 1024 bytes, a q from 0 to 1, and a time to live")

// Add makes a binding of uri's address-of-record that no client asked for, such as a gateway's, or
// replaces that of the same contact. A client that registers the contact replaces it in turn. Of
// rec the contact, Q and Expires count. Errors: ErrContact; the store is unavailable.
func (r *Registrar) Add(ctx context.Context, uri *message.URI, rec Record, now time.Time) error {
	contact, err := message.ParseURI([]byte(rec.Contact))
	if line, bad := oneLine([]byte(rec.Contact)); err != nil || bad != nil || line != rec.Contact || len(line) > maxContact || !(rec.Q >= 0 && rec.Q <= 1) || !rec.Expires.After(now) {
		return ErrContact
	}
	var done changes
	// A Call-ID that no client has: each REGISTER is newer than the binding.
	made := NewBinding(&Record{Contact: rec.Contact, Q: rec.Q, CallID: "added-by-operator", Expires: rec.Expires, Updated: now})
	err = r.update(ctx, string(r.address(nil, uri)), now, &done, func(live []*Binding) ([]*Binding, error) {
		next, replaced := make([]*Binding, 0, len(live)+1), false
		for _, b := range live {
			switch {
			case !b.matches(viewOf(rec.Contact), &contact):
				next = append(next, b)
			case !replaced:
				replaced = true
				done.refresh(b, made)
			default:
				done.remove(b)
			}
		}
		if !replaced {
			done.add(Bound, made)
		}
		next = append(next, made)
		sortBindings(next)
		return next, nil
	})
	if err != nil {
		return fmt.Errorf("registrar: add: %w", err)
	}
	return nil
}

// removeText is Remove for a canonical address and a contact's text, "" for all.
func (r *Registrar) removeText(ctx context.Context, aor, contact string, now time.Time) (int, error) {
	match, err := message.ParseURI(viewOf(contact))
	if err != nil && contact != "" {
		return 0, fmt.Errorf("registrar: remove: contact: %w", err)
	}
	done := changes{forced: true}
	err = r.update(ctx, aor, now, &done, func(live []*Binding) ([]*Binding, error) {
		kept := make([]*Binding, 0, len(live))
		for _, b := range live {
			if contact != "" && !b.matches(viewOf(contact), &match) {
				kept = append(kept, b)
				continue
			}
			done.add(Removed, b)
		}
		return kept, nil
	})
	if err != nil {
		return 0, fmt.Errorf("registrar: remove: %w", err)
	}
	return done.count(Removed), nil
}

// update is the store's Update with what every change needs: expired bindings are left out of live
// and recorded, and once the change is stored, listeners and waiters are informed.
func (r *Registrar) update(ctx context.Context, aor string, now time.Time, done *changes,
	change func(live []*Binding) ([]*Binding, error)) error {
	at := now.UnixMilli()
	err := r.store.Update(ctx, aor, r.policy.Durability, func(old []*Binding) ([]*Binding, error) {
		done.reset()
		live := old
		if n := countLive(old, at); n < len(old) {
			live = make([]*Binding, 0, n)
			for _, b := range old {
				if b.expires > at {
					live = append(live, b)
					continue
				}
				done.add(Expired, b)
			}
		}
		return change(live)
	})
	if err != nil {
		return err
	}
	r.tell(aor, done)
	return nil
}

// Each calls f with each binding that is stored in this process: all of them, unless they are in
// Redis. f must not call the registrar.
func (r *Registrar) Each(f func(aor string, b *Binding)) {
	if r.memory != nil {
		r.memory.each(f)
	}
}

// Lose ends a binding whose client is gone, unless it has registered again since b, and reports it
// as expired. ok is false if there was nothing to end.
func (r *Registrar) Lose(ctx context.Context, aor string, b *Binding, now time.Time) (ok bool, err error) {
	var done changes
	err = r.update(ctx, aor, now, &done, func(live []*Binding) ([]*Binding, error) {
		kept := make([]*Binding, 0, len(live))
		for _, other := range live {
			if other.updated == b.updated && other.Contact() == b.Contact() && other.CallID() == b.CallID() {
				done.add(Expired, other)
				continue
			}
			kept = append(kept, other)
		}
		return kept, nil
	})
	if err != nil {
		return false, fmt.Errorf("registrar: lose: %w", err)
	}
	return done.count(Expired) > 0, nil
}

// Count is the number of bindings; those that expired since the last sweep may still be included.
func (r *Registrar) Count(ctx context.Context) (int, error) {
	n, err := r.store.Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("registrar: count: %w", err)
	}
	return n, nil
}

// Sweep removes and reports what has expired. Lookups never return an expired binding whether or
// not Sweep is called: it frees memory and makes the events come in time. Attach calls it every
// second.
func (r *Registrar) Sweep(ctx context.Context, now time.Time) error { return r.sweep(ctx, now) }

func (s *service) sweep(ctx context.Context, now time.Time) error {
	err := s.store.Sweep(ctx, now, func(aor string, b *Binding) {
		s.figures.expired.Add(1)
		s.emit(Event{Kind: Expired, AOR: aor, Binding: b})
	})
	if s.memory == nil { // also if the sweep has failed: that may concern only a few
		n, uncounted := s.store.Count(ctx)
		if uncounted == nil {
			s.counted.Store(int64(n))
		} else if err == nil {
			err = uncounted
		}
	}
	if err != nil {
		return fmt.Errorf("registrar: sweep: %w", err)
	}
	return nil
}

// Close closes the store.
func (r *Registrar) Close() error { return r.store.Close() }

func countLive(bindings []*Binding, at int64) int {
	n := 0
	for _, b := range bindings {
		if b.expires > at {
			n++
		}
	}
	return n
}
