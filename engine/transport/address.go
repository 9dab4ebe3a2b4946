// Addresses as the standard library gives them, made comparable.

package transport

import (
	"net"
	"net/netip"
)

// addrPortOf is a socket's address without v4-in-v6 forms.
func addrPortOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmapped(a.AddrPort())
	case *net.TCPAddr:
		return unmapped(a.AddrPort())
	}
	ap, _ := netip.ParseAddrPort(a.String()) // of another network: the zero value
	return unmapped(ap)
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
