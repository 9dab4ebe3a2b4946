package resolver

// This file reads names and addresses as URIs write them.

import (
	"net/netip"
	"strings"
)

// maxName is the longest name in its text form without the last dot (RFC 1035 §2.3.4).
const maxName = 253

// address reads a numeric host; IPv6 may be in brackets.
func address(host string) (a netip.Addr, ok bool) {
	if n := len(host); n > 2 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	if !looksNumeric(host) {
		return a, false
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap(), err == nil
}

// looksNumeric spares most names the error that netip would build.
func looksNumeric(host string) bool {
	if host == "" {
		return false
	}
	last := host[len(host)-1]
	return '0' <= last && last <= '9' || strings.IndexByte(host, ':') >= 0
}

// canonical is a name in lower case and without the dot at its end; ok is false when it is not a
// name that a URI can hold (RFC 3261 §25.1 hostname; underscores are let pass, since SRV names have
// them). A name that is canonical already is returned as it is.
func canonical(name string) (string, bool) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxName {
		return "", false
	}
	label, upper := 0, false
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.':
			if label == 0 {
				return "", false
			}
			label = -1
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		case 'A' <= c && c <= 'Z':
			upper = true
		default:
			return "", false
		}
		if label++; label > 63 {
			return "", false
		}
	}
	if strings.Trim(name[strings.LastIndexByte(name, '.')+1:], "0123456789") == "" {
		return "", false // the toplabel of a hostname has a letter; this is an address gone wrong
	}
	if upper {
		name = strings.ToLower(name)
	}
	return name, true
}

// below reports whether a canonical name is a domain or in it.
func below(name, domain string) bool {
	return strings.HasSuffix(name, domain) && (len(name) == len(domain) || name[len(name)-len(domain)-1] == '.')
}
