package sim

import (
	"bytes"
	"net/netip"
)

// ALG is what a NAT does to SIP messages that it can read, as the application layer gateways of
// many routers do: in what goes out, the inner address becomes the public one; in what comes in,
// the public one the inner.
type ALG uint8

const (
	NoALG     ALG = iota
	HeaderALG     // in Via and Contact, and in Request-URIs that come in
	// BodyALG is also in the lines of SDP that have addresses; as the bad ones do, it leaves
	// Content-Length as it was.
	BodyALG
)

// outward rewrites what goes out.
func (a ALG) outward(b []byte, inner, public netip.AddrPort) []byte {
	return a.rewrite(b, inner, public, false)
}

// inward rewrites what comes in.
func (a ALG) inward(b []byte, public, inner netip.AddrPort) []byte {
	return a.rewrite(b, public, inner, true)
}

func (a ALG) rewrite(b []byte, from, to netip.AddrPort, in bool) []byte {
	if a == NoALG || len(b) == 0 || b[0] < 'A' {
		return b
	}
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return b
	}
	var out []byte
	for i, line := range bytes.Split(head, []byte("\r\n")) {
		if i > 0 {
			out = append(out, "\r\n"...)
		}
		out = append(out, headLine(line, i == 0, from, to, in)...)
	}
	out = append(out, "\r\n\r\n"...)
	for _, line := range bytes.SplitAfter(body, []byte("\n")) {
		if a == BodyALG && (bytes.HasPrefix(line, []byte("o=")) || bytes.HasPrefix(line, []byte("c="))) {
			line = replaceAddress(line, from.Addr().String(), to.Addr().String())
		}
		out = append(out, line...)
	}
	return out
}

// headLine is a start line or header line with the address replaced. What comes in is not looked at
// for Contact: that is the other side's.
func headLine(line []byte, start bool, from, to netip.AddrPort, in bool) []byte {
	name, _, _ := bytes.Cut(line, []byte(":"))
	switch string(bytes.ToLower(bytes.TrimSpace(name))) {
	case "via", "v":
	case "contact", "m":
		if in {
			return line
		}
	default:
		if !start || !in {
			return line
		}
	}
	whole := replaceAddress(line, from.String(), to.String())
	if !bytes.Equal(whole, line) {
		return whole
	}
	return replaceAddress(line, from.Addr().String(), to.Addr().String())
}

// replaceAddress replaces an address where it stands alone.
func replaceAddress(line []byte, from, to string) []byte {
	var out []byte
	for {
		i := bytes.Index(line, []byte(from))
		if i < 0 {
			return append(out, line...)
		}
		end := i + len(from)
		out = append(out, line[:i]...)
		if i > 0 && partOfAddress(line[i-1]) || end < len(line) && partOfAddress(line[end]) {
			out = append(out, from...)
		} else {
			out = append(out, to...)
		}
		line = line[end:]
	}
}

func partOfAddress(c byte) bool { return c >= '0' && c <= '9' || c == '.' }
