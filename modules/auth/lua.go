package auth

// This file is the module "auth" of scripts: its functions. It only translates; README.md describes what scripts see.

import (
	"context"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// Name is "auth".
func (a *Auth) Name() string { return "auth" }

// Open makes the module of one script generation: memory and bans are the Auth's, the policy its own.
func (a *Auth) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{auth: a, host: h, configured: map[any]bool{}, functions: map[any]*luabind.Func{}, withUsers: map[any]bool{}}
	m.hears.hear = func(e Event) { m.tell(e) }
	return m, nil
}

// module is auth within one script generation. All but hears is written while the script's file runs, on one goroutine,
// and only read once calls are served.
type module struct {
	auth  *Auth
	host  *luabind.Host
	hears listener

	configured map[any]bool // VMs whose file called configure
	first      settings     // what the first of them said

	withUsers map[any]bool          // VMs whose file said where users are
	where     string                // what the first of them said: "a table", "a function", or a store's name
	functions map[any]*luabind.Func // each VM's own, where it is a function
	release   func() error          // of the store
}

// Activate makes this generation's handlers hear of events, and warns of users whose phones will be refused.
func (m *module) Activate() error {
	m.auth.script.Store(&m.hears)
	m.auth.serving.Store(m.auth)
	if k := m.auth.kept.Load(); k != nil {
		k.keepBorder()
	}
	t, _ := m.auth.policy.Users.(Table)
	for _, a := range m.auth.policy.Algorithms {
		if users := t.without(a); users != nil {
			m.host.Log().Warn("auth: users have no hash for an offered algorithm, and are refused if their phone chooses it: add one, or offer only what all users have (algorithms)",
				"algorithm", a, "users", strings.Join(users[:min(len(users), 10)], ", "), "count", len(users))
		}
	}
	return nil
}

func (m *module) Close() error {
	m.auth.script.CompareAndSwap(&m.hears, nil)
	m.auth.serving.CompareAndSwap(m.auth, nil)
	if m.release != nil {
		return m.release()
	}
	return nil
}

// wanted are the options of require and check.
type wanted struct {
	Realm    string              `lua:"realm" doc:"instead of the configured one"`
	Identity luabind.FuncOrValue `lua:"identity" doc:"false: any identity may be claimed; function(user, uri): whether this one may"`
	Code     int                 `lua:"code" doc:"401 or 407; default 401 for REGISTER, else 407"`
}

// asked are the options of challenge.
type asked struct {
	Realm string `lua:"realm" doc:"instead of the configured one"`
	Stale bool   `lua:"stale" doc:"only the nonce was bad: the client need not ask its user"`
	Code  int    `lua:"code" doc:"401 or 407; default 401 for REGISTER, else 407"`
}

func (m *module) Functions() []luabind.Function {
	req := luabind.Param{Name: "req", Type: luabind.RequestType}
	options := luabind.Param{Name: "options", Type: luabind.Table, Optional: true, Options: wanted{}}
	return []luabind.Function{
		{
			Name: "configure", Where: luabind.AtLoad, Call: m.configure,
			Doc:    "Sets options, once, while the file loads. Raises when they contradict each other, or the users can't be opened.",
			Params: []luabind.Param{{Name: "options", Type: luabind.Table, Options: settings{}}},
		},
		{
			Name: "users", Where: luabind.AtLoad, Call: m.users,
			Doc: "Says, once, where users are found: a table of passwords, function(user, realm), \"file:PATH\", \"sqlite:PATH\" or \"postgres:URL\".",
			Params: []luabind.Param{{Name: "users", Type: luabind.Any,
				Doc: "values of a table, and results of a function, are a password, {ha1=, algorithm=}, or a list of such"}},
		},
		{
			Name: "require", Waits: true, Where: luabind.InHandler, Call: m.require,
			Doc: "The user who sent the request, if his credentials are right and the identity claimed is his; else false, and the request has been answered " +
				"400, 401, 403, 407 or 503: that was its decision. An ACK or CANCEL is not answered: false.",
			Params:  []luabind.Param{req, options},
			Results: []luabind.Result{{Type: luabind.String, Doc: "the user; false otherwise"}},
		},
		{
			Name: "check", Waits: true, Where: luabind.InHandler, Call: m.check,
			Doc: "The same as require, but answers nothing: nil and the reason, which is missing, malformed, unsupported, stale, replay, failed, banned, " +
				"identity or unavailable.",
			Params:  []luabind.Param{req, options},
			Results: []luabind.Result{{Type: luabind.String, OrNil: true}},
		},
		{
			Name: "trusted", Where: luabind.InHandler, Call: m.trusted,
			Doc:     "The entry of option trusted that covers who sent the request, by address or by client certificate; else false.",
			Params:  []luabind.Param{req},
			Results: []luabind.Result{{Type: luabind.String, Doc: "the entry as it was written; false otherwise"}},
		},
		{
			Name: "challenge", Where: luabind.InHandler, Call: m.challenge,
			Doc:     "Answers 401 or 407. False when the request is over, or an ACK or CANCEL.",
			Params:  []luabind.Param{req, {Name: "options", Type: luabind.Table, Optional: true, Options: asked{}}},
			Results: []luabind.Result{{Type: luabind.Boolean}},
		},
		{
			Name: "forget", Where: luabind.InHandler, Call: m.forget,
			Doc:    "Drops what is cached of a user.",
			Params: []luabind.Param{{Name: "user", Type: luabind.String}},
		},
	}
}

func (m *module) require(c *luabind.Call) int {
	req := c.Request(1)
	w := m.want(c)
	user, ok, err := m.auth.require(req, &w, m.waits(c))
	raise(c, err)
	if !ok {
		return c.PushBool(false)
	}
	return c.PushString(user)
}

func (m *module) check(c *luabind.Call) int {
	req := c.Request(1)
	w := m.want(c)
	v, err := m.auth.check(req, &w, m.waits(c))
	raise(c, err)
	if v.Reason != "" {
		c.PushNil()
		return 1 + c.PushString(string(v.Reason))
	}
	return c.PushString(v.User)
}

func (m *module) challenge(c *luabind.Call) int {
	req := c.Request(1)
	var o asked
	c.Decode(2, &o)
	sent, err := m.auth.Challenge(req, Want{Realm: o.Realm, Code: o.Code}, o.Stale)
	raise(c, err)
	return c.PushBool(sent)
}

func (m *module) trusted(c *luabind.Call) int {
	if entry := m.auth.Trusted(c.Request(1)); entry != "" {
		return c.PushString(entry)
	}
	return c.PushBool(false)
}

func (m *module) forget(c *luabind.Call) int {
	m.auth.Forget(c.String(1))
	return 0
}

func raise(c *luabind.Call, err error) {
	if err != nil {
		c.Misuse(err)
		c.Raise("%v", err)
	}
}

// want reads the options of require and check.
func (m *module) want(c *luabind.Call) Want {
	if c.IsNil(2) {
		return Want{}
	}
	var o wanted
	c.Decode(2, &o)
	w := Want{Realm: o.Realm, Code: o.Code}
	if f := o.Identity.Func; f != nil {
		w.Identity = func(user string, uri *message.URI) (bool, error) {
			out, err := f.Call(user, luabind.URIText(uri.AppendTo(nil)))
			if err != nil {
				return false, fmt.Errorf("identity: %w", err)
			}
			return len(out) > 0 && out[0] != nil && out[0] != false, nil
		}
		return w
	}
	switch o.Identity.Value {
	case nil, true:
	case false:
		w.AnyIdentity = true
	default:
		c.Raise("option identity must be false or function(user, uri)")
	}
	return w
}

// waits waits with the lane lent, and looks users up by the script's function where there is one.
func (m *module) waits(c *luabind.Call) waits {
	w := waits{lend: func(f func(context.Context)) { c.Await(f) }}
	if m.where == fromFunction {
		f := m.functions[c.VM()]
		w.ask = func(q Query) (*Secret, error) { return ask(c, f, q) }
	}
	return w
}

// ask calls the script's function.
func ask(c *luabind.Call, f *luabind.Func, q Query) (*Secret, error) {
	if f == nil {
		return nil, fmt.Errorf("users: this lane's script supplied no function")
	}
	out, err := f.Call(q.User, q.Realm)
	if err != nil {
		c.Raise("users: %v", err)
	}
	if len(out) > 1 && out[0] == nil && out[1] != nil {
		return nil, fmt.Errorf("users: %v", out[1])
	}
	if len(out) == 0 || out[0] == nil || out[0] == false {
		return nil, nil
	}
	secret, err := secretOf(out[0])
	if err != nil {
		c.Raise("users: the function's result: %v", err)
	}
	return secret, nil
}
