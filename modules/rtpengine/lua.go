package rtpengine

// This file is the module "rtpengine" of scripts. It only translates; README.md describes what
// scripts see.

import (
	"context"
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/dialog"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/internal/ownleg"
	"github.com/sipscript/sipscript/modules/rtpengine/ng"
	"github.com/sipscript/sipscript/modules/source"
)

// Doc describes the module.
func (*RTPEngine) Doc() string { return "Has the media of calls pass rtpengine." }

// Name is "rtpengine".
func (*RTPEngine) Name() string { return "rtpengine" }

// Open makes the module of one script generation.
func (p *RTPEngine) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{RTPEngine: p, host: h, policy: DefaultPolicy()}
	m.hears.Hear = m.tell
	return m, nil
}

// module is rtpengine within one script generation. All of it is written while the file loads.
type module struct {
	*RTPEngine
	host    *luabind.Host
	hears   luabind.Listener[event]
	agreed  luabind.Agreed[Policy]
	said    source.Said
	engines *source.List[[]ng.Spec]
	policy  Policy
	active  bool // guarded by RTPEngine.mu
}

// Activate puts the file's daemons into force.
func (m *module) Activate() error {
	m.events.Listen(&m.hears)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active = true
	m.pool.SetTimeout(m.policy.Timeout)
	m.goesOn.Store(m.policy.OnFailure == "pass")
	if m.engines == nil {
		m.pool.Set(nil)
		return nil
	}
	m.pool.Set(m.engines.Get())
	return nil
}

// Close ends the reading of the list.
func (m *module) Close() error {
	m.events.Leave(&m.hears)
	m.mu.Lock()
	m.active = false
	m.mu.Unlock()
	if m.engines != nil {
		return m.engines.Close()
	}
	return nil
}

// settings are the options of configure.
type settings struct {
	Policy
	Engines luabind.FuncOrValue `lua:"engines,required,reloadable" doc:"the daemons: a list of {uri=, weight=, set=} or of URIs"`
}

func (m *module) configure(c *luabind.Call, s settings) {
	_, err := m.agreed.Say(c.VM(), s.Policy)
	if err == nil {
		m.policy = s.Policy
		err = s.Policy.Check()
	}
	if err != nil {
		c.Raise("%v", err)
	}
	spec, first, err := m.said.Say(c, s.Engines, m.clients.IsDatabase)
	if err == nil && first {
		m.engines, err = source.Open(m.said.Context(c), spec, source.Options[daemon, []ng.Spec]{Name: "rtpengine.engines", Build: m.build,
			Default: daemon{Weight: 1}, Clients: m.clients, Keep: m.data, Log: m.log, Max: mostEngines,
			Query: "SELECT uri, weight, set_name FROM rtpengine", Layouts: layouts})
	}
	if err != nil {
		c.Raise("engines: %v", err)
	}
}

// build makes the daemons of a list that was read, and puts those of a list in force into force.
func (m *module) build(list []daemon) ([]ng.Spec, error) {
	specs := make([]ng.Spec, 0, len(list))
	for i, d := range list {
		if err := ng.Check(d.URI); err != nil {
			return nil, source.At(i, err)
		}
		specs = append(specs, ng.Spec{URI: d.URI, Set: d.Set, Weight: d.Weight})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active {
		m.pool.Set(specs)
	}
	return specs, nil
}

// manageOptions are those of manage.
type manageOptions struct {
	Set    string                      `lua:"set" default:"\"\"" doc:"of daemons"`
	Caller Side                        `lua:"caller" doc:"what the caller is shown, whoever offers"`
	Callee luabind.BranchOptions[Side] `lua:"callee" doc:"what a callee is shown; false: the media of this branch is left alone"`
}

// sideOptions are those of offer and answer.
type sideOptions struct {
	Side
	Set string `lua:"set" default:"\"\"" doc:"of daemons"`
}

// queryType documents what query returns.
const queryDoc = "what the daemon knows: created, last_signal, tags, totals …"

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return append([]luabind.Function{
		luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Names the daemons.",
			Example: `rtpengine.configure({ engines = { "udp:127.0.0.1:2223", { uri = "udp:127.0.0.1:2224", weight = 2 } } })`},
			luabind.RequiredOptionsArg("options", settings{Policy: DefaultPolicy()}), m.configure),
		luabind.Act2(luabind.Function{Name: "manage", Where: luabind.InHandler,
			Doc: "Has the media of the call pass a daemon, from its INVITE to its end: branches, answers, early media, later offers, failover and failure are followed by " +
				"themselves. Waits for nothing.",
			Raises:  "for anything but an INVITE outside of a dialog, and without record_route",
			Example: "req:record_route()\nrtpengine.manage(req, { callee = { transport = \"RTP/AVP\", ice = \"remove\" } })"},
			luabind.RequestArg(), luabind.OptionsArg(manageOptions{}), m.manage),
		luabind.Try2(luabind.Function{Name: "offer", Where: luabind.InHandler, Waits: true,
			Doc:     "Passes the offer in a request or branch to a daemon and puts what it makes of it in its place: for those who do by hand what manage does.",
			Example: `local ok, err = rtpengine.offer(req, { ice = "remove" })`},
			luabind.MessageArg("message"), luabind.OptionsArg(sideOptions{}), luabind.ReturnsBool("true"),
			func(c *luabind.Call, h luabind.Held, o sideOptions) (bool, error) { return m.byHand(c, h, o, "offer") }),
		luabind.Try2(luabind.Function{Name: "answer", Where: luabind.InHandler, Waits: true,
			Doc:     "Passes the answer in a response, or in an ACK, to the call's daemon and puts what it makes of it in its place.",
			Example: `req:relay("sip:bob@example.com", { on_response = function(res) if res.body then rtpengine.answer(res) end end })`},
			luabind.MessageArg("message"), luabind.OptionsArg(sideOptions{}), luabind.ReturnsBool("true"),
			func(c *luabind.Call, h luabind.Held, o sideOptions) (bool, error) { return m.byHand(c, h, o, "answer") }),
		luabind.Try1(luabind.Function{Name: "delete", Where: luabind.InHandler, Waits: true, Doc: "Ends the media of a request's call, or of a Call-ID.",
			Example: `rtpengine.delete(req)`}, m.callArg(), luabind.ReturnsBool("true"), m.delete),
		luabind.Try1(luabind.Function{Name: "query", Where: luabind.InHandler, Waits: true, Doc: "What the daemon knows of a call.",
			Example: `local media, err = rtpengine.query(req)`}, m.callArg(), luabind.ReturnsValue(luabind.Table, queryDoc), m.query),
		luabind.Func0(luabind.Function{Name: "engines", Where: luabind.InHandler, Doc: "The daemons.",
			Example: `for _, e in ipairs(rtpengine.engines()) do sip.log.info("%s %s", e.uri, e.up) end`},
			luabind.ReturnsValue(luabind.List, "of {uri=, set=, weight=, up=, waiting=, commands=, errors=}"), m.list),
	}, m.commands()...)
}

// manage is for the request of a handler.
func (m *module) manage(c *luabind.Call, r *engine.Request, o manageOptions) error {
	err := m.Relay.Manage(r, Manage{Set: o.Set, Caller: o.Caller, Callee: o.Callee.Options, CalleeOf: o.Callee.For(c, "rtpengine.manage"), Pass: m.policy.OnFailure == "pass"})
	if err != nil {
		c.Misuse(err)
		c.Raise("%v", err)
	}
	return nil
}

// byHand is offer and answer.
func (m *module) byHand(c *luabind.Call, h luabind.Held, o sideOptions, command string) (bool, error) {
	msg := h.Message(c)
	var answer bool
	err := errNoEngine
	c.Await(func(ctx context.Context) {
		answer, err = m.Relay.pass(ctx, msg, o.Set, &o.Side, command, h.IsResponse())
	})
	return answer, err
}

// callArg is a request or a Call-ID.
func (m *module) callArg() luabind.Arg[string] {
	return luabind.ArgOf(func(c *luabind.Call, n int) string {
		if c.Kind(n) == luabind.String {
			return c.String(n)
		}
		if l := ownleg.At(c, n, "the media"); l != nil {
			return callOfLeg(l)
		}
		return m.callOf(c.Request(n))
	}, luabind.Param{Name: "call", Type: luabind.RequestType, Or: []luabind.Type{luabind.String, luabind.Any}, Doc: "a request of the call, or its Call-ID, or a leg of b2b"})
}

// callOfLeg is what the daemon knows the call by that a leg's media are in.
func callOfLeg(l *dialog.Leg) string {
	if r, ok := l.Relay().(*legs); ok {
		return r.callID
	}
	return l.CallID()
}

var errNoEngine = errors.New("no rtpengine is up")

// ask has the call's daemon carry out a command.
func (m *module) ask(c *luabind.Call, callID string, d ng.Dict) (answer ng.Dict, err error) {
	d["call-id"] = callID
	c.Await(func(ctx context.Context) { answer, err = m.Relay.ask(ctx, callID, d) })
	return answer, err
}

func (m *module) delete(c *luabind.Call, callID string) (bool, error) {
	_, err := m.ask(c, callID, ng.Dict{"command": "delete", "delete-delay": 0})
	return err == nil, err
}

func (m *module) query(c *luabind.Call, callID string) (any, error) {
	d, err := m.ask(c, callID, ng.Dict{"command": "query"})
	if err != nil {
		return nil, err
	}
	return tableOf(d), nil
}

func (m *module) list(*luabind.Call) any {
	out := []any{}
	for _, e := range m.pool.Engines() {
		s := e.Stats()
		out = append(out, map[string]any{"uri": e.URI, "set": e.Set, "weight": float64(e.Weight), "up": e.Up(),
			"waiting": float64(s.Waiting), "commands": float64(s.Commands), "errors": float64(s.Errors)})
	}
	return out
}

// tableOf is an answer as scripts have it: names as they are, hyphens and spaces become _.
func tableOf(v any) any {
	switch v := v.(type) {
	case ng.Dict:
		out := map[string]any{}
		for k, x := range v {
			out[nameOf(k)] = tableOf(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = tableOf(x)
		}
		return out
	case int:
		return float64(v)
	}
	return v
}

func nameOf(key string) string {
	b := []byte(key)
	for i, c := range b {
		if c == '-' || c == ' ' {
			b[i] = '_'
		}
	}
	return string(b)
}
