// Package enum is the module "enum": it finds the URIs of telephone numbers in the DNS (RFC 6116).
//
// Go programs use it without Lua:
//
//	uris, err := enum.Lookup(ctx, engine.Records, "+4930123456", enum.Options{})
package enum

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Records asks the DNS: [engine.Engine.Records].
type Records func(ctx context.Context, name string, qtype uint16) ([]dns.RR, error)

// Options of Lookup.
type Options struct {
	Suffix  string `lua:"suffix" default:"\"e164.arpa\"" doc:"the domain below which numbers are"`
	Service string `lua:"service" default:"\"sip\"" doc:"the enumservice: sip, tel, mailto, voice:sip"`
}

var (
	// ErrNone is the error, wrapped, of a number that has no URI for the service.
	ErrNone = errors.New("there is no such record")
	// ErrNumber is the error, wrapped, of a text that is not a number.
	ErrNumber = errors.New("not a number")
)

const (
	// mostHops bounds the records that lead to another name (RFC 6116 §5.2.1 asks for five).
	mostHops = 5
	// mostURIs bounds the records that are looked at for a result, and so the results.
	mostURIs = 16
	// mostDigits bounds a number; private trees have longer ones than E.164.
	mostDigits = 20
)

// Lookup finds the URIs of a number with its country code, the most preferred first. The error
// wraps ErrNone or ErrNumber, or is that of records: the DNS could not be asked.
func Lookup(ctx context.Context, records Records, number string, o Options) ([]string, error) {
	digits, err := digitsOf(number)
	if err != nil {
		return nil, err
	}
	service := cmp.Or(o.Service, "sip")
	name := domainOf(digits, cmp.Or(o.Suffix, "e164.arpa"))
	seen := map[string]bool{}
	for range mostHops + 1 {
		if seen[name] {
			return nil, fmt.Errorf("%w: %s leads back to itself", ErrNone, name)
		}
		seen[name] = true
		list, err := records(ctx, name, dns.TypeNAPTR)
		if err != nil {
			return nil, err
		}
		uris, next := choose(list, "+"+digits, service)
		switch {
		case len(uris) > 0:
			return uris, nil
		case next == "":
			return nil, fmt.Errorf("%w: %s has none for %s", ErrNone, name, service)
		}
		name = next
	}
	return nil, fmt.Errorf("%w: more than %d names lead to one another", ErrNone, mostHops)
}

// choose reads the records of one name: URIs, or else the name where to go on. RFC 3403 §4.1: in
// their order, and once a record was usable only those with the same order.
func choose(list []dns.RR, number, service string) (uris []string, next string) {
	var all []*dns.NAPTR
	for _, rr := range list {
		if n, ok := rr.(*dns.NAPTR); ok {
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	order, tried := uint16(0), 0
	for _, n := range all {
		if len(uris) > 0 && n.Order != order || tried == mostURIs {
			break
		}
		switch {
		case n.Flags == "":
			if len(uris) == 0 {
				if next = onward(n, number); next != "" {
					return nil, next
				}
			}
		case strings.EqualFold(n.Flags, "u") && has(n.Service, service):
			tried++
			text, ok, err := substitute(n.Regexp, number)
			if err != nil || !ok {
				continue
			}
			if uri, err := uriOf(text, service); err == nil && !slices.Contains(uris, uri) {
				uris, order = append(uris, uri), n.Order
			}
		}
	}
	return uris, ""
}

// onward is the name to which a record without flags leads (RFC 6116 §3.4.1), "" for none.
func onward(n *dns.NAPTR, number string) string {
	name := n.Replacement
	if n.Regexp != "" {
		text, ok, err := substitute(n.Regexp, number)
		if err != nil || !ok {
			return ""
		}
		name = text
	}
	if _, ok := dns.IsDomainName(name); !ok || name == "." || name == "" {
		return ""
	}
	return dns.CanonicalName(name)
}

// digitsOf are the digits of a number with its country code; the + may be left out, and separators
// may be there (RFC 3966 §5.1.1). With the + the parameters of a tel URI may follow, such as npdi.
func digitsOf(number string) (string, error) {
	bare := number
	if strings.HasPrefix(number, "+") {
		bare, _, _ = strings.Cut(number, ";")
	}
	digits := strings.TrimPrefix(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()", r) {
			return -1
		}
		return r
	}, bare), "+")
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return "", fmt.Errorf("%w: %.40q", ErrNumber, number)
		}
	}
	if digits == "" || len(digits) > mostDigits {
		return "", fmt.Errorf("%w: %.40q", ErrNumber, number)
	}
	return digits, nil
}

// domainOf is the name of a number (RFC 6116 §3.2): its digits, the last first.
func domainOf(digits, suffix string) string {
	b := make([]byte, 0, 2*len(digits)+len(suffix)+1)
	for i := len(digits) - 1; i >= 0; i-- {
		b = append(b, digits[i], '.')
	}
	return dns.CanonicalName(string(b) + strings.Trim(suffix, "."))
}
