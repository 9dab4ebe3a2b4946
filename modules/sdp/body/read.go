package body

// What a description says.

import (
	"bytes"
	"net/netip"
	"strings"
)

// Origin is the o= line (RFC 8866 §5.2).
type Origin struct {
	User, ID, Version, Address string // its fields without the types of network and address
}

// Origin is who made the description; ok is false without an o= line that can be read.
func (s *Session) Origin() (o Origin, ok bool) {
	s.fresh()
	for _, l := range s.lines[:s.head()] {
		if l.kind != 'o' {
			continue
		}
		w := strings.Fields(string(s.value(l)))
		if len(w) < 6 {
			return o, false
		}
		return Origin{w[0], w[1], w[2], w[5]}, true
	}
	return o, false
}

// Address is the address of the session's own c= line, without a TTL; "" if there is none.
func (s *Session) Address() string {
	s.fresh()
	return string(s.connection(0, s.head()))
}

// connection is the address of the first c= line of lines[lo:hi]: "IN IP4 192.0.2.1/127".
func (s *Session) connection(lo, hi int) []byte {
	for _, l := range s.lines[lo:hi] {
		if l.kind == 'c' {
			if a, b, ok := s.addressIn(l); ok {
				address, _, _ := bytes.Cut(s.text[a:b], []byte("/"))
				return address
			}
		}
	}
	return nil
}

// addressIn is where the address of a c= line is: the third word.
func (s *Session) addressIn(l line) (lo, hi uint32, ok bool) {
	return s.word(l.val, l.end, 2)
}

// word is where the n-th word of text[lo:end] is.
func (s *Session) word(lo, end uint32, n int) (from, to uint32, ok bool) {
	for ; ; n-- {
		for ; lo < end && s.text[lo] == ' '; lo++ {
		}
		for from = lo; lo < end && s.text[lo] != ' '; lo++ {
		}
		if from == lo {
			return 0, 0, false
		}
		if n == 0 {
			return from, lo, true
		}
	}
}

// Unspecified reports whether an address is 0.0.0.0 or ::.
func Unspecified(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.IsUnspecified()
}

// Media is how many media there are.
func (s *Session) Media() int {
	s.fresh()
	return len(s.media)
}

// Medium is one m= line with what belongs to it. It stays valid over edits.
type Medium struct {
	s *Session
	n int
}

// Medium is the n-th, from 0. It panics if there is none.
func (s *Session) Medium(n int) Medium {
	s.fresh()
	_ = s.media[n]
	return Medium{s, n}
}

func (m Medium) at() *section { m.s.fresh(); return &m.s.media[m.n] }

// Kind is "audio", "video", "application" …
func (m Medium) Kind() string {
	t := m.at()
	return string(m.s.text[m.s.lines[t.first].val:t.kindEnd])
}

// Port is the port; 0 for a medium that is refused.
func (m Medium) Port() int { return m.at().port }

// Ports is how many ports there are: 1 unless the line says another number.
func (m Medium) Ports() int { return m.at().ports }

// Protocol is "RTP/AVP", "UDP/TLS/RTP/SAVPF" …
func (m Medium) Protocol() string { t := m.at(); return string(m.s.text[t.protoLo:t.protoEnd]) }

// Address is the address of the medium's c= line, or of the session's; "" if there is none.
func (m Medium) Address() string {
	t := m.at()
	if a := m.s.connection(t.first, t.past); a != nil {
		return string(a)
	}
	return m.s.Address()
}

// Direction is "sendrecv", "sendonly", "recvonly" or "inactive" (RFC 8866 §6.7): the medium's own,
// or the session's.
func (m Medium) Direction() string {
	t := m.at()
	for _, r := range [2][2]int{{t.first, t.past}, {0, m.s.head()}} {
		for _, l := range m.s.lines[r[0]:r[1]] {
			if l.kind == 'a' {
				if d := directionOf(m.s.value(l)); d != "" {
					return d
				}
			}
		}
	}
	return directions[0]
}

var directions = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

func directionOf(v []byte) string {
	for _, d := range &directions {
		if string(v) == d {
			return d
		}
	}
	return ""
}

// Attributes are the values of the session's own attributes of that name, "" for one that has none.
func (s *Session) Attributes(name string) []string {
	s.fresh()
	return s.attributes(0, s.head(), name)
}

// Attributes are the values of the medium's own attributes of that name, "" for one that has none.
func (m Medium) Attributes(name string) []string {
	t := m.at()
	return m.s.attributes(t.first, t.past, name)
}

func (s *Session) attributes(lo, hi int, name string) (values []string) {
	for _, l := range s.lines[lo:hi] {
		if v, ok := s.attribute(l, name); ok {
			values = append(values, string(v))
		}
	}
	return values
}

// attribute is the value of a line "a=name:value" or "a=name".
func (s *Session) attribute(l line, name string) (value []byte, ok bool) {
	if l.kind != 'a' {
		return nil, false
	}
	v := s.value(l)
	if len(v) < len(name) || string(v[:len(name)]) != name {
		return nil, false
	}
	switch {
	case len(v) == len(name):
		return v[len(v):], true
	case v[len(name)] == ':':
		return v[len(name)+1:], true
	}
	return nil, false
}

// own is the first of the medium's own attributes of that name.
func (m Medium) own(name string) (value []byte, ok bool) {
	t := m.at()
	for _, l := range m.s.lines[t.first:t.past] {
		if v, ok := m.s.attribute(l, name); ok {
			return v, true
		}
	}
	return nil, false
}

// either is own, or the session's.
func (m Medium) either(name string) (value []byte, ok bool) {
	if v, ok := m.own(name); ok {
		return v, true
	}
	for _, l := range m.s.lines[:m.s.head()] {
		if v, ok := m.s.attribute(l, name); ok {
			return v, true
		}
	}
	return nil, false
}

// MID is a=mid (RFC 5888); "" if there is none.
func (m Medium) MID() string { v, _ := m.own("mid"); return string(v) }

// PTime is a=ptime in milliseconds; 0 if there is none.
func (m Medium) PTime() int { v, _ := m.own("ptime"); return max(0, number(v, 65535)) }

// DTLS is what DTLS-SRTP needs (RFC 5763): the medium's own or the session's; ok is false without a
// fingerprint.
func (m Medium) DTLS() (fingerprint, setup string, ok bool) {
	f, ok := m.either("fingerprint")
	s, _ := m.either("setup")
	return string(f), string(s), ok
}

// Bandwidth are the session's b= lines by their type (RFC 8866 §5.8), in the units of the type.
func (s *Session) Bandwidth() map[string]int { s.fresh(); return s.bandwidth(0, s.head()) }

// Bandwidth are the medium's b= lines.
func (m Medium) Bandwidth() map[string]int { t := m.at(); return m.s.bandwidth(t.first, t.past) }

func (s *Session) bandwidth(lo, hi int) map[string]int {
	var all map[string]int
	for _, l := range s.lines[lo:hi] {
		if l.kind != 'b' {
			continue
		}
		kind, n, ok := strings.Cut(string(s.value(l)), ":")
		if value := number(n, 1<<40); ok && value >= 0 {
			if all == nil {
				all = map[string]int{}
			}
			all[kind] = value
		}
	}
	return all
}

// hasICE reports whether the medium is negotiated with ICE (RFC 8839): its c= line says nothing
// then.
func (m Medium) hasICE() bool { _, ok := m.either("ice-ufrag"); return ok }

// Hold reports whether whoever made the description wants the other side to send nothing: each
// medium that is not refused is sendonly or inactive (RFC 3264 §8.4) or, without ICE, has the
// address 0.0.0.0 (RFC 2543).
func (s *Session) Hold() bool {
	held := false
	for n := range s.Media() {
		m := s.Medium(n)
		if m.Port() == 0 {
			continue
		}
		d := m.Direction()
		if d != "sendonly" && d != "inactive" && (m.hasICE() || !Unspecified(m.Address())) {
			return false
		}
		held = true
	}
	return held
}
