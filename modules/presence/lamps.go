package presence

// This file lights lamps: calls become dialog documents (RFC 4235).

import (
	"slices"
	"sync"
	"time"

	"github.com/sipscript/sipscript/modules/internal/calls"
	"github.com/sipscript/sipscript/modules/presence/dialoginfo"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
)

// Bounds on what is kept of calls.
const (
	maxLampDialogs = 64      // of one user
	maxLamps       = 100_000 // users in calls
	// endedStay is how long a dialog is told as terminated before it is forgotten: many phones put
	// a lamp out only if they are told so.
	endedStay = 5 * time.Second
)

// lamps are the calls of users. The zero value is ready.
type lamps struct {
	view callView

	mu    sync.Mutex
	users map[string][]lampDialog // by address; guarded by mu
	ended int                     // how many are terminated; guarded by mu
}

type lampDialog struct {
	dialoginfo.Dialog
	over time.Time // when it was terminated; zero: it isn't
}

// call hears of a call.
func (p *Presence) call(e *calls.Event) {
	if !p.Policy().BLF || !p.lamps.hear(e, p.now()) {
		return
	}
	p.changed(eventstate.Key{Package: PackageDialog, AOR: e.AOR})
	p.shared.lamp(e.AOR)
}

// now is the engine's time of day.
func (p *Presence) now() time.Time {
	if e := p.engine.Load(); e != nil {
		return e.Clock().Wall()
	}
	return time.Time{}
}

// hear notes what became of a call, and reports whether that is news.
func (l *lamps) hear(e *calls.Event, now time.Time) bool {
	d := dialoginfo.Dialog{ID: e.ID, CallID: e.CallID, Local: e.Local, Remote: e.Remote, Outgoing: e.Outgoing, State: e.State, Event: e.Cause, Code: e.Code,
		Near: dialoginfo.Party{URI: e.Near}, Far: dialoginfo.Party{URI: e.Far, Display: e.FarName}}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(l.users[e.AOR]), func(o lampDialog) bool { return l.stale(&o, now) })
	i := slices.IndexFunc(list, func(o lampDialog) bool { return o.ID == e.ID })
	switch {
	case i < 0 && (e.State == calls.Terminated || len(list) >= maxLampDialogs || len(l.users) >= maxLamps):
		return false
	case i < 0:
		list = append(list, lampDialog{Dialog: d})
		i = len(list) - 1
	case list[i].State == calls.Terminated || list[i].Dialog == d:
		return false
	default:
		list[i].Dialog = d
	}
	if e.State == calls.Terminated {
		list[i].over = now
		l.ended++
	}
	if l.users == nil {
		l.users = map[string][]lampDialog{}
	}
	l.users[e.AOR] = list
	return true
}

// stale reports whether a dialog may be forgotten, and counts it so. mu is held.
func (l *lamps) stale(d *lampDialog, now time.Time) bool {
	if d.over.IsZero() || now.Sub(d.over) < endedStay {
		return false
	}
	l.ended--
	return true
}

// document is what a user is in, nil for nothing.
func (l *lamps) document(aor string) *dialoginfo.Document {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.users[aor]
	if len(list) == 0 {
		return nil
	}
	d := &dialoginfo.Document{Entity: aor}
	for i := range list {
		d.Dialogs = append(d.Dialogs, list[i].Dialog)
	}
	return d
}

// dialogs are those of document.
func (l *lamps) dialogs(aor string) []dialoginfo.Dialog {
	if d := l.document(aor); d != nil {
		return d.Dialogs
	}
	return nil
}

// sweep forgets what was told as terminated: nobody hears of that. It lists whose dialogs are fewer
// now.
func (l *lamps) sweep(now time.Time) (fewer []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == 0 {
		return nil
	}
	for aor, list := range l.users {
		kept := slices.DeleteFunc(slices.Clone(list), func(o lampDialog) bool { return l.stale(&o, now) })
		if len(kept) == len(list) {
			continue
		}
		fewer = append(fewer, aor)
		if l.users[aor] = kept; len(kept) == 0 {
			delete(l.users, aor)
		}
	}
	return fewer
}
