package uac

// This file is the module "uac" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"errors"
	"fmt"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
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
	m := &module{uac: u, host: h, accounts: map[string]*luabind.Agreed[Account]{}}
	m.hears.Hear = m.tell
	return m, nil
}

// module is the UAC within one script generation. accounts and policy are written before any call
// is served.
type module struct {
	uac      *UAC
	host     *luabind.Host
	hears    luabind.Listener[Event]
	accounts map[string]*luabind.Agreed[Account] // by name
	policy   Policy
}

// Activate puts the file's accounts into force.
func (m *module) Activate() error {
	m.uac.script.Listen(&m.hears)
	e := m.host.Engine()
	if e == nil {
		return nil
	}
	list := make([]Account, 0, len(m.accounts))
	for _, said := range m.accounts {
		a, _ := said.Value()
		list = append(list, a)
	}
	return m.uac.Keep(e, list, m.policy)
}

// Close leaves the registrations alone: they are the next generation's, and when the process stops
// UAC.Stop takes them back.
func (m *module) Close() error {
	m.uac.script.Leave(&m.hears)
	return nil
}

// maskOptions are the options of mask.
type maskOptions struct {
	From      *string `lua:"from" doc:"the uri in From"`
	Display   *string `lua:"display" doc:"the name in From; \"\" for none"`
	To        *string `lua:"to" doc:"the uri in To"`
	ToDisplay *string `lua:"to_display" doc:"the name in To; \"\" for none"`
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
			luabind.ReturnsValue(luabind.TargetType, "for relay and fork"), m.target),
		luabind.Act2(luabind.Function{Name: "mask", Where: luabind.InHandler,
			Doc:     "Shows the far side another From or To, to the end of the dialog. Needs record_route before it if a dialog can start.",
			Raises:  "without record_route, and if no new name is given",
			Example: "req:record_route()\nuac.mask(req, { from = \"sip:4930123@provider.example\", display = \"\" })"},
			maskedArg, luabind.RequiredOptionsArg("options", maskOptions{}), m.mask),
	}
}

func (m *module) register(c *luabind.Call, a Account) error {
	a, err := a.complete()
	if err != nil {
		return err
	}
	said := m.accounts[a.Name]
	if said == nil {
		said = &luabind.Agreed[Account]{}
		m.accounts[a.Name] = said
	}
	switch _, err := said.Say(c.VM(), a); {
	case errors.Is(err, luabind.ErrSaid):
		return fmt.Errorf("there is an account %q already; give one of them another name", a.Name)
	case err != nil:
		return fmt.Errorf("the account %q %w", a.Name, err)
	}
	return nil
}

func (m *module) target(c *luabind.Call, name, uri string) (any, error) {
	t, err := m.uac.Target(name, uri, c.Now())
	if err != nil {
		return nil, err
	}
	out := map[string]any{"credentials": map[string]any{"user": t.Credentials.User, "password": t.Credentials.Password}}
	for key, text := range map[string]string{"uri": t.URI, "next_hop": t.NextHop, "from_socket": t.FromSocket} {
		if text != "" {
			out[key] = text
		}
	}
	if len(t.Path) > 0 {
		out["path"] = t.Path
	}
	return out, nil
}

// masked is what can be masked: a request or a branch.
type masked interface {
	Message() *message.Message
	Mask(engine.Mask) error
}

var maskedArg = luabind.ArgOf(func(c *luabind.Call, n int) masked {
	if c.Kind(n) == luabind.BranchType {
		return c.Branch(n)
	}
	return c.Request(n)
}, luabind.Param{Name: "req", Type: luabind.RequestType, Or: []luabind.Type{luabind.BranchType}, Doc: "the request, or the branch of an on_branch"})

func (m *module) mask(c *luabind.Call, what masked, o maskOptions) error {
	if o == (maskOptions{}) {
		c.Raise("takes what to show: {from = ..., display = ...}, {to = ..., to_display = ...}")
	}
	if err := what.Mask(MaskOf(what.Message(), Party{o.From, o.Display}, Party{o.To, o.ToDisplay})); err != nil {
		c.Misuse(err)
		c.Raise("%v", err)
	}
	return nil
}
