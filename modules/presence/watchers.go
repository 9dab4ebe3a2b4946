package presence

// This file tells a user who watches (RFC 3857).

import (
	"context"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/winfo"
)

// maxEnded bounds what is kept of watchers that left between two documents.
const maxEnded = 256

// winfoFeed is what one subscription to a user's watchers reports.
type winfoFeed struct {
	p       *Presence
	key     eventstate.Key // whose watchers
	version uint32         // the subscription's lane
	last    *winfo.Document

	mu    sync.Mutex
	ended map[string]string // why watchers left, by ID; guarded by mu
}

// Waits is false: nothing blocks.
func (*winfoFeed) Waits() bool { return false }

// Next is all watchers, or those that came, left, or changed.
func (f *winfoFeed) Next(_ context.Context, r notifier.Round) (d notifier.Document, tell bool, err error) {
	f.mu.Lock()
	ended := f.ended
	f.ended = nil
	f.mu.Unlock()
	now := f.p.winfo(f.key, r.Now)
	doc := now
	if last := f.last; last != nil && !r.Full {
		if doc, tell = now.Difference(last, ended); !tell {
			return d, false, nil
		}
	}
	f.last = now
	d = notifier.Document{Type: winfo.Type, Body: doc.Append(nil, f.version, doc == now)}
	f.version++
	return d, true, nil
}

// Unseen has the next document say everything.
func (f *winfoFeed) Unseen() { f.last = nil }

// Ended has nothing to undo: nobody watches those who watch watchers.
func (*winfoFeed) Ended(string) {}

// winfo is who watches a user.
func (p *Presence) winfo(k eventstate.Key, now time.Time) *winfo.Document {
	d := &winfo.Document{Resource: k.AOR, Package: k.Package}
	for _, w := range p.Watchers(k.AOR, k.Package) {
		status, event := "active", "subscribe"
		if w.mode == Pending {
			status = "pending"
		} else if w.approved {
			event = "approved"
		}
		d.Watchers = append(d.Watchers, winfo.Watcher{ID: w.id, URI: w.watcher, Status: status, Event: event, Left: max(0, int(w.until.Sub(now).Seconds()))})
	}
	return d
}

// watcherCame and watcherLeft tell those who watch watchers.
func (p *Presence) watcherCame(f *feed) {
	p.core.Changed(resourceKey(eventstate.Key{Package: f.key.Package + winfoSuffix, AOR: f.key.AOR}), nil)
}

func (p *Presence) watcherLeft(f *feed, reason string) {
	if !p.core.Watched(resourceKey(f.key)) {
		p.contents.forget(f.key)
	}
	p.core.Changed(resourceKey(eventstate.Key{Package: f.key.Package + winfoSuffix, AOR: f.key.AOR}), func(w notifier.Feed) {
		if o, ok := w.(*winfoFeed); ok {
			o.left(f.id, reason)
		}
	})
}

func (f *winfoFeed) left(id, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended == nil {
		f.ended = map[string]string{}
	}
	if len(f.ended) < maxEnded {
		f.ended[id] = reason
	}
}
