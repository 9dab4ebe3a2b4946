package uac

// This file is the module "uac" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/luabind"
)

// Doc describes the module.
func (u *UAC) Doc() string {
	return "A client of other servers: registrations with trunks, and masks of From and To."
}

// Name is "uac".
func (u *UAC) Name() string { return "uac" }

// Open makes the module of one script generation: it gathers the accounts that the file names.
func (u *UAC) Open(h *luabind.Host) (luabind.Module, error) {
	return &module{uac: u, host: h, hears: events.Listener(h)}, nil
}

// module is the UAC within one script generation. accounts and policy are written before any call
// is served.
type module struct {
	uac      *UAC
	host     *luabind.Host
	hears    luabind.Listener[Event]
	accounts luabind.AgreedByName[Account]
	policy   Policy
}

// Activate puts the file's accounts into force.
func (m *module) Activate() error {
	m.uac.script.Listen(&m.hears)
	e := m.host.Engine()
	if e == nil {
		return nil
	}
	return m.uac.Keep(e, m.accounts.Values(), m.policy)
}

// Close leaves the registrations alone: they are the next generation's, and when the process stops
// UAC.Stop takes them back.
func (m *module) Close() error {
	m.uac.script.Leave(&m.hears)
	return nil
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Configure(luabind.Function{Example: `uac.configure({ retry = 60 })`}, DefaultPolicy(), func(p Policy) error { m.policy = p; return p.Check() }),
		luabind.Act1(luabind.Function{Name: "register", Where: luabind.AtLoad,
			Doc:     "Keeps an address registered elsewhere, as long as the script names it. Reloads do not disturb unchanged registrations.",
			Raises:  "for two accounts of one name, and one that differs from lane to lane",
			Example: `uac.register({ registrar = "sip:provider.example", user = "4930123", password = "secret" })`},
			luabind.RequiredOptionsArg("account", Account{}), m.register),
		luabind.Func0(luabind.Function{Name: "registrations", Where: luabind.InHandler, Doc: "The state of the registrations, by name.",
			Example: `for _, r in ipairs(uac.registrations()) do sip.log.info("%s: %s", r.name, r.state) end`},
			luabind.ReturnsList[*Status](statusType, ""), func(*luabind.Call) []*Status { return m.uac.List() }),
		luabind.Try2(luabind.Function{Name: "target", Where: luabind.InHandler,
			Doc: "A target by way of an account: along the Service-Route supplied by its registrar (RFC 3608), by its proxy and from its socket, with its " +
				"credentials. nil and the reason if it is not registered.",
			Example: `req:relay(uac.target("4930123"))`},
			luabind.TextArg("name", "of the account"), luabind.URITextArg("uri", "").Default("", "the unchanged Request-URI"),
			luabind.ReturnsTarget("for relay and fork"), func(c *luabind.Call, name, uri string) (*engine.Target, error) {
				return m.uac.Target(name, uri, c.Now())
			}),
		luabind.Act2(luabind.Function{Name: "mask", Where: luabind.InHandler,
			Doc:     "Shows the far side another From or To, to the end of the dialog. Needs record_route before it if a dialog can start.",
			Raises:  "without record_route, and if no new name is given",
			Example: "req:record_route()\nuac.mask(req, { from = \"sip:4930123@provider.example\", display = \"\" })"},
			luabind.RequestOrBranchArg[masked](), luabind.RequiredOptionsArg("options", maskOptions{}), func(c *luabind.Call, what masked, o maskOptions) error {
				c.RaiseIf(o.apply(what))
				return nil
			}),
	}
}

func (m *module) register(c *luabind.Call, a Account) error {
	a, err := a.complete()
	if err != nil {
		return err
	}
	switch _, err := m.accounts.Say(c.VM(), a.Name, a); {
	case errors.Is(err, luabind.ErrSaid):
		return fmt.Errorf("there is an account %q already; give one of them another name", a.Name)
	case err != nil:
		return fmt.Errorf("the account %q %w", a.Name, err)
	}
	return nil
}
