package message

// This file reads hosts and ports (RFC 3261 §25.1 hostport, RFC 5118 §4 for IPv6).

import (
	"bytes"
	"net/netip"
)

// hostport is a host with its port as they are in a text: offsets into it.
type hostport struct {
	lo, hi int    // the host, an IPv6 reference without its brackets
	port   uint16 // 0: none
	portLo int
	end    int // past it
}

// parse reads the host [":" port] at b[i] into h, which is empty. With spaces, white space may
// occur around the colon (as in Via's sent-by). flaw is "" if it could be read.
func (h *hostport) parse(b []byte, i int, spaces bool) (flaw string) {
	h.lo = i
	for i < len(b) && is(b[i], charHost) {
		i++
	}
	h.hi = i
	if i == h.lo {
		if i == len(b) || b[i] != '[' {
			return "empty host"
		}
		end := bytes.IndexByte(b[i:], ']')
		if end < 0 {
			return "IPv6 reference not closed"
		}
		h.lo, h.hi = i+1, i+end
		if !isIPv6(b[h.lo:h.hi]) {
			return "bad IPv6 reference"
		}
		i += end + 1
	}
	h.end, h.portLo = i, i
	if spaces {
		i = skipSpace(b, i)
	}
	if i == len(b) || b[i] != ':' {
		return ""
	}
	i++
	if spaces {
		i = skipSpace(b, i)
	}
	h.portLo = i
	port := 0
	for i < len(b) && is(b[i], charDigit) {
		if port = port*10 + int(b[i]-'0'); port > 65535 {
			return "bad port"
		}
		i++
	}
	if port == 0 {
		return "bad port"
	}
	h.port, h.end = uint16(port), i
	return ""
}

// isIPv6 reports whether b is an IPv6 address in text (RFC 3261 §25.1 IPv6address, RFC 4291 §2.2):
// eight groups, or fewer and one "::"; the last two may be an IPv4 address. Before that a third
// colon may occur, as RFC 3261's grammar has it by mistake: both forms must be tolerated (RFC 5118
// §4.10).
func isIPv6(b []byte) bool {
	const longest = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")
	if len(b) < 2 || len(b) > longest {
		return false
	}
	groups, gap := 0, false
	i := 0
	for i < len(b) {
		if b[i] == ':' {
			if i+1 < len(b) && b[i+1] == ':' && !gap {
				gap = true
				i += 2
				continue
			}
			third := i > 0 && b[i-1] == ':'
			if i == 0 || i+1 == len(b) || third && !isIPv4(b[i+1:]) {
				return false
			}
			i++
			continue
		}
		start := i
		for i < len(b) && is(b[i], charHex) {
			i++
		}
		if i < len(b) && b[i] == '.' {
			groups += 2
			return isIPv4(b[start:]) && (groups == 8 && !gap || groups < 8 && gap)
		}
		if i == start || i-start > 4 || i < len(b) && b[i] != ':' {
			return false
		}
		groups++
	}
	return groups == 8 && !gap || groups < 8 && gap
}

// parseIPv6 is the address isIPv6 accepts.
func parseIPv6(b []byte) (netip.Addr, error) {
	if i := bytes.Index(b, threeColons[:]); i >= 0 {
		b = append(append([]byte(nil), b[:i]...), b[i+1:]...)
	}
	return netip.ParseAddr(string(b))
}

var threeColons = [3]byte{':', ':', ':'} // never written

// isIPv4 reports whether b is four decimal numbers below 256 with dots between.
func isIPv4(b []byte) bool {
	for n := 1; ; n++ {
		dot := bytes.IndexByte(b, '.')
		part := b
		if dot >= 0 {
			part = b[:dot]
		}
		if _, ok := decimal(part, 255); !ok || len(part) > 3 {
			return false
		}
		if dot < 0 {
			return n == 4
		}
		b = b[dot+1:]
	}
}

// unbracket takes the brackets off an IPv6 reference; RFC 5118 §4.5 has received= both with and
// without them.
func unbracket(b []byte) []byte {
	if len(b) >= 2 && b[0] == '[' && b[len(b)-1] == ']' {
		return b[1 : len(b)-1]
	}
	return b
}
