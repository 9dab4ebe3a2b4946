// What a datagram is, before any parsing: SIP, a keep-alive, or nothing for us.

package transport

import "net/netip"

type datagramKind uint8

const (
	datagramSIP       datagramKind = iota
	datagramKeepalive              // CRLFs or NULs only: they keep a NAT binding open
	datagramSTUN                   // perhaps to be answered
	datagramOther                  // too short for a SIP message
)

// shortest: no SIP message is shorter: "A b:c SIP/2.0" and an empty line.
const shortest = 16

// classify looks at the first bytes. skip is the number of CRs and LFs before the start line; they
// are ignored (RFC 3261 §7.5).
func classify(b []byte) (kind datagramKind, skip int) {
	for skip < len(b) && (b[skip] == '\r' || b[skip] == '\n') {
		skip++
	}
	rest := b[skip:]
	if isSTUN(b) {
		return datagramSTUN, 0
	}
	if len(rest) >= shortest && rest[0] != 0 {
		return datagramSIP, skip
	}
	for _, c := range rest {
		if c != 0 && c != '\r' && c != '\n' {
			return datagramOther, 0
		}
	}
	return datagramKeepalive, 0
}

// KeepAlive reports whether a datagram from source is a client's keep-alive (RFC 5626 §3.5): a STUN
// binding request, or nothing but CRLFs or NULs. The answer to it, if any, is appended to dst;
// another STUN message may be answered too.
func KeepAlive(dst, datagram []byte, source netip.AddrPort) (answer []byte, kept bool) {
	switch kind, _ := classify(datagram); kind {
	case datagramSTUN:
		return answerSTUN(dst, datagram, source)
	case datagramKeepalive:
		return dst, true
	}
	return dst, false
}
