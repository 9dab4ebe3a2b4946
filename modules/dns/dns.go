// Package dns is the module "dns": scripts look up records, through the engine's resolver and its
// cache.
//
// Go programs use [engine.Engine.Records].
package dns

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/internal/dnstext"
	"github.com/sipscript/sipscript/luabind"
	"github.com/sipscript/sipscript/modules/host"
)

// Plugin is the module "dns".
func Plugin() host.Plugin {
	return host.Plugin{Name: "dns", New: func(*host.Environment) (luabind.Opener, error) { return New(), nil }}
}

// DNS is the module.
type DNS struct{}

// New makes the module.
func New() DNS { return DNS{} }

// Doc describes the module.
func (DNS) Doc() string { return "Looks up DNS records." }

// Name is "dns".
func (DNS) Name() string { return "dns" }

// Open makes the module of one script generation.
func (DNS) Open(h *luabind.Host) (luabind.Module, error) { return module{h}, nil }

type module struct{ host *luabind.Host }

// Close has nothing to do.
func (module) Close() error { return nil }

// types are those that can be looked up.
var types = map[string]uint16{"A": dns.TypeA, "AAAA": dns.TypeAAAA, "SRV": dns.TypeSRV, "NAPTR": dns.TypeNAPTR, "TXT": dns.TypeTXT, "PTR": dns.TypePTR,
	"CNAME": dns.TypeCNAME, "MX": dns.TypeMX}

// Functions of the module.
func (m module) Functions() []luabind.Function {
	return []luabind.Function{
		luabind.Try2(luabind.Function{Name: "lookup", Waits: true,
			Doc: "The records of a name, in no order; an empty list where there are none. For PTR an address will do for the name. Answers are kept as long as they live; " +
				"nil, err where the servers can't be asked.",
			Example: "local list, err = dns.lookup(\"_sip._udp.example.com\", \"SRV\")\nfor _, srv in ipairs(list or {}) do sip.log.info(\"%s:%d\", srv.target, srv.port) end"},
			luabind.TextArg("name", ""), luabind.OneOfArg("type", "", "A", "AAAA", "SRV", "NAPTR", "TXT", "PTR", "CNAME", "MX"),
			luabind.ReturnsValue(luabind.List, "strings for A, AAAA, TXT, PTR and CNAME; tables {priority, weight, port, target} for SRV, "+
				"{order, preference, flags, service, regexp, replacement} for NAPTR, {preference, target} for MX"), m.lookup),
	}
}

var errNoEngine = errors.New("there is no engine to ask with")

func (m module) lookup(c *luabind.Call, name, kind string) (any, error) {
	e := m.host.Engine()
	if e == nil {
		return nil, errNoEngine
	}
	if a, err := netip.ParseAddr(name); err == nil && kind == "PTR" {
		name, _ = dns.ReverseAddr(a.Unmap().WithZone("").String())
	}
	var list []dns.RR
	var err error
	c.Await(func(ctx context.Context) { list, err = e.Records(ctx, name, types[kind]) })
	if errors.Is(err, resolver.ErrNotFound) {
		return []any{}, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, len(list))
	for _, rr := range list {
		if v := value(rr); v != nil {
			out = append(out, v)
		}
	}
	return out, nil
}

// value is a record as scripts have it.
func value(rr dns.RR) any {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.String()
	case *dns.AAAA:
		return rr.AAAA.String()
	case *dns.TXT:
		return dnstext.Raw(strings.Join(rr.Txt, ""))
	case *dns.PTR:
		return bare(rr.Ptr)
	case *dns.CNAME:
		return bare(rr.Target)
	case *dns.MX:
		return map[string]any{"preference": float64(rr.Preference), "target": bare(rr.Mx)}
	case *dns.SRV:
		return map[string]any{"priority": float64(rr.Priority), "weight": float64(rr.Weight), "port": float64(rr.Port), "target": bare(rr.Target)}
	case *dns.NAPTR:
		return map[string]any{"order": float64(rr.Order), "preference": float64(rr.Preference), "flags": rr.Flags, "service": rr.Service,
			"regexp": dnstext.Raw(rr.Regexp), "replacement": bare(rr.Replacement)}
	}
	return nil
}

// bare is a name without the dot at its end; "." stays.
func bare(name string) string {
	if name == "." {
		return name
	}
	return strings.TrimSuffix(name, ".")
}
