package geo

// This file is the module "geo" of scripts. It only translates; README.md describes what scripts
// see.

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
	"github.com/sipscript/sipscript/modules/trust"
)

// Plugin is the module "geo".
func Plugin() host.Plugin {
	return host.Plugin{Name: "geo", New: func(env *host.Environment) (luabind.Opener, error) {
		g := New(env.Log)
		host.Offer[trust.Places](env, g)
		return g, nil
	}}
}

// Geo is the module.
type Geo struct {
	log             *slog.Logger
	serving         atomic.Pointer[Databases] // nil: none
	lookups, misses atomic.Uint64
}

// New makes the module. Log may be nil.
func New(log *slog.Logger) *Geo { return &Geo{log: log} }

// Doc describes the module.
func (*Geo) Doc() string { return "Where addresses are: country, city, autonomous system." }

// Name is "geo".
func (*Geo) Name() string { return "geo" }

// Open makes the module of one script generation.
func (g *Geo) Open(h *luabind.Host) (luabind.Module, error) { return &module{g: g, host: h}, nil }

// Place implements trust.Places with the databases in force.
func (g *Geo) Place(a netip.Addr) (country string, asn uint32) {
	d := g.serving.Load()
	if d == nil {
		return "", 0
	}
	p, _, _ := d.Lookup(a)
	return p.Country, p.ASN
}

// Metrics of the module.
func (g *Geo) Metrics() []luabind.Metric {
	return []luabind.Metric{
		{Name: "geo_lookups_total", Help: "Calls of geo.lookup.", Kind: luabind.Counter, Value: func() float64 { return float64(g.lookups.Load()) }},
		{Name: "geo_misses_total", Help: "Addresses that no database has.", Kind: luabind.Counter, Value: func() float64 { return float64(g.misses.Load()) }},
	}
}

// module is geo within one script generation. It is written while the file loads.
type module struct {
	g    *Geo
	host *luabind.Host
	db   *Databases // nil: nothing was configured
}

// Activate lets lists of acl use the databases.
func (m *module) Activate() error {
	m.g.serving.Store(m.db)
	return nil
}

// Close stops looking for changes.
func (m *module) Close() error {
	m.db.Close()
	return nil
}

// options are those of configure.
type options struct {
	Database []string `lua:"database,required" doc:"the file, or a list of files: the first that has something says it"`
}

// Functions of the module.
func (m *module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Configure(luabind.Function{Doc: "Opens the databases. Files that change are read again.", Raises: "if one can't be read",
			Example: `-- geo.configure({ database = { "GeoLite2-City.mmdb", "GeoLite2-ASN.mmdb" } })`}, options{}, m.configure),
		luabind.Try1(luabind.Function{Name: "lookup", Doc: "Where an address is. nil if no database has it; nil, err for a text that is not an address, and without databases.",
			Example: "local place = geo.lookup(\"203.0.113.9\")\nif place and place.country == \"DE\" then sip.log.info(\"from Germany\") end"},
			luabind.TextArg("ip", "an address"), luabind.ReturnsValue(luabind.Table, "{country, city, asn, org}, each nil if it is not known"), m.lookup),
	}
}

func (m *module) configure(o options) (err error) {
	if len(o.Database) == 0 {
		return fmt.Errorf("database names no file")
	}
	m.db, err = Open(m.host.Log(), o.Database...)
	return err
}

func (m *module) lookup(_ *luabind.Call, ip string) (any, error) {
	if m.db == nil {
		return nil, fmt.Errorf("geo.configure has named no database")
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, fmt.Errorf("%.60q is not an address", ip)
	}
	m.g.lookups.Add(1)
	p, found, err := m.db.Lookup(a)
	if err != nil || !found {
		m.g.misses.Add(1)
		return nil, err
	}
	t := map[string]any{}
	for name, text := range map[string]string{"country": p.Country, "city": p.City, "org": p.Org} {
		if text != "" {
			t[name] = text
		}
	}
	if p.ASN != 0 {
		t["asn"] = float64(p.ASN)
	}
	return t, nil
}
