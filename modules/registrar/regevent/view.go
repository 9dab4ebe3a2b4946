package regevent

// This file is what a subscriber has been told: the next document is the difference from it.

import "time"

// view is a subscriber's picture of one registration.
type view struct {
	aor     string
	told    bool    // of anything
	entries []entry // the contacts that were active
	version uint32  // of the next document
}

// next updates the view to contacts, and returns what to report; full means everything, otherwise
// what has changed. why has what happened to contacts that ended, by key, as far as it is known.
// tell is false if nothing has changed.
func (v *view) next(contacts []Contact, why map[string]Event, full bool, now time.Time) (d *document, tell bool) {
	old := make(map[string]*entry, len(v.entries))
	for i := range v.entries {
		old[v.entries[i].Key()] = &v.entries[i]
	}
	d = &document{full: full, aor: v.aor, state: stateInit}
	entries := make([]entry, 0, len(contacts))
	for i := range contacts {
		c := &contacts[i]
		e := entry{Contact: *c, state: stateActive, event: Registered}
		before := old[c.Key()]
		switch {
		case before == nil:
			e.id = identify(v.aor, c.Key())
			if v.told {
				e.since = c.Updated
			}
		case before.same(c):
			e = *before
		default:
			e.id, e.since, e.event = before.id, before.since, Refreshed
			if why[c.Key()] != "" { // it ended, and was registered again
				e.since, e.event = c.Updated, Registered
			}
		}
		delete(old, c.Key())
		entries = append(entries, e)
		if full || before == nil || !before.same(c) {
			d.contacts = append(d.contacts, e)
		}
	}
	d.contacts = append(d.contacts, v.ended(old, why, now)...)
	switch {
	case len(entries) > 0:
		d.state = stateActive
	case len(d.contacts) > 0:
		d.state = stateTerminated
	}
	v.entries, v.told = entries, true
	return d, full || len(d.contacts) > 0
}

// ended are the contacts that are gone, in the order they were reported.
func (v *view) ended(old map[string]*entry, why map[string]Event, now time.Time) []entry {
	if len(old) == 0 {
		return nil
	}
	var list []entry
	for i := range v.entries {
		e := v.entries[i]
		if old[e.Key()] == nil {
			continue
		}
		e.state, e.event = stateTerminated, why[e.Key()]
		if e.event == "" { // another process ended it, which does not say why
			e.event = Unregistered
			if !e.Expires.After(now) {
				e.event = Expired
			}
		}
		list = append(list, e)
	}
	return list
}
