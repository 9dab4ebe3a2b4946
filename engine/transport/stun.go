// STUN binding requests on a SIP port: how a client on UDP keeps its way through NAT open, and
// notices when it has changed (RFC 5626 §4.4.2 and §8). A basic server of RFC 8489 §12: no
// authentication, nothing kept.

package transport

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

const (
	stunHeader = 20         // RFC 8489 §5
	stunCookie = 0x2112A442 // RFC 8489 §5
	// A longer request is not answered (§6.1: what fits into the smallest MTU of IPv4).
	stunMost = 548

	stunBindingRequest  = 0x0001
	stunBindingResponse = 0x0101
	stunBindingError    = 0x0111
)

// Attributes (RFC 8489 §18.3). Those below 0x8000 must be understood.
const (
	stunMappedAddress     = 0x0001
	stunUsername          = 0x0006
	stunIntegrity         = 0x0008
	stunErrorCode         = 0x0009
	stunUnknownAttributes = 0x000A
	stunRealm             = 0x0014
	stunNonce             = 0x0015
	stunIntegritySHA256   = 0x001C
	stunPasswordAlgorithm = 0x001D
	stunUserhash          = 0x001E
	stunXORMappedAddress  = 0x0020
	stunFingerprint       = 0x8028
)

const stunFingerprintMask = 0x5354554E // §14.7

// isSTUN recognises STUN (RFC 8489 §5), and the older one without a cookie (RFC 3489 §11.1). The
// two zero bits that STUN begins with do not decide alone: a SIP method may begin with '!' or a
// digit (RFC 4475 §3.1.1.2).
func isSTUN(b []byte) bool {
	if len(b) < stunHeader || b[0]&0xC0 != 0 {
		return false
	}
	return binary.BigEndian.Uint32(b[4:]) == stunCookie ||
		b[0] <= 1 && int(binary.BigEndian.Uint16(b[2:])) == len(b)-stunHeader
}

// answerSTUN appends to dst the answer to a STUN message from source: nothing, unless it is a
// well-formed binding request. ok says that the answer is a success. A request with
// comprehension-required attributes that we don't know is answered 420 with their list (RFC 8489
// §6.3.1), so that its client learns why; RFC 3489's CHANGE-REQUEST and RESPONSE-ADDRESS, which
// would send the answer elsewhere, are among them. An answer is at most 32 bytes longer than its
// request.
func answerSTUN(dst, b []byte, source netip.AddrPort) (answer []byte, ok bool) {
	if len(b) > stunMost || !isSTUN(b) || binary.BigEndian.Uint16(b) != stunBindingRequest || int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader {
		return dst, false
	}
	var space [stunMost / 4]uint16
	unknown, ok := readAttributes(b, space[:0])
	if !ok {
		return dst, false
	}
	at := len(dst)
	dst = append(dst, b[:stunHeader]...)
	if ok = len(unknown) == 0; ok {
		binary.BigEndian.PutUint16(dst[at:], stunBindingResponse)
		dst = appendMapped(dst, b, source)
	} else {
		binary.BigEndian.PutUint16(dst[at:], stunBindingError)
		dst = appendUnknown(dst, unknown)
	}
	binary.BigEndian.PutUint16(dst[at+2:], uint16(len(dst)-at-stunHeader))
	return dst, ok
}

// readAttributes appends to unknown those that must be understood and are not; ok is false when the
// request is malformed.
func readAttributes(b []byte, unknown []uint16) (_ []uint16, ok bool) {
	guarded := false // what follows MESSAGE-INTEGRITY is ignored (§14.5)
	for rest := b[stunHeader:]; len(rest) > 0; {
		if len(rest) < 4 {
			return nil, false
		}
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		padded := 4 + (size+3)&^3
		if padded > len(rest) {
			return nil, false
		}
		switch kind {
		case stunFingerprint:
			sum := crc32.ChecksumIEEE(b[:len(b)-len(rest)]) ^ stunFingerprintMask
			if size != 4 || len(rest) != padded || binary.BigEndian.Uint32(rest[4:]) != sum {
				return nil, false
			}
		case stunIntegrity, stunIntegritySHA256:
			guarded = true
		case stunMappedAddress, stunUsername, stunErrorCode, stunUnknownAttributes, stunRealm, stunNonce,
			stunPasswordAlgorithm, stunUserhash, stunXORMappedAddress:
		default:
			if kind < 0x8000 && !guarded {
				unknown = append(unknown, kind)
			}
		}
		rest = rest[padded:]
	}
	return unknown, true
}

// appendMapped appends the address a request came from: XOR-MAPPED-ADDRESS (§14.2), or to a client
// of RFC 3489, which sends no cookie, MAPPED-ADDRESS.
func appendMapped(dst, request []byte, source netip.AddrPort) []byte {
	ip := source.Addr().Unmap()
	kind, family, port := uint16(stunXORMappedAddress), byte(1), source.Port()
	mask := request[4:stunHeader] // the cookie, and the transaction's id
	if binary.BigEndian.Uint32(mask) != stunCookie {
		kind, mask = stunMappedAddress, make([]byte, 16)
	}
	if ip.Is6() {
		family = 2
	}
	text := ip.AsSlice()
	for i := range text {
		text[i] ^= mask[i]
	}
	dst = binary.BigEndian.AppendUint16(dst, kind)
	dst = binary.BigEndian.AppendUint16(dst, uint16(4+len(text)))
	dst = append(dst, 0, family)
	dst = binary.BigEndian.AppendUint16(dst, port^binary.BigEndian.Uint16(mask))
	return append(dst, text...)
}

// appendUnknown appends ERROR-CODE 420 (§14.8) and the attributes it is for (§14.9).
func appendUnknown(dst []byte, unknown []uint16) []byte {
	const reason = "Unknown Attribute" // and 3 bytes of padding
	dst = binary.BigEndian.AppendUint16(dst, stunErrorCode)
	dst = binary.BigEndian.AppendUint16(dst, uint16(4+len(reason)))
	dst = append(append(dst, 0, 0, 4, 20), reason+"\x00\x00\x00"...)
	dst = binary.BigEndian.AppendUint16(dst, stunUnknownAttributes)
	dst = binary.BigEndian.AppendUint16(dst, uint16(2*len(unknown)))
	for _, kind := range unknown {
		dst = binary.BigEndian.AppendUint16(dst, kind)
	}
	if len(unknown)%2 == 1 {
		dst = append(dst, 0, 0)
	}
	return dst
}
