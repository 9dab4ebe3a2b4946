package dialplan

// The module "dialplan" of scripts: its functions. It only translates; README.md describes what
// scripts see.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/clients"
	"github.com/sipscript/sipscript/modules/clients/drivers"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/source"
)

// Plugin is the module "dialplan".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dialplan", Schema: Schema, Commands: []host.Command{command()}, New: func(env *host.Environment) (luabind.Opener, error) {
		return NewModule(ModuleOptions{Clients: env.Clients, Data: env.Data, Log: env.Log}), nil
	}}
}

// ModuleOptions of NewModule. The zero value has no databases.
type ModuleOptions struct {
	Clients *clients.Pool // the databases that scripts name
	Data    string        // where lists of databases are kept, "" for nowhere
	Log     *slog.Logger  // of lists that cannot be read
}

// Module is the module of scripts. It belongs to the process: lists that two script generations
// name are read once.
type Module struct {
	o       ModuleOptions
	lists   source.Shared[*Plan]
	serving atomic.Pointer[generation] // the last that was activated; nil: none yet
	figures struct{ translated, unmatched atomic.Uint64 }
}

// NewModule makes the module.
func NewModule(o ModuleOptions) *Module {
	if o.Clients == nil {
		o.Clients = clients.New(clients.Options{Drivers: drivers.All()})
	}
	return &Module{o: o}
}

// Doc describes the module.
func (*Module) Doc() string { return "Rewrites numbers, by rules and by a country's habits." }

// Name is "dialplan".
func (*Module) Name() string { return "dialplan" }

// Open makes the module of one script generation.
func (m *Module) Open(h *luabind.Host) (luabind.Module, error) {
	return &generation{module: m, host: h, plans: map[string]*plan{}}, nil
}

// generation is the module in one script generation. Its plans are made while the file loads.
type generation struct {
	module *Module
	host   *luabind.Host
	said   luabind.Agreed[[]string] // the plans' names
	plans  map[string]*plan
}

// plan is one plan of a generation.
type plan struct {
	said    source.Said
	dpid    luabind.Agreed[int]
	list    *source.List[*Plan]
	release func() error
	funcs   map[any][]*luabind.Func // of its rules, by VM
}

// Close gives the lists back.
func (g *generation) Close() error {
	g.module.serving.CompareAndSwap(g, nil)
	var errs []error
	for _, p := range g.plans {
		if p.release != nil {
			errs = append(errs, p.release())
		}
	}
	return errors.Join(errs...)
}

// Functions of the module.
func (g *generation) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Act1(luabind.Function{Name: "configure", Where: luabind.AtLoad,
			Doc:     "Sets the plans, once, while the file loads.",
			Raises:  "for rules that contradict themselves, and for a list that can't be read",
			Example: "dialplan.configure({ plans = { outbound = { { match = \"^00(.*)\", replace = \"+%1\" }, { prefix = \"0\", strip = 1, add = \"+49\" } } } })"},
			luabind.RequiredOptionsArg("options", settings{}), g.configure),
		luabind.Func2(luabind.Function{Name: "translate", Where: luabind.InHandler, Waits: true,
			Doc: "The text as the plan's first rule that fits makes it, and the rule's attrs; nil, \"no match\" if none fits. Rules with a lower priority go first; " +
				"of equal ones those with match in their order, then the longest prefix.",
			Raises:  "for a plan that is not configured, and what a rule's function raises",
			Example: "local number, attrs = dialplan.translate(\"outbound\", req.ruri.user)"},
			luabind.TextArg("plan", ""), luabind.TextArg("text", "at most 256 bytes; a longer one does not match"), returnsResult, g.translate),
		luabind.Try2(luabind.Function{Name: "e164",
			Doc: "The number with its country code, \"+4930123456\", of what somebody wrote or dialled in a country. Blanks and - . / ( ) are left out. " +
				"nil, err for what is not a number of the public network: names, short codes, numbers that need an area code.",
			Raises:  "for options that are not digits, and for a country whose habits are not known and not given",
			Example: "local number, err = dialplan.e164(\"(030) 123 456\", { country = \"49\" })"},
			luabind.TextArg("text", ""), luabind.RequiredOptionsArg("options", Habits{}), luabind.ReturnsText("the number"), e164),
		luabind.Try1(luabind.Function{Name: "reload", Where: luabind.InHandler, Waits: true,
			Doc:     "Reads the lists of all plans again, or of one. Files are read by themselves when they have changed, databases in their time.",
			Raises:  "for a plan that is not configured",
			Example: `local ok, err = dialplan.reload("outbound")`},
			luabind.TextArg("plan", "").Default("", "all"), luabind.ReturnsBool("true, or nil and why it can't be read: the list before remains"), g.reload),
	}
}

// result is what translate returns.
type result struct {
	Result
	ok bool
}

var returnsResult = luabind.ReturnsOf(func(c *luabind.Call, r result) int {
	if !r.ok {
		c.PushNil()
		c.PushString("no match")
		return 2
	}
	c.PushString(r.Text)
	if r.Attrs == nil {
		r.Attrs = map[string]any{}
	}
	c.Push(r.Attrs)
	return 2
}, luabind.Result{Type: luabind.String, OrNil: true, Doc: "the text"},
	luabind.Result{Type: luabind.Table, Or: []luabind.Type{luabind.String}, Doc: "the rule's attrs, {} if it has none; or \"no match\""})

func (g *generation) named(c *luabind.Call, name string) *plan {
	p := g.plans[name]
	if p == nil {
		c.Raise("there is no plan %.40q: configure it", name)
	}
	return p
}

func (g *generation) translate(c *luabind.Call, name, text string) result {
	p := g.named(c, name)
	r, ok, err := p.list.Get().Translate(text, func(f Function, text string, captures []string) (string, bool, error) {
		return p.call(c, f, text, captures)
	})
	if err != nil {
		c.Rethrow(err)
	}
	if ok {
		g.module.figures.translated.Add(1)
	} else {
		g.module.figures.unmatched.Add(1)
	}
	return result{r, ok}
}

// call calls the function of a rule, in the VM of c.
func (p *plan) call(c *luabind.Call, f Function, text string, captures []string) (string, bool, error) {
	funcs := p.funcs[c.VM()]
	if int(f) >= len(funcs) {
		return "", false, errors.New("the rule's function is not there")
	}
	args := make([]any, 0, 1+len(captures))
	args = append(args, text)
	for _, s := range captures {
		args = append(args, s)
	}
	out, err := funcs[f].Call(args...)
	switch {
	case err != nil:
		return "", false, err
	case len(out) == 0 || out[0] == nil || out[0] == false:
		return "", false, nil
	}
	to, ok := out[0].(string)
	if !ok {
		return "", false, fmt.Errorf("replace: the function must return text, or nil where the rule does not apply, not %T", out[0])
	}
	return to, true, nil
}

func e164(c *luabind.Call, text string, h Habits) (string, error) {
	h, err := h.Complete()
	if err != nil {
		c.Raise("%v", err)
	}
	return E164(text, h)
}

func (g *generation) reload(c *luabind.Call, name string) (bool, error) {
	plans := g.plans
	if name != "" {
		plans = map[string]*plan{name: g.named(c, name)}
	}
	var errs []error
	for _, p := range plans {
		if p.said.IsFunction() {
			errs = append(errs, p.list.Reload(p.said.Context(c)))
			continue
		}
		c.Await(func(ctx context.Context) { errs = append(errs, p.list.Reload(ctx)) })
	}
	err := errors.Join(errs...)
	return err == nil, err
}

// Metrics of the module.
func (m *Module) Metrics() []luabind.Metric {
	counter := func(result string, n *atomic.Uint64) luabind.Metric {
		return luabind.Metric{Name: "dialplan_translations_total", Help: "Texts that plans translated, by result.", Kind: luabind.Counter,
			Labels: map[string]string{"result": result}, Value: func() float64 { return float64(n.Load()) }}
	}
	return append(m.lists.Metrics(), counter("translated", &m.figures.translated), counter("no match", &m.figures.unmatched))
}
