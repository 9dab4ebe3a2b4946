package presence

// This file is what one watcher of a list is told, also when the list becomes another one.

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/sipscript/sipscript/modules/internal/notifier"
	"github.com/sipscript/sipscript/modules/presence/eventstate"
	"github.com/sipscript/sipscript/modules/presence/rlmi"
)

// listFeed is what one subscription to a list reports: all members at first and at the end, then
// those that have changed.
type listFeed struct {
	p           *Presence
	list, event string
	watcher, id string                  // of the subscription
	current     atomic.Pointer[[]*feed] // its members
	changed     atomic.Bool             // the list is another one than current
	version     uint32                  // the subscription's lane
}

// members are what it reports of each member. The list is not changed, but replaced.
func (f *listFeed) members() []*feed {
	if l := f.current.Load(); l != nil {
		return *l
	}
	return nil
}

// add adds a member of whom the watcher may see that.
func (f *listFeed) add(aor string, mode Mode, version uint32) {
	m := &feed{p: f.p, key: eventstate.Key{Package: f.event, AOR: aor}, own: f.watcher == aor, id: f.id, version: version}
	m.mode.Store(int32(mode))
	list := append(slices.Clip(f.members()), m)
	f.current.Store(&list)
}

// member is what the list reports of a user, nil for one who is not in it.
func (f *listFeed) member(aor string) *feed {
	for _, m := range f.members() {
		if m.key.AOR == aor {
			return m
		}
	}
	return nil
}

// listsChanged tells who watches a list that has other members now, or none.
func (p *Presence) listsChanged(was, is *lists) {
	for uri, members := range was.members {
		if slices.Equal(members, is.members[uri]) {
			continue
		}
		for event := range packages {
			p.core.Again(resourceKey(eventstate.Key{Package: event, AOR: uri}), func(f notifier.Feed) {
				if l, ok := f.(*listFeed); ok {
					l.changed.Store(true)
				}
			})
		}
	}
}

// follow takes the members that the list has now. end is why the subscription is over: nobody here
// can say what the watcher may see of a new member where that is a script's function, which is
// asked when the watcher subscribes again, as it should at once (RFC 6665 §4.1.3).
func (f *listFeed) follow() (end string) {
	want := f.p.listOf(f.list)
	if want == nil {
		return "noresource"
	}
	old := f.members()
	f.current.Store(new([]*feed))
	var came []*feed
	for _, aor := range want {
		if i := slices.IndexFunc(old, func(m *feed) bool { return m.key.AOR == aor }); i >= 0 {
			list := append(slices.Clip(f.members()), old[i])
			f.current.Store(&list)
			continue
		}
		vet := f.p.authorizer()
		if vet == nil {
			end = "deactivated"
			continue
		}
		mode, _ := vet(f.watcher, aor, f.event) // a list's rules don't fail
		f.add(aor, mode, f.version)
		came = append(came, f.member(aor))
	}
	for _, m := range old {
		if f.member(m.key.AOR) == nil {
			f.p.watcherLeft(m, "noresource")
		}
	}
	for _, m := range came {
		f.p.watcherCame(m)
	}
	if s := f.p.core.ByID(f.id); s != nil {
		s.Rewrite()
	}
	return end
}

// Waits reports whether Next may block.
func (f *listFeed) Waits() bool { return f.event == PackagePresence && f.p.waits() }

// List says that the documents are about a list.
func (f *listFeed) List() bool { return true }

// Next asks each member.
func (f *listFeed) Next(ctx context.Context, r notifier.Round) (doc notifier.Document, tell bool, err error) {
	if f.changed.Swap(false) && r.Ending == "" {
		r.Full, doc.End = true, f.follow()
	}
	d := rlmi.Document{URI: f.list, Version: f.version, Full: r.Full}
	for _, m := range f.members() {
		one, changed, failed := m.Next(ctx, r)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		if !changed && !r.Full {
			continue
		}
		member := rlmi.Member{URI: m.key.AOR, State: "active", Type: one.Type, Body: one.Body}
		switch {
		case one.End != "":
			member.State, member.Reason = "terminated", one.End
		case one.Pending:
			member.State = "pending"
		}
		d.Members = append(d.Members, member)
	}
	if err != nil || len(d.Members) == 0 && !r.Full {
		return doc, false, err
	}
	f.version++
	doc.List = true
	doc.Body, doc.Type = d.Append(nil, newTag())
	return doc, true, nil
}

// Ended tells those who watch the members' watchers.
func (f *listFeed) Ended(reason string) {
	for _, m := range f.members() {
		f.p.watcherLeft(m, reason)
	}
}
