// What a listener tells peers about itself, and the choice of a listener for a peer.

package transport

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// newLocal describes the listener bound to addr.
func newLocal(index int, spec ListenSpec, addr netip.AddrPort) *Local {
	l := &Local{Index: index, Kind: spec.Kind, Name: spec.String(), Addr: addr, Origins: strings.Fields(spec.Origins), Proxies: readProxies(spec.Proxies)}
	l.Host, l.Port = spec.AdvertisedHost, spec.AdvertisedPort
	if l.Host == "" {
		host := addr.Addr()
		if host.IsUnspecified() {
			host = ownAddress(host.Is4())
		}
		l.Host = host.WithZone("").String()
	}
	l.Host = strings.TrimSuffix(strings.TrimPrefix(l.Host, "["), "]")
	if l.Port == 0 {
		l.Port = addr.Port()
	}
	l.SentBy = net.JoinHostPort(l.Host, strconv.Itoa(int(l.Port)))
	return l
}

// ownAddress is the address given to peers by a listener on a wildcard that has no advertised host:
// the machine's first address that is neither loopback nor link-local, or loopback. With several
// interfaces this is a guess; if another address is needed, listen on it, or advertise it.
func ownAddress(v4 bool) netip.Addr {
	addrs, _ := net.InterfaceAddrs() // an error leaves loopback
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if ip = ip.Unmap(); ok && ip.Is4() == v4 && ip.IsGlobalUnicast() {
			return ip
		}
	}
	if v4 {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// Choose returns the listener that a message to the peer leaves from: to.Local if set and not gone,
// or that of the connection to.Flow while it is open, or the first one of its kind and address
// family. A listener on loopback reaches only loopback, so for other peers it is skipped if there
// is another. It is nil if none is suitable.
func (s *Stack) Choose(to *Peer) *Local {
	if to.Local != nil && to.Local.Standing() != Gone {
		return to.Local
	}
	if to.Flow != 0 {
		if c := s.flows.get(to.Flow); c != nil {
			return c.local
		}
	}
	addr := to.Addr.Addr().Unmap()
	var fallback *Local
	for _, l := range s.Locals() {
		own := l.Addr.Addr()
		if l.Kind != to.Kind || addr.IsValid() && own.Is4() != addr.Is4() {
			continue
		}
		if !own.IsLoopback() || !addr.IsValid() || addr.IsLoopback() {
			return l
		}
		if fallback == nil {
			fallback = l
		}
	}
	return fallback
}
