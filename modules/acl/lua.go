package acl

// This file is the module "acl" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/modules/trust"
)

// Doc describes the module.
func (*ACL) Doc() string { return "Lists of senders, and who is not heard at all." }

// Name is "acl".
func (*ACL) Name() string { return "acl" }

// Open creates the module of one script generation.
func (a *ACL) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{a: a, host: h, said: map[string]*source.Said{}, view: a.standard()}
	m.hears.Hear = func(e Event) {
		var note any
		if e.Note != "" {
			note = e.Note
		}
		if e.Kind == EventAdded {
			m.host.Emit(e.Kind, e.List, e.Address, note)
		} else {
			m.host.Emit(e.Kind, e.List, e.Address)
		}
	}
	a.loading.Store(m)
	return m, nil
}

// module is acl within one script generation. All of it is written while the file loads.
type module struct {
	a      *ACL
	host   *luabind.Host
	hears  luabind.Listener[Event]
	said   map[string]*source.Said
	agreed luabind.Agreed[[]string] // the names of the lists, and those of drop
	view   *view
}

// Activate puts the lists into force.
func (m *module) Activate() error {
	m.a.serve(m.view)
	m.a.loading.CompareAndSwap(m, nil)
	m.a.script.Listen(&m.hears)
	return nil
}

// Close closes the sources of the lists.
func (m *module) Close() error {
	m.a.loading.CompareAndSwap(m, nil)
	m.a.script.Leave(&m.hears)
	return m.view.close()
}

// names reports whether the script has a list.
func (m *module) names(list string) bool { return m.view.lists[list] != nil }

// options are those of configure.
type options struct {
	Lists map[string]luabind.FuncOrValue `lua:"lists,reloadable" doc:"the lists by name, each a source of entries: texts, or tables {address=, port=, transport=, expires=, note=, attrs=}"`
	Drop  []string                       `lua:"drop,reloadable" default:"{ \"blocked\" }" doc:"lists whose senders are not heard: what they send is dropped before it is parsed, and their connections are refused"`
}

// addOptions are those of add.
type addOptions struct {
	TTL  time.Duration `lua:"ttl" min:"0.001" max:"315360000" default:"for ever" doc:"how long it is in the list"`
	Note string        `lua:"note" doc:"for people"`
}

// listOptions are those of list.
type listOptions struct {
	Limit int `lua:"limit" min:"1" max:"100000" default:"1000" doc:"how many at most"`
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	name := luabind.TextArg("list", "the name of a list")
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad,
			Doc:     "Sets the lists, once, while the file loads. A list named \"blocked\" is always there, and is dropped unless drop says otherwise.",
			Raises:  "if a source can't be read, or has an entry that can't be",
			Example: "acl.configure({\n  lists = { trunks = { \"192.0.2.0/24\", { address = \"198.51.100.7\", port = 5060, attrs = { carrier = \"one\" } } } },\n  drop = { \"blocked\" },\n})"},
			luabind.RequiredOptionsArg("options", options{Drop: []string{Blocked}}), m.configure),
		luabind.Try2(luabind.Function{Name: "check", Where: luabind.InHandler, Asks: "*", Effects: luabind.Vets,
			Doc:     "The entry of a list that has the sender of a request, or an address: the most specific one. nil, err for a text that is not an address.",
			Raises:  "for a list that was not configured",
			Example: "local entry = acl.check(req, \"blocked\")\nif entry then sip.log.info(\"from %s\", entry.address) end"},
			senderArg, name, luabind.OrFalse(luabind.ReturnsObject[*shown](entryType, "false: none has it")),
			func(c *luabind.Call, s sender, name string) (*shown, error) {
				l := m.list(c, name)
				if s.err != nil {
					return nil, s.err
				}
				if i := m.a.check(l, &s.Sender); i != nil {
					return &shown{i}, nil
				}
				return nil, nil
			}),
		luabind.Try3(luabind.Function{Name: "add", Where: luabind.InHandler,
			Doc: "Adds an entry to a list at once, in place of one with the same address, port and transport: a text, or a table as in configure. " +
				"It stays over reloads, and with --data over restarts. nil, err for an entry that can't be read.",
			Raises:  "for a list that was not configured",
			Example: `acl.add("blocked", "203.0.113.9", { ttl = 3600, note = "guesses passwords" })`},
			name, entryArg, luabind.OptionsArg(addOptions{}), luabind.ReturnsBool("true"), m.add),
		luabind.Try2(luabind.Function{Name: "remove", Where: luabind.InHandler,
			Doc:     "Removes an entry that was added. One that comes from the list's source stays: add an exception, such as \"!192.0.2.7\".",
			Raises:  "for a list that was not configured",
			Example: `local was_there = acl.remove("blocked", "203.0.113.9")`},
			name, entryArg, luabind.ReturnsBool("whether it was there"),
			func(c *luabind.Call, name string, e given) (bool, error) {
				l := m.list(c, name)
				if e.err != nil {
					return false, e.err
				}
				return m.a.remove(l, e.Entry)
			}),
		luabind.Func2(luabind.Function{Name: "list", Where: luabind.InHandler, Doc: "The entries of a list that hold now, those that were added first.",
			Raises:  "for a list that was not configured",
			Example: `for _, entry in ipairs(acl.list("blocked", { limit = 10 })) do sip.log.info("%s %s", entry.address, entry.note or "") end`},
			name, luabind.OptionsArg(listOptions{}), luabind.ReturnsList[*shown](entryType, ""), func(c *luabind.Call, name string, o listOptions) []*shown {
				if o.Limit == 0 {
					o.Limit = 1000
				}
				var all []*shown
				m.a.items(m.list(c, name), func(i *item, _ bool) bool {
					all = append(all, &shown{i})
					return len(all) < o.Limit
				})
				return all
			}),
		luabind.Try0(luabind.Function{Name: "reload", Waits: true, Where: luabind.InHandler, Doc: "Reads the sources of all lists again.", Example: `local ok, err = acl.reload()`},
			luabind.ReturnsBool("true, or nil and what can't be read: those lists stay as they were"), m.reload),
	}
}

// Events of the module.
func (m *module) Events() []luabind.Event {
	list, address := luabind.Param{Name: "list", Type: luabind.String}, luabind.Param{Name: "address", Type: luabind.String, Doc: "of the entry"}
	return []luabind.Event{
		{Name: EventAdded, Params: []luabind.Param{list, address, {Name: "note", Type: luabind.String, Optional: true}}, Doc: "An entry was added to a list."},
		{Name: EventRemoved, Params: []luabind.Param{list, address}, Doc: "An entry was removed from a list."},
	}
}

func (m *module) configure(c *luabind.Call, o options) {
	names := make([]string, 0, len(o.Lists))
	for name := range o.Lists {
		names = append(names, name)
	}
	slices.Sort(names)
	first, err := m.agreed.Say(c.VM(), append(append(slices.Clone(names), ""), o.Drop...))
	if err != nil {
		c.Raise("what it is given %v", err)
	}
	p := Policy{Lists: map[string]source.Spec{}, Drop: o.Drop}
	ctx := context.Background()
	for _, name := range names {
		said := m.said[name]
		if said == nil {
			said = &source.Said{}
			m.said[name] = said
		}
		spec, _, err := said.Say(c, o.Lists[name], m.a.o.Clients.IsDatabase)
		if err != nil {
			c.Raise("lists.%s: %v", name, err)
		}
		p.Lists[name], ctx = spec, said.Context(c)
	}
	if !first {
		return
	}
	if m.view, err = m.a.open(ctx, p); err != nil {
		m.view = m.a.standard()
		c.Raise("%v", err)
	}
}

// list is one of this script.
func (m *module) list(c *luabind.Call, name string) *list {
	l := m.view.lists[name]
	if l == nil {
		known := make([]string, 0, len(m.view.lists))
		for name := range m.view.lists {
			known = append(known, name)
		}
		if best := luabind.Closest(name, known); best != "" {
			c.Raise("there is no list %q; did you mean %q?", name, best)
		}
		c.Raise("there is no list %q", name)
	}
	return l
}

func (m *module) add(c *luabind.Call, name string, e given, o addOptions) (bool, error) {
	l := m.list(c, name)
	if e.err != nil {
		return false, e.err
	}
	if o.TTL > 0 {
		e.Expires = m.a.now().Add(o.TTL)
	}
	e.Note = cmp.Or(o.Note, e.Note)
	err := m.a.add(l, e.Entry)
	return err == nil, err
}

func (m *module) reload(c *luabind.Call) (bool, error) {
	var errs []error
	for name, l := range m.view.lists {
		if l.source == nil {
			continue
		}
		said := m.said[name]
		if said.IsFunction() {
			errs = append(errs, l.source.Reload(said.Context(c)))
			continue
		}
		c.Await(func(ctx context.Context) { errs = append(errs, l.source.Reload(ctx)) })
	}
	m.a.names.again()
	err := errors.Join(errs...)
	return err == nil, err
}

// sender is an argument that names one; err: it is not an address.
type sender struct {
	trust.Sender
	err error
}

var senderArg = luabind.ArgOf(func(c *luabind.Call, n int) (s sender) {
	if c.Kind(n) == luabind.RequestType {
		req := c.Request(n)
		from := req.Source()
		s.Sender = trust.Sender{Addr: from.Addr, Kind: from.Transport, Identity: req.Identity()}
		return s
	}
	text := c.String(n)
	if ip, err := netip.ParseAddr(text); err == nil {
		s.Addr = netip.AddrPortFrom(ip, 0)
	} else if s.Addr, err = netip.ParseAddrPort(text); err != nil {
		s.err = fmt.Errorf("%.60q is not an address", text)
	}
	return s
}, luabind.Param{Name: "sender", Type: luabind.RequestType, Or: []luabind.Type{luabind.String}, Doc: "the request, or an address, with or without a port"})

// given is an argument that is an entry; err: what is wrong with it.
type given struct {
	Entry
	err error
}

var entryArg = luabind.ArgOf(func(c *luabind.Call, n int) (e given) {
	if o, ok := c.Value(n).(map[string]any); ok {
		e.Entry, e.err = source.One[Entry](o)
		return e
	}
	e.Address = c.String(n)
	return e
}, luabind.Param{Name: "entry", Type: luabind.String, Or: []luabind.Type{luabind.Table}, Doc: "an address, or a table as in configure"})

// shown is an entry as scripts see it.
type shown struct{ *item }

// ObjectType makes it an object of scripts.
func (*shown) ObjectType() *luabind.ObjectType { return entryType }

// String is the address.
func (s *shown) String() string { return s.entry.Address }

var entryType = &luabind.ObjectType{
	Name: "entry", Doc: "An entry of a list.",
	Example: "local entry = acl.check(\"203.0.113.9\", \"blocked\")\nif entry then sip.log.info(\"%s %s\", entry.address, entry.note or \"\") end",
	Fields: []luabind.Field{
		field("address", luabind.ReturnsText("as it was written"), func(_ *luabind.Call, e *Entry) string { return e.Address }),
		field("port", luabind.OrNil(luabind.ReturnsInt("nil: any")), func(_ *luabind.Call, e *Entry) int { return e.Port }),
		field("transport", luabind.OrNil(luabind.ReturnsText("nil: any")), func(_ *luabind.Call, e *Entry) string { return e.Transport }),
		field("expires", luabind.OrNil(luabind.ReturnsSeconds("left; nil: it does not end")), func(c *luabind.Call, e *Entry) time.Duration {
			if e.Expires.IsZero() {
				return 0
			}
			return max(e.Expires.Sub(c.Now()), time.Nanosecond)
		}),
		field("note", luabind.OrNil(luabind.ReturnsText("nil: there is none")), func(_ *luabind.Call, e *Entry) string { return e.Note }),
		field("attrs", luabind.ReturnsValue(luabind.Table, "as they were given, or empty"), func(_ *luabind.Call, e *Entry) any {
			if e.Attrs == nil {
				return map[string]any{}
			}
			return e.Attrs
		}),
	},
}

func field[R any](name string, r luabind.Returns[R], get func(*luabind.Call, *Entry) R) luabind.Field {
	return luabind.FieldOf(name, r, func(c *luabind.Call, s *shown) R { return get(c, &s.entry) })
}
