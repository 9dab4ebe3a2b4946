package dispatch

// Where the lists of sets come from.

import (
	"context"
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
	"github.com/sipscript/sipscript/modules/source"
)

// query reads our own table.
func query(set string) string {
	return `SELECT next_hop, rewrite, weight, priority, max_calls, from_socket, carrier, state, headers, attrs FROM dispatch_gateways WHERE set_name = '` +
		quoted(set) + `' ORDER BY id`
}

// listed is the list of one set in one generation.
type listed struct {
	said  source.Said
	setid luabind.Agreed[int] // of a layout
	set   *gateways.Set
	list  *source.List[[]gateways.Entry]
}

// entries are those of the list; none if it could not be opened.
func (l *listed) entries() []gateways.Entry {
	if l.list == nil {
		return nil
	}
	return l.list.Get()
}

// say takes in what the file says of a set in one VM; the first opens the list.
func (m *module) say(c *luabind.Call, name string, option luabind.FuncOrValue) error {
	l := m.sets[name]
	if l == nil {
		l = &listed{set: m.dispatch.acquire(name)}
		m.sets[name] = l
	}
	setid, value, err := setidOf(name, option.Value)
	if err == nil {
		_, err = l.setid.Say(c.VM(), setid)
	}
	var spec source.Spec
	var first bool
	if err == nil {
		option.Value = value
		spec, first, err = l.said.Say(c, option, m.dispatch.opts.Clients.IsDatabase)
	}
	if err == nil && first {
		l.list, err = m.open(l.said.Context(c), name, l, spec, setid)
	}
	switch {
	case errors.Is(err, source.ErrSpec):
		return fmt.Errorf("sets.%s: %w; a table is a list of gateways", name, err)
	case err != nil:
		return fmt.Errorf("sets.%s: %w", name, err)
	}
	return nil
}

// open opens the list of a set.
func (m *module) open(ctx context.Context, name string, l *listed, spec source.Spec, setid int) (*source.List[[]gateways.Entry], error) {
	build := func(entries []gateways.Entry) ([]gateways.Entry, error) {
		if at, err := gateways.CheckList(entries); err != nil {
			return nil, source.At(at, err)
		}
		m.dispatch.swapped(name, l, entries)
		return entries, nil
	}
	o := m.dispatch.opts
	so := source.Options[gateways.Entry, []gateways.Entry]{Name: "dispatch." + name, Build: build, Default: gateways.NewEntry(),
		Clients: o.Clients, Query: query(name), Keep: o.Keep, Max: gateways.MostGateways, Log: m.host.Log()}
	switch {
	case spec.Layout == "":
		return source.Open(ctx, spec, so)
	case setid < 0:
		return nil, fmt.Errorf("setid is missing: which of the sets in %s it is", spec.Name())
	}
	return openLayout(ctx, spec, setid, so)
}

// entryOf reads one entry as scripts write it: text, or a table.
func entryOf(value any) (gateways.Entry, error) {
	var entry gateways.Entry
	_, err := source.Open(context.Background(), source.Spec{Entries: []any{value}}, source.Options[gateways.Entry, bool]{Name: "entry", Default: gateways.NewEntry(),
		Build: func(list []gateways.Entry) (bool, error) { entry = list[0]; return true, nil }})
	return entry, err
}
