package spec

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/luabind"
)

// This file is t.dns: the names of the world. Servers look them up as they do outside, with the
// engine's resolver and its cache; only the exchange with a DNS server is the spec's.

// zone are the names of a world, and their records.
type zone struct {
	mu sync.Mutex
	// By name, in lower case and without the dot at the end; guarded by mu
	names map[string]*records
}

// records are those of one name, by their type.
type records struct {
	rrs  map[uint16][]dns.RR
	code int // in the place of an answer: dns.RcodeServerFailure
}

// dnsOptions are the last argument of t.dns.
type dnsOptions struct {
	TTL int `lua:"ttl" min:"1" max:"3600" doc:"how many seconds servers keep the records; that there is none they remember for 60"`
}

func (w *world) dnsFunction() luabind.Function {
	return luabind.Do2(luabind.Function{Name: "dns",
		Doc: "Says which names there are: an address, a list of addresses, or {TYPE = record or list of records} with the types and fields of dns.lookup; false for a name that " +
			"does not exist, {error = \"SERVFAIL\"} for one whose servers fail. It replaces what a name had before. A name that nobody named fails the test.",
		Example: "t.dns({\n  [\"gw.example\"] = \"10.0.0.9\", [\"gone.example\"] = false,\n" +
			"  [\"_sip._udp.carrier.example\"] = { SRV = { { priority = 1, weight = 1, port = 5080, target = \"gw.example\" } } },\n})"},
		luabind.ValueArg("names", "{name = …}"), luabind.OptionsArg(dnsOptions{TTL: 60}), w.setDNS)
}

// setDNS is t.dns{…}.
func (w *world) setDNS(c *luabind.Call, v any, o dnsOptions) {
	named, ok := v.(map[string]any)
	if !ok {
		c.Raise("argument 1 must be a table {name = address}")
	}
	read := map[string]*records{}
	for _, name := range sortedKeys(named) {
		r, err := readRecords(ownerOf(name), named[name], uint32(o.TTL))
		if err != nil {
			c.Raise("%s: %v", name, err)
		}
		read[bare(ownerOf(name))] = r
	}
	w.zone.mu.Lock()
	defer w.zone.mu.Unlock()
	if w.zone.names == nil {
		w.zone.names = map[string]*records{}
	}
	maps.Copy(w.zone.names, read)
}

// ownerOf is the name of records as the DNS has it: that of an address is in in-addr.arpa.
func ownerOf(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		name, _ = dns.ReverseAddr(name)
	}
	return dns.Fqdn(strings.ToLower(name))
}

func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// names are the options of a server's resolver. hosts are names for it alone.
func (w *world) names(hosts map[string]string) (o resolver.Options, err error) {
	own := map[string]*records{}
	for _, name := range sortedKeys(hosts) {
		a, err := address(hosts[name])
		if err != nil {
			return o, fmt.Errorf("hosts: %s: %w", name, err)
		}
		r := &records{rrs: map[uint16][]dns.RR{}}
		owner := ownerOf(name)
		r.add(&dns.A{Hdr: header(owner, dns.TypeA, 60), A: a.Addr().AsSlice()})
		if a.Port() != 5060 { // a name has no port: its SRV records do
			for _, prefix := range []string{"_sip._udp.", "_sip._tcp.", "_sips._tcp."} {
				srv := &records{rrs: map[uint16][]dns.RR{}}
				srv.add(&dns.SRV{Hdr: header(prefix+owner, dns.TypeSRV, 60), Port: a.Port(), Target: owner})
				own[prefix+bare(owner)] = srv
			}
		}
		own[bare(owner)] = r
	}
	var drawn atomic.Uint64
	return resolver.Options{
		Servers: []string{"192.0.2.53"}, HostsFile: "-", Now: w.sim.Wall, ResolutionDelay: 5 * time.Second,
		Random: func() uint64 { return mix(w.seed + drawn.Add(1)) },
		Exchange: func(_ context.Context, _, _ string, m *dns.Msg) (*dns.Msg, error) {
			return w.answer(own, m), nil
		},
	}, nil
}

// mix is a step of SplitMix64: numbers as random as specs need them, in an order that does not
// depend on who draws.
func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// mostAliases bounds a chain of CNAMEs.
const mostAliases = 8

// answer is what a DNS server says that knows the world.
func (w *world) answer(own map[string]*records, m *dns.Msg) *dns.Msg {
	out := new(dns.Msg).SetReply(m)
	out.RecursionAvailable = true
	q := m.Question[0]
	w.zone.mu.Lock()
	name := bare(q.Name)
	for range mostAliases {
		r, known := own[name]
		if !known {
			r, known = w.zone.names[name]
		}
		if !known && w.unknown(own, name) {
			w.zone.mu.Unlock()
			w.notNamed(name, q.Qtype)
			return out.SetRcode(m, dns.RcodeNameError)
		}
		if r == nil {
			out.Rcode = dns.RcodeNameError
			break
		}
		out.Rcode = r.code
		out.Answer = append(out.Answer, r.rrs[q.Qtype]...)
		alias := r.rrs[dns.TypeCNAME]
		if len(alias) == 0 || q.Qtype == dns.TypeCNAME {
			break
		}
		out.Answer = append(out.Answer, alias[0])
		name = bare(alias[0].(*dns.CNAME).Target)
	}
	w.zone.mu.Unlock()
	if len(out.Answer) == 0 { // how long that may be remembered (RFC 2308)
		out.Ns = []dns.RR{&dns.SOA{Hdr: header(q.Name, dns.TypeSOA, 60), Ns: q.Name, Mbox: q.Name, Minttl: 60}}
	}
	return out
}

// unknown reports whether the spec says nothing of a name: not of "_sip._udp.x", and not of x
// either. It needs zone.mu.
func (w *world) unknown(own map[string]*records, name string) bool {
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	belongs := func(n string) bool { return n == name || strings.HasPrefix(n, "_") && strings.HasSuffix(n, "."+name) }
	_, ours := own[name]
	return !ours && !slices.ContainsFunc(slices.Collect(maps.Keys(w.zone.names)), belongs)
}

// notNamed fails the test.
func (w *world) notNamed(name string, qtype uint16) {
	for strings.HasPrefix(name, "_") {
		_, name, _ = strings.Cut(name, ".")
	}
	what := `"10.0.0.9"`
	switch qtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeNAPTR:
	default:
		what = "{ " + dns.TypeToString[qtype] + " = … }"
	}
	w.trouble(fmt.Errorf("the script looks up %s, which nothing answers: t.dns({ [%q] = %s }), or false for a name that does not exist", name, name, what))
}

func header(owner string, t uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
}

func (r *records) add(rr dns.RR) {
	t := rr.Header().Rrtype
	r.rrs[t] = append(r.rrs[t], rr)
}

var errRecords = errors.New(`write an address, a list of addresses, { SRV = { … } }, { error = "SERVFAIL" }, or false`)

// readRecords reads what a spec says of a name. nil: it does not exist.
func readRecords(owner string, v any, ttl uint32) (*records, error) {
	r := &records{rrs: map[uint16][]dns.RR{}}
	switch v := v.(type) {
	case bool:
		if v {
			return nil, errRecords
		}
		return nil, nil
	case string, []any:
		return r, r.addresses(owner, v, ttl)
	case map[string]any:
		for _, kind := range sortedKeys(v) {
			if kind == "error" {
				code, ok := dns.StringToRcode[fmt.Sprint(v[kind])]
				if !ok || code == dns.RcodeSuccess {
					return nil, fmt.Errorf("error: %q is not a code: write \"SERVFAIL\" or \"REFUSED\"", fmt.Sprint(v[kind]))
				}
				r.code = code
				continue
			}
			if err := r.read(owner, kind, v[kind], ttl); err != nil {
				return nil, fmt.Errorf("%s: %w", kind, err)
			}
		}
		return r, nil
	}
	return nil, errRecords
}

// addresses are those of a name, of both families.
func (r *records) addresses(owner string, v any, ttl uint32) error {
	for _, x := range listOf(v) {
		a, err := netip.ParseAddr(fmt.Sprint(x))
		switch {
		case err != nil:
			return fmt.Errorf("%q is not an address", fmt.Sprint(x))
		case a.Is4():
			r.add(&dns.A{Hdr: header(owner, dns.TypeA, ttl), A: a.AsSlice()})
		default:
			r.add(&dns.AAAA{Hdr: header(owner, dns.TypeAAAA, ttl), AAAA: a.AsSlice()})
		}
	}
	return nil
}

// listOf is a list, or one element.
func listOf(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}
