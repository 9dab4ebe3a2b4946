package body

// ICE (RFC 8839).

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Candidate is one a=candidate line (RFC 8839 §5.1).
type Candidate struct {
	// Alike for candidates of one type, base and server (RFC 8839 §5.1)
	Foundation string
	Component  int    // 1 for RTP, 2 for RTCP
	Transport  string // "UDP" or "TCP", as written
	Priority   int    // 1 to 2^31-1; the highest is tried first
	Address    string // an IP address, or a name that ends with .local
	Port       int    // 0 to 65535
	Type       string // "host", "srflx", "prflx" or "relay"
	// Of a candidate that is not a host: the address it was learned from; "" for none
	RelatedAddress string
	RelatedPort    int    // the port of RelatedAddress
	Extra          string // what follows: "generation 0"
}

// ICE is what a medium says about ICE.
type ICE struct {
	Ufrag, Pwd string      // the medium's own or the session's
	Lite       bool        // a=ice-lite: it answers checks and makes none (RFC 8445 §2.5)
	Candidates []Candidate // in the order of the body
}

// ICE of the medium; ok is false if it is not negotiated with ICE.
func (m Medium) ICE() (ice ICE, ok bool) {
	ufrag, ok := m.either("ice-ufrag")
	if !ok {
		return ice, false
	}
	pwd, _ := m.either("ice-pwd")
	ice.Ufrag, ice.Pwd = string(ufrag), string(pwd)
	_, ice.Lite = m.either("ice-lite")
	t := m.at()
	for _, l := range m.s.lines[t.first:t.past] {
		if v, ok := m.s.attribute(l, "candidate"); ok {
			if c, ok := parseCandidate(string(v)); ok {
				ice.Candidates = append(ice.Candidates, c)
			}
		}
	}
	return ice, true
}

func parseCandidate(v string) (c Candidate, ok bool) {
	w := strings.Fields(v)
	if len(w) < 8 || w[6] != "typ" {
		return c, false
	}
	c = Candidate{Foundation: w[0], Component: number(w[1], 65535), Transport: w[2], Priority: number(w[3], 1<<31-1), Address: w[4],
		Port: number(w[5], 65535), Type: w[7]}
	if c.Component < 0 || c.Priority < 0 || c.Port < 0 {
		return c, false
	}
	w = w[8:]
	for len(w) >= 2 {
		switch w[0] {
		case "raddr":
			c.RelatedAddress = w[1]
		case "rport":
			c.RelatedPort = max(0, number(w[1], 65535))
		default:
			c.Extra = strings.Join(w, " ")
			return c, true
		}
		w = w[2:]
	}
	return c, true
}

// String is the value of the a=candidate line.
func (c Candidate) String() string {
	var b strings.Builder
	b.WriteString(c.Foundation + " " + itoa(c.Component) + " " + c.Transport + " " + strconv.Itoa(c.Priority) + " " + c.Address + " " + itoa(c.Port) + " typ " + c.Type)
	if c.RelatedAddress != "" {
		b.WriteString(" raddr " + c.RelatedAddress + " rport " + itoa(c.RelatedPort))
	}
	if c.Extra != "" {
		b.WriteString(" " + c.Extra)
	}
	return b.String()
}

// RemoveCandidates removes the medium's candidates of a type, or all for "", and says how many.
func (m Medium) RemoveCandidates(kind string) (int, error) {
	t, s := m.at(), m.s
	var edits []splice
	for i := t.first; i < t.past; i++ {
		v, ok := s.attribute(s.lines[i], "candidate")
		if !ok {
			continue
		}
		if kind != "" {
			if c, ok := parseCandidate(string(v)); !ok || c.Type != kind {
				continue
			}
		}
		edits = append(edits, s.cut(i))
	}
	return len(edits), s.apply(edits)
}

// RemoveCandidates is Medium.RemoveCandidates for all media.
func (s *Session) RemoveCandidates(kind string) (int, error) {
	sum := 0
	for n := range s.Media() {
		k, err := s.Medium(n).RemoveCandidates(kind)
		if err != nil {
			return sum, err
		}
		sum += k
	}
	return sum, nil
}

var errCandidate = errors.New("sdp: a candidate that can't be written: words have no spaces in them, and numbers their bounds")

// AddCandidate adds a candidate to the medium: before the others if first, where a priority of 0
// becomes one above theirs, and otherwise after them, below theirs. A foundation that is "" becomes
// one that no other has.
func (m Medium) AddCandidate(c Candidate, first bool) error {
	t, s := m.at(), m.s
	after, found := -1, false
	least, most := 1<<31-1, 0
	names := map[string]bool{}
	for i := t.first; i < t.past; i++ {
		v, ok := s.attribute(s.lines[i], "candidate")
		if !ok {
			continue
		}
		if !found || !first {
			after = i
		}
		found = true
		if other, ok := parseCandidate(string(v)); ok {
			least, most, names[other.Foundation] = min(least, other.Priority), max(most, other.Priority), true
		}
	}
	switch {
	case !found:
		after = s.last(t.first, t.past, known)
	case first:
		after--
	}
	if c.Foundation == "" {
		n := 1
		for ; names["x"+itoa(n)]; n++ {
		}
		c.Foundation = "x" + itoa(n)
	}
	if c.Priority == 0 {
		switch {
		case !found:
			c.Priority = 1<<24*126 + 1<<8*65535 + 256 - c.Component // RFC 8445 §5.1.2.1, of a host
		case first:
			c.Priority = min(most+1, 1<<31-1)
		default:
			c.Priority = max(1, least-1)
		}
	}
	if !c.writable() {
		return errCandidate
	}
	return s.apply([]splice{s.insert(after, "a=candidate:"+c.String())})
}

func (c Candidate) writable() bool {
	words := []string{c.Foundation, c.Transport, c.Address, c.Type}
	if c.RelatedAddress != "" {
		words = append(words, c.RelatedAddress)
	}
	bad := slices.ContainsFunc(words, func(w string) bool { return w == "" || strings.ContainsAny(w, " \t\r\n\x00") })
	return !bad && !strings.ContainsAny(c.Extra, "\r\n\x00") && len(c.Foundation) <= 32 && c.Component >= 1 && c.Component <= 256 &&
		c.Priority >= 1 && c.Priority <= 1<<31-1 && c.Port >= 0 && c.Port <= 65535 && c.RelatedPort >= 0 && c.RelatedPort <= 65535
}
