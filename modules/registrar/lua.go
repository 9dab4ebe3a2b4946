package registrar

// This file is the module "registrar" of scripts. It only translates; README.md describes what scripts see.

import (
	"context"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/registrar/regevent"
)

// Name is "registrar".
func (r *Registrar) Name() string { return "registrar" }

// Open makes the module of one script generation: the bindings are the registrar's, the policy its own.
func (r *Registrar) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{registrar: r, host: h, subscriptions: r.subscriptions}
	m.hears.hear = func(e Event) { h.Emit(e.Kind.String(), e.AOR, e.Binding) }
	return m, nil
}

// module is the registrar within one script generation. registrar is replaced by configure, before any call is served.
type module struct {
	registrar *Registrar
	host      *luabind.Host
	hears     listener
	base      engine.UserBase

	subscriptions regevent.Policy
}

// Activate makes this generation's handlers hear of changes.
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
	Domains        string        `lua:"domains" oneof:"alias separate all" doc:"whose users are the same: alias (default): bob at an address of this server is bob of the first domain, and other domains have users of their own; separate: each domain and address has; all: all have those of the first domain. Reloadable"`
	MaxContacts    int           `lua:"max_contacts" min:"1" max:"1000" doc:"bindings of one address, default 10; at_limit says what a REGISTER beyond it does. Reloadable"`
	AtLimit        string        `lua:"at_limit" oneof:"reject replace" doc:"beyond max_contacts: reject (403, the default), or replace the binding that was registered least recently. Reloadable"`
	MaxBindings    int           `lua:"max_bindings" min:"1" max:"1000000000" doc:"bindings of all addresses together, default 2000000; a REGISTER that adds beyond it is answered 503. Reloadable"`
	MinExpires     time.Duration `lua:"min_expires" min:"1" max:"31536000" doc:"seconds, default 60; a shorter expiration is answered 423, but never one of an hour or more. Reloadable"`
	MaxExpires     time.Duration `lua:"max_expires" min:"1" max:"31536000" doc:"seconds, default 7200; a longer expiration is shortened. Reloadable"`
	DefaultExpires time.Duration `lua:"default_expires" min:"1" max:"31536000" doc:"seconds, default 3600, for contacts that name none. Reloadable"`
	UsePath        bool          `lua:"use_path" doc:"keep the Path of RFC 3327, default true. Reloadable"`
	GRUU           bool          `lua:"gruu" doc:"give GRUUs to clients that support them (RFC 5627), default true. Reloadable"`
	Outbound       *bool         `lua:"outbound" doc:"tell the flows of one client apart (RFC 5626). Not given: where the client and its first hop support it; true: and 439 where the first hop does not; false: never. Reloadable"`
	FlowTimer      time.Duration `lua:"flow_timer" min:"1" max:"86400" doc:"seconds within which outbound clients are to send keep-alives, default 120; 25 at most is asked of UDP clients. Reloadable"`
	ServiceRoute   []string      `lua:"service_route" doc:"Route entries that clients are to use for their requests (RFC 3608), as \"<sip:proxy.example.com;lr>\". Reloadable"`
	Durability     string        `lua:"durability" oneof:"commit relaxed" doc:"commit: a 200 survives a crash; relaxed: written soon after. Without effect on bindings kept in memory alone. Reloadable"`

	Subscriptions subscriptionSettings `lua:"subscriptions" doc:"of registrar.subscribe"`
}

// defaults leaves the times 0 where the script says nothing: what they are depends on the others.
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
	uri := luabind.Param{Name: "uri", Type: luabind.URIType, Doc: "any spelling of the address-of-record"}
	aor := uri
	aor.Name = "aor"
	found := []luabind.Result{{Type: luabind.List, Object: bindingType, OrNil: true, Doc: "bindings, the highest q first"}}
	number := []luabind.Result{{Type: luabind.Integer, OrNil: true}}
	return []luabind.Function{
		luabind.Configure("Sets options, once, while the file loads. Raises when they contradict each other.", m.defaults(), m.configure),
		{
			Name: "save", Waits: changing, Where: luabind.InHandler, Call: m.save,
			Doc: "Processes a REGISTER and answers it: 200, 400, 403, 404, 420, 423, 500 or 503. It is the request's decision.",
			Params: []luabind.Param{{Name: "req", Type: luabind.RequestType},
				{Name: "options", Type: luabind.Table, Optional: true, Options: saveOptions{}}},
			Results: []luabind.Result{{Type: luabind.Boolean, Doc: "whether it was accepted; if not, the second result says why"}},
		},
		m.subscribeFunction(finding),
		{
			Name: "add_path", Where: luabind.InHandler, Call: m.addPath,
			Doc: "Writes this server into the Path of a REGISTER that goes on to another registrar, so that the client's requests come back here and reach it on its flow.",
			Params: []luabind.Param{{Name: "req", Type: luabind.RequestType},
				{Name: "options", Type: luabind.Table, Optional: true, Options: pathOptions{}}},
			Results: []luabind.Result{{Type: luabind.Boolean, Doc: "false, with the reason as the second result, where the client does not support Path"}},
		},
		{
			Name: "lookup", Waits: finding, Where: luabind.InHandler, Call: m.lookup, Params: []luabind.Param{uri}, Results: found,
			Doc: "Lists where a user is registered. nil and an error when the store is away; an empty list and a reason for a GRUU that was never given out.",
		},
		{
			Name: "bindings", Waits: finding, Where: luabind.InHandler, Call: m.bindings, Params: []luabind.Param{aor}, Results: found,
			Doc: "Lists all bindings of an address, where lookup has one for each client: for administration.",
		},
		{
			Name: "wait", Waits: true, Where: luabind.InHandler, Call: m.wait, Results: found,
			Doc:    "Waits until a user is registered, s seconds have passed, or the request is over, and lists the bindings.",
			Params: []luabind.Param{uri, {Name: "s", Type: luabind.Seconds}},
		},
		{
			Name: "remove", Waits: changing, Where: luabind.InHandler, Call: m.remove, Results: number,
			Doc:    "Removes the bindings of an address, or those that equal contact, and returns how many.",
			Params: []luabind.Param{aor, {Name: "contact", Type: luabind.URIType, Optional: true}},
		},
		{
			Name: "count", Waits: finding, Where: luabind.InHandler, Call: m.count, Results: number,
			Doc: "How many bindings there are.",
		},
	}
}

// saveOptions are the options of save.
type saveOptions struct {
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}, added to the answer"`
}

// pathOptions are the options of add_path.
type pathOptions struct {
	Force bool `lua:"force" doc:"also where the client does not list path in Supported"`
}

func (m *module) addPath(c *luabind.Call) int {
	var o pathOptions
	c.Decode(2, &o)
	err := m.registrar.AddPath(c.Request(1), o.Force)
	if err == nil {
		return c.PushBool(true)
	}
	c.Misuse(err)
	c.PushBool(false)
	return 1 + c.PushString(err.Error())
}

func (m *module) save(c *luabind.Call) int {
	req := c.Request(1)
	var o saveOptions
	c.Decode(2, &o)
	job, err := m.registrar.take(req)
	var ok bool
	if err == nil {
		var res Result
		if _, waits := m.registrar.Waits(); waits {
			job = job.detached()
			c.Await(func(ctx context.Context) { res = job.run(ctx) })
		} else {
			res = job.run(context.Background())
		}
		ok, err = answer(req, &res, o.Headers)
	}
	if err == nil {
		return c.PushBool(ok)
	}
	c.Misuse(err)
	c.PushBool(ok)
	return 1 + c.PushString(err.Error())
}

// run calls f: with the lane lent where that may block, else at once.
func (m *module) run(c *luabind.Call, waits bool, f func(ctx context.Context)) {
	if waits {
		c.Await(f)
		return
	}
	f(context.Background())
}

func (m *module) lookup(c *luabind.Call) int {
	var room [128]byte
	q := m.registrar.query(c.URI(1), room[:0])
	if q.never && m.local(c.URI(1)) {
		return m.notFound(c)
	}
	return m.list(c, &q)
}

// notFound is the answer where nobody is there, and nobody ever was: an empty list and the reason, which relay, fork and redirect answer 404.
func (m *module) notFound(c *luabind.Call) int {
	return luabind.PushList[*Binding](c, nil) + c.PushString("not found")
}

// local tells whether a URI is of a local domain.
func (m *module) local(u *message.URI) bool {
	e := m.host.Engine()
	return e != nil && u.IsSIP() && e.IsLocal(string(u.Host), u.Port)
}

// bindings is lookup without any choice.
func (m *module) bindings(c *luabind.Call) int {
	var q query
	q.aor = m.registrar.address(nil, c.URI(1))
	return m.list(c, &q)
}

func (m *module) list(c *luabind.Call, q *query) int {
	if memory := m.registrar.memory; memory != nil { // the hot path: nothing escapes
		return luabind.PushList(c, q.choose(memory.lookup(q.aor, c.Lane().Wall().UnixMilli())))
	}
	if found, ok := m.registrar.peek(q.aor, c.Lane().Wall()); ok { // the lane need not be lent
		return luabind.PushList(c, q.choose(found))
	}
	found, err := m.find(c, string(q.aor))
	if err != nil {
		return c.Fail(err)
	}
	return luabind.PushList(c, q.choose(found))
}

func (m *module) find(c *luabind.Call, aor string) (found []*Binding, err error) {
	now := c.Lane().Wall()
	waits, _ := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { found, err = m.registrar.lookup(ctx, []byte(aor), now) })
	return found, err
}

func (m *module) remove(c *luabind.Call) int {
	uri := *c.URI(1)
	aor := string(m.registrar.address(nil, &uri))
	contact, now := "", c.Lane().Wall()
	if !c.IsNil(2) {
		c.URI(2)
		contact = c.URIText(2)
	}
	var n int
	var err error
	_, waits := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { n, err = m.registrar.removeText(ctx, aor, contact, now) })
	if err != nil {
		return c.Fail(err)
	}
	return c.PushNumber(float64(n))
}

func (m *module) count(c *luabind.Call) int {
	var n int
	var err error
	waits, _ := m.registrar.Waits()
	m.run(c, waits, func(ctx context.Context) { n, err = m.registrar.Count(ctx) })
	if err != nil {
		return c.Fail(err)
	}
	return c.PushNumber(float64(n))
}

func (m *module) wait(c *luabind.Call) int {
	q := m.registrar.query(c.URI(1), nil)
	if q.never && m.local(c.URI(1)) {
		return m.notFound(c)
	}
	aor := string(q.aor)
	w := &waiting{lane: c.Lane(), ctx: c.Context()}
	w.end = w.lane.Now().Add(c.Seconds(2))
	// It listens before it looks: what is bound from here on wakes it.
	defer m.registrar.Watch(aor, func() { w.lane.Post(w) })()
	for {
		w.rung = false
		found, err := m.find(c, aor)
		if err != nil {
			return c.Fail(err)
		}
		if found = q.choose(found); len(found) > 0 || w.over() {
			return luabind.PushList(c, found)
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

// glance is how often a wait looks whether its request is over. To be told would take a goroutine of its own, of which the
// lane's clock knows nothing.
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
