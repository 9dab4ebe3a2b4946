package enum

// The module "enum" of scripts.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "enum".
func Plugin() host.Plugin {
	return host.Plugin{Name: "enum", Commands: []host.Command{command()}, New: func(*host.Environment) (luabind.Opener, error) { return NewModule(), nil }}
}

// Module is the module of scripts. It keeps no answers: the engine's resolver does.
type Module struct {
	engine  atomic.Pointer[engine.Engine] // nil: there is none
	figures figures
}

// NewModule makes the module.
func NewModule() *Module { return &Module{} }

// Doc describes the module.
func (*Module) Doc() string { return "Finds the URIs of telephone numbers in the DNS." }

// Name is "enum".
func (*Module) Name() string { return "enum" }

// Open makes the module of one script generation.
func (m *Module) Open(h *luabind.Host) (luabind.Module, error) { return module{m, h}, nil }

type module struct {
	of   *Module
	host *luabind.Host
}

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
	if err := o.check(); err != nil {
		c.Raise("option %v", err)
	}
	e := m.host.Engine()
	if e == nil {
		return nil, errNoEngine
	}
	c.Await(func(ctx context.Context) { uris, err = m.of.lookup(ctx, e, number, o) })
	return uris, err
}

// check returns what is wrong with options.
func (o *Options) check() error {
	if _, ok := dns.IsDomainName(o.Suffix); o.Suffix != "" && (!ok || len(o.Suffix) > 200) {
		return fmt.Errorf("suffix must be a domain, not %.40q", o.Suffix)
	}
	return nil
}

// lookup is Lookup by an engine, counted.
func (m *Module) lookup(ctx context.Context, e *engine.Engine, number string, o Options) ([]string, error) {
	uris, err := Lookup(ctx, e.Records, number, o)
	if m.figures.count(err); errors.Is(err, resolver.ErrNotFound) {
		err = fmt.Errorf("%w: the name does not exist, or has no NAPTR", ErrNone)
	}
	return uris, err
}
