package registrar

// This file is the module "registrar" of scripts. It only translates; README.md describes what
// scripts see.

import (
	"context"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
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
	return &module{registrar: r, host: h, hears: events.Listener(h)}, nil
}

// module is the registrar within one script generation. registrar is replaced by configure, before
// any call is served.
type module struct {
	registrar *Registrar
	host      *luabind.Host
	hears     luabind.Listener[Event]
}

// Activate makes changes known to this generation's handlers.
func (m *module) Activate() error {
	if e := m.host.Engine(); e != nil {
		e.Domains().SetUserBase(userBases[m.registrar.policy.Domains])
	}
	m.registrar.script.Listen(&m.hears)
	m.registrar.serving.Store(m.registrar)
	return m.registrar.notifier.SetPolicy(m.registrar.policy.Subscriptions)
}

func (m *module) Close() error {
	m.registrar.script.Leave(&m.hears)
	return nil
}

func (m *module) configure(p Policy) error {
	r, err := m.registrar.with(p)
	if err == nil {
		m.registrar = r
	}
	return err
}

func (m *module) Functions() []luabind.Function {
	finding, changing := m.registrar.Waits()
	uri := luabind.URIArg("uri", "any spelling of the address-of-record")
	aor := luabind.URIArg("aor", "any spelling of the address-of-record")
	return []luabind.Function{
		luabind.Configure(luabind.Function{Raises: "when options contradict each other",
			Example: `registrar.configure({ max_contacts = 5, max_expires = 3600 })`}, m.registrar.given, m.configure),
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
			Doc: "Writes this server into the Path of a REGISTER for another registrar, so that the client's requests come back here and reach it " +
				"on its flow.",
			Example: `if req.method == "REGISTER" then registrar.add_path(req, { force = true }) end`},
			luabind.RequestArg(), luabind.OptionsArg(pathOptions{}),
			luabind.ReturnsBool("whether it was written").WithReason("the client does not support Path"),
			func(_ *luabind.Call, req *engine.Request, o pathOptions) (bool, error) {
				err := m.registrar.AddPath(req, o.Force, o.Route)
				return err == nil, err
			}),
		luabind.Try1(luabind.Function{Name: "lookup", Waits: finding, Where: luabind.InHandler,
			Doc:     "Lists where a user is registered. nil and an error if the store is unavailable; an empty list and a reason for a GRUU that was never issued.",
			Example: `req:relay(registrar.lookup(req.ruri))`},
			uri, found, m.lookup),
		luabind.Try1(luabind.Function{Name: "bindings", Waits: finding, Where: luabind.InHandler,
			Doc:     "Lists all bindings of an address, while lookup returns one for each client: for administration.",
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
		luabind.Try0(luabind.Function{Name: "count", Waits: finding, Where: luabind.InHandler, Doc: "The number of bindings.",
			Example: `sip.log.info("%d bindings", registrar.count())`},
			luabind.ReturnsInt(""), m.count),
	}
}

// accepted is the result of save and subscribe.
var accepted = luabind.ReturnsBool("whether it was accepted").WithReason("if it was not")

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
	return m.registrar.save(req, o.Headers, func(f func(context.Context)) error { c.Await(f); return nil })
}

func (m *module) subscribe(c *luabind.Call, req *engine.Request, o saveOptions) (bool, error) {
	ask, err := m.registrar.notifier.Take(req)
	if err != nil {
		return false, err
	}
	waits, _ := m.registrar.Waits()
	c.AwaitIf(waits, ask.Look)
	return ask.Answer(o.Headers)
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
	c.AwaitIf(waits, func(ctx context.Context) { found, err = m.registrar.lookup(ctx, []byte(aor), now) })
	return found, err
}

func (m *module) remove(c *luabind.Call, uri *message.URI, contact string) (n int, err error) {
	aor, now := string(m.registrar.address(nil, uri)), c.Now()
	_, waits := m.registrar.Waits()
	c.AwaitIf(waits, func(ctx context.Context) { n, err = m.registrar.removeText(ctx, aor, contact, now) })
	return n, err
}

func (m *module) count(c *luabind.Call) (n int, err error) {
	waits, _ := m.registrar.Waits()
	c.AwaitIf(waits, func(ctx context.Context) { n, err = m.registrar.Count(ctx) })
	return n, err
}
