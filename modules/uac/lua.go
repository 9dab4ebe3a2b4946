package uac

// This file is the module "uac" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"fmt"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/luabind"
)

// Doc says what the module is for.
func (u *UAC) Doc() string {
	return "A client of other servers: registrations at trunks, and masks of From and To."
}

// Name is "uac".
func (u *UAC) Name() string { return "uac" }

// Open makes the module of one script generation: it gathers the accounts that the file names.
func (u *UAC) Open(h *luabind.Host) (luabind.Module, error) {
	m := &module{uac: u, host: h, accounts: map[string]Account{}, seen: map[seen]bool{}}
	m.hears.hear = m.tell
	return m, nil
}

// module is the UAC within one script generation. accounts and retry are written before any call is
// served.
type module struct {
	uac      *UAC
	host     *luabind.Host
	hears    listener
	accounts map[string]Account
	seen     map[seen]bool
	retry    Retry
}

// seen is an account that the file named in one VM.
type seen struct {
	vm   any
	name string
}

// Activate puts the file's accounts into force.
func (m *module) Activate() error {
	m.uac.script.Store(&m.hears)
	e := m.host.Engine()
	if e == nil {
		return nil
	}
	list := make([]Account, 0, len(m.accounts))
	for _, a := range m.accounts {
		list = append(list, a)
	}
	return m.uac.Keep(e, list, m.retry)
}

// Close leaves the registrations alone: they are the next generation's, and when the process stops
// UAC.Stop takes them back.
func (m *module) Close() error {
	m.uac.script.CompareAndSwap(&m.hears, nil)
	return nil
}

// settings are the options of configure.
type settings struct {
	Retry    time.Duration `lua:"retry,reloadable" min:"1" max:"86400" default:"30" doc:"seconds to wait after a first failure"`
	MaxRetry time.Duration `lua:"max_retry,reloadable" min:"1" max:"86400" default:"1800" doc:"seconds between attempts, at most"`
}

func (m *module) configure(s settings) error {
	r, err := Retry{First: s.Retry, Most: s.MaxRetry}.complete()
	m.retry = r
	return err
}

// account are the options of register.
type account struct {
	Name      string        `lua:"name" default:"the aor" doc:"what registrations and events call it"`
	Registrar string        `lua:"registrar,required" doc:"a URI: where REGISTER is sent, \"sip:trunk.example\", with ;transport=tcp and the like"`
	User      string        `lua:"user,required" doc:"the credentials"`
	Password  string        `lua:"password,required" doc:"the credentials"`
	AOR       string        `lua:"aor" default:"the user at the registrar's host" doc:"what is registered"`
	Contact   string        `lua:"contact" default:"the aor's user at the listener that sends" doc:"where calls should arrive"`
	Proxy     string        `lua:"proxy" doc:"a URI to send to instead of the registrar"`
	Socket    string        `lua:"socket" default:"the first listener that fits" doc:"the listener to send from, as named by --listen"`
	Expires   time.Duration `lua:"expires" min:"1" max:"604800" default:"3600" doc:"seconds to request, up to a week"`
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
		luabind.Configure(luabind.Function{Example: `uac.configure({ retry = 60 })`}, settings{}, m.configure),
		luabind.Act1(luabind.Function{Name: "register", Where: luabind.AtLoad,
			Doc:     "Keeps an address registered elsewhere, as long as the script says so. Reloads don't disturb what did not change.",
			Raises:  "for two accounts of one name, and one that differs from lane to lane",
			Example: `uac.register({ registrar = "sip:provider.example", user = "4930123", password = "secret" })`},
			luabind.RequiredOptionsArg("account", account{}), m.register),
		luabind.Func0(luabind.Function{Name: "registrations", Where: luabind.InHandler, Doc: "How the registrations stand, by name.",
			Example: `for _, r in ipairs(uac.registrations()) do sip.log.info("%s: %s", r.name, r.state) end`},
			luabind.ReturnsList[*Status](statusType, ""), func(*luabind.Call) []*Status { return m.uac.List() }),
		luabind.Try2(luabind.Function{Name: "target", Where: luabind.InHandler,
			Doc: "A target by way of an account: along the Service-Route that its registrar gave (RFC 3608), by its proxy and from its socket, with its " +
				"credentials. nil and why, where it is not registered.",
			Example: `req:relay(uac.target("4930123"))`},
			luabind.TextArg("name", "of the account"), luabind.URITextArg("uri", "").Default("", "the Request-URI as it is"),
			luabind.ReturnsValue(luabind.TargetType, "for relay and fork"), m.target),
		luabind.Act2(luabind.Function{Name: "mask", Where: luabind.InHandler,
			Doc:     "Shows the far side another From, or To, to the end of the dialog. Needs record_route before it where a dialog can start.",
			Raises:  "without record_route, and where nothing is said to be shown",
			Example: "req:record_route()\nuac.mask(req, { from = \"sip:4930123@provider.example\", display = \"\" })"},
			maskedArg, luabind.RequiredOptionsArg("options", maskOptions{}), m.mask),
	}
}

func (m *module) register(c *luabind.Call, o account) error {
	a, err := Account{Name: o.Name, Registrar: o.Registrar, AOR: o.AOR, User: o.User, Password: o.Password, Contact: o.Contact, Proxy: o.Proxy,
		Socket: o.Socket, Expires: o.Expires}.complete()
	if err != nil {
		return err
	}
	key := seen{c.VM(), a.Name}
	if m.seen[key] {
		return fmt.Errorf("there is an account %q already; give one of them another name", a.Name)
	}
	m.seen[key] = true
	if known, ok := m.accounts[a.Name]; ok && known != a {
		return fmt.Errorf("the account %q differs from lane to lane; make it the same each time the file runs", a.Name)
	}
	m.accounts[a.Name] = a
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
