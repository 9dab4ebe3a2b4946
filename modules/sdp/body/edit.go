package body

// Edits. Each changes what it says and nothing else.

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

var errText = errors.New("sdp: a name or value with line breaks, NUL, or none at all")

// AddVersion makes the version in the o= line higher (RFC 3264 §8). The error is for a line that
// has none.
func (s *Session) AddVersion(by uint32) error {
	s.fresh()
	for _, l := range s.lines[:s.head()] {
		if l.kind != 'o' {
			continue
		}
		lo, hi, ok := s.word(l.val, l.end, 2)
		if !ok {
			break
		}
		n, err := strconv.ParseUint(string(s.text[lo:hi]), 10, 64)
		if err != nil || n+uint64(by) < n {
			break
		}
		return s.apply([]splice{{lo, hi, strconv.FormatUint(n+uint64(by), 10)}})
	}
	return errVersion
}

var errVersion = errors.New("sdp: there is no o= line with a version that can be higher")

// SetAddress puts an address into the c= lines of the session and its media, and into the address
// of a=rtcp (RFC 3605). Addresses that are 0.0.0.0 stay: a phone on hold would be sent sound again,
// and with ICE they say nothing. The o= line stays too, since it names the session, and candidates
// do. A session without any c= line gets one.
func (s *Session) SetAddress(a netip.Addr) error {
	s.fresh()
	var room [16]splice
	edits, any := s.readdress(room[:0], 0, len(s.lines), a, false)
	if !any {
		edits = append(edits, s.insert(s.last(0, s.head(), "vosiuep"), "c="+connectionOf(a)))
		slices.SortStableFunc(edits, byPlace)
	}
	return s.apply(edits)
}

// SetAddress puts an address into the medium's c= line, whatever is there, and into its a=rtcp; a
// medium without a c= line gets one.
func (m Medium) SetAddress(a netip.Addr) error {
	t, s := m.at(), m.s
	var room [8]splice
	edits, any := s.readdress(room[:0], t.first, t.past, a, true)
	if !any {
		edits = append(edits, s.insert(s.last(t.first, t.past, "i"), "c="+connectionOf(a)))
		slices.SortStableFunc(edits, byPlace)
	}
	return s.apply(edits)
}

func byPlace(a, b splice) int { return int(a.lo) - int(b.lo) }

// readdress collects the edits for lines[lo:hi]; any: there is a c= line.
func (s *Session) readdress(edits []splice, lo, hi int, a netip.Addr, unspecified bool) (_ []splice, any bool) {
	with := connectionOf(a)
	for _, l := range s.lines[lo:hi] {
		from, n := l.val, 2
		switch v, rtcp := s.attribute(l, "rtcp"); {
		case l.kind == 'c':
			any = true
		case rtcp:
			from, n = l.end-uint32(len(v)), 3
		default:
			continue
		}
		net, _, _ := s.word(from, l.end, n-2)
		at, end, ok := s.word(from, l.end, n)
		if l.kind == 'c' && !ok { // an empty line, or half of one
			net, at, end, ok = l.val, l.val, l.end, true
		}
		if !ok || !unspecified && isUnspecified(s.text[at:end]) || string(s.text[net:end]) == with {
			continue
		}
		edits = append(edits, splice{net, end, with})
	}
	return edits, any
}

// isUnspecified reports whether an address is 0.0.0.0 or ::, without an allocation for others.
func isUnspecified(b []byte) bool {
	return string(b) == "0.0.0.0" || string(b) == "::"
}

// connectionOf is "IN IP4 192.0.2.1".
func connectionOf(a netip.Addr) string {
	if a = a.Unmap().WithZone(""); a.Is4() {
		return "IN IP4 " + a.String()
	}
	return "IN IP6 " + a.String()
}

// SetPort sets the port of the m= line; how many there are stays.
func (m Medium) SetPort(port int) error {
	if port < 0 || port > 65535 {
		return errors.New("sdp: a port is 0 to 65535")
	}
	t := m.at()
	end := t.portEnd
	if i := strings.IndexByte(string(m.s.text[t.portLo:t.portEnd]), '/'); i >= 0 {
		end = t.portLo + uint32(i)
	}
	return m.s.apply([]splice{{t.portLo, end, itoa(port)}})
}

// SetDirection makes d the only direction of the medium.
func (m Medium) SetDirection(d string) error {
	if directionOf([]byte(d)) == "" {
		return errors.New("sdp: a direction is sendrecv, sendonly, recvonly or inactive")
	}
	t, s := m.at(), m.s
	var edits []splice
	done := false
	for i := t.first; i < t.past; i++ {
		l := s.lines[i]
		if l.kind != 'a' || directionOf(s.value(l)) == "" {
			continue
		}
		if done {
			edits = append(edits, s.cut(i))
		} else if string(s.value(l)) != d {
			edits = append(edits, splice{l.val, l.end, d})
		}
		done = true
	}
	if !done {
		edits = append(edits, s.insert(s.last(t.first, t.past, known), "a="+d))
	}
	return s.apply(edits)
}

// known are the kinds of lines of a medium, after which another may be put.
const known = "micbka"

// SetAttribute makes value the only one of the session's own attributes of that name; "" writes
// one without a value, and remove removes them all.
func (s *Session) SetAttribute(name, value string, remove bool) error {
	s.fresh()
	return s.setAttribute(0, s.head(), "vosiuepcbtrzka", name, value, remove)
}

// SetAttribute is Session.SetAttribute for the medium's own.
func (m Medium) SetAttribute(name, value string, remove bool) error {
	t := m.at()
	return m.s.setAttribute(t.first, t.past, known, name, value, remove)
}

func (s *Session) setAttribute(lo, hi int, after, name, value string, remove bool) error {
	if name == "" || strings.ContainsAny(name, "\r\n\x00: ") || strings.ContainsAny(value, "\r\n\x00") {
		return errText
	}
	text := name
	if value != "" {
		text += ":" + value
	}
	var edits []splice
	done := remove
	for i := lo; i < hi; i++ {
		l := s.lines[i]
		if _, ok := s.attribute(l, name); !ok {
			continue
		}
		if done {
			edits = append(edits, s.cut(i))
		} else if string(s.value(l)) != text {
			edits = append(edits, splice{l.val, l.end, text})
		}
		done = true
	}
	if !done {
		edits = append(edits, s.insert(s.last(lo, hi, after), "a="+text))
	}
	return s.apply(edits)
}

// Remove refuses the medium: its port is 0 (RFC 3264 §8.2), it is in no group any more, and not
// bundle-only, which would give the port another meaning (RFC 8843 §6). The line stays, since the
// answer must have as many m= lines as the offer (RFC 3264 §6).
func (m Medium) Remove() error {
	mid := m.MID()
	if err := m.SetPort(0); err != nil {
		return err
	}
	if err := m.SetAttribute("bundle-only", "", true); err != nil || mid == "" {
		return err
	}
	s := m.s
	s.fresh()
	var edits []splice
	for i, l := range s.lines[:s.head()] {
		v, ok := s.attribute(l, "group")
		if !ok {
			continue
		}
		words := strings.Fields(string(v))
		kept := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == mid })
		switch {
		case len(kept) == len(words) || len(words) == 0 || words[0] == mid:
		case len(kept) < 2:
			edits = append(edits, s.cut(i))
		default:
			edits = append(edits, splice{l.end - uint32(len(v)), l.end, strings.Join(kept, " ")})
		}
	}
	return s.apply(edits)
}
