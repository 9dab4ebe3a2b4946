package dialog

// Descriptions of sessions (RFC 4566), as far as passing them from one leg to another needs it.

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"strconv"

	"github.com/sipscript/sipscript/engine/message"
)

const sdpType = "application/sdp"

// longestSDP bounds a description that is kept with a leg.
const longestSDP = 64 << 10

// descriptionOf is the description that a message carries, alone or as a part of its body; nil for
// none. ok is false for a body that is something else, and cannot be passed.
func descriptionOf(m *message.Message) (text []byte, ok bool) {
	body := m.Body()
	if len(body) == 0 {
		return nil, true
	}
	kind := m.Header(message.HeaderContentType)
	if message.IsMediaType(kind, sdpType) {
		return body, len(body) <= longestSDP
	}
	p, found, err := message.FindPart(kind, body, sdpType)
	if err != nil || !found || len(p.Body) > longestSDP {
		return nil, false
	}
	return p.Body, true
}

// origin is the o= line of what a leg sends (RFC 3264 §5, §8): one session, whose version rises
// with each change.
type origin struct {
	id, version uint64
	sum         uint64 // of the last description, less its o=
	sent        bool
}

var sumSeed = maphash.MakeSeed() // never changed

// write is the description with the o= of the leg.
func (o *origin) write(text []byte, own netip.Addr) []byte {
	lo, hi := line(text, 'o')
	var h maphash.Hash
	h.SetSeed(sumSeed)
	h.Write(text[:lo])
	h.Write(text[hi:])
	if sum := h.Sum64(); !o.sent || sum != o.sum {
		o.version++
		o.sum, o.sent = sum, true
	}
	return o.render(text, own)
}

// render is the description with the o= as it is.
func (o *origin) render(text []byte, own netip.Addr) []byte {
	lo, hi := line(text, 'o')
	out := make([]byte, 0, len(text)+64)
	out = append(out, text[:lo]...)
	if lo == hi { // there is none, where there must be one
		return append(out, text[hi:]...)
	}
	out = strconv.AppendUint(append(out, "o=- "...), o.id, 10)
	out = strconv.AppendUint(append(out, ' '), o.version, 10)
	kind := " IN IP4 "
	if own.Is6() {
		kind = " IN IP6 "
	}
	out = append(append(append(out, kind...), own.String()...), "\r\n"...)
	return append(out, text[hi:]...)
}

// line is where the first line of a kind is before the first m=, with its end.
func line(text []byte, kind byte) (lo, hi int) {
	for lo < len(text) {
		hi = lo + lineLen(text[lo:])
		switch {
		case hi-lo > 1 && text[lo] == kind && text[lo+1] == '=':
			return lo, hi
		case text[lo] == 'm':
			return lo, lo
		}
		lo = hi
	}
	return lo, lo
}

func lineLen(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// media is how many m= lines there are.
func media(text []byte) (n int) {
	for len(text) > 0 {
		if text[0] == 'm' {
			n++
		}
		text = text[lineLen(text):]
	}
	return n
}

// rejected is the answer that takes none of what a description offers: all ports are 0 (RFC 3264
// §6).
func rejected(offer []byte) []byte {
	var out []byte
	for inMedia := false; len(offer) > 0; {
		n := lineLen(offer)
		l := offer[:n]
		offer = offer[n:]
		switch {
		case l[0] == 'm':
			inMedia = true
			out = append(out, portZero(l)...)
		case !inMedia || l[0] == 'c':
			out = append(out, l...)
		}
	}
	return out
}

// portZero is an m= line with the port 0.
func portZero(l []byte) []byte {
	fields := bytes.SplitN(l, []byte(" "), 3)
	if len(fields) < 3 {
		return l
	}
	fields[1] = []byte("0")
	return bytes.Join(fields, []byte(" "))
}

// still is a description whose media are inactive: nobody is there to talk to.
func still(text []byte) []byte {
	var out []byte
	inMedia, fresh := false, false
	for len(text) > 0 {
		n := lineLen(text)
		l := text[:n]
		text = text[n:]
		if l[0] == 'm' {
			if inMedia {
				out = append(out, "a=inactive\r\n"...)
			}
			inMedia = true
		}
		if isDirection(l) {
			continue
		}
		out = append(out, l...)
		fresh = l[n-1] == '\n'
	}
	if inMedia {
		if !fresh {
			out = append(out, "\r\n"...)
		}
		out = append(out, "a=inactive\r\n"...)
	}
	return out
}

// held is an answer that takes what is offered, and is nobody's address. What needs keys for its
// media gets none of them yet.
func held(offer []byte) []byte {
	if bytes.Contains(offer, []byte("a=fingerprint:")) || bytes.Contains(offer, []byte("a=crypto:")) {
		return rejected(offer)
	}
	var out []byte
	for rest := still(offer); len(rest) > 0; {
		l := rest[:lineLen(rest)]
		rest = rest[len(l):]
		switch {
		case bytes.HasPrefix(l, []byte("c=IN IP4 ")):
			out = append(out, "c=IN IP4 0.0.0.0\r\n"...)
		case bytes.HasPrefix(l, []byte("c=IN IP6 ")):
			out = append(out, "c=IN IP6 ::\r\n"...)
		case bytes.HasPrefix(l, []byte("a=candidate:")), bytes.HasPrefix(l, []byte("a=ice-")), bytes.HasPrefix(l, []byte("a=rtcp:")):
		default:
			out = append(out, l...)
		}
	}
	return out
}

func isDirection(l []byte) bool {
	switch string(bytes.TrimRight(l, "\r\n \t")) {
	case "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive":
		return true
	}
	return false
}

// padded has at least n media: what a session has had it keeps, with the port 0 (RFC 3264 §8.2).
// before is the last description, whose lines are taken.
func padded(text, before []byte) []byte {
	have, want := media(text), media(before)
	if have >= want {
		return text
	}
	out := append([]byte(nil), text...)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, "\r\n"...)
	}
	for n := 0; len(before) > 0; {
		l := before[:lineLen(before)]
		before = before[len(l):]
		if l[0] != 'm' {
			continue
		}
		if n++; n > have {
			out = append(out, portZero(l)...)
		}
	}
	return out
}

// trimmed is a description with its first n media.
func trimmed(text []byte, n int) []byte {
	at := 0
	for at < len(text) {
		if text[at] == 'm' {
			if n == 0 {
				return text[:at]
			}
			n--
		}
		at += lineLen(text[at:])
	}
	return text
}
