package acl

// Entries of lists, and what their addresses may be.

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine/transport"
	"github.com/sipscript/sipscript/modules/acl/prefix"
)

// Entry is one entry of a list.
type Entry struct {
	Address   string         `lua:"address,required" source:"bare" doc:"an address, a network such as \"192.0.2.0/24\", a host name, \"cert:DOMAIN\", \"country:DE\", \"asn:64500\", in drop lists also \"agent:*scanner*\"; with \"!\" before it an exception"`
	Port      int            `lua:"port" min:"0" max:"65535" default:"any" doc:"the sender's port"`
	Transport string         `lua:"transport" default:"any" doc:"udp, tcp, tls, ws, wss or any"`
	Expires   time.Time      `lua:"expires" default:"never" doc:"when the entry ends"`
	Note      string         `lua:"note" doc:"for people"`
	Attrs     map[string]any `lua:"attrs" doc:"returned with it"`

	// Of tables of other systems
	Mask  int    `lua:"mask" min:"0" max:"128" doc:"the length of the network, if address is one address"`
	Tag   string `lua:"tag" doc:"becomes attrs.tag"`
	Group int    `lua:"grp" doc:"becomes attrs.group"`
}

// what an address names.
type what uint8

const (
	isNetwork what = iota
	isHost         // a name that is resolved
	isCert
	isCountry
	isASN
	isAgent
)

// address is an Entry's Address, read.
type address struct {
	what   what
	except bool         // "!…": who is meant by it is not in the list
	net    netip.Prefix // of isNetwork
	text   string       // of the others: in lower case; of isCountry in capitals
	asn    uint32
}

// kinds are the prefixes of addresses that name something else.
var kinds = map[string]what{"cert": isCert, "country": isCountry, "asn": isASN, "agent": isAgent}

var errAddress = errors.New(`not an address, a network such as 192.0.2.0/24, a host name, cert:DOMAIN, country:DE, asn:64500 or agent:*PATTERN*`)

// parseAddress reads an address.
func parseAddress(text string) (a address, err error) {
	rest := strings.TrimSpace(text)
	if rest, a.except = strings.CutPrefix(rest, "!"); len(rest) > 300 {
		return a, fmt.Errorf("%.40q…: %w", text, errAddress)
	}
	if ip, err := netip.ParseAddr(rest); err == nil {
		a.net = prefix.Host(ip)
		return a, nil
	}
	if p, err := netip.ParsePrefix(rest); err == nil {
		if p != p.Masked() {
			return a, fmt.Errorf("%s has bits outside its network; did you mean %s?", rest, p.Masked())
		}
		a.net = prefix.Canonical(p)
		return a, nil
	}
	before, after, found := strings.Cut(rest, ":")
	if kind, known := kinds[before]; known && found {
		a.what, a.text = kind, strings.ToLower(strings.TrimSpace(after))
		return a, a.check(text)
	}
	if a.what, a.text = isHost, strings.TrimSuffix(strings.ToLower(rest), "."); !isHostName(a.text) {
		return a, fmt.Errorf("%.60q: %w", text, errAddress)
	}
	return a, nil
}

// check reads the rest of what names no host.
func (a *address) check(text string) error {
	switch a.what {
	case isCert:
		if a.text = strings.TrimSuffix(a.text, "."); a.text == "" || strings.ContainsAny(a.text, "*@/: \t") {
			return fmt.Errorf("%.60q does not name a SIP domain; a wildcard is not one (RFC 5922 §7.2)", text)
		}
	case isCountry:
		if a.text = strings.ToUpper(a.text); len(a.text) != 2 || a.text[0] < 'A' || a.text[0] > 'Z' || a.text[1] < 'A' || a.text[1] > 'Z' {
			return fmt.Errorf("%.60q: expected a country's code of two letters, such as country:DE", text)
		}
	case isASN:
		n, err := strconv.ParseUint(strings.TrimPrefix(a.text, "as"), 10, 32)
		if err != nil {
			return fmt.Errorf("%.60q: expected the number of an autonomous system, such as asn:64500", text)
		}
		a.asn, a.text = uint32(n), strconv.FormatUint(n, 10)
	case isAgent:
		if strings.Trim(a.text, "*") == "" {
			return fmt.Errorf("%.60q: expected a pattern such as agent:*scanner*", text)
		}
	}
	return nil
}

// isHostName reports whether a text is a name with letters, digits, "-" and "_" in labels: a number
// that is not an address is none.
func isHostName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	letters := false
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			switch {
			case 'a' <= c && c <= 'z':
				letters = true
			case '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	return letters
}

// String is the address as an entry has it.
func (a *address) String() string {
	text := a.text
	switch a.what {
	case isNetwork:
		if text = a.net.String(); a.net.IsSingleIP() {
			text = a.net.Addr().String()
		}
	case isCert:
		text = "cert:" + text
	case isCountry:
		text = "country:" + text
	case isASN:
		text = "asn:" + text
	case isAgent:
		text = "agent:" + text
	}
	if a.except {
		return "!" + text
	}
	return text
}

// item is an entry as lists hold it. It never changes.
type item struct {
	address
	entry Entry // its Address as it was written
	kind  transport.Kind
	at    int64 // when it was added, for who shares it; guarded by ACL.changes
}

// plain reports whether nothing but the address matters.
func (i *item) plain() bool {
	e := &i.entry
	return i.what == isNetwork && !i.except && e.Port == 0 && i.kind == 0 && e.Expires.IsZero() && e.Note == "" && e.Attrs == nil
}

// newItem reads an entry.
func newItem(e *Entry) (*item, error) {
	i := &item{entry: *e}
	var err error
	if i.address, err = parseAddress(e.Address); err != nil {
		return nil, err
	}
	if e.Mask != 0 {
		if i.what != isNetwork || !i.net.IsSingleIP() || e.Mask > i.net.Addr().BitLen() {
			return nil, fmt.Errorf("a mask of %d does not fit %.60q", e.Mask, e.Address)
		}
		i.net = netip.PrefixFrom(i.net.Addr(), e.Mask).Masked()
		i.entry.Address = i.address.String()
	}
	if t := strings.ToLower(e.Transport); t != "" && t != "any" {
		var ok bool
		if i.kind, ok = transport.ParseKind([]byte(t)); !ok {
			return nil, fmt.Errorf("transport must be udp, tcp, tls, ws, wss or any, not %.40q", e.Transport)
		}
	}
	i.entry.Transport = i.kind.String()
	if e.Tag != "" || e.Group != 0 {
		attrs := map[string]any{}
		for k, v := range e.Attrs {
			attrs[k] = v
		}
		if e.Tag != "" {
			attrs["tag"] = e.Tag
		}
		if e.Group != 0 {
			attrs["group"] = float64(e.Group)
		}
		i.entry.Attrs = attrs
	}
	return i, nil
}

// key is what an entry is added and removed by.
func (i *item) key() string {
	return i.address.String() + " " + strconv.Itoa(i.entry.Port) + " " + i.kind.String()
}
