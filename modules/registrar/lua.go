package registrar

// This file is the module "registrar" of scripts. It only translates; README.md describes what
// scripts see.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// Doc describes the module.
func (r *Registrar) Doc() string {
	return "Where users are registered: REGISTER, lookups, GRUUs, Path, and the event package reg."
}

// Name is "registrar".
func (r *Registrar) Name() string { return "registrar" }

// Open creates the module of one script generation: the bindings are the registrar's, the policy is
// its own.
func (r *Registrar) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{registrar: r, host: h, subscriptions: r.subscriptions}
	m.hears.hear = func(e Event) { h.Emit(e.Kind.String(), e.AOR, e.Binding) }
	return m, nil
}

// module is the registrar within one script generation. registrar is replaced by configure, before
// any call is served.
type module struct {
	registrar *Registrar
	host      *luabind.Host
	hears     listener
	base      engine.UserBase

	subscriptions regevent.Policy
}

// Activate makes changes known to this generation's handlers.
func (m *module) Activate() error {
	if e := m.host.Engine(); e != nil {
		e.Domains().SetUserBase(m.base)
	}
	m.registrar.script.Store(&m.hears)
	m.registrar.serving.Store(m.registrar)
	return m.registrar.notifier.SetPolicy(m.subscriptions)
}

func (m *module) Close() error {
	m.registrar.script.CompareAndSwap(&m.hears, nil)
	return nil
}

// settings are the options of configure. The defaults are the policy's.
type settings struct {
	Domains        string        `lua:"domains,reloadable" oneof:"alias separate all" default:"\"alias\"" doc:"which domains share users. \"alias\": bob at an address of this server (bob@192.0.2.1) is bob of the first domain, and other domains have their own users; \"separate\": each domain and address has its own; \"all\": all share those of the first domain. auth follows this option. A dot at the end of a domain is ignored"`
	MaxContacts    int           `lua:"max_contacts,reloadable" min:"1" max:"1000" default:"10" doc:"bindings per address"`
	AtLimit        string        `lua:"at_limit,reloadable" oneof:"reject replace" default:"\"reject\"" doc:"what happens to a REGISTER that exceeds max_contacts: \"reject\" answers 403; \"replace\" replaces the contacts registered least recently"`
	MaxBindings    int           `lua:"max_bindings,reloadable" min:"1" max:"1000000000" default:"2000000" doc:"bindings of all addresses together: a REGISTER that would exceed it is answered 503; refreshing and removing still work"`
	MinExpires     time.Duration `lua:"min_expires,reloadable" min:"1" max:"31536000" default:"60" doc:"seconds. As the RFC requires, an hour or more is never refused as too brief"`
	MaxExpires     time.Duration `lua:"max_expires,reloadable" min:"1" max:"31536000" default:"7200" doc:"seconds; longer times are shortened"`
	DefaultExpires time.Duration `lua:"default_expires,reloadable" min:"1" max:"31536000" default:"3600" doc:"seconds, if the client names none"`
	UsePath        bool          `lua:"use_path,reloadable" default:"true" doc:"store the Path"`
	GRUU           bool          `lua:"gruu,reloadable" default:"true" doc:"give GRUUs to clients that name an instance and list gruu in Supported"`
	Outbound       *bool         `lua:"outbound,reloadable" default:"if supported" doc:"distinguish the flows of one client. Not set: if the client and its first hop support it; other clients are registered without it. true: as in RFC 5626, 439 if the first hop does not support it (after which some phones never register again). false: never"`
	FlowTimer      time.Duration `lua:"flow_timer,reloadable" min:"1" max:"86400" default:"120" doc:"seconds within which clients with flows must send keep-alives (Flow-Timer); at most 25 for UDP clients"`
	ServiceRoute   []string      `lua:"service_route,reloadable" default:"none" doc:"Route entries that clients should use for their requests: \"<sip:proxy.example.com;lr>\" or a list"`
	Durability     string        `lua:"durability,reloadable" oneof:"commit relaxed" default:"\"commit\"" doc:"\"commit\": a 200 means that the binding is on disk; \"relaxed\": it is written soon after. Has no effect on bindings kept only in memory"`

	Subscriptions subscriptionSettings `lua:"subscriptions,reloadable" doc:"a table with the options of subscribe:"`
}

// defaults leaves times at 0 if the script gives none: their defaults depend on the others.
func (m *module) defaults() settings {
	p := m.registrar.given
	s := settings{MaxContacts: p.MaxContacts, MinExpires: p.MinExpires, MaxExpires: p.MaxExpires,
		DefaultExpires: p.DefaultExpires, UsePath: !p.NoPath, Domains: "alias", Durability: "commit", AtLimit: "reject", MaxBindings: p.MaxBindings,
		GRUU: !p.NoGRUU, FlowTimer: p.FlowTimer, ServiceRoute: p.ServiceRoute,
		Subscriptions: subscriptionDefaults(m.registrar.subscriptions)}
	if p.NoOutbound || p.StrictOutbound {
		s.Outbound = &p.StrictOutbound
	}
	if p.Durability == Relaxed {
		s.Durability = "relaxed"
	}
	if p.ReplaceOldest {
		s.AtLimit = "replace"
	}
	return s
}

func (m *module) configure(s settings) error {
	durability := Commit
	if s.Durability == "relaxed" {
		durability = Relaxed
	}
	r, err := m.registrar.with(Policy{MaxContacts: s.MaxContacts, MinExpires: s.MinExpires, MaxExpires: s.MaxExpires,
		DefaultExpires: s.DefaultExpires, NoPath: !s.UsePath, Durability: durability, ReplaceOldest: s.AtLimit == "replace",
		MaxBindings: s.MaxBindings, NoGRUU: !s.GRUU, NoOutbound: s.Outbound != nil && !*s.Outbound,
		StrictOutbound: s.Outbound != nil && *s.Outbound, FlowTimer: s.FlowTimer, ServiceRoute: s.ServiceRoute})
	if err != nil {
		return err
	}
	m.registrar, m.subscriptions = r, s.Subscriptions.policy()
	m.base = map[string]engine.UserBase{"separate": engine.Separate, "all": engine.OneForAll}[s.Domains]
	return m.subscriptions.Check()
}

func (m *module) Functions() []luabind.Function {
	finding, changing := m.registrar.Waits()
	uri := luabind.URIArg("uri", "any spelling of the address-of-record")
	aor := luabind.URIArg("aor", "any spelling of the address-of-record")
	return []luabind.Function{
		luabind.Configure(luabind.Function{Raises: "when options contradict each other",
			Example: `registrar.configure({ max_contacts = 5, max_expires = 3600 })`}, m.defaults(), m.configure),
		luabind.Try2(luabind.Function{Name: "save", Waits: changing, Where: luabind.InHandler, Decides: true,
			Doc:     "Processes a REGISTER and answers it: 200, 400, 403, 404, 420, 423, 500 or 503. It is the request's decision.",
			Example: `if req.method == "REGISTER" then return registrar.save(req) end`},
			luabind.RequestArg(), luabind.OptionsArg(saveOptions{}), accepted, m.save),
		luabind.Try2(luabind.Function{Name: "subscribe", Waits: finding, Where: luabind.InHandler, Decides: true,
			Doc: "Answers a SUBSCRIBE to the event package reg of a local user (RFC 3680): 200, 400, 403, 404, 406, 420, 423, 481, 489, 500 or 503, and sends the " +
				"NOTIFYs. It is the request's decision.",
			Example: `if req.method == "SUBSCRIBE" then return registrar.subscribe(req) end`},
			luabind.RequestArg(), luabind.OptionsArg(saveOptions{}), accepted, m.subscribe),
		luabind.Try2(luabind.Function{Name: "add_path", Where: luabind.InHandler,
			Doc: "Writes this server into the Path of a REGISTER that goes on to another registrar, so that the client's requests come back here and reach it " +
				"on its flow.",
			Example: `if req.method == "REGISTER" then registrar.add_path(req, { force = true }) end`},
			luabind.RequestArg(), luabind.OptionsArg(pathOptions{}),
			luabind.ReturnsBool("whether it was written").WithReason("the client does not support Path"),
			func(_ *luabind.Call, req *engine.Request, o pathOptions) (bool, error) {
				err := m.registrar.AddPath(req, o.Force)
				return err == nil, err
			}),
		luabind.Try1(luabind.Function{Name: "lookup", Waits: finding, Where: luabind.InHandler,
			Doc:     "Lists where a user is registered. nil and an error when the store is away; an empty list and a reason for a GRUU that was never given out.",
			Example: `req:relay(registrar.lookup(req.ruri))`},
			uri, found, m.lookup),
		luabind.Try1(luabind.Function{Name: "bindings", Waits: finding, Where: luabind.InHandler,
			Doc:     "Lists all bindings of an address, where lookup has one for each client: for administration.",
			Example: `local all = registrar.bindings("sip:bob@example.com")`},
			// Lookup without any choice
			aor, found, func(c *luabind.Call, uri *message.URI) (listing, error) {
				return m.list(c, query{wanted: wanted{aor: m.registrar.address(nil, uri)}})
			}),
		luabind.Try2(luabind.Function{Name: "wait", Waits: true, Where: luabind.InHandler,
			Doc:     "Waits until a user is registered, s seconds have passed, or the request is over, and lists the bindings.",
			Example: `req:relay(registrar.wait(req.ruri, 5))`},
			uri, luabind.SecondsArg("s", "to wait at most"), found, m.wait),
		luabind.Try2(luabind.Function{Name: "remove", Waits: changing, Where: luabind.InHandler,
			Doc:     "Removes the bindings of an address, or those that equal contact.",
			Example: `registrar.remove("sip:bob@example.com")`},
			aor, contactArg, luabind.ReturnsInt("how many were removed"), m.remove),
		luabind.Try0(luabind.Function{Name: "count", Waits: finding, Where: luabind.InHandler, Doc: "How many bindings there are.",
			Example: `sip.log.info("%d bindings", registrar.count())`},
			luabind.ReturnsInt(""), m.count),
	}
}

// saveOptions are the options of save and subscribe.
type saveOptions struct {
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}, added to the answer"`
}

// pathOptions are the options of add_path.
type pathOptions struct {
	Force bool `lua:"force" doc:"also where the client does not list path in Supported"`
}

// accepted is the result of save and subscribe.
var accepted = luabind.ReturnsBool("whether it was accepted").WithReason("where it was not")

// listing is the result of lookup: bindings, or that there never was such a user.
type listing struct {
	bindings []*Binding
	never    bool
}

// found pushes a listing. Where nobody ever was, an empty list and the reason, which relay, fork
// and redirect answer 404.
var found = luabind.ReturnsOf(func(c *luabind.Call, l listing) int {
	n := luabind.PushList(c, l.bindings)
	if l.never {
		n += c.PushString("not found")
	}
	return n
}, luabind.Result{Type: luabind.List, Object: bindingType, Doc: "bindings, the highest q first"})

// contactArg is the text of a uri, "" for none.
var contactArg = luabind.ArgOf(func(c *luabind.Call, n int) string {
	if c.IsNil(n) {
		return ""
	}
	c.URI(n)
	return c.URIText(n)
}, luabind.Param{Name: "contact", Type: luabind.URIType, Optional: true, Default: "all"})

func (m *module) save(c *luabind.Call, req *engine.Request, o saveOptions) (bool, error) {
	job, err := m.registrar.take(req)
	if err != nil {
		return false, err
	}
	var res Result
	if _, waits := m.registrar.Waits(); waits {
		job = job.detached()
		c.Await(func(ctx context.Context) { res = job.run(ctx) })
	} else {
		res = job.run(context.Background())
	}
	return answer(req, &res, o.Headers)
}

func (m *module) subscribe(c *luabind.Call, req *engine.Request, o saveOptions) (bool, error) {
	ask, err := m.registrar.notifier.Take(req)
	if err != nil {
		return false, err
	}
	waits, _ := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { ask.Look(ctx) })
	return ask.Answer(o.Headers)
}

// run calls f: with the lane lent if f may block, otherwise directly.
func (m *module) run(c *luabind.Call, waits bool, f func(ctx context.Context)) {
	if waits {
		c.Await(f)
		return
	}
	f(context.Background())
}

func (m *module) lookup(c *luabind.Call, uri *message.URI) (listing, error) {
	var room [128]byte
	q := m.registrar.query(uri, room[:0])
	if q.never && m.local(uri) {
		return listing{never: true}, nil
	}
	return m.list(c, q)
}

// local reports whether a URI is of a local domain.
func (m *module) local(u *message.URI) bool {
	e := m.host.Engine()
	return e != nil && u.IsSIP() && e.IsLocal(string(u.Host), u.Port)
}

func (m *module) list(c *luabind.Call, q query) (listing, error) {
	if memory := m.registrar.memory; memory != nil { // the hot path: nothing escapes
		return listing{bindings: q.choose(memory.lookup(q.aor, c.Now().UnixMilli()))}, nil
	}
	if found, ok := m.registrar.peek(q.aor, c.Now()); ok { // the lane need not be lent
		return listing{bindings: q.choose(found)}, nil
	}
	found, err := m.find(c, string(q.aor))
	return listing{bindings: q.choose(found)}, err
}

func (m *module) find(c *luabind.Call, aor string) (found []*Binding, err error) {
	now := c.Now()
	waits, _ := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { found, err = m.registrar.lookup(ctx, []byte(aor), now) })
	return found, err
}

func (m *module) remove(c *luabind.Call, uri *message.URI, contact string) (n int, err error) {
	aor, now := string(m.registrar.address(nil, uri)), c.Now()
	_, waits := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { n, err = m.registrar.removeText(ctx, aor, contact, now) })
	return n, err
}

func (m *module) count(c *luabind.Call) (n int, err error) {
	waits, _ := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { n, err = m.registrar.Count(ctx) })
	return n, err
}

func (m *module) wait(c *luabind.Call, uri *message.URI, s time.Duration) (listing, error) {
	q := m.registrar.query(uri, nil)
	if q.never && m.local(uri) {
		return listing{never: true}, nil
	}
	aor := string(q.aor)
	w := &waiting{lane: c.Lane(), ctx: c.Context()}
	w.end = w.lane.Now().Add(s)
	// It listens before it looks: what is bound from here on wakes it.
	defer m.registrar.Watch(aor, func() { w.lane.Post(w) })()
	for {
		w.rung = false
		found, err := m.find(c, aor)
		if err != nil {
			return listing{}, err
		}
		if found = q.choose(found); len(found) > 0 || w.over() {
			return listing{bindings: found}, nil
		}
		w.park(c)
	}
}

// waiting is one wait for a binding. It belongs to its lane.
type waiting struct {
	lane   *lane.Lane
	ctx    context.Context // of the request
	end    lane.Time
	waiter *lane.Waiter
	timer  lane.Timer
	rung   bool // something was bound since the last look
}

// glance is how often a wait checks whether its request is over. A notification would take a
// goroutine of its own, which the lane's clock knows nothing about.
const glance = 200 * time.Millisecond

func (w *waiting) over() bool { return w.ctx.Err() != nil || w.lane.Now() >= w.end }

// park returns when something was bound, or the wait is over.
func (w *waiting) park(c *luabind.Call) {
	if w.rung {
		return
	}
	w.waiter = lane.NewWaiter()
	w.Expire(&w.timer)
	c.Park(w.waiter)
	w.waiter = nil
	w.lane.StopTimer(&w.timer)
}

// Do wakes the script: something was bound.
func (w *waiting) Do(l *lane.Lane) {
	w.rung = true
	if w.waiter != nil {
		l.Wake(w.waiter)
	}
}

// Expire wakes the script when the wait is over.
func (w *waiting) Expire(*lane.Timer) {
	if w.over() {
		w.lane.Wake(w.waiter)
		return
	}
	w.lane.After(min(glance, w.end.Sub(w.lane.Now())), &w.timer, w)
}
