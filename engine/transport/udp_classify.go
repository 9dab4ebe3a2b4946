// What a datagram is, before any parsing: SIP, a keepalive, or nothing for us.

package transport

import "encoding/binary"

type datagramKind uint8

const (
	datagramSIP       datagramKind = iota
	datagramKeepalive              // CRLFs or NULs only: they keep a NAT binding open
	datagramOther                  // STUN, or too short for a SIP message
)

const (
	shortest   = 16         // no SIP message is shorter: "A b:c SIP/2.0" and an empty line
	stunHeader = 20         // RFC 8489 §5
	stunCookie = 0x2112A442 // RFC 8489 §5
)

// classify looks at the first bytes. skip is how many CRs and LFs stand before the start line; they are ignored (RFC
// 3261 §7.5).
func classify(b []byte) (kind datagramKind, skip int) {
	for skip < len(b) && (b[skip] == '\r' || b[skip] == '\n') {
		skip++
	}
	rest := b[skip:]
	if isSTUN(b) {
		return datagramOther, 0
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

// isSTUN recognises STUN (RFC 8489 §5), and the older one without a cookie (RFC 3489 §11.1). The two zero bits that
// STUN begins with do not decide alone: a SIP method may begin with '!' or a digit (RFC 4475 §3.1.1.2).
func isSTUN(b []byte) bool {
	if len(b) < stunHeader || b[0]&0xC0 != 0 {
		return false
	}
	return binary.BigEndian.Uint32(b[4:]) == stunCookie ||
		b[0] <= 1 && int(binary.BigEndian.Uint16(b[2:])) == len(b)-stunHeader
}
