package presence

// This file lights the message-waiting lamps of phones that never subscribe: they get a NOTIFY out
// of the blue, as many PBXs send them (RFC 3842 knows subscriptions only; so it is an option).

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/mwi"
	"github.com/sipscript/sipscript/modules/registrar"
)

// unsolicited tells a user's phones what waits for the user, as far as they did not subscribe.
func (p *Presence) unsolicited(k eventstate.Key) {
	e := p.engine.Load()
	if k.Package != PackageMessageSummary || e == nil || p.users == nil || !p.Policy().Unsolicited {
		return
	}
	// Whoever made the change does not wait for this
	e.Background().Return(lane.Func(func(l *lane.Lane) {
		look := func() { p.tellPhones(e, k) }
		if waits, _ := p.users.Waits(); waits {
			l.Await(look)
		} else {
			look()
		}
	}))
}

func (p *Presence) tellPhones(e *engine.Engine, k eventstate.Key) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	uri, err := message.ParseURI([]byte(k.AOR))
	if err != nil {
		return
	}
	list, err := p.users.Bindings(ctx, &uri, e.Clock().Wall())
	if err != nil {
		e.Log().Warn("phones can't be told that messages are waiting", "aor", k.AOR, "error", err)
		return
	}
	for _, b := range list {
		p.tellPhone(e, k, b)
	}
}

// greet tells a phone that has registered what waits, if anything was ever said about that.
func (p *Presence) greet(aor string, b *registrar.Binding) {
	e := p.engine.Load()
	k := eventstate.Key{Package: PackageMessageSummary, AOR: aor}
	if e == nil || !p.Policy().Unsolicited || len(p.store.Get(k, e.Clock().Wall())) == 0 {
		return
	}
	p.tellPhone(e, k, b)
}

func (p *Presence) tellPhone(e *engine.Engine, k eventstate.Key, b *registrar.Binding) {
	for _, w := range p.Watchers(k.AOR, k.Package) {
		if w.watcher == k.AOR && w.asked == b.Contact() {
			return // it is told by its subscription
		}
	}
	c, err := p.compose(context.Background(), k, e.Clock().Wall())
	if err != nil {
		return
	}
	spec := engine.SendSpec{Method: "NOTIFY", URI: b.Contact(), Target: b.Target(), From: k.AOR, To: k.AOR, Body: c.body, ContentType: mwi.Type, Timeout: 10 * time.Second,
		Headers: []engine.HeaderEdit{notifier.Header("Event", PackageMessageSummary), notifier.Header("Subscription-State", "active")}}
	// Overloaded: the next change tells it
	if err := e.SendAsync(&spec, func(*engine.Response, error) {}); err != nil {
		e.Log().Warn("a phone can't be told that messages are waiting", "aor", k.AOR, "error", err)
	}
}
