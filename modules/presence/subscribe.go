package presence

// This file answers SUBSCRIBE requests, and knows the watchers.

import (
	"strings"
	"time"

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
	f := &feed{p: p, key: k, own: watcher == k.AOR, id: a.Subscription().ID(), diff: k.Package == PackagePresence && a.Accepts(partialType)}
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

// Watcher is one subscription to a user's state, or to a list with the user in it. It is as it was
// when it was asked for.
type Watcher struct {
	id, watcher, asked string
	key                eventstate.Key // what is watched
	mode               Mode
	approved           bool
	until              time.Time
	// Of a subscription at this node
	s *notifier.Subscription
	f *feed
	// Of one at another
	dialog string
}

// watcherAt is a watcher at this node.
func watcherAt(s *notifier.Subscription, f *feed) *Watcher {
	return &Watcher{id: s.ID(), watcher: s.Watcher(), asked: s.Contact(), key: f.key, mode: Mode(f.mode.Load()), approved: f.approved.Load(), until: s.Until(), s: s, f: f}
}

// feedsOf are what a subscription reports of users: several for a list.
func feedsOf(f notifier.Feed) []*feed {
	switch f := f.(type) {
	case *feed:
		return []*feed{f}
	case *listFeed:
		return f.members()
	}
	return nil
}

// Watchers lists those of a user by a package, "" for all packages; also those of a list that the
// user is in, and those at other nodes.
func (p *Presence) Watchers(aor, event string) (list []*Watcher) {
	for name := range packages {
		if event != "" && name != event {
			continue
		}
		k := eventstate.Key{Package: name, AOR: aor}
		for _, s := range p.core.Of(resourceKey(k)) {
			if f, ok := s.Feed().(*feed); ok {
				list = append(list, watcherAt(s, f))
			}
		}
		for _, uri := range p.listsOf(aor) {
			for _, s := range p.core.Of(resourceKey(eventstate.Key{Package: name, AOR: uri})) {
				if l, ok := s.Feed().(*listFeed); ok && l.member(aor) != nil {
					list = append(list, watcherAt(s, l.member(aor)))
				}
			}
		}
		list = append(list, p.shared.watchersOf(k)...)
	}
	return list
}

// State is "active", "pending", or "polite" for one who is told that the user is not there.
func (w *Watcher) State() string {
	switch w.mode {
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
		mode, failed := authorize(w.watcher, aor, w.key.Package)
		if failed != nil {
			err = failed
			continue
		}
		switch {
		case w.s == nil:
			if mode != w.mode {
				p.shared.ask(w.dialog, order{Modes: map[string]Mode{aor: mode}})
				n++
			}
		case w.f.become(mode):
			w.s.Rewrite()
			n++
			keys[w.key] = true
		}
	}
	for k := range keys {
		p.tellAbout(k)
	}
	return n, err
}

// become reports whether what may be seen is another now.
func (f *feed) become(mode Mode) bool {
	was := Mode(f.mode.Swap(int32(mode)))
	if was != mode {
		f.approved.Store(was == Pending)
	}
	return was != mode
}

// tellAbout tells the watchers of a user, of whom some may see something else now, and who watches
// them.
func (p *Presence) tellAbout(k eventstate.Key) {
	p.tell(k)
	p.core.Changed(resourceKey(eventstate.Key{Package: k.Package + winfoSuffix, AOR: k.AOR}), nil)
}
