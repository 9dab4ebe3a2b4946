package engine

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// Domains is the set of local domains; safe for concurrent use.
type Domains struct {
	mu    sync.Mutex // for writers
	set   atomic.Pointer[map[string]struct{}]
	order []string               // guarded by mu: as they were added
	first atomic.Pointer[string] // see First
	base  atomic.Uint32          // UserBase
}

func newDomains(names []string) (*Domains, error) {
	d := &Domains{}
	d.first.Store(new(string))
	d.set.Store(&map[string]struct{}{})
	for _, n := range names {
		if err := d.Add(n); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Add adds a domain name or address, in any case. The error says what is wrong with it.
func (d *Domains) Add(name string) error {
	u, err := message.ParseURI([]byte("sip:" + name))
	if err != nil || len(u.Host) != len(name) && !strings.HasPrefix(name, "[") {
		return fmt.Errorf("%q is not a domain name", name)
	}
	own := domainName(string(u.Host))
	d.change(func(m map[string]struct{}) {
		if _, there := m[own]; !there {
			d.order = append(d.order, own)
		}
		m[own] = struct{}{}
	})
	return nil
}

// Remove takes a domain out of the set.
func (d *Domains) Remove(name string) {
	own := domainName(name)
	d.change(func(m map[string]struct{}) {
		delete(m, own)
		d.order = slices.DeleteFunc(d.order, func(s string) bool { return s == own })
	})
}

// domainName is a name as the set has it: in lower case, without the dot of the root.
func domainName(name string) string { return strings.ToLower(string(withoutRoot([]byte(name)))) }

func (d *Domains) change(f func(map[string]struct{})) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := map[string]struct{}{}
	for k := range *d.set.Load() {
		m[k] = struct{}{}
	}
	f(m)
	d.set.Store(&m)
	first := ""
	for _, name := range d.order {
		if first == "" || isAddress([]byte(first)) && !isAddress([]byte(name)) {
			first = name
		}
	}
	d.first.Store(&first)
}

// List is the set in alphabetical order.
func (d *Domains) List() []string {
	var names []string
	for k := range *d.set.Load() {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// Has reports whether host is in the set, in any case.
func (d *Domains) Has(host string) bool { return d.has([]byte(host)) }

func (d *Domains) has(host []byte) bool {
	host = withoutRoot(host)
	m := *d.set.Load()
	if _, ok := m[string(host)]; ok {
		return true
	}
	if len(m) == 0 || len(host) > 255 || !hasUpper(host) {
		return false
	}
	_, ok := m[string(bytes.ToLower(host))]
	return ok
}

// withoutRoot takes the dot of the root off a name: with it and without, it is the same (RFC 1034
// §3.1).
func withoutRoot(host []byte) []byte {
	for n := len(host); n > 1 && host[n-1] == '.'; n-- {
		host = host[:n-1]
	}
	return host
}

func hasUpper(b []byte) bool {
	for _, c := range b {
		if 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}

// localName is one host and port this server is reached at.
type localName struct {
	host string
	port uint16
}

// ownNames are the names of listeners.
type ownNames struct {
	serving []localName // what IsLocal knows in addition to the domains
	ever    []localName // and those of listeners that have left
}

// localNames are the bound and the advertised addresses; for a wildcard, every address of the
// machine.
func localNames(locals []*transport.Local) []localName {
	var names []localName
	add := func(host string, port uint16) {
		if n := (localName{domainName(host), port}); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, l := range locals {
		add(l.Host, l.Port)
		if !l.Addr.Addr().IsUnspecified() {
			add(l.Addr.Addr().String(), l.Addr.Port())
			continue
		}
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok {
					add(ip.Unmap().String(), l.Addr.Port())
				}
			}
		}
	}
	return names
}

// IsLocal reports whether a host and port name this server: domains at any port, listen and
// advertised addresses at their port (0 means the default port).
func (e *Engine) IsLocal(host string, port uint16) bool {
	return e.isLocal([]byte(host), port, nil)
}

func (e *Engine) isLocal(host []byte, port uint16, scheme []byte) bool {
	return e.isNamed(e.names.Load().serving, host, port, scheme)
}

// wasLocal is isLocal also for listeners that have left: routes of ours that name them are ours.
func (e *Engine) wasLocal(host []byte, port uint16, scheme []byte) bool {
	return e.isNamed(e.names.Load().ever, host, port, scheme)
}

func (e *Engine) isNamed(names []localName, host []byte, port uint16, scheme []byte) bool {
	if port == 0 {
		port = 5060
		if len(scheme) == 4 { // sips
			port = 5061
		}
	}
	host = withoutRoot(host)
	if bytes.IndexByte(host, ':') >= 0 { // IPv6, in any of its spellings (RFC 5954 §4.2)
		if addr, err := netip.ParseAddr(string(host)); err == nil {
			host = addr.AppendTo(make([]byte, 0, 46))
		}
	}
	for i := range names {
		if n := &names[i]; n.port == port && len(n.host) == len(host) && (n.host == string(host) || strings.EqualFold(n.host, string(host))) {
			return true
		}
	}
	return e.domains.has(host)
}
