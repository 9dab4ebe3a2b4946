package body

// Codecs of media that are RTP (RFC 8866 §6.6, RFC 3551 §6).

import (
	"slices"
	"strings"
)

// Codec is one format of a medium that is RTP.
type Codec struct {
	Payload        int      // the RTP payload type, 0 to 127
	Name           string   // as a=rtpmap has it; of a static payload type without one, its name
	Rate, Channels int      // 0 if it is not known
	FMTP           string   // the parameters of a=fmtp, as written; "" for none
	Feedback       []string // a=rtcp-fb (RFC 4585), those for all payload types too
}

// static are the payload types that need no a=rtpmap (RFC 3551 §6).
func static(payload int) Codec {
	switch payload {
	case 0:
		return Codec{Name: "PCMU", Rate: 8000}
	case 3:
		return Codec{Name: "GSM", Rate: 8000}
	case 4:
		return Codec{Name: "G723", Rate: 8000}
	case 5:
		return Codec{Name: "DVI4", Rate: 8000}
	case 6:
		return Codec{Name: "DVI4", Rate: 16000}
	case 7:
		return Codec{Name: "LPC", Rate: 8000}
	case 8:
		return Codec{Name: "PCMA", Rate: 8000}
	case 9:
		return Codec{Name: "G722", Rate: 8000}
	case 10:
		return Codec{Name: "L16", Rate: 44100, Channels: 2}
	case 11:
		return Codec{Name: "L16", Rate: 44100}
	case 12:
		return Codec{Name: "QCELP", Rate: 8000}
	case 13:
		return Codec{Name: "CN", Rate: 8000}
	case 14:
		return Codec{Name: "MPA", Rate: 90000}
	case 15:
		return Codec{Name: "G728", Rate: 8000}
	case 16:
		return Codec{Name: "DVI4", Rate: 11025}
	case 17:
		return Codec{Name: "DVI4", Rate: 22050}
	case 18:
		return Codec{Name: "G729", Rate: 8000}
	case 25:
		return Codec{Name: "CelB", Rate: 90000}
	case 26:
		return Codec{Name: "JPEG", Rate: 90000}
	case 28:
		return Codec{Name: "nv", Rate: 90000}
	case 31:
		return Codec{Name: "H261", Rate: 90000}
	case 32:
		return Codec{Name: "MPV", Rate: 90000}
	case 33:
		return Codec{Name: "MP2T", Rate: 90000}
	case 34:
		return Codec{Name: "H263", Rate: 90000}
	}
	return Codec{}
}

// IsRTP reports whether the formats are payload types of RTP.
func (m Medium) IsRTP() bool {
	t := m.at()
	p := m.s.text[t.protoLo:t.protoEnd]
	for i := 0; i+4 <= len(p); i++ {
		if string(p[i:i+4]) == "RTP/" && (i == 0 || p[i-1] == '/') {
			return true
		}
	}
	return false
}

// Formats are the formats of the m= line as written.
func (m Medium) Formats() []string {
	t := m.at()
	return strings.Fields(string(m.s.text[t.formats:m.s.lines[t.first].end]))
}

// Codecs are the codecs of a medium that is RTP, in the order of the m= line.
func (m Medium) Codecs() []Codec {
	if !m.IsRTP() {
		return nil
	}
	t, s := m.at(), m.s
	var index [128]int16 // of payload types: place in codecs + 1
	formats := m.Formats()
	codecs := make([]Codec, 0, len(formats))
	for _, f := range formats {
		n := number(f, 127)
		if n < 0 || index[n] != 0 {
			continue
		}
		c := static(n)
		c.Payload = n
		codecs = append(codecs, c)
		index[n] = int16(len(codecs))
	}
	for _, l := range s.lines[t.first:t.past] {
		name, payload, rest := s.formatLine(l)
		switch {
		case payload == everyPayload && name == "rtcp-fb":
			for i := range codecs {
				codecs[i].Feedback = append(codecs[i].Feedback, string(rest))
			}
		case payload < 0 || payload > 127 || index[payload] == 0:
		default:
			codecs[index[payload]-1].describe(name, string(rest))
		}
	}
	return codecs
}

func (c *Codec) describe(name, rest string) {
	switch name {
	case "rtpmap":
		w := strings.SplitN(rest, "/", 3)
		c.Name, c.Rate, c.Channels = w[0], 0, 0
		if len(w) > 1 {
			c.Rate = max(0, number(strings.TrimRight(w[1], " "), 1<<31-1))
		}
		if len(w) > 2 {
			c.Channels = max(0, number(strings.TrimRight(w[2], " "), 255))
		}
	case "fmtp":
		c.FMTP = rest
	case "rtcp-fb":
		c.Feedback = append(c.Feedback, rest)
	}
}

// everyPayload is "*" of a=rtcp-fb.
const everyPayload = 1 << 20

// formatLine reads a line about one format: "a=rtpmap:96 VP8/90000". payload is -1 for any other.
func (s *Session) formatLine(l line) (name string, payload int, rest []byte) {
	for _, name := range [...]string{"rtpmap", "fmtp", "rtcp-fb", "imageattr"} {
		v, ok := s.attribute(l, name)
		if !ok {
			continue
		}
		for len(v) > 0 && v[0] == ' ' { // "a=fmtp: 101 0-15"
			v = v[1:]
		}
		i := 0
		for i < len(v) && v[i] != ' ' {
			i++
		}
		payload = number(v[:i], 127)
		if string(v[:i]) == "*" {
			payload = everyPayload
		}
		for i < len(v) && v[i] == ' ' {
			i++
		}
		return name, payload, v[i:]
	}
	return "", -1, nil
}

// named reports whether a codec is one of the names: "PCMA", "L16/44100", "opus/48000/2".
func (c *Codec) named(names []string) bool {
	for _, want := range names {
		name, rest, more := strings.Cut(want, "/")
		if !strings.EqualFold(name, c.Name) {
			continue
		}
		if !more {
			return true
		}
		rate, channels, more := strings.Cut(rest, "/")
		if number(rate, 1<<31-1) == c.Rate && (!more || number(channels, 255) == max(1, c.Channels)) {
			return true
		}
	}
	return false
}

// auxiliary codecs carry nothing without another one.
func (c *Codec) auxiliary() bool {
	for _, name := range [...]string{"telephone-event", "CN", "rtx", "red", "ulpfec", "flexfec-03", "flexfec"} {
		if strings.EqualFold(name, c.Name) {
			return true
		}
	}
	return false
}

// KeepCodecs removes all codecs but those, and what belongs to them (retransmission of a codec that
// is removed); a medium that is RTP and has none left to carry sound or pictures is refused as by
// Remove. It reports whether no medium was.
func (s *Session) KeepCodecs(names []string) (bool, error) { return s.each(names, Medium.KeepCodecs) }

// RemoveCodecs removes those codecs, as KeepCodecs does.
func (s *Session) RemoveCodecs(names []string) (bool, error) {
	return s.each(names, Medium.RemoveCodecs)
}

// PreferCodecs puts those codecs first, in that order.
func (s *Session) PreferCodecs(names []string) error {
	_, err := s.each(names, func(m Medium, names []string) (bool, error) { return true, m.PreferCodecs(names) })
	return err
}

func (s *Session) each(names []string, f func(Medium, []string) (bool, error)) (bool, error) {
	all := true
	for n := range s.Media() {
		ok, err := f(s.Medium(n), names)
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return all, nil
}

// KeepCodecs is Session.KeepCodecs for one medium.
func (m Medium) KeepCodecs(names []string) (bool, error) {
	return m.filter(func(c *Codec) bool {
		return c.named(names) || strings.EqualFold(c.Name, "rtx") || strings.EqualFold(c.Name, "red") && strings.Contains(c.FMTP, "/")
	})
}

// RemoveCodecs is Session.RemoveCodecs for one medium.
func (m Medium) RemoveCodecs(names []string) (bool, error) {
	return m.filter(func(c *Codec) bool { return !c.named(names) })
}

// filter keeps those codecs that keep says, without those that refer to one that goes.
func (m Medium) filter(keep func(*Codec) bool) (bool, error) {
	codecs := m.Codecs()
	if len(codecs) == 0 || m.Port() == 0 {
		return true, nil
	}
	gone := map[int]bool{}
	for i := range codecs {
		if !keep(&codecs[i]) {
			gone[codecs[i].Payload] = true
		}
	}
	for i := range codecs {
		if codecs[i].refers(gone) {
			gone[codecs[i].Payload] = true
		}
	}
	dropRates(codecs, gone)
	left := slices.ContainsFunc(codecs, func(c Codec) bool { return !gone[c.Payload] && !c.auxiliary() })
	switch {
	case len(gone) == 0:
		return true, nil
	case !left:
		return false, m.Remove()
	}
	return true, m.drop(gone)
}

// refers reports whether a codec is of no use without one that goes: apt of rtx (RFC 4588), and the
// payload types of redundancy (RFC 2198 §5).
func (c *Codec) refers(gone map[int]bool) bool {
	switch {
	case strings.EqualFold(c.Name, "rtx"):
		for p := range strings.SplitSeq(c.FMTP, ";") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(p), "apt="); ok {
				return gone[number(v, 127)]
			}
		}
	case strings.EqualFold(c.Name, "red"):
		list, _, _ := strings.Cut(c.FMTP, " ")
		for p := range strings.SplitSeq(list, "/") {
			if gone[number(p, 127)] {
				return true
			}
		}
	}
	return false
}

// dropRates adds to gone what has the clock of a codec that goes, and of none that stays: comfort
// noise, and telephone events where others fit what stays (RFC 4733 §2.1: they share the sound's
// timestamps; some phones have one of 8000 Hz beside all codecs, which is better than none).
func dropRates(codecs []Codec, gone map[int]bool) {
	before, after := map[int]bool{}, map[int]bool{}
	for i := range codecs {
		if c := &codecs[i]; !c.auxiliary() {
			before[c.Rate] = true
			after[c.Rate] = after[c.Rate] || !gone[c.Payload]
		}
	}
	events := func(c Codec) bool { return strings.EqualFold(c.Name, "telephone-event") }
	fits := slices.ContainsFunc(codecs, func(c Codec) bool { return events(c) && !gone[c.Payload] && after[c.Rate] })
	for i := range codecs {
		c := &codecs[i]
		if before[c.Rate] && !after[c.Rate] && (events(*c) && fits || strings.EqualFold(c.Name, "CN")) {
			gone[c.Payload] = true
		}
	}
}

// drop removes payload types from the m= line, with the lines about them.
func (m Medium) drop(gone map[int]bool) error {
	t, s := m.at(), m.s
	first := s.lines[t.first]
	var edits []splice
	kept := slices.DeleteFunc(m.Formats(), func(f string) bool { return gone[number(f, 127)] })
	edits = append(edits, splice{t.formats, first.end, strings.Join(kept, " ")})
	for i := t.first + 1; i < t.past; i++ {
		if _, payload, _ := s.formatLine(s.lines[i]); gone[payload] {
			edits = append(edits, s.cut(i))
		}
	}
	return s.apply(edits)
}

// PreferCodecs is Session.PreferCodecs for one medium.
func (m Medium) PreferCodecs(names []string) error {
	codecs := m.Codecs()
	if len(codecs) == 0 {
		return nil
	}
	rank := map[int]int{} // of payload types; those not named stay behind, in their order
	for _, c := range codecs {
		for i := range names {
			if c.named(names[i : i+1]) {
				rank[c.Payload] = i - len(names)
				break
			}
		}
	}
	t, s := m.at(), m.s
	formats := m.Formats()
	before := strings.Join(formats, " ")
	slices.SortStableFunc(formats, func(a, b string) int { return rank[number(a, 127)] - rank[number(b, 127)] })
	after := strings.Join(formats, " ")
	if before == after {
		return nil
	}
	return s.apply([]splice{{t.formats, s.lines[t.first].end, after}})
}
