// Listeners as they are requested, and the errors of opening them.

package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// ListenSpec is one listener to open.
type ListenSpec struct {
	Kind Kind           // UDP, TCP, TLS, WS or WSS
	Addr netip.AddrPort // port 0 picks a free one, shown in Local.Addr
	// AdvertisedHost and AdvertisedPort are given to peers instead of the bound address, unless
	// empty or 0.
	AdvertisedHost string
	AdvertisedPort uint16 // the port others are told; 0: the port it listens at
	// Origins are the web origins whose pages may connect over ws or wss, separated by spaces; "":
	// those of WSOptions.
	Origins string
	// Proxies are networks of load balancers, separated by spaces: each connection from one begins
	// with a header of the PROXY protocol, version 1 or 2, and counts as its client's.
	Proxies string
}

// String is the form that ParseListen reads.
func (l ListenSpec) String() string { return l.Kind.String() + ":" + l.Addr.String() }

// ParseListen reads "udp:127.0.0.1:5060", "tcp:[::1]:0" and, without a port, "udp:127.0.0.1" for
// the kind's default port. "wss:192.0.2.1:443?origin=https://app.example.com" lets in pages of that
// origin alone; more of them are joined by "&". "?proxy_protocol=10.0.0.0/8" expects the PROXY
// protocol of load balancers there; more networks are joined by ",". Its errors say what to write.
func ParseListen(text string) (ListenSpec, error) {
	address, options, has := strings.Cut(text, "?")
	spec, err := parseListen(address)
	if err != nil || !has {
		return spec, err
	}
	return spec, spec.readOptions(text, options)
}

// readOptions reads what is behind "?".
func (l *ListenSpec) readOptions(text, options string) error {
	if l.Kind == UDP {
		return fmt.Errorf("bad listener %q: udp has no options: only ws and wss have ?origin=https://app.example.com, and they, tcp and tls ?proxy_protocol=10.0.0.0/8", text)
	}
	var origins, proxies []string
	for option := range strings.SplitSeq(options, "&") {
		name, value, _ := strings.Cut(option, "=")
		if name == "proxy_protocol" {
			for word := range strings.SplitSeq(value, ",") {
				network, err := proxyNetwork(word)
				if err != nil {
					return fmt.Errorf("bad listener %q: proxy_protocol: %w", text, err)
				}
				proxies = append(proxies, network)
			}
			continue
		}
		if l.Kind != WS && l.Kind != WSS {
			return fmt.Errorf("bad listener %q: only ws and wss have ?origin=https://app.example.com; all but udp have ?proxy_protocol=10.0.0.0/8", text)
		}
		scheme, host, found := strings.Cut(value, "://")
		if name != "origin" || !found || scheme == "" || host == "" || strings.ContainsAny(host, "/ ") {
			return fmt.Errorf("bad listener %q: behind ? only origins of web pages and load balancers can stand: ?origin=https://app.example.com, ?proxy_protocol=10.0.0.0/8", text)
		}
		origins = append(origins, value)
	}
	l.Origins, l.Proxies = strings.Join(origins, " "), strings.Join(proxies, " ")
	return nil
}

func parseListen(text string) (ListenSpec, error) {
	name, rest, found := strings.Cut(text, ":")
	kind, known := ParseKind([]byte(name))
	if !found || !known {
		return ListenSpec{}, fmt.Errorf(
			"bad listener %q: write PROTO:IP:PORT with udp, tcp, tls, ws or wss, as in udp:127.0.0.1:5060", text)
	}
	addr, err := netip.ParseAddrPort(rest)
	if err != nil {
		host, bare := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"))
		if bare != nil {
			return ListenSpec{}, fmt.Errorf("bad listener %q: write an IP address and a port, as in %s:127.0.0.1:%d, %s:[::1]:%d or %s:0.0.0.0:%d for all interfaces",
				text, kind, kind.DefaultPort(), kind, kind.DefaultPort(), kind, kind.DefaultPort())
		}
		addr = netip.AddrPortFrom(host, kind.DefaultPort())
	}
	return ListenSpec{Kind: kind, Addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}, nil
}

// listenError says which listener could not be opened and what to do about it.
func listenError(spec ListenSpec, err error) error {
	var cause syscall.Errno
	hint := ""
	if errors.As(err, &cause) {
		err = cause
		switch cause {
		case syscall.EADDRINUSE:
			hint = ": is another server running?"
		case syscall.EACCES:
			hint = ": ports below 1024 need privileges; choose another port"
		case syscall.EADDRNOTAVAIL:
			hint = ": no interface of this machine has the address; choose another, or 0.0.0.0 or [::] for all"
		}
	}
	return fmt.Errorf("listen %s %s: %w%s", spec.Kind, spec.Addr, err, hint)
}

// network is the name of the socket family to open. An IPv6 wildcard gets an IPv6-only socket, so
// that 0.0.0.0 and [::] can be used side by side and no address ever appears in its v4-in-v6 form.
func network(base string, addr netip.Addr) string {
	if addr.Is4() {
		return base + "4"
	}
	return base + "6"
}
