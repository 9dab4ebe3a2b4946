package resolver

// This file reads the answer of a server. Servers are not trusted: records of other names are
// skipped, and all numbers are bounded.

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/engine/transport"
)

const (
	maxRecords   = 256 // of one answer that are looked at
	maxAliases   = 8   // CNAMEs from a name to its records
	maxAddresses = 16  // of one name and family
	maxServices  = 8   // NAPTR records of one name that are used
)

var (
	errNoName    = errors.New("NXDOMAIN")
	errNoRecords = errors.New("no records")
	errAliases   = errors.New("the aliases form a loop, or a chain that is too long")
)

// question is a question to the DNS: a canonical name and a type.
type question struct {
	name  string
	qtype uint16
	raw   bool // the records as they are are wanted: see [Resolver.Records]
}

func (q question) String() string { return dns.TypeToString[q.qtype] + " " + q.name }

// srv is one SRV record; target is canonical.
type srv struct {
	priority, weight, port uint16
	target                 string
}

// naptr is one NAPTR record of a SIP service known here; replacement is canonical. direct is the
// flag "a": the replacement has addresses and no SRV.
type naptr struct {
	order, preference uint16
	kind              transport.Kind
	direct            bool
	replacement       string
}

// answer is what is known about a question; it never changes. Without err there is at least one
// record.
type answer struct {
	addrs   []netip.Addr
	srvs    []srv    // by priority, weight 0 first; of most targets those of the lowest priorities
	naptrs  []naptr  // by order and preference
	records []dns.RR // of a raw question
	refused bool     // SRV: there is a record with the target "." (RFC 2782)
	err     error    // errNoName, errNoRecords; otherwise the servers failed
	expires time.Time
}

// absent reports that there are no such records, as opposed to a failure to find out.
func (a *answer) absent() bool { return a.err == errNoName || a.err == errNoRecords }

// reading is the state while the answer to one question is gathered, maybe from several messages.
type reading struct {
	// The name whose records are being looked for: the question's, or the current end of the chain
	// of aliases
	name    string
	aliases int
	ttl     uint32 // least so far
	raw     bool
	answer  answer
}

// read processes one message. done is false if the chain of aliases leads out of it: then ask for
// the records of r.name.
func (r *reading) read(m *dns.Msg, qtype uint16) (done bool) {
	records := m.Answer[:min(len(m.Answer), maxRecords)]
	moved := false
	if !r.raw || qtype != dns.TypeCNAME { // who asks for an alias does not want to be led on
		var err error
		if moved, err = r.follow(records); err != nil {
			r.answer.err = err
			return true
		}
	}
	seen := false
	for _, rr := range records {
		if h := rr.Header(); h.Class == dns.ClassINET && h.Rrtype == qtype && r.named(h) {
			seen = true
			r.age(h.Ttl)
			if r.raw {
				r.answer.records = append(r.answer.records, rr)
			} else {
				r.answer.add(rr)
			}
		}
	}
	r.answer.arrange()
	a := &r.answer
	if len(a.addrs) > 0 || len(a.srvs) > 0 || len(a.naptrs) > 0 || len(a.records) > 0 || a.refused {
		return true
	}
	negative, known := negativeTTL(m, r.name)
	if moved && m.Rcode == dns.RcodeSuccess && !known {
		return false
	}
	if !seen {
		r.age(negative)
	}
	if a.err = errNoRecords; m.Rcode == dns.RcodeNameError {
		a.err = errNoName
	}
	return true
}

// follow goes along the aliases (RFC 1034 §3.6.2) from r.name as far as the records lead.
func (r *reading) follow(records []dns.RR) (moved bool, err error) {
	for {
		i := slices.IndexFunc(records, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeCNAME && rr.Header().Class == dns.ClassINET && r.named(rr.Header())
		})
		if i < 0 {
			return moved, nil
		}
		if r.aliases++; r.aliases > maxAliases {
			return moved, errAliases
		}
		next, ok := canonical(records[i].(*dns.CNAME).Target)
		if !ok {
			return moved, errNoRecords
		}
		r.age(records[i].Header().Ttl)
		r.name, moved = next, true
	}
}

func (r *reading) named(h *dns.RR_Header) bool {
	return strings.EqualFold(strings.TrimSuffix(h.Name, "."), r.name)
}

// age takes a time to live in seconds in; one with the top bit set is 0 (RFC 2181 §8).
func (r *reading) age(ttl uint32) {
	if ttl > 1<<31-1 {
		ttl = 0
	}
	r.ttl = min(r.ttl, ttl)
}

// negativeTTL is how long the absence of records lasts: by the SOA of a zone the name is in (RFC
// 2308 §5); without one it is not known, and 0.
func negativeTTL(m *dns.Msg, name string) (ttl uint32, known bool) {
	for _, rr := range m.Ns[:min(len(m.Ns), maxRecords)] {
		if soa, ok := rr.(*dns.SOA); ok {
			zone := strings.ToLower(strings.TrimSuffix(soa.Hdr.Name, "."))
			if zone == "" || below(name, zone) {
				return min(soa.Hdr.Ttl, soa.Minttl), true
			}
		}
	}
	return 0, false
}

// add takes one record in, if it is of use.
func (a *answer) add(rr dns.RR) {
	switch rr := rr.(type) {
	case *dns.A:
		a.addAddress(rr.A)
	case *dns.AAAA:
		a.addAddress(rr.AAAA)
	case *dns.SRV:
		if rr.Target == "." {
			a.refused = true
		} else if target, ok := canonical(rr.Target); ok && rr.Port != 0 {
			a.srvs = append(a.srvs, srv{rr.Priority, rr.Weight, rr.Port, target})
		}
	case *dns.NAPTR:
		n := naptr{order: rr.Order, preference: rr.Preference, kind: naptrKind(strings.ToUpper(rr.Service))}
		flag := strings.ToLower(rr.Flags)
		n.direct = flag == "a"
		var ok bool
		n.replacement, ok = canonical(rr.Replacement)
		// RFC 3263 §4.1: SIP uses the replacement only, never a regular expression.
		if ok = ok && n.kind != 0 && rr.Regexp == "" && (flag == "s" || n.direct); ok {
			a.naptrs = append(a.naptrs, n)
		}
	}
}

func (a *answer) addAddress(ip []byte) {
	addr, ok := netip.AddrFromSlice(ip)
	if addr = addr.Unmap(); ok && !addr.IsUnspecified() && len(a.addrs) < maxAddresses && !slices.Contains(a.addrs, addr) {
		a.addrs = append(a.addrs, addr)
	}
}

// arrange puts the records in order and drops those that are too many.
func (a *answer) arrange() {
	slices.SortStableFunc(a.srvs, func(x, y srv) int {
		return cmp.Or(cmp.Compare(x.priority, y.priority), cmp.Compare(min(x.weight, 1), min(y.weight, 1)))
	})
	a.srvs = a.srvs[:min(len(a.srvs), maxTargets)]
	slices.SortStableFunc(a.naptrs, func(x, y naptr) int {
		return cmp.Or(cmp.Compare(x.order, y.order), cmp.Compare(x.preference, y.preference))
	})
	a.naptrs = a.naptrs[:min(len(a.naptrs), maxServices)]
}
