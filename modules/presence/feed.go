package presence

// This file is what one watcher is told.

import (
	"context"
	"sync/atomic"

	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/mwi"
	"github.com/sipscript/sipscript/modules/presence/pidf"
)

// Mode is what a watcher may see.
type Mode int32

// What authorize says.
const (
	Denied  Mode = iota // 403, and the end of a subscription: "rejected"
	Pending             // the user was not asked yet: "pending", without a document
	Polite              // "active", with the document of somebody who is not there
	Allowed             // all
)

// feed is what one subscription to a user reports.
type feed struct {
	p    *Presence
	key  eventstate.Key
	own  bool         // the watcher is the user
	diff bool         // the watcher understands partial PIDF (RFC 5263)
	mode atomic.Int32 // a Mode
	id   string       // of the subscription
	// It was pending before
	approved atomic.Bool
	// What was told last: the subscription's lane
	told    string
	version uint32
	last    *dialoginfo.Document // only with Policy.Partial
	seen    *pidf.Document       // only with diff
}

// Waits reports whether Next may block: registrations may.
func (f *feed) Waits() bool { return f.key.Package == PackagePresence && f.p.waits() }

// Next is all that the watcher may see, or what has changed of it.
func (f *feed) Next(ctx context.Context, r notifier.Round) (d notifier.Document, tell bool, err error) {
	switch Mode(f.mode.Load()) {
	case Denied:
		tell = f.told != "rejected"
		f.told = "rejected"
		return notifier.Document{End: "rejected"}, tell, nil
	case Pending:
		tell = f.told != "pending"
		f.told = "pending"
		return notifier.Document{Pending: true}, tell, nil
	}
	c, err := f.see(ctx, r)
	if err != nil {
		return d, false, err
	}
	if !r.Full && c.tag == f.told {
		return d, false, nil
	}
	f.told = c.tag
	d = notifier.Document{Type: packages[f.key.Package].Types[0], Body: c.body, ETag: c.tag}
	if f.key.Package == PackageDialog {
		d.Body, tell = f.dialogs(c, r.Full)
		return d, tell, nil
	}
	if f.diff {
		d.Type, d.Body = pidf.DiffType, f.partial(c, r.Full)
	}
	return d, true, nil
}

// see is the state of the user as the watcher may see it.
func (f *feed) see(ctx context.Context, r notifier.Round) (*content, error) {
	if Mode(f.mode.Load()) == Polite {
		return nobody(f.key), nil
	}
	return f.p.content(ctx, f.key, r.Now)
}

// nobody is the state of somebody of whom nothing is known.
func nobody(k eventstate.Key) *content {
	c := &content{}
	switch k.Package {
	case PackagePresence:
		c.pidf = pidf.Closed(k.AOR)
		c.body = c.pidf.Append(nil)
	case PackageDialog:
		c.dialog = &dialoginfo.Document{Entity: k.AOR}
		c.body = c.dialog.Append(nil, 0, true, false)
	default:
		c.body = (&mwi.Summary{}).Append(nil)
	}
	c.tag = tagOf(c.body)
	return c
}

// dialogs is the document with the subscription's own version (RFC 4235 §3.4: it rises by one).
func (f *feed) dialogs(c *content, full bool) (body []byte, tell bool) {
	policy := f.p.Policy()
	anonymous := !policy.RemoteIdentity && !f.own
	doc := c.dialog
	if last := f.last; policy.Partial {
		f.last = c.dialog
		if last != nil && !full {
			if doc, tell = c.dialog.Difference(last); !tell {
				return nil, false
			}
		} else {
			full = true
		}
	} else {
		full = true
	}
	body = doc.Append(nil, f.version, full, anonymous)
	f.version++
	return body, true
}

// partial is the state, or what has changed of it where that is shorter (RFC 5263 §4.2). Versions
// rise by one.
func (f *feed) partial(c *content, full bool) (body []byte) {
	old := f.seen
	f.seen = c.pidf
	f.version++
	body = c.pidf.AppendFull(nil, f.version)
	if old != nil && !full {
		if diff, ok := c.pidf.AppendDiff(nil, old, f.version); ok && len(diff) < len(body) {
			return diff
		}
	}
	return body
}

// Tag is the entity tag of what the watcher was told last (RFC 5839).
func (f *feed) Tag() string { return f.told }

// Unseen has the next document say everything: the subscriber has none to change.
func (f *feed) Unseen() { f.seen, f.last = nil, nil }

// Ended tells those who watch the watchers.
func (f *feed) Ended(reason string) { f.p.watcherLeft(f, reason) }
