package dispatch

// This file is the module "dispatch" of scripts. It only translates; README.md describes what
// scripts see.

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/dispatch/gateways"
)

// Open makes the module of one script generation.
func (d *Dispatch) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{dispatch: d, host: h, sets: map[string]*listed{}, policy: gateways.DefaultPolicy()}
	m.hears.Hear = func(e gateways.Event) {
		name := EventDown
		if e.Up {
			name = EventUp
		}
		h.Emit(name, e.Set, e.URI, e.Why)
	}
	return m, nil
}

// module is dispatch within one script generation. sets and policy are written while the file runs,
// on one goroutine.
type module struct {
	dispatch *Dispatch
	host     *luabind.Host
	hears    luabind.Listener[gateways.Event]

	said   luabind.Agreed[gateways.Policy]
	policy gateways.Policy
	sets   map[string]*listed
}

// Activate puts the lists and the policy into force.
func (m *module) Activate() error {
	m.dispatch.script.Listen(&m.hears)
	m.dispatch.use(m.sets, m.policy)
	return nil
}

// Close lets go of the sets. Their states are the next generation's.
func (m *module) Close() error {
	m.dispatch.script.Leave(&m.hears)
	var errs []error
	for name, l := range m.sets {
		errs = append(errs, l.list.Close())
		m.dispatch.release(name, l)
	}
	return errors.Join(errs...)
}

// Names of the events.
const (
	EventUp   = "dispatch.up"
	EventDown = "dispatch.down"
)

// Events of the module.
func (m *module) Events() []luabind.Event {
	params := []luabind.Param{{Name: "set", Type: luabind.String}, {Name: "uri", Type: luabind.String, Doc: "its next_hop"},
		{Name: "why", Type: luabind.String, Doc: "what was found"}}
	return []luabind.Event{
		{Name: EventUp, Params: params, Doc: "A gateway gets requests again."},
		{Name: EventDown, Params: params, Doc: "A gateway gets no new requests any more: it failed, or was marked."},
	}
}

// settings are the options of configure.
type settings struct {
	Sets map[string]luabind.FuncOrValue `lua:"sets,required,reloadable" doc:"by name: a table of gateways, \"file:PATH\", the URL of a database, {url=, query=, layout=, set=, every=}, or a function that returns a table"`
	gateways.Policy
}

// choice are the options of targets and select.
type choice struct {
	By    string `lua:"by" oneof:"weight round_robin hash least_calls random" default:"weight" doc:"how those of one priority are ordered"`
	Key   string `lua:"key" doc:"for hash: the same key finds the same gateway"`
	Limit int    `lua:"limit" min:"1" max:"10000" default:"8" doc:"how many at most"`
}

// usualLimit is how many targets are returned unless the script says otherwise: whoever has met so
// many dead gateways has waited for too long.
const usualLimit = 8

const setDoc = "a name of configure's sets"

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	set := luabind.TextArg("set", setDoc)
	return []luabind.Function{
		luabind.Act1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Sets options, once, while the file loads. Raises if a list cannot be read.",
			Example: `dispatch.configure({ sets = { carriers = { "sip:10.0.0.8", { next_hop = "sip:10.0.0.9", priority = 1 } } } })`},
			luabind.RequiredOptionsArg("options", settings{Policy: gateways.DefaultPolicy()}), m.configure),
		luabind.Try2(luabind.Function{Name: "targets", Where: luabind.InHandler,
			Doc: "The gateways of a set that are up, in the order to try them: by priority, and those of one priority as `by` says. " +
				"relay and fork try them one after the other: the next follows if one is silent before it rings, unreachable or full, or answers 500, 502, 503 or 504; options override that.",
			Raises:  "for an unknown set, and for `hash` without a key; relay raises without record_route before it, if calls are counted: `least_calls`, `max_calls`",
			Example: "req:relay(dispatch.targets(\"carriers\"), { reply_timeout = 2 })"},
			set, luabind.OptionsArg(choice{Limit: usualLimit}), luabind.ReturnsList[*object](objectType, "for relay and fork; nil and the reason if none is up"), m.targets),
		luabind.Try2(luabind.Function{Name: "select", Where: luabind.InHandler, Doc: "The first of what `targets` returns.", Raises: "as for `targets`",
			Example: `req:forward(dispatch.select("carriers", { by = "hash", key = req.call_id }))`},
			set, luabind.OptionsArg(choice{Limit: usualLimit}), luabind.ReturnsObject[*object](objectType, "for relay, fork and forward; nil and the reason if none is up"), m.selectOne),
		luabind.Func2(luabind.Function{Name: "is_from", Where: luabind.InHandler, Effects: luabind.Vets,
			Doc: "The gateway that a request comes from, by its source address, whether it is up or not; otherwise false. Names count with all their addresses. " +
				"A port that next_hop names counts too, unless the request came along a connection: that of a connection is any.",
			Raises:  "for an unknown set",
			Example: `if not dispatch.is_from(req, "carriers") then return req:reply(403) end`},
			luabind.RequestArg(), set, luabind.OrFalse(luabind.ReturnsObject[*object](objectType, "false if it is from none")),
			func(c *luabind.Call, req *engine.Request, name string) *object {
				source := req.Source()
				if g := m.set(c, name).set.From(source.Addr, source.Transport); g != nil {
					return g.First().Target().Value.(*object)
				}
				return nil
			}),
		luabind.Try4(luabind.Function{Name: "mark", Where: luabind.InHandler,
			Doc: "Marks a gateway: \"draining\": no new requests, while calls go on; \"disabled\": neither requests nor probes; \"down\": until a probe is answered, or for a time; " +
				"\"up\": every mark ends. All lanes see it at once, and a reload keeps it.",
			Raises:  "for an unknown set",
			Example: `dispatch.mark("carriers", "sip:10.0.0.9", "draining", 600)`},
			set, luabind.URITextArg("uri", "its next_hop"), luabind.OneOfArg("state", "", "up", "down", "draining", "disabled"),
			luabind.SecondsArg("seconds", "for how long").Default(0, "until it is marked again"), luabind.ReturnsBool("true; nil and why if there is no such gateway"),
			func(c *luabind.Call, name, uri, state string, d time.Duration) (bool, error) {
				mark, _ := gateways.ParseMark(state)
				err := m.set(c, name).set.Mark(uri, mark, d)
				return err == nil, err
			}),
		luabind.Func1(luabind.Function{Name: "list", Where: luabind.InHandler, Doc: "The gateways of a set, or of all sets, and how they fare now.", Raises: "for an unknown set",
			Example: `for _, g in ipairs(dispatch.list("carriers")) do sip.log.info("%s: %s, %d calls", g.uri, g.state, g.calls) end`},
			set.Optional(), luabind.ReturnsList[*status](statusType, ""), m.list),
		luabind.Try2(luabind.Function{Name: "add", Where: luabind.InHandler,
			Doc:     "Adds a gateway to a set, or replaces one that was added, until the process ends: also when the list is read again.",
			Raises:  "for an unknown set, and for what is not a gateway",
			Example: `dispatch.add("carriers", { next_hop = "sip:10.0.0.10", weight = 2 })`},
			set, entryArg, luabind.ReturnsBool("true; nil and why if the set is full"), func(c *luabind.Call, name string, e gateways.Entry) (bool, error) {
				err := m.set(c, name).set.Add(e)
				return err == nil, err
			}),
		luabind.Try2(luabind.Function{Name: "remove", Where: luabind.InHandler,
			Doc:     "Removes a gateway from a set, also one of the list, until it is added again or the process ends. Its calls go on.",
			Raises:  "for an unknown set, and for what is not a gateway",
			Example: `dispatch.remove("carriers", "sip:10.0.0.10")`},
			set, entryArg, luabind.ReturnsBool("true; nil and why if there is no such gateway"), func(c *luabind.Call, name string, e gateways.Entry) (bool, error) {
				err := m.set(c, name).set.Remove(e.NextHop)
				return err == nil, err
			}),
		luabind.Try1(luabind.Function{Name: "reload", Where: luabind.InHandler, Waits: true, Doc: "Reads the list of a set again, or those of all sets. States are kept.",
			Raises: "for an unknown set", Example: `dispatch.reload("carriers")`},
			set.Optional(), luabind.ReturnsBool("true; nil and why a list cannot be read: the one before remains"), m.reload),
	}
}

// entryArg is a gateway as scripts write it.
var entryArg = luabind.ArgOf(func(c *luabind.Call, n int) gateways.Entry {
	e, err := entryOf(c.Value(n))
	if err != nil {
		c.Raise("%v", err)
	}
	return e
}, luabind.Param{Name: "entry", Type: luabind.Table, Or: []luabind.Type{luabind.String}, Options: gateways.NewEntry(), Doc: "a gateway as in the list: its next_hop, or a table"})

func (m *module) configure(c *luabind.Call, s settings) error {
	if err := s.Policy.Check(); err != nil {
		return err
	}
	switch _, err := m.said.Say(c.VM(), s.Policy); {
	case errors.Is(err, luabind.ErrDiffers):
		c.Raise("what it is given %v", err)
	case err != nil:
		c.Raise("%v", err)
	}
	m.policy = s.Policy
	for _, name := range slices.Sorted(maps.Keys(s.Sets)) {
		if err := m.say(c, name, s.Sets[name]); err != nil {
			return err
		}
	}
	return nil
}

// set is a set of this generation; another name raises.
func (m *module) set(c *luabind.Call, name string) *listed {
	l := m.sets[name]
	if l == nil {
		names := slices.Sorted(maps.Keys(m.sets))
		if len(names) == 0 {
			c.Raise("there is no set %q: configure{ sets = ... } names none", name)
		}
		c.Raise("there is no set %q; the sets are %s", name, strings.Join(names, ", "))
	}
	return l
}

// choose puts the gateways of a set into order.
func (m *module) choose(c *luabind.Call, name string, o choice, limit int) ([]*gateways.Target, error) {
	set := m.set(c, name).set
	by, _ := gateways.ParseBy(o.By)
	if by == gateways.ByHash && o.Key == "" {
		c.Raise("by = \"hash\" needs a key")
	}
	e, l := m.host.Engine(), c.Lane()
	return set.Choose(&gateways.Choice{By: by, Key: o.Key, Limit: limit, Random: func() uint64 { return e.Random(l) }})
}

func (m *module) targets(c *luabind.Call, name string, o choice) ([]*object, error) {
	list, err := m.choose(c, name, o, o.Limit)
	if err != nil {
		return nil, err
	}
	out := make([]*object, len(list))
	for i, t := range list {
		out[i] = t.Target().Value.(*object)
	}
	return out, nil
}

func (m *module) selectOne(c *luabind.Call, name string, o choice) (*object, error) {
	list, err := m.choose(c, name, o, 1)
	if err != nil {
		return nil, err
	}
	return list[0].Target().Value.(*object), nil
}

func (m *module) list(c *luabind.Call, name string) []*status {
	names := []string{name}
	if name == "" {
		names = slices.Sorted(maps.Keys(m.sets))
	}
	var out []*status
	for _, name := range names {
		for _, s := range m.set(c, name).set.List() {
			out = append(out, &status{s})
		}
	}
	return out
}

func (m *module) reload(c *luabind.Call, name string) (bool, error) {
	names := []string{name}
	if name == "" {
		names = slices.Sorted(maps.Keys(m.sets))
	}
	for _, name := range names {
		l := m.set(c, name)
		var err error
		if l.said.IsFunction() {
			err = l.list.Reload(l.said.Context(c))
		} else {
			c.Await(func(ctx context.Context) { err = l.list.Reload(ctx) })
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
