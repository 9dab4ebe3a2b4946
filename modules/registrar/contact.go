package registrar

// This file reads what a REGISTER requests: its contacts, and for how long.

import (
	"bytes"
	"math"
	"time"

	"github.com/sipscript/sipscript/engine/message"
)

// contact is one Contact of a REGISTER. It refers to the message.
type contact struct {
	text    []byte // the URI
	uri     message.URI
	params  string        // its header parameters except the registrar's own, on one line
	q       float64       // 1 when it names none
	expires time.Duration // the time granted; 0: remove the binding

	instance []byte // RFC 5626 §4.1; nil for none
	regID    int    // RFC 5626 §4.2; 0 for none
}

// demand is what a REGISTER requests.
type demand struct {
	all      bool // Contact: * — remove all bindings
	contacts []contact
}

// readDemand reads the contacts of m and applies the policy's times to them (§10.3 steps 6 and 7).
func readDemand(m *message.Message, p *Policy) (d demand, no *refusal) {
	fallback, given := p.DefaultExpires, false
	var header []byte
	if i := m.Find(message.HeaderExpires, 0); i >= 0 {
		header, given = m.Value(i), true
		fallback = asked(header)
	}
	var brief *refusal // step 7's, and step 6 comes first
	elements := m.Elements(message.HeaderContact)
	for elements.Next() {
		a, err := message.ParseAddress(elements.Value)
		if err != nil {
			return d, refuse(400, "Bad Contact")
		}
		if a.Star {
			d.all = true
			continue
		}
		if len(d.contacts) >= p.mostAtOnce() {
			return d, refuse(403, "Too Many Contacts")
		}
		c, no := readContact(&a, fallback, p)
		if no != nil && no.code != 423 {
			return d, no
		}
		if no != nil {
			brief = no
		}
		d.contacts = append(d.contacts, c)
	}
	if d.all {
		// §10.3 step 6: with other contacts, or any expiration except zero, MUST be answered 400.
		if n, ok := parseSeconds(header); len(d.contacts) > 0 || !given || !ok || n != 0 {
			return d, refuse(400, "Contact * Takes Expires 0 And No Other Contact")
		}
	}
	return d, brief
}

// mostAtOnce bounds the contacts of one REGISTER: each is compared with all others, and a message
// has room for thousands. It leaves room for a client that removes the maximum number and adds as
// many, even if the limit has been lowered in between.
func (p *Policy) mostAtOnce() int { return max(2*p.MaxContacts, 100) }

func readContact(a *message.Address, fallback time.Duration, p *Policy) (c contact, no *refusal) {
	uri, err := message.ParseURI(a.URI)
	if err != nil {
		return c, refuse(400, "Bad Contact")
	}
	c = contact{text: a.URI, uri: uri, q: 1, expires: fallback}
	if c.params, err = storedParams(a.Params); err != nil {
		return c, refuse(400, "Bad Contact")
	}
	if len(a.URI)+len(c.params) > maxContact {
		return c, refuse(400, "Contact Too Long")
	}
	if v, ok := a.Params.Get("expires"); ok {
		c.expires = asked(v)
	}
	if v, ok := a.Params.Get("q"); ok {
		if c.q, ok = parseQ(v); !ok {
			return c, refuse(400, "Bad Contact: q is not 0 to 1")
		}
	}
	c.instance, c.regID = instanceOf(a.Params)
	// §10.3 step 7: 423 if and only if the interval is above zero, below an hour and below the
	// minimum.
	if c.expires > 0 && c.expires < hour && c.expires < p.MinExpires {
		no = refuse(423, "")
		no.minExpires = p.MinExpires
		return c, no
	}
	c.expires = min(c.expires, p.MaxExpires)
	return c, nil
}

// asked is the interval that an Expires value or an expires parameter requests; malformed ones
// SHOULD be treated as 3600 (§10.2.1.1).
func asked(text []byte) time.Duration {
	n, ok := parseSeconds(text)
	if !ok {
		return hour
	}
	return time.Duration(n) * time.Second
}

// parseSeconds reads delta-seconds (§25.1); a number beyond 32 bits becomes the largest one
// (§20.19).
func parseSeconds(text []byte) (n uint32, ok bool) {
	if len(text) == 0 {
		return 0, false
	}
	var v uint64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = min(v*10+uint64(c-'0'), math.MaxUint32)
	}
	return uint32(v), true
}

// parseQ reads a qvalue (§25.1): 0 to 1, with up to three digits after the point.
func parseQ(text []byte) (q float64, ok bool) {
	if len(text) == 0 || len(text) > 5 || text[0] != '0' && text[0] != '1' || len(text) > 1 && text[1] != '.' {
		return 0, false
	}
	thousandths, unit := int(text[0]-'0')*1000, 100
	for _, c := range text[min(2, len(text)):] {
		if c < '0' || c > '9' {
			return 0, false
		}
		thousandths += int(c-'0') * unit
		unit /= 10
	}
	return float64(thousandths) / 1000, thousandths <= 1000
}

// storedParams is the header parameters except the registrar's own, as one line: white space
// outside quotes is dropped, a fold inside becomes a space (§7.3.1). The rest is as the UA wrote
// it.
func storedParams(p message.Params) (string, error) {
	out := make([]byte, 0, len(p))
	for rest := []byte(p); len(rest) > 0; {
		var part []byte
		part, rest = cutParam(rest)
		from := len(out)
		var err error
		if out, err = appendParam(out, part); err != nil {
			return "", err
		}
		name, _, _ := bytes.Cut(out[from:], []byte("="))
		if len(name) <= 1 || ours(name[1:]) {
			out = out[:from]
		}
	}
	return string(out), nil
}

// ours reports whether a contact parameter is set by the registrar: the UA's own value is not kept
// (for GRUUs: RFC 5627 §5.1).
func ours(name []byte) bool {
	for _, s := range [...]string{"expires", "pub-gruu", "temp-gruu"} {
		if bytes.EqualFold(name, []byte(s)) {
			return true
		}
	}
	return false
}

// cutParam cuts the first ";name=value" off: up to the next ';' outside of quotes.
func cutParam(p []byte) (part, rest []byte) {
	quoted := false
	for i := 1; i < len(p); i++ {
		switch c := p[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			return p[:i], p[i:]
		}
	}
	return p, nil
}

func appendParam(dst, part []byte) ([]byte, error) {
	quoted := false
	for i := 0; i < len(part); i++ {
		c := part[i]
		space := c == ' ' || c == '\t' || c == '\r' || c == '\n'
		switch {
		case space && quoted:
			if c == ' ' || c == '\t' {
				dst = append(dst, ' ')
			}
		case space:
		case c < ' ' || c == 0x7f:
			return dst, errControl
		case quoted && c == '\\' && i+1 < len(part) && part[i+1] >= ' ' && part[i+1] != 0x7f:
			i++
			dst = append(dst, c, part[i])
		default:
			quoted = quoted != (c == '"')
			dst = append(dst, c)
		}
	}
	return dst, nil
}

// oneLine is a header value as one line: folds are one space (§7.3.1). Other control characters are
// an error.
func oneLine(value []byte) (string, error) {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		c := value[i]
		if c == '\r' || c == '\n' || c == '\t' {
			c = ' '
		}
		if c < ' ' || c == 0x7f {
			return "", errControl
		}
		if c == ' ' && len(out) > 0 && out[len(out)-1] == ' ' {
			continue
		}
		out = append(out, c)
	}
	return string(out), nil
}
