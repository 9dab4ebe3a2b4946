package registrar

// This file connects the registrar to its notifier (package regevent): subscriptions to a user's
// registrations (RFC 3680).

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// Subscribe answers the SUBSCRIBE req to the event package "reg" of a local user, with headers
// added to the answer, and takes the request's decision; NOTIFYs follow. For its results see
// [regevent.Notifier.Subscribe]. The caller decides whether the sender may know where the user is.
// [Registrar.Intercept] serves the rest of the dialog.
func (r *Registrar) Subscribe(req *engine.Request, headers []engine.HeaderEdit) (ok bool, err error) {
	return r.notifier.Subscribe(req, headers)
}

// Notifier is the notifier of the package "reg", which all registrars of the same bindings share.
func (r *Registrar) Notifier() *regevent.Notifier { return r.notifier }

// watched is the registrar as its notifier sees it.
type watched struct{ *Registrar }

// Waits reports whether Contacts may block.
func (w watched) Waits() bool {
	lookup, _ := w.store.Waits()
	return lookup
}

// Contacts are the bindings of aor.
func (w watched) Contacts(ctx context.Context, aor string, now time.Time) ([]regevent.Contact, error) {
	bindings, err := w.lookup(ctx, []byte(aor), now)
	if err != nil {
		return nil, err
	}
	serving := w.inForce()
	list := make([]regevent.Contact, len(bindings))
	for i, b := range bindings {
		list[i] = regevent.Contact{URI: b.Contact(), Params: b.Params(), CallID: b.CallID(), CSeq: b.CSeq(), Expires: b.Expires(), Updated: b.Updated()}
		list[i].PubGRUU, list[i].TempGRUU = serving.GRUUs(aor, b)
	}
	return list, nil
}

// notify tells the subscribers about a change.
func (s *service) notify(e *Event) {
	if s.notifier.Idle() {
		return
	}
	var why regevent.Event
	switch {
	case e.Kind == Expired:
		why = regevent.Expired
	case e.Kind == Removed && e.Forced:
		why = regevent.Deactivated
	case e.Kind == Removed:
		why = regevent.Unregistered
	}
	c := regevent.Contact{URI: e.Binding.Contact(), Params: e.Binding.Params()}
	s.notifier.Changed(e.AOR, c.Key(), why)
}

// changedElsewhere receives changes by other processes that share the store, "" for anything they
// may have changed.
func (s *service) changedElsewhere(aor string) {
	defer s.tellElsewhere(aor)
	if aor == "" {
		s.waiters.wakeAll()
		s.notifier.AllChanged()
		return
	}
	s.waiters.wake(aor)
	s.notifier.Changed(aor, "", "")
}

// Detach ends the subscriptions, so that their subscribers need not find out by themselves. The
// engine calls it at its end.
func (r *Registrar) Detach(ctx context.Context, _ *engine.Engine) error {
	if !r.notifier.Idle() {
		r.notifier.Stop(ctx)
	}
	return nil
}
