package lcr

// The module "lcr" of scripts: its functions. It only translates; README.md describes what scripts
// see.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/source"
)

// Plugin is the module "lcr".
func Plugin() host.Plugin {
	return host.Plugin{Name: "lcr", Commands: []host.Command{command()}, New: func(env *host.Environment) (luabind.Opener, error) {
		o := ModuleOptions{Clients: env.Clients, Data: env.Data, Log: env.Log}
		o.Gateways, _ = env.Made("dispatch").(Gateways)
		return NewModule(o), nil
	}}
}

// ModuleOptions of NewModule. The zero value has no databases of its own, and no sets.
type ModuleOptions struct {
	Clients  *clients.Pool // the databases that scripts name
	Data     string        // where the rates of a database are kept, "" for nowhere
	Log      *slog.Logger  // of rates that cannot be read
	Gateways Gateways      // of the sets that scripts name, nil if there are none
}

// Module is the module of scripts. It belongs to the process: rates that two script generations
// name are read once.
type Module struct {
	o       ModuleOptions
	lists   source.Shared[*Table]
	serving atomic.Pointer[generation] // the last that was activated; nil: none yet
	figures struct{ routed, none atomic.Uint64 }
}

// NewModule makes the module.
func NewModule(o ModuleOptions) *Module {
	if o.Clients == nil {
		o.Clients = clients.New(clients.Options{Drivers: drivers.All()})
	}
	return &Module{o: o}
}

// Doc describes the module.
func (*Module) Doc() string { return "Finds the cheapest carriers for a number." }

// Name is "lcr".
func (*Module) Name() string { return "lcr" }

// Open makes the module of one script generation.
func (m *Module) Open(h *luabind.Host) (luabind.Module, error) {
	return &generation{module: m, host: h}, nil
}

// generation is the module in one script generation. All of it is set while the file loads.
type generation struct {
	module   *Module
	host     *luabind.Host
	agreed   luabind.Agreed[settings]
	said     source.Said
	list     *source.List[*Table]
	release  func() error
	set      string
	gateways atomic.Pointer[gateways] // of the set, found when the generation begins to serve
	carriers map[string]*Carrier
	own      map[string][]destination // of carriers that name their gateways
}

// gateways calls each for those of a set that are up.
type gateways func(random func() uint64, each func(carrier string, t *engine.Target))

// Try finds the gateways, of the sets that serve.
func (g *generation) Try() error {
	if g.set != "" {
		found := gateways(g.module.o.Gateways.Carriers(g.set))
		if found == nil {
			return fmt.Errorf("carriers: dispatch has no set %q", g.set)
		}
		g.gateways.Store(&found)
	}
	return nil
}

// Activate finds the set: dispatch, which comes before, has it then. From then on the admin API
// shows these rates.
func (g *generation) Activate() error {
	if err := g.Try(); err != nil {
		return err
	}
	g.module.serving.Store(g)
	return nil
}

// Close gives the list back.
func (g *generation) Close() error {
	g.module.serving.CompareAndSwap(g, nil)
	if g.release == nil {
		return nil
	}
	return g.release()
}

// asked are the options of routes.
type asked struct {
	Account    string  `lua:"account" doc:"whose rates go before those for all"`
	At         any     `lua:"at" default:"now" doc:"when: seconds since 1970, or text such as \"2026-01-31T12:00:00Z\""`
	MaxCost    any     `lua:"max_cost" doc:"what costs more is left out: a number, or text"`
	MinQuality float64 `lua:"min_quality" min:"0" doc:"what has less quality is left out"`
	Limit      int     `lua:"limit" min:"1" max:"1000" doc:"at most so many carriers"`
}

// Functions of the module.
func (g *generation) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Act1(luabind.Function{Name: "configure", Where: luabind.AtLoad,
			Doc:    "Sets rates and carriers, once, while the file loads.",
			Raises: "for rates that can't be read",
			Example: "lcr.configure({ timezone = \"Europe/Berlin\", rates = { { prefix = \"49\", carrier = \"acme\", cost = \"0.0125\" } },\n" +
				"  carriers = { acme = { strip = 1, add = \"00\", targets = { \"sip:192.0.2.7\" } } } })"},
			luabind.RequiredOptionsArg("options", settings{}), g.configure),
		luabind.Try2(luabind.Function{Name: "routes", Where: luabind.InHandler,
			Doc: "Gateways for a number, those of the cheapest carrier first. Of each carrier the longest prefix counts. " +
				"nil, err if no carrier takes the number, or none has a gateway that is up.",
			Raises:  "before configure, and for options that are not what they should be",
			Example: "local routes, err = lcr.routes(\"+4930123456\", { limit = 3 })\nreq:record_route()\nreq:relay(routes, err)"},
			luabind.TextArg("number", "digits, with or without + in front"), luabind.OptionsArg(asked{}),
			luabind.ReturnsList[*Route](routeType, "a list of routes"), g.routes),
		luabind.Try0(luabind.Function{Name: "reload", Where: luabind.InHandler, Waits: true,
			Doc:     "Reads the rates again. A file is read by itself when it has changed, a database in its time.",
			Raises:  "before configure",
			Example: "local ok, err = lcr.reload()"},
			luabind.ReturnsBool("true, or nil and why they can't be read: the rates before remain"), g.reload),
	}
}

func (g *generation) routes(c *luabind.Call, number string, o asked) ([]*Route, error) {
	g.configured(c)
	q := Query{At: c.Now(), Account: o.Account, MinQuality: o.MinQuality, Limit: o.Limit}
	var err error
	if o.At != nil {
		if q.At, _, err = timeOf(o.At, g.list.Get().zone); err != nil {
			c.Raise("option at %v", err)
		}
	}
	if o.MaxCost != nil {
		text := textOf(o.MaxCost)
		if n, ok := o.MaxCost.(float64); ok { // calculated, perhaps: it may have too many places
			text = strconv.FormatFloat(n, 'f', places, 64)
		}
		most, err := ParseCost(text)
		if err != nil {
			c.Raise("option max_cost %v", err)
		}
		q.MaxCost = &most
	}
	list, err := g.find(c, number, q)
	if err != nil {
		g.module.figures.none.Add(1)
		return nil, err
	}
	g.module.figures.routed.Add(1)
	return list, nil
}

// find makes the routes of a number.
func (g *generation) find(c *luabind.Call, number string, q Query) ([]*Route, error) {
	number, err := numberOf(number)
	if err != nil {
		return nil, err
	}
	limit := q.Limit
	q.Limit = 0 // a carrier without a gateway does not count
	offers := g.list.Get().Offers(number, q)
	if len(offers) == 0 {
		return nil, errNoRoute
	}
	up := g.upNow(func() uint64 { return g.host.Engine().Random(c.Lane()) })
	var list []*Route
	for _, offer := range offers {
		before := len(list)
		if list = g.appendRoutes(list, number, offer, up); len(list) == before {
			continue
		}
		if limit--; limit == 0 {
			break
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: none of %d carriers", errNoGateway, len(offers))
	}
	return list, nil
}

var (
	errNoRoute   = errors.New("no carrier takes this number")
	errNoGateway = errors.New("no gateway is up")
)

// ofCarrier is a gateway of a set.
type ofCarrier struct {
	carrier string
	destination
}

// upNow are the gateways of the set that are up.
func (g *generation) upNow(random func() uint64) (list []ofCarrier) {
	up := g.gateways.Load()
	if up == nil {
		return nil
	}
	(*up)(random, func(carrier string, t *engine.Target) {
		uri := t.NextHop
		if t.URI != "" {
			uri = t.URI
		}
		if d, err := destinationOf(t, uri); err == nil {
			list = append(list, ofCarrier{carrier, d})
		}
	})
	return list
}

// nobody changes a number for carriers that want it as it is.
var unchanged = &Carrier{}

// appendRoutes appends a route for each gateway of an offer's carrier: its own, or those of the
// set that are up.
func (g *generation) appendRoutes(list []*Route, number string, offer Offer, up []ofCarrier) []*Route {
	c := g.carriers[offer.Carrier]
	if c == nil {
		c = unchanged
	}
	user := c.number(number)
	if own := g.own[offer.Carrier]; own != nil {
		for i := range own {
			list = append(list, own[i].route(offer, user))
		}
		return list
	}
	for i := range up {
		if up[i].carrier == offer.Carrier {
			list = append(list, up[i].route(offer, user))
		}
	}
	return list
}

// route is the route to a gateway for a user.
func (d *destination) route(offer Offer, user string) *Route {
	r := &Route{Offer: offer}
	if d.base != nil {
		r.target = *d.base
	}
	r.target.URI, r.target.Value = d.before+user+d.after, r
	r.target.Gateway = ruled(r.target.Gateway)
	return r
}

// ruled is a gateway that is tried by our rule if it has none.
func ruled(g *engine.Gateway) *engine.Gateway {
	switch {
	case g == nil:
		return onlyRule
	case g.Rule != nil:
		return g
	}
	own := *g
	own.Rule = rule
	return &own
}

var onlyRule = &engine.Gateway{Rule: rule}

func (g *generation) configured(c *luabind.Call) {
	if g.list == nil {
		c.Raise("there are no rates: call lcr.configure first")
	}
}

func (g *generation) reload(c *luabind.Call) (bool, error) {
	g.configured(c)
	var err error
	if g.said.IsFunction() {
		err = g.list.Reload(g.said.Context(c))
	} else {
		c.Await(func(ctx context.Context) { err = g.list.Reload(ctx) })
	}
	return err == nil, err
}

// Metrics of the module.
func (m *Module) Metrics() []luabind.Metric {
	counter := func(result string, n *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: "lcr_lookups_total", Help: "Numbers that routes were asked for, by result.", Kind: luabind.Counter,
			Labels: map[string]string{"result": result}, Value: func() float64 { return float64(n.Load()) }}
	}
	return slices.Concat(m.lists.Metrics(), []luabind.Metric{counter("routed", &m.figures.routed), counter("none", &m.figures.none)})
}

// zoneOf is a time zone by its name; "" is the process's.
func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.Local, nil
	}
	return time.LoadLocation(name)
}
