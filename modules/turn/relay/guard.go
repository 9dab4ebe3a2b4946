package relay

// Which peers media is relayed to.

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
)

// closedNetworks are those that a client could not reach from the Internet: what only this server
// can reach, it does not reach for others. (IANA's registries of special-purpose addresses, RFC
// 6890.)
func closedNetworks() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// guard is a policy's part about peers, with the addresses of this machine. It never changes.
type guard struct {
	policy Policy
	closed []netip.Prefix
	own    map[netip.Addr]bool
}

func newGuard(p Policy, own map[netip.Addr]bool) *guard {
	return &guard{policy: p, closed: closedNetworks(), own: own}
}

// may reports whether media may go to an address. Those that carry an IPv4 address are judged by
// it.
func (g *guard) may(ip netip.Addr) bool {
	ip = ip.Unmap()
	if inner, ok := embedded(ip); ok && !g.may(inner) && !within(g.policy.Allow, ip) {
		return false
	}
	switch {
	case within(g.policy.Deny, ip):
		return false
	case g.own[ip]:
		return g.named(ip)
	}
	return within(g.policy.Allow, ip) || !within(g.closed, ip)
}

// named reports whether an entry of Allow is this address alone. A network that has an address of
// ours in it opens none of our ports: whoever allows 10.1.0.0/16 means the machines there.
func (g *guard) named(ip netip.Addr) bool {
	return slices.ContainsFunc(g.policy.Allow, func(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr() == ip })
}

func within(list []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// embedded is the IPv4 address that an IPv6 address leads to: through NAT64 (RFC 6052) or 6to4 (RFC
// 3056).
func embedded(ip netip.Addr) (netip.Addr, bool) {
	if !ip.Is6() {
		return netip.Addr{}, false
	}
	b := ip.As16()
	switch {
	case nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// ownAddresses are those of this machine's interfaces, and those that it relays and listens at.
func (s *Server) ownAddresses() map[netip.Addr]bool {
	own := map[netip.Addr]bool{}
	list, err := net.InterfaceAddrs()
	if err != nil {
		s.log.Warn("the addresses of this machine can't be read, so peers may be among them", "error", err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own[ip.Unmap()] = true
			}
		}
	}
	for _, r := range s.opts.Relays {
		own[r.Public], own[r.Local] = true, true
	}
	for _, l := range s.opts.Listeners {
		own[l.Addr.Addr().Unmap()] = true
		if ip, err := netip.ParseAddr(l.AdvertisedHost); err == nil {
			own[ip.Unmap()] = true
		}
	}
	return own
}

// relayAddress is an address of allocations. Two clients of this server reach each other there,
// at the ports of allocations and at no others.
type relayAddress struct {
	public, local netip.Addr
	live          [1 << 16 / 64]atomic.Uint64 // a bit for each port of an allocation
}

func (r *relayAddress) mark(port uint16, live bool) {
	if bit := uint64(1) << (port % 64); live {
		r.live[port/64].Or(bit)
	} else {
		r.live[port/64].And(^bit)
	}
}

func (r *relayAddress) has(port uint16) bool { return r.live[port/64].Load()&(1<<(port%64)) != 0 }

// ours is the relay address that a peer's address is, or nil.
func (s *Server) ours(ip netip.Addr) *relayAddress {
	for _, r := range s.relays {
		if ip == r.public || ip == r.local {
			return r
		}
	}
	return nil
}

// permitted reports whether an allocation may get a permission for an address. own is the relay
// address it is, of which only the ports of allocations can be reached.
func (s *Server) permitted(ip netip.Addr) (own *relayAddress, ok bool) {
	g := s.guard.Load()
	if own = s.ours(ip); own != nil && !g.named(ip) {
		return own, !within(g.policy.Deny, ip)
	}
	return nil, g.may(ip)
}
