package regevent

// This file makes the documents of one subscription.

import (
	"context"
	"sync"

	"github.com/sipscript/sipscript/modules/internal/notifier"
)

// maxReasons bounds what is kept of contacts that ended.
const maxReasons = 256

// feed is what one subscription reports.
type feed struct {
	from Registrations
	view view

	mu      sync.Mutex
	reasons map[string]Event // why contacts ended, by key; guarded by mu
}

// hear records a change.
func (f *feed) hear(key string, why Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if why == "" || len(f.reasons) >= maxReasons {
		return
	}
	if f.reasons == nil {
		f.reasons = map[string]Event{}
	}
	f.reasons[key] = why
}

// heard returns what was recorded.
func (f *feed) heard() map[string]Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	why := f.reasons
	f.reasons = nil
	return why
}

// Waits reports whether Next may block.
func (f *feed) Waits() bool { return f.from.Waits() }

// Next is all contacts after a SUBSCRIBE and at the end, otherwise what has changed.
func (f *feed) Next(ctx context.Context, r notifier.Round) (doc notifier.Document, tell bool, err error) {
	why := f.heard()
	contacts, err := f.from.Contacts(ctx, f.view.aor, r.Now)
	if err != nil {
		return doc, false, err
	}
	d, tell := f.view.next(contacts, why, r.Full, r.Now)
	if !tell {
		return doc, false, nil
	}
	d.version = f.view.version
	f.view.version++
	return notifier.Document{Type: ContentType, Body: d.append(nil, r.Now)}, true, nil
}

// Ended has nothing to undo.
func (f *feed) Ended(string) {}
