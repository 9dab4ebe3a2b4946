package presence

// This file is the module "presence" of scripts. It only translates; README.md describes what
// scripts see.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
)

// Doc describes the module.
func (*Presence) Doc() string {
	return "Who is there, who is in a call, and for whom messages wait: PUBLISH, SUBSCRIBE and NOTIFY."
}

// Name is "presence".
func (*Presence) Name() string { return "presence" }

// Open creates the module of one script generation: the state is the Presence's, the policy is its
// own.
func (p *Presence) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{p: p, host: h, hears: events.Listener(h), policy: DefaultPolicy()}, nil
}

// module is presence within one script generation. What is not said otherwise is written while the
// file loads.
type module struct {
	p      *Presence
	host   *luabind.Host
	hears  luabind.Listener[Event]
	agreed luabind.Agreed[Policy]
	policy Policy
	vets   source.Said          // authorize
	rules  *source.List[rules]  // where authorize is not a function; nil for none
	said   source.Said          // lists
	lists  *source.List[*lists] // nil for none
	serves atomic.Bool          // between Activate and Close
}

// Activate puts the policy into force.
func (m *module) Activate() error {
	m.p.setPolicy(m.policy)
	m.p.vets.Store(nil)
	if f := m.authorize(nil); f != nil {
		m.p.vets.Store(&f)
	}
	is, now := (*source.List[*lists])(nil), &lists{}
	if m.lists != nil {
		is, now = m.lists, m.lists.Get()
	}
	was := m.p.listed()
	m.p.lists.Store(is)
	m.serves.Store(true)
	m.p.listsChanged(was, now)
	m.p.script.Listen(&m.hears)
	return nil
}

// Close closes the sources.
func (m *module) Close() error {
	m.serves.Store(false)
	m.p.script.Leave(&m.hears)
	var errs []error
	if m.rules != nil {
		errs = append(errs, m.rules.Close())
	}
	if m.lists != nil {
		m.p.lists.CompareAndSwap(m.lists, nil)
		errs = append(errs, m.lists.Close())
	}
	return errors.Join(errs...)
}

// settings are the options of configure.
type settings struct {
	Policy
	Authorize luabind.FuncOrValue `lua:"authorize" doc:"who may watch whom: function(watcher, user, package), which returns true, \"pending\" (nothing is told until refresh finds true), \"polite\" (the user seems not to be there) or false (403); or a source of rules {watcher=, user=, package=, allow=}. Without it everybody watches only themselves"`
	Lists     luabind.FuncOrValue `lua:"lists" doc:"lists of users that are watched by one SUBSCRIBE (RFC 4662): a source of {uri=, members=}"`
}

type replyOptions struct {
	Trusted bool                `lua:"trusted" doc:"From is right although nobody has proved it, as for a voicemail server; publish: for any user"`
	Headers []engine.HeaderEdit `lua:"headers" doc:"{Name = text | list}, added to the answer"`
}

type setOptions struct {
	Expires time.Duration `lua:"expires" min:"1" max:"31536000" default:"never" doc:"seconds until it ends by itself"`
}

type terminateOptions struct {
	Reason     string        `lua:"reason" default:"deactivated" doc:"\"deactivated\" and \"timeout\": the watcher should subscribe again; \"probation\" and \"giveup\": later; \"rejected\", \"noresource\", \"invariant\": not again"`
	RetryAfter time.Duration `lua:"retry_after" max:"31536000" default:"not said" doc:"for probation and giveup: seconds"`
}

// reasons are those of RFC 6665 §4.1.3.
var reasons = []string{"deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	req, user := luabind.RequestArg(), m.addressArg("aor")
	event := luabind.TextArg("package", `"presence", "dialog" or "message-summary"`)
	accepted := luabind.ReturnsBool("whether it was accepted").WithReason("if it was not")
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad, Doc: "Sets options, once, while the file loads.", Raises: "if options contradict each other, or a source can't be read",
			Example: "presence.configure({ authorize = function(watcher, user, package) return (package == \"presence\" or package == \"dialog\") and watcher:match(\"@(.*)\") == user:match(\"@(.*)\") or watcher == user end })"},
			luabind.RequiredOptionsArg("options", settings{Policy: DefaultPolicy()}), m.configure),
		luabind.Try2(luabind.Function{Name: "publish", Waits: true, Where: luabind.InHandler, Decides: true,
			Doc: "Processes a PUBLISH (RFC 3903) and answers it: 200, 400, 403, 404, 412, 413, 415, 420, 423, 489 or 503. It is 403 unless From, which was authenticated, is " +
				"the user of the Request-URI. It is the request's decision.",
			Example: `if req.method == "PUBLISH" then return presence.publish(req) end`},
			req, luabind.OptionsArg(replyOptions{}), accepted, m.publish),
		luabind.Try2(luabind.Function{Name: "subscribe", Waits: true, Where: luabind.InHandler, Decides: true,
			Doc: "Answers a SUBSCRIBE to the state of a local user (RFC 6665): 200, 400, 403, 404, 406, 420, 423, 481, 482, 489, 500 or 503, and sends the NOTIFYs; later SUBSCRIBEs " +
				"of the dialog never reach the script. The watcher is From, which was authenticated. It is the request's decision.",
			Example: `if req.method == "SUBSCRIBE" then return presence.subscribe(req) end`},
			req, luabind.OptionsArg(replyOptions{}), accepted, m.subscribe),
		luabind.Try4(luabind.Function{Name: "set", Waits: true, Where: luabind.InHandler,
			Doc: "Publishes for a user, in place of what was set before; nil ends it. Tables: presence {open=, note=, activity=, contact=}; message-summary " +
				"{messages_waiting=, voice={new=, old=, urgent_new=, urgent_old=}, fax=, video=, text=, account=}; dialog {state=, direction=, remote=, display=, call_id=, local_tag=, remote_tag=, id=}. " +
				"A string is a whole document.",
			Example: `presence.set("sip:bob@example.com", "message-summary", { voice = { new = 2, old = 5 } })`},
			user, event, luabind.ValueArg("state", "a table, the text of a document, or nil"), luabind.OptionsArg(setOptions{}), luabind.ReturnsBool("true"), m.set),
		luabind.Try2(luabind.Function{Name: "get", Waits: true, Where: luabind.InHandler, Doc: "The document of a user's state.",
			Example: `local xml = presence.get("sip:bob@example.com", "presence")`},
			user, event, luabind.OrNil(luabind.ReturnsText("nil if nobody has said anything")), m.get),
		luabind.Func2(luabind.Function{Name: "watchers", Where: luabind.InHandler, Doc: "The subscriptions to a user's state, of one event package or of all.",
			Example: `for _, w in ipairs(presence.watchers("sip:bob@example.com")) do sip.log.info("%s %s", w.watcher, w.state) end`},
			user, luabind.TextArg("package", "").Optional(), luabind.ReturnsList[*Watcher](watcherType, ""),
			func(_ *luabind.Call, aor, event string) []*Watcher { return m.p.Watchers(aor, event) }),
		luabind.Try1(luabind.Function{Name: "refresh", Waits: true, Where: luabind.InHandler,
			Doc:     "Asks authorize again about all who watch a user, and tells those for whom the answer is another one: after a user has said yes or no.",
			Example: `presence.refresh("sip:bob@example.com")`},
			user, luabind.ReturnsInt("for how many it is another one"), func(c *luabind.Call, aor string) (int, error) { return m.p.Refresh(aor, m.authorize(c)) }),
		luabind.Func2(luabind.Function{Name: "terminate", Where: luabind.InHandler, Doc: "Ends a subscription with a last NOTIFY (RFC 6665 §4.1.3).", Raises: "for a reason that there is not",
			Example: "for _, w in ipairs(presence.watchers(\"sip:bob@example.com\")) do presence.terminate(w.id, { reason = \"rejected\" }) end"},
			luabind.TextArg("id", "of a watcher"), luabind.OptionsArg(terminateOptions{Reason: "deactivated"}), luabind.ReturnsBool("whether it was there"), m.terminate),
	}
}

// addressArg is an address in its canonical form.
func (m *module) addressArg(name string) luabind.Arg[string] {
	return luabind.ArgOf(func(c *luabind.Call, n int) string { return canonical(c.URI(n), m.host.Engine()) },
		luabind.Param{Name: name, Type: luabind.URIType, Doc: "any spelling of the user's address"})
}

func canonical(uri *message.URI, e *engine.Engine) string {
	if e == nil {
		return string(uri.AppendAOR(nil))
	}
	return string(e.AppendAddress(nil, uri))
}

func (m *module) configure(c *luabind.Call, s settings) {
	first, err := m.agreed.Say(c.VM(), s.Policy)
	if err == nil {
		err = s.Policy.Check()
	}
	switch {
	case errors.Is(err, luabind.ErrDiffers):
		c.Raise("what it is given %v", err)
	case err != nil:
		c.Raise("%v", err)
	}
	if first {
		m.policy = s.Policy
	}
	if s.Authorize.Given() {
		m.setAuthorize(c, s.Authorize)
	}
	if s.Lists.Given() {
		m.setLists(c, s.Lists)
	}
}

// setAuthorize takes what one VM's file says of who may watch.
func (m *module) setAuthorize(c *luabind.Call, option luabind.FuncOrValue) {
	spec, first, err := m.vets.Say(c, option, m.p.o.Clients.IsDatabase)
	if err == nil && first && !m.vets.IsFunction() {
		m.rules, err = source.Open(m.vets.Context(c), spec, source.Options[Rule, rules]{Name: "presence.authorize", Build: newRules, Default: Rule{Allow: "true"},
			Clients: m.p.o.Clients, Keep: m.p.o.Keep, Log: m.host.Log(), Query: rulesQuery})
	}
	if err != nil {
		c.Raise("authorize: %v", err)
	}
}

// setLists takes what one VM's file says of lists.
func (m *module) setLists(c *luabind.Call, option luabind.FuncOrValue) {
	spec, first, err := m.said.Say(c, option, m.p.o.Clients.IsDatabase)
	if err == nil && first {
		m.lists, err = source.Open(m.said.Context(c), spec, source.Options[List, *lists]{Name: "presence.lists", Build: newLists, Changed: m.listsChanged,
			Clients: m.p.o.Clients, Keep: m.p.o.Keep, Log: m.host.Log(), Query: listsQuery})
	}
	if err != nil {
		c.Raise("lists: %v", err)
	}
}

// listsChanged tells watchers that the source has other lists now, once this generation serves.
func (m *module) listsChanged(was, is *lists) {
	if m.serves.Load() {
		m.p.listsChanged(was, is)
	}
}

// authorize is the check of this generation, for a call; without one nil if it takes one.
func (m *module) authorize(c *luabind.Call) Authorize {
	switch {
	case m.vets.IsFunction() && c == nil:
		return nil
	case m.vets.IsFunction():
		f := m.vets.Func(c)
		return func(watcher, user, event string) (Mode, error) { return ask(f, watcher, user, event) }
	case m.rules != nil:
		return func(watcher, user, event string) (Mode, error) { return m.rules.Get().mode(watcher, user, event), nil }
	}
	return own
}

// ask calls the script's function.
func ask(f *luabind.Func, watcher, user, event string) (Mode, error) {
	if f == nil {
		return Denied, errors.New("authorize is not there in this VM")
	}
	out, err := f.Call(watcher, user, event)
	if err != nil {
		return Denied, err
	}
	if len(out) == 0 || out[0] == nil {
		return Denied, nil
	}
	mode, ok := modes[fmt.Sprint(out[0])]
	if !ok {
		return Denied, fmt.Errorf("authorize returned %v: expected true, \"pending\", \"polite\" or false", out[0])
	}
	return mode, nil
}

// modes are the words of scripts and rules.
var modes = map[string]Mode{"true": Allowed, "false": Denied, "pending": Pending, "polite": Polite}

func (m *module) publish(c *luabind.Call, req *engine.Request, o replyOptions) (bool, error) {
	g, err := m.p.takePublish(req, o.Trusted)
	if err != nil {
		return false, err
	}
	c.AwaitIf(m.p.durable(), g.do)
	return g.answer(o.Headers)
}

func (m *module) subscribe(c *luabind.Call, req *engine.Request, o replyOptions) (bool, error) {
	return m.p.Subscribe(req, o.Trusted, m.authorize(c), o.Headers)
}

func (m *module) set(c *luabind.Call, aor, event string, state any, o setOptions) (ok bool, err error) {
	now := c.Now()
	c.AwaitIf(m.p.durable(), func(ctx context.Context) { err = m.p.Set(ctx, aor, event, state, o.Expires, now) })
	return err == nil, err
}

func (m *module) get(c *luabind.Call, aor, event string) (text string, err error) {
	now := c.Now()
	c.AwaitIf(m.p.waits(), func(ctx context.Context) {
		body, ok, failed := m.p.Get(ctx, aor, event, now)
		if err = failed; ok {
			text = string(body)
		}
	})
	return text, err
}

func (m *module) terminate(c *luabind.Call, id string, o terminateOptions) bool {
	if !slices.Contains(reasons, o.Reason) {
		c.Raise("reason: there is no %q; there are %s", o.Reason, strings.Join(reasons, ", "))
	}
	return m.p.Terminate(id, o.Reason, o.RetryAfter)
}
