package auth

// This file is the module "auth" of scripts: its functions. It only translates; README.md describes
// what scripts see.

import (
	"context"
	"errors"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/source"
)

// Doc describes the module.
func (a *Auth) Doc() string {
	return "Digest authentication, identities, and trust."
}

// Name is "auth".
func (a *Auth) Name() string { return "auth" }

// Open creates the module of one script generation: memory and bans are the Auth's, the policy is
// its own.
func (a *Auth) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{auth: a, host: h, hears: events.Listener(h)}, nil
}

// module is auth within one script generation. Everything except hears is written while the
// script's file runs, on one goroutine, and only read once calls are served.
type module struct {
	auth  *Auth
	host  *luabind.Host
	hears luabind.Listener[Event]

	said    luabind.Agreed[Policy] // by configure
	users   source.Said            // where users are
	release func() error           // of the store; nil for others
}

// Settle checks the names of lists.
func (m *module) Settle() error { return m.auth.checkLists() }

// Activate makes this generation's handlers receive events, and warns of users whose phones will be
// refused.
func (m *module) Activate() error {
	m.auth.script.Listen(&m.hears)
	m.auth.serving.Store(m.auth)
	if k := m.auth.kept.Load(); k != nil {
		k.keepBorder()
	}
	if t, ok := m.auth.policy.Users.(Table); ok {
		t.warn(m.host.Log(), m.auth.policy.Algorithms)
	}
	return nil
}

func (m *module) Close() error {
	m.auth.script.Leave(&m.hears)
	m.auth.serving.CompareAndSwap(m.auth, nil)
	if m.release != nil {
		return m.release()
	}
	return nil
}

func (m *module) Functions() []luabind.Function {
	req, want := luabind.RequestArg(), luabind.OptionsArg(wanted{})
	return []luabind.Function{
		luabind.Do1(luabind.Function{Name: "configure", Where: luabind.AtLoad,
			Doc:     "Sets options, once, while the file loads. Raises if they contradict each other, or the store of users cannot be opened.",
			Example: `auth.configure({ realm = "example.com", users = { alice = "secret" } })`},
			luabind.RequiredOptionsArg("options", settings{Policy: m.auth.given}), m.configure),
		luabind.Do1(luabind.Function{Name: "users", Where: luabind.AtLoad,
			Doc:     "Says, once, where users are found: a table of passwords, function(user, realm), \"file:PATH\", the URL of a database, or a table {url=, layout=, query=, use_domain=}.",
			Example: `auth.users({ alice = "secret", bob = { ha1 = "5ebe2294ecd0e0f08eab7690d2a6ee69" } })`},
			luabind.FuncOrValueArg("users", "values of a table, and results of a function, are a password, {ha1=, algorithm=}, or a list of such"),
			m.setUsers),
		luabind.Func2(luabind.Function{Name: "require", Waits: true, Where: luabind.InHandler, Decides: true,
			Effects: luabind.DecidesOnFalse | luabind.Vets,
			Doc: "The user who sent the request, if the credentials are right and the claimed identity is theirs; otherwise false, and the request has been answered " +
				"400, 401, 403, 407 or 503: that was its decision. An ACK or CANCEL is not answered: false.",
			Example: "if not auth.require(req) then return end"},
			req, want, luabind.OrFalse(luabind.ReturnsText("the user; false otherwise")), func(c *luabind.Call, req *engine.Request, o wanted) string {
				c.RaiseIf(o.complete())
				user, _, err := m.auth.require(req, &o.Want, m.waits(c))
				c.RaiseIf(err)
				return user
			}),
		luabind.Try2(luabind.Function{Name: "check", Waits: true, Where: luabind.InHandler, Effects: luabind.Vets,
			Doc: "The same as require, but answers nothing: nil and the reason, which is missing, malformed, unsupported, stale, replay, failed, banned, " +
				"identity or unavailable.",
			Example: "local user, why = auth.check(req)"},
			req, want, luabind.ReturnsText("the user"), func(c *luabind.Call, req *engine.Request, o wanted) (string, error) {
				c.RaiseIf(o.complete())
				v, err := m.auth.check(req, &o.Want, m.waits(c))
				c.RaiseIf(err)
				if v.Reason != "" {
					return "", errors.New(string(v.Reason))
				}
				return v.User, nil
			}),
		luabind.Func1(luabind.Function{Name: "trusted", Where: luabind.InHandler, Asks: "*", Effects: luabind.Vets,
			Doc:     "The entry of the option trusted that covers the sender of the request, by address or by client certificate; otherwise false.",
			Example: "if not auth.trusted(req) and not auth.require(req) then return end"},
			req, luabind.OrFalse(luabind.ReturnsText("the entry as it was written; false otherwise")),
			func(_ *luabind.Call, req *engine.Request) string { return m.auth.Trusted(req) }),
		luabind.Func2(luabind.Function{Name: "challenge", Where: luabind.InHandler, Decides: true, Doc: "Answers 401 or 407.",
			Example: "auth.challenge(req, { stale = true })"},
			req, luabind.OptionsArg(asked{}), luabind.ReturnsBool("false if the request is over, or an ACK or CANCEL"),
			func(c *luabind.Call, req *engine.Request, o asked) bool {
				sent, err := m.auth.Challenge(req, o.Want, o.Stale)
				c.RaiseIf(err)
				return sent
			}),
		luabind.Func3(luabind.Function{Name: "identify", Waits: true, Where: luabind.InHandler, Decides: true,
			Effects: luabind.DecidesOnFalse | luabind.Vets,
			Doc: "The check of require, for a user who is known otherwise, such as by a token: the user, if the identity that the request claims is theirs; otherwise false, " +
				"and the request has been answered 403: that was its decision. An ACK or CANCEL is not answered: false.",
			Raises: "for an empty user",
			Example: "local claims = jwt.verify(req.source.http and req.source.http.query.token or \"\", { keys = \"secret of the pages, 32 bytes\" })\n" +
				"if not claims then return req:reply(403) end\nif not auth.identify(req, claims.sub) then return end"},
			req, luabind.TextArg("user", "who it is"), luabind.OptionsArg(identified{}), luabind.OrFalse(luabind.ReturnsText("the user; false otherwise")),
			func(c *luabind.Call, req *engine.Request, user string, o identified) string {
				var w Want
				c.RaiseIf(o.into(&w))
				user, err := m.auth.identify(req, &w, user)
				c.RaiseIf(err)
				return user
			}),
		luabind.Try1(luabind.Function{Name: "exists", Waits: true, Where: luabind.InHandler,
			Doc:     "Whether an address is that of a user. nil, err: they cannot be looked up at present.",
			Example: "if auth.exists(req.ruri) == false then return req:reply(404) end"},
			luabind.URIArg("uri", "at a local domain"), luabind.ReturnsBool("whether there is such a user"),
			func(c *luabind.Call, uri *message.URI) (bool, error) {
				return m.auth.exists(m.host.Engine(), uri, m.waits(c))
			}),
		luabind.Try0(luabind.Function{Name: "reload", Waits: true, Where: luabind.InHandler,
			Doc:     "Reads a file of users again at once, and drops all that is cached of a database.",
			Example: `auth.reload()`},
			luabind.ReturnsBool("true, or nil and why the file cannot be read: the users known before remain"), func(c *luabind.Call) (ok bool, err error) {
				c.Await(func(ctx context.Context) { err = m.auth.Reload(ctx) })
				return err == nil, err
			}),
		luabind.Do1(luabind.Function{Name: "forget", Where: luabind.InHandler, Doc: "Drops what is cached about a user.", Example: `auth.forget("alice")`},
			luabind.TextArg("user", ""), func(_ *luabind.Call, user string) { m.auth.Forget(user) }),
	}
}
