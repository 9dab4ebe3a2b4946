package acl

// Entries as they are looked at: built once, never changed.

import (
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sipscript/sipscript/modules/acl/prefix"
	"github.com/sipscript/sipscript/modules/source"
	"github.com/sipscript/sipscript/modules/trust"
)

// rules are the entries of one list, or of a part of it.
type rules struct {
	nets *prefix.Set
	more [][]*rule // by the value of a network, less one; 0: a plain network
	// The rest are few
	certs     map[string][]*rule
	countries map[string][]*rule
	asns      map[uint32][]*rule
	agents    []*rule
	hosts     []*rule
	len       int
}

// rule is an item in a list. gone is set when it is removed before the rules are built again.
type rule struct {
	*item
	gone    atomic.Bool
	dynamic bool  // it can be removed
	of      *rule // of an address of a host name: the entry with the name
}

// How specific a match is: of networks the length; what else matches matters less, but for a
// certificate, which proves more than an address.
const (
	specificNone    = -3
	specificCountry = -2
	specificASN     = -1
	specificCert    = 1000
)

// found is a match.
type found struct {
	rule     *rule        // nil: a plain network
	network  netip.Prefix // of a plain one
	specific int
}

var (
	errAgent = errors.New("agent: patterns are for drop lists: what a client calls itself proves nothing")
	errMany  = errors.New("there are more than 16 million entries with attributes")
)

// newRules builds rules. Its errors are made by source.At.
func newRules(list []*rule, dropped bool) (*rules, error) {
	r := &rules{len: len(list)}
	items := make([]prefix.Item, 0, len(list))
	for i, x := range list {
		switch x.what {
		case isNetwork:
			value := uint32(0)
			if !x.plain() || x.dynamic {
				if len(r.more) >= prefix.MaxValue {
					return nil, source.At(i, errMany)
				}
				r.more = append(r.more, []*rule{x})
				value = uint32(len(r.more))
			}
			items = append(items, prefix.Item{Prefix: x.net, Value: value})
		case isHost:
			r.hosts = append(r.hosts, x)
		case isCert:
			put(&r.certs, x.text, x)
		case isCountry:
			put(&r.countries, x.text, x)
		case isASN:
			put(&r.asns, x.asn, x)
		case isAgent:
			if !dropped {
				return nil, source.At(i, errAgent)
			}
			r.agents = append(r.agents, x)
		}
	}
	var err error
	r.nets, err = prefix.Build(items, r.same)
	return r, err
}

func put[K comparable](m *map[K][]*rule, key K, x *rule) {
	if *m == nil {
		*m = map[K][]*rule{}
	}
	(*m)[key] = append((*m)[key], x)
}

// same is the value of a network that is there twice: that of what has attributes, or of both.
func (r *rules) same(a, b uint32) uint32 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	r.more[a-1] = append(r.more[a-1], r.more[b-1]...)
	r.more[b-1] = nil
	return a
}

// query is what is asked.
type query struct {
	trust.Sender
	a *ACL
}

// fits reports whether the rest of an entry fits.
func (x *rule) fits(q *query) bool {
	e := &x.entry
	return !x.gone.Load() && (x.of == nil || !x.of.gone.Load()) && (e.Port == 0 || e.Port == int(q.Addr.Port())) && (x.kind == 0 || x.kind == q.Kind) &&
		(e.Expires.IsZero() || q.a.now().Before(e.Expires))
}

// best is the first of alternatives that fits, those that ask for more before others.
func best(list []*rule, q *query) *rule {
	var b *rule
	for _, x := range list {
		if x.fits(q) && (b == nil || x.demands() > b.demands()) {
			b = x
		}
	}
	return b
}

// demands is how much an entry asks for besides its address.
func (x *rule) demands() (n int) {
	if x.entry.Port != 0 {
		n++
	}
	if x.kind != 0 {
		n++
	}
	return n
}

// find is the most specific match.
func (r *rules) find(q *query) (f found) {
	f.specific = specificNone
	if r == nil || r.len == 0 {
		return f
	}
	if len(r.certs) > 0 {
		for _, domain := range q.Identity {
			if x := best(r.certs[domain], q); x != nil {
				return found{rule: x, specific: specificCert}
			}
		}
	}
	for m, ok := r.nets.Lookup(q.Addr.Addr()); ok; m, ok = r.nets.Around(m) {
		if m.Value == 0 {
			return found{network: r.nets.Prefix(m), specific: m.Bits()}
		}
		if x := best(r.more[m.Value-1], q); x != nil {
			return found{rule: x, specific: m.Bits()}
		}
	}
	if len(r.asns)+len(r.countries) > 0 {
		country, asn := q.a.place(q.Addr.Addr())
		if x := best(r.asns[asn], q); x != nil {
			return found{rule: x, specific: specificASN}
		}
		if x := best(r.countries[country], q); x != nil {
			return found{rule: x, specific: specificCountry}
		}
	}
	return f
}

// all are the rules that hold at a time, those of networks first; what is plain is made again.
func (r *rules) all(now time.Time, each func(*item) bool) {
	if r == nil {
		return
	}
	more := true
	give := func(list []*rule) {
		for _, x := range list {
			if more && !x.gone.Load() && (x.entry.Expires.IsZero() || now.Before(x.entry.Expires)) {
				more = each(x.item)
			}
		}
	}
	r.nets.Each(func(m prefix.Match) bool {
		if m.Value != 0 {
			give(r.more[m.Value-1])
			return more
		}
		more = each(plainItem(r.nets.Prefix(m)))
		return more
	})
	give(r.hosts)
	give(r.agents)
	for _, name := range sortedKeys(r.certs) {
		give(r.certs[name])
	}
	for _, name := range sortedKeys(r.countries) {
		give(r.countries[name])
	}
	for _, n := range sortedKeys(r.asns) {
		give(r.asns[n])
	}
}

// plainItem is the item of a network that has nothing else.
func plainItem(p netip.Prefix) *item {
	i := &item{address: address{net: p}}
	i.entry.Address = i.address.String()
	return i
}

func sortedKeys[K string | uint32](m map[K][]*rule) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
