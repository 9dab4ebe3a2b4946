package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/sipscript/sipscript/internal/dnstext"
)

// This file reads the records of t.dns: the fields are those that dns.lookup returns.

// read reads the records of one type.
func (r *records) read(owner, kind string, v any, ttl uint32) error {
	for _, x := range listOf(v) {
		t, known := dns.StringToType[kind]
		h := header(owner, t, ttl)
		var rr dns.RR
		f := fields{}
		switch kind {
		case "A", "AAAA":
			a, err := netip.ParseAddr(fmt.Sprint(x))
			if err != nil || a.Is4() != (kind == "A") {
				return fmt.Errorf("%q is not such an address", fmt.Sprint(x))
			}
			if err := r.addresses(owner, x, ttl); err != nil {
				return err
			}
			continue
		case "TXT":
			rr = &dns.TXT{Hdr: h, Txt: []string{dnstext.Quoted(f.text(x))}}
		case "PTR":
			rr = &dns.PTR{Hdr: h, Ptr: f.name(x)}
		case "CNAME":
			rr = &dns.CNAME{Hdr: h, Target: f.name(x)}
		case "MX":
			f.of(x, "preference", "target")
			rr = &dns.MX{Hdr: h, Preference: f.number("preference", 0), Mx: f.name(f.m["target"])}
		case "SRV":
			f.of(x, "priority", "weight", "port", "target")
			rr = &dns.SRV{Hdr: h, Priority: f.number("priority", 0), Weight: f.number("weight", 0), Port: f.number("port", 5060), Target: f.name(f.m["target"])}
		case "NAPTR":
			f.of(x, "order", "preference", "flags", "service", "regexp", "replacement")
			if f.m["replacement"] == nil {
				f.put("replacement", ".")
			}
			rr = &dns.NAPTR{Hdr: h, Order: f.number("order", 0), Preference: f.number("preference", 0), Flags: f.optional("flags"), Service: f.optional("service"),
				Regexp: dnstext.Quoted(f.optional("regexp")), Replacement: f.name(f.m["replacement"])}
		default:
			if !known {
				return errors.New("there is no such type of records: A, AAAA, SRV, NAPTR, TXT, PTR, CNAME and MX are known")
			}
			return errors.New("records of this type are not known here")
		}
		if f.err != nil {
			return f.err
		}
		r.add(rr)
	}
	return nil
}

// fields reads the fields of a record, and keeps the first error.
type fields struct {
	m   map[string]any
	err error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// of takes a table with these fields and no others.
func (f *fields) of(v any, names ...string) {
	m, ok := v.(map[string]any)
	if !ok {
		f.fail("a record must be a table {%s = …}", names[0])
		return
	}
	f.m = m
	for _, name := range sortedKeys(m) {
		if !slices.Contains(names, name) {
			f.fail("there is no field %s", name)
		}
	}
}

func (f *fields) put(name string, v any) {
	if f.m != nil {
		f.m[name] = v
	}
}

func (f *fields) number(name string, or uint16) uint16 {
	switch n := f.m[name].(type) {
	case nil:
		return or
	case float64:
		if n >= 0 && n <= 65535 && n == float64(uint16(n)) {
			return uint16(n)
		}
	}
	f.fail("%s must be a number from 0 to 65535", name)
	return 0
}

func (f *fields) text(v any) string {
	s, ok := v.(string)
	if !ok {
		f.fail("a record must be text")
	}
	return s
}

func (f *fields) optional(name string) string {
	if f.m[name] == nil {
		return ""
	}
	return f.text(f.m[name])
}

func (f *fields) name(v any) string {
	s, ok := v.(string)
	if _, valid := dns.IsDomainName(s); !ok || !valid || s == "" {
		f.fail("a name is missing: target, or replacement")
		return "."
	}
	return dns.Fqdn(s)
}
