package ring

// The addresses of messages, which are nearly always the same few.

import (
	"encoding/binary"
	"net/netip"
)

// What a record's first byte says beside its Kind.
const (
	kindBits  = 0x07
	sameLocal = 1 << 3 // the listener is that of the last message
	samePeer  = 1 << 4 // the peer is the one in a slot
	slotShift = 5
)

// places are the addresses that were last in a segment. Who writes it and who reads it change them
// alike.
type places struct {
	local netip.AddrPort
	peers [8]netip.AddrPort
}

// know returns what the record of a message says about its addresses, and notes them.
func (p *places) know(local, peer netip.AddrPort) (known byte) {
	if p.local == local {
		known |= sameLocal
	} else {
		p.local = local
	}
	slot := slotOf(peer)
	known |= slot << slotShift
	if p.peers[slot] == peer {
		known |= samePeer
	} else {
		p.peers[slot] = peer
	}
	return known
}

// slotOf is the place of an address among the peers.
func slotOf(a netip.AddrPort) byte {
	b := a.Addr().As16()
	return (b[15] ^ byte(a.Port()) ^ byte(a.Port()>>8)) & 7
}

// plainAddr is an address as it is written: IPv4 as that, without a zone.
func plainAddr(a netip.AddrPort) netip.AddrPort {
	ip := a.Addr()
	if ip.Is4() || !ip.IsValid() {
		return a
	}
	return netip.AddrPortFrom(ip.Unmap().WithZone(""), a.Port())
}

// address writes an address and its port: a length, and so many bytes.
func (e *encoder) address(a netip.AddrPort) {
	ip := a.Addr()
	switch {
	case ip.Is4():
		b := ip.As4()
		e.out = append(append(e.out, 4), b[:]...)
	case ip.Is6():
		b := ip.As16()
		e.out = append(append(e.out, 16), b[:]...)
	default:
		e.out = append(e.out, 0)
	}
	e.out = binary.LittleEndian.AppendUint16(e.out, a.Port())
}
