package replay

// Names, whose addresses are made up: they are asked of nobody.

import (
	"context"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/resolver"
	"github.com/sipscript/sipscript/engine/sim"
)

// invented is the address of a name: in 198.18.0.0/15, which no network has (RFC 2544).
func invented(name string) netip.Addr {
	h := fnv.New32a()
	_, _ = h.Write([]byte(strings.ToLower(strings.TrimSuffix(name, "."))))
	x := h.Sum32()
	return netip.AddrFrom4([4]byte{198, byte(18 + x>>16&1), byte(x >> 8), byte(x)})
}

// names are the options of a resolver in whose world each name has one address and no other record.
func names(w *sim.World) resolver.Options {
	return resolver.Options{Servers: []string{"192.0.2.53"}, HostsFile: "-", Now: w.Wall, Random: w.Random,
		Exchange: func(_ context.Context, _, _ string, m *dns.Msg) (*dns.Msg, error) {
			out := new(dns.Msg).SetReply(m)
			out.RecursionAvailable = true
			q := m.Question[0]
			header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 3600}
			switch {
			case q.Qtype == dns.TypeA && !strings.HasPrefix(q.Name, "_"):
				out.Answer = []dns.RR{&dns.A{Hdr: header, A: net.IP(invented(q.Name).AsSlice())}}
			default: // RFC 2308: there are none, and that may be remembered
				header.Rrtype = dns.TypeSOA
				out.Ns = []dns.RR{&dns.SOA{Hdr: header, Ns: q.Name, Mbox: q.Name, Minttl: 3600}}
			}
			return out, nil
		}}
}
