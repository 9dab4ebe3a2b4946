package presence

// This file answers SUBSCRIBE requests, and knows the watchers.

import (
	"strings"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// Authorize says what a watcher may see of a user by an event package: addresses in canonical form.
// An error: nobody can say now.
type Authorize func(watcher, user, event string) (Mode, error)

// own is what counts without another Authorize: one sees only oneself.
func own(watcher, user, _ string) (Mode, error) {
	if watcher == user {
		return Allowed, nil
	}
	return Denied, nil
}

// Subscribe answers the SUBSCRIBE req, with headers added to the answer, and takes the request's
// decision; NOTIFYs follow. trusted: From is right although nobody has proved it. authorize may be
// nil. For its results see notifier.Ask.
func (p *Presence) Subscribe(req *engine.Request, trusted bool, authorize Authorize, headers []engine.HeaderEdit) (ok bool, err error) {
	if authorize == nil {
		authorize = own
	}
	if p.reg != nil && req.Method() == message.MethodSubscribe && notifier.EventName(req.Message()) == regPackage && !req.Decided() && !req.Over() {
		return p.subscribeReg(req, trusted, authorize, headers)
	}
	a, err := p.core.Take(req)
	if err != nil {
		return false, err
	}
	if !a.Refused() {
		p.offer(a, req, trusted, authorize)
	}
	return a.Answer(headers)
}

func (p *Presence) offer(a *notifier.Ask, req *engine.Request, trusted bool, authorize Authorize) {
	if members := p.listOf(a.AOR()); members != nil && published(a.Event().Event) != "" {
		watcher, mode, no := p.vet(req, a.AOR(), a.Event().Event, trusted, authorize)
		if no == nil && mode != Allowed { // who is in it is told at once, or not at all
			no = notifier.Refuse(403, "")
		}
		if no != nil {
			a.Refuse(no)
			return
		}
		p.offerList(a, req, watcher, members, authorize)
		return
	}
	watcher, mode, no := p.vet(req, a.AOR(), a.Event().Event, trusted, authorize)
	if no != nil {
		a.Refuse(no)
		return
	}
	k := eventstate.Key{Package: a.Event().Event, AOR: a.AOR()}
	if of, is := strings.CutSuffix(k.Package, winfoSuffix); is {
		// There is nothing between all watchers and none: one who waits for a yes learns nothing
		if mode != Allowed {
			a.Refuse(notifier.Refuse(403, ""))
			return
		}
		a.Offer(resourceKey(k), watcher, &winfoFeed{p: p, key: eventstate.Key{Package: of, AOR: k.AOR}})
		return
	}
	f := &feed{p: p, key: k, own: watcher == k.AOR, id: a.Subscription().ID()}
	f.mode.Store(int32(mode))
	a.Offer(resourceKey(k), watcher, f)
	a.Then(func() { p.watcherCame(f) })
}

// vet says who watches, and what they may see.
func (p *Presence) vet(req *engine.Request, user, event string, trusted bool, authorize Authorize) (watcher string, mode Mode, no *notifier.Refusal) {
	who := claimed
	if trusted {
		who = sender
	}
	if watcher, no = who(req); no != nil {
		return "", 0, no
	}
	mode, err := authorize(watcher, user, event)
	switch {
	case err != nil:
		return "", 0, notifier.Unavailable("", err)
	case mode == Denied:
		return "", 0, notifier.Refuse(403, "")
	}
	return watcher, mode, nil
}

// subscribeReg hands a SUBSCRIBE to the package reg on to the registrar, after the same check.
func (p *Presence) subscribeReg(req *engine.Request, trusted bool, authorize Authorize, headers []engine.HeaderEdit) (bool, error) {
	user, no := notifier.Address(req)
	if no == nil {
		var mode Mode
		if _, mode, no = p.vet(req, user, regPackage, trusted, authorize); no == nil && mode != Allowed {
			no = notifier.Refuse(403, "")
		}
	}
	if no != nil {
		if err := notifier.Reply(req, no.Code, no.Reason, no.Headers, headers); err != nil {
			return false, err
		}
		return false, no
	}
	return p.reg.Subscribe(req, headers)
}

// Watcher is one subscription to a user's state, or to a list with the user in it.
type Watcher struct {
	s *notifier.Subscription
	f *feed
}

// Watchers lists those of a user by a package, "" for all packages; also those of a list that the
// user is in.
func (p *Presence) Watchers(aor, event string) (list []*Watcher) {
	for name := range packages {
		if event != "" && name != event {
			continue
		}
		for _, s := range p.core.Of(resourceKey(eventstate.Key{Package: name, AOR: aor})) {
			if f, ok := s.Feed().(*feed); ok {
				list = append(list, &Watcher{s, f})
			}
		}
		for _, uri := range p.listsOf(aor) {
			for _, s := range p.core.Of(resourceKey(eventstate.Key{Package: name, AOR: uri})) {
				if l, ok := s.Feed().(*listFeed); ok && l.member(aor) != nil {
					list = append(list, &Watcher{s, l.member(aor)})
				}
			}
		}
	}
	return list
}

// State is "active", "pending", or "polite" for one who is told that the user is not there.
func (w *Watcher) State() string {
	switch Mode(w.f.mode.Load()) {
	case Pending:
		return "pending"
	case Polite:
		return "polite"
	}
	return "active"
}

// Refresh asks authorize again about all watchers of a user, and tells those for whom the answer is
// another one. An error of authorize leaves a watcher as it is; it returns the last.
func (p *Presence) Refresh(aor string, authorize Authorize) (n int, err error) {
	if authorize == nil {
		authorize = own
	}
	keys := map[eventstate.Key]bool{}
	for _, w := range p.Watchers(aor, "") {
		mode, failed := authorize(w.s.Watcher(), aor, w.f.key.Package)
		if failed != nil {
			err = failed
			continue
		}
		if was := Mode(w.f.mode.Swap(int32(mode))); was != mode {
			w.f.approved.Store(was == Pending)
			n++
			keys[w.f.key] = true
		}
	}
	for k := range keys {
		p.tell(k)
		p.core.Changed(resourceKey(eventstate.Key{Package: k.Package + winfoSuffix, AOR: k.AOR}), nil)
	}
	return n, err
}
