package enum

// The module "enum" of scripts.

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "enum".
func Plugin() host.Plugin {
	return host.Plugin{Name: "enum", New: func(*host.Environment) (luabind.Opener, error) { return NewModule(), nil }}
}

// Module is the module of scripts. It has no state: the engine's resolver keeps answers.
type Module struct{}

// NewModule makes the module.
func NewModule() Module { return Module{} }

// Doc describes the module.
func (Module) Doc() string { return "Finds the URIs of telephone numbers in the DNS." }

// Name is "enum".
func (Module) Name() string { return "enum" }

// Open makes the module of one script generation.
func (Module) Open(h *luabind.Host) (luabind.Module, error) { return module{h}, nil }

type module struct{ host *luabind.Host }

// Close has nothing to do.
func (module) Close() error { return nil }

// Functions of the module.
func (m module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "lookup", Waits: true,
			Doc:     "The URIs of a number with its country code, the most preferred first. nil, err if it has none, and if the DNS can't be asked.",
			Raises:  "for a suffix that is not a domain",
			Example: "local uris, err = enum.lookup(\"+4930123456\")\nif uris then sip.log.info(\"reached without a carrier: %s\", uris[1]) end"},
			luabind.TextArg("number", "with or without + in front; blanks and - . ( ) are left out"), luabind.OptionsArg(Options{}),
			luabind.ReturnsStrings("a list of URIs, as text"), m.lookup),
	}
}

var errNoEngine = errors.New("there is no engine to ask with")

func (m module) lookup(c *luabind.Call, number string, o Options) (uris []string, err error) {
	if _, ok := dns.IsDomainName(o.Suffix); o.Suffix != "" && (!ok || len(o.Suffix) > 200) {
		c.Raise("option suffix must be a domain, not %.40q", o.Suffix)
	}
	e := m.host.Engine()
	if e == nil {
		return nil, errNoEngine
	}
	c.Await(func(ctx context.Context) { uris, err = Lookup(ctx, e.Records, number, o) })
	if errors.Is(err, resolver.ErrNotFound) {
		err = fmt.Errorf("%w: the name does not exist, or has no NAPTR", ErrNone)
	}
	return uris, err
}
