package acl

// Lists, and those of one script.

import (
	"context"
	"sync/atomic"

	"github.com/sipscript/sipscript/modules/source"
)

// list is a list as one script has it: what its source says, and what was added.
type list struct {
	name     string
	dropped  bool
	dynamic  *dynamic
	source   *source.List[*rules]  // nil: there is none
	resolved atomic.Pointer[rules] // the addresses of host names in source and dynamic
	drops    *atomic.Uint64
}

// rules are the parts of a list; of equally specific entries those of the first count.
func (l *list) parts() [4]*rules {
	d := l.dynamic.layers.Load()
	parts := [4]*rules{d.recent, d.settled, nil, l.resolved.Load()}
	if l.source != nil {
		parts[2] = l.source.Get()
	}
	return parts
}

// find is the most specific entry that has the sender; one that is an exception is none.
func (l *list) find(q *query) (f found, ok bool) {
	f.specific = specificNone
	for _, r := range l.parts() {
		if g := r.find(q); g.specific > f.specific {
			f = g
		}
	}
	return f, f.specific > specificNone && (f.rule == nil || !f.rule.except)
}

// item is what was found, as entries are shown.
func (f *found) item() *item {
	if f.rule != nil {
		return f.rule.item
	}
	return plainItem(f.network)
}

// view is the lists of one script.
type view struct {
	lists map[string]*list
	drop  []*list
}

// close closes the sources.
func (v *view) close() error {
	var failed error
	for _, l := range v.lists {
		if l.source != nil {
			if err := l.source.Close(); err != nil {
				failed = err
			}
		}
	}
	return failed
}

// openList opens the source of a list.
func (a *ACL) openList(ctx context.Context, name string, dropped bool, spec *source.Spec) (*list, error) {
	l := a.newList(name, dropped)
	if spec == nil {
		return l, nil
	}
	s, err := source.Open(ctx, *spec, source.Options[Entry, *rules]{
		Name: "acl." + name, Clients: a.o.Clients, Keep: a.o.Data, Log: a.o.Log, Now: a.now,
		Build: func(entries []Entry) (*rules, error) {
			list := make([]*rule, len(entries))
			for i := range entries {
				x, err := newItem(&entries[i])
				if err != nil {
					return nil, source.At(i, err)
				}
				list[i] = &rule{item: x}
			}
			return newRules(list, dropped)
		},
		Query: ownQuery + name + "'", Layouts: layouts(),
	})
	l.source = s
	return l, err
}

// newList makes a list without a source. What was added to one of the name is in it.
func (a *ACL) newList(name string, dropped bool) *list {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.dynamics[name]
	if d == nil {
		d = newDynamic()
		a.dynamics[name] = d
	}
	drops := a.drops[name]
	if drops == nil {
		drops = new(atomic.Uint64)
		a.drops[name] = drops
	}
	return &list{name: name, dropped: dropped, dynamic: d, drops: drops}
}
