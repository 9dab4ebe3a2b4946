package phone

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// This file reads and writes session descriptions (RFC 8866), as far as a phone that plays no media
// needs them.

// SDP is a session description.
type SDP struct {
	Origin  Origin   // who made it, and which version it is
	Address string   // c= of the session, or of the first medium that has one
	Media   []Medium // in the order of the m= lines
}

// Origin is o=.
type Origin struct {
	User, ID, Address string // as written; ID is sess-id
	Version           uint64 // sess-version: one more with each change (RFC 3264 §8)
}

// Medium is an m= section.
type Medium struct {
	Kind, Protocol, Address, Direction string  // "audio", "RTP/AVP", c=, "sendrecv"
	Port                               int     // 0: refused (RFC 3264 §6)
	Codecs                             []Codec // in the order of preference
}

// Codec is one payload type of a medium.
type Codec struct {
	Payload int    // the RTP payload type
	Name    string // "" if it is dynamic and has no rtpmap
	Rate    int    // of the clock in Hz
}

// Hold reports whether the other side is to send nothing: RFC 3264 §8.4, and the address 0.0.0.0 of
// RFC 2543.
func (s *SDP) Hold() bool {
	live := false
	for _, m := range s.Media {
		if m.Port != 0 && m.Address != "0.0.0.0" && (m.Direction == "sendrecv" || m.Direction == "recvonly") {
			live = true
		}
	}
	return !live && len(s.Media) > 0
}

// standard are the static payload types that phones use (RFC 3551 §6).
var standard = []Codec{{0, "PCMU", 8000}, {8, "PCMA", 8000}, {9, "G722", 8000}, {18, "G729", 8000}}

// own are the codecs of a phone, in its order.
var own = []Codec{{0, "PCMU", 8000}, {8, "PCMA", 8000}, {101, "telephone-event", 8000}}

// ParseSDP reads a description; false if the text is none with a medium.
func ParseSDP(text []byte) (*SDP, bool) {
	if !bytes.HasPrefix(text, []byte("v=0")) {
		return nil, false
	}
	s := &SDP{}
	direction := "sendrecv" // of the session
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		value := line[2:]
		var m *Medium
		if n := len(s.Media); n > 0 {
			m = &s.Media[n-1]
		}
		switch fields := strings.Fields(value); {
		case line[0] == 'o' && len(fields) == 6:
			version, _ := strconv.ParseUint(fields[2], 10, 64)
			s.Origin = Origin{fields[0], fields[1], fields[5], version}
		case line[0] == 'c' && len(fields) == 3:
			if m != nil {
				m.Address = fields[2]
			}
			if s.Address == "" {
				s.Address = fields[2]
			}
		case line[0] == 'm' && len(fields) >= 3:
			s.Media = append(s.Media, medium(fields, s.Address, direction))
		case line[0] == 'a':
			attribute(m, &direction, value)
		}
	}
	return s, len(s.Media) > 0
}

// medium reads the fields of an m= line.
func medium(fields []string, address, direction string) Medium {
	port, _, _ := strings.Cut(fields[1], "/")
	m := Medium{Kind: fields[0], Protocol: fields[2], Address: address, Direction: direction}
	m.Port, _ = strconv.Atoi(port)
	for _, format := range fields[3:] {
		payload, err := strconv.Atoi(format)
		if err != nil {
			continue
		}
		c := Codec{Payload: payload}
		if i := slices.IndexFunc(standard, func(s Codec) bool { return s.Payload == payload }); i >= 0 {
			c = standard[i]
		}
		m.Codecs = append(m.Codecs, c)
	}
	return m
}

// attribute reads an a= line of a medium, or of the session.
func attribute(m *Medium, direction *string, value string) {
	switch value {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		if m != nil {
			m.Direction = value
		} else {
			*direction = value
		}
		return
	}
	rest, ok := strings.CutPrefix(value, "rtpmap:")
	if !ok || m == nil {
		return
	}
	format, encoding, _ := strings.Cut(rest, " ")
	payload, err := strconv.Atoi(format)
	if err != nil {
		return
	}
	name, rate, _ := strings.Cut(encoding, "/")
	rate, _, _ = strings.Cut(rate, "/")
	for i := range m.Codecs {
		if m.Codecs[i].Payload == payload {
			m.Codecs[i].Name = name
			m.Codecs[i].Rate, _ = strconv.Atoi(rate)
		}
	}
}

// Media says which description a phone sends. The zero value is none.
type Media struct {
	Text string // as it is, or
	Own  bool   // the phone's: an answer if there is an offer to answer, otherwise an offer, with
	// these instead of the phone's own ways if they are given
	Direction, Address string
	Port               int      // of the first medium
	Codecs             []string // names, in the order of preference
}

// given reports whether there is one.
func (m *Media) given() bool { return m.Own || m.Text != "" }

// session is one side's description within a dialog: what it said last, and whether it, or the
// other side, is on hold.
type session struct {
	user         string
	id           uint64
	addr         netip.Addr
	port         int
	version      uint64
	last         string // all but v= and o=
	held, onHold bool   // by this side, by the other
}

func (p *Phone) newSession() *session {
	p.media++
	user := string(p.uri.User)
	if user == "" {
		user = "-"
	}
	return &session{user: user, id: p.w.Random() >> 34, addr: p.o.Addr.Addr(), port: 10000 + 2*p.media}
}

// describe is the text of a description; offer is the one it answers, nil for none.
func (s *session) describe(m *Media, offer *SDP) string {
	if !m.Own {
		return m.Text
	}
	address := s.addr.String()
	if m.Address != "" {
		address = m.Address
	}
	var b strings.Builder
	fmt.Fprintf(&b, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", family(address), address)
	if offer == nil {
		section(&b, &Medium{Kind: "audio", Port: s.portOf(m), Protocol: "RTP/AVP", Direction: s.direction(m, ""), Codecs: chosen(m, nil)})
	} else {
		s.onHold = offer.Hold()
		for i := range offer.Media {
			o := &offer.Media[i]
			a := Medium{Kind: o.Kind, Protocol: o.Protocol, Direction: s.direction(m, o.Direction), Codecs: chosen(m, o)}
			if o.Kind == "audio" && o.Port != 0 && len(a.Codecs) > 0 {
				a.Port = s.portOf(m)
			} else {
				a.Codecs = o.Codecs // a refused medium is repeated (RFC 3264 §6)
			}
			section(&b, &a)
		}
	}
	if b.String() != s.last {
		s.version++
		s.last = b.String()
	}
	return fmt.Sprintf("v=0\r\no=%s %d %d IN %s %s\r\n%s", s.user, s.id, s.version, family(s.addr.String()), s.addr, s.last)
}

func family(address string) string {
	if strings.Contains(address, ":") {
		return "IP6"
	}
	return "IP4"
}

func (s *session) portOf(m *Media) int {
	if m.Port != 0 {
		return m.Port
	}
	return s.port
}

// direction is that of a medium: of an answer to an offer with a direction, or of an offer (""),
// RFC 3264 §6.1 and §8.4.
func (s *session) direction(m *Media, offered string) string {
	if m.Direction != "" {
		return m.Direction
	}
	send, receive := !s.onHold, !s.held
	if offered != "" {
		send = offered == "sendrecv" || offered == "recvonly"
		receive = receive && (offered == "sendrecv" || offered == "sendonly")
	}
	switch {
	case s.held && send:
		return "sendonly"
	case send && receive:
		return "sendrecv"
	case send:
		return "sendonly"
	case receive:
		return "recvonly"
	}
	return "inactive"
}

// chosen are the codecs of a medium: those of the phone, or those asked for, as far as an offer has
// them, with its numbers.
func chosen(m *Media, offer *Medium) (list []Codec) {
	mine := own
	if m.Codecs != nil {
		mine = nil
		for i, name := range m.Codecs {
			c := Codec{96 + i, name, 8000}
			for _, s := range append(standard, own...) {
				if strings.EqualFold(s.Name, name) {
					c = s
					break
				}
			}
			mine = append(mine, c)
		}
	}
	if offer == nil {
		return mine
	}
	for _, o := range offer.Codecs {
		if slices.ContainsFunc(mine, func(c Codec) bool { return strings.EqualFold(c.Name, o.Name) }) {
			list = append(list, o)
		}
	}
	return list
}

// section writes an m= section.
func section(b *strings.Builder, m *Medium) {
	fmt.Fprintf(b, "m=%s %d %s", m.Kind, m.Port, m.Protocol)
	for _, c := range m.Codecs {
		fmt.Fprintf(b, " %d", c.Payload)
	}
	if len(m.Codecs) == 0 {
		b.WriteString(" 0") // the grammar wants one
	}
	b.WriteString("\r\n")
	if m.Port == 0 {
		return
	}
	for _, c := range m.Codecs {
		if c.Name != "" {
			fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", c.Payload, c.Name, c.Rate)
		}
	}
	fmt.Fprintf(b, "a=%s\r\n", m.Direction)
}
