package notifier

// This file reads SUBSCRIBE requests (RFC 6665 §4.2.1).

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// demand is what a SUBSCRIBE requests.
type demand struct {
	event    *Package
	eventID  string        // Event's id, "" for none
	expires  time.Duration // granted; 0: one NOTIFY, or no more
	accepts  uint8         // which of event.Types
	suppress string        // Suppress-If-Match, "" for none
	way      way
}

// readDemand reads what SUBSCRIBEs within and outside a dialog have in common. old is how the
// dialog's subscriber has been reached, nil outside.
func (n *Notifier) readDemand(req *engine.Request, old *way) (d demand, no *Refusal) {
	m := req.Message()
	if d.event, d.eventID, no = n.readEvent(m); no != nil {
		return d, no
	}
	if no = CheckExtensions(req, d.event.Extensions...); no != nil {
		return d, no
	}
	if d.accepts, no = readAccept(m, d.event); no != nil {
		return d, no
	}
	if d.expires, no = grant(m, n.policy.Load()); no != nil {
		return d, no
	}
	if d.suppress = string(bytes.TrimSpace(m.HeaderName("Suppress-If-Match"))); len(d.suppress) > maxEventID {
		return d, Refuse(400, "Bad Suppress-If-Match")
	}
	d.way, no = readWay(req, old)
	return d, no
}

// EventName is the event package that a request names, in lower case, "" for none.
func EventName(m *message.Message) string {
	name, _, _ := bytes.Cut(m.Header(message.HeaderEvent), []byte(";"))
	return strings.ToLower(string(bytes.TrimSpace(name)))
}

// readEvent returns the package, and Event's id. RFC 6665 §4.2.1.1: a package that is not known,
// and none at all, is answered 489.
func (n *Notifier) readEvent(m *message.Message) (p *Package, id string, no *Refusal) {
	name := EventName(m)
	if name != "" {
		p = n.o.Find(name)
	}
	if p == nil {
		return nil, "", Refuse(489, "", Header("Allow-Events", n.o.Allow()))
	}
	if _, params, ok := bytes.Cut(m.Header(message.HeaderEvent), []byte(";")); ok {
		v, _ := message.Params(append([]byte(";"), params...)).Get("id")
		id = string(v)
	}
	if len(id) > maxEventID || strings.ContainsAny(id, "\" \t\r\n\x00;,") {
		return nil, "", Refuse(400, "Bad Event")
	}
	return p, id, nil
}

// CheckExtensions is §8.2.2.3 of RFC 3261: a request can require only extensions that the script
// implements, or that are named.
func CheckExtensions(req *engine.Request, known ...string) *Refusal {
	var unknown []string
	tags := req.Message().Elements(message.HeaderRequire)
	for tags.Next() && len(unknown) < 16 {
		tag := string(tags.Value)
		if tag == "" || req.Supports(tags.Value) || slices.ContainsFunc(known, func(e string) bool { return strings.EqualFold(e, tag) }) {
			continue
		}
		if !strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			unknown = append(unknown, tag)
		}
	}
	if unknown != nil {
		return Refuse(420, "", Header("Unsupported", unknown...))
	}
	return nil
}

// readAccept is which documents of the package the subscriber understands (RFC 3261 §8.2.3): its
// default without Accept.
func readAccept(m *message.Message, p *Package) (accepts uint8, no *Refusal) {
	types := m.Elements(message.HeaderAccept)
	listed, best := false, 0.0
	for n := 0; types.Next() && n < 64; n++ {
		listed = true
		kind, params, _ := bytes.Cut(types.Value, []byte(";"))
		text := strings.ToLower(string(bytes.TrimSpace(kind)))
		family, isFamily := strings.CutSuffix(text, "*")
		mask := uint8(0)
		for i, t := range p.Types {
			// A family asks for the default, not for what needs more of its reader
			if text == t || isFamily && i == 0 && (family == "*/" || strings.HasSuffix(family, "/") && strings.HasPrefix(t, family)) {
				mask |= 1 << i
			}
		}
		// What is wanted most counts (RFC 3261 §20.1, RFC 2616 §14.1)
		switch q := quality(params); {
		case mask == 0 || q == 0 || q < best:
		case q > best:
			best, accepts = q, mask
		default:
			accepts |= mask
		}
	}
	switch {
	case accepts != 0:
		return accepts, nil
	case listed:
		return 0, Refuse(406, "", Header("Accept", strings.Join(p.Types, ", ")))
	}
	return 1, nil
}

// quality is the parameter q, 1 for none.
func quality(params []byte) float64 {
	text, ok := message.Params(append([]byte(";"), params...)).Get("q")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 1
	}
	return q
}

// grant is how long the subscription lasts. RFC 6665 §4.2.1.1: a time may be shortened, and is too
// brief only below an hour.
func grant(m *message.Message, p *Policy) (time.Duration, *Refusal) {
	n, ok := m.Expires()
	if !ok {
		return p.MaxExpires, nil
	}
	d := time.Duration(n) * time.Second
	if d > 0 && d < time.Hour && d < p.MinExpires {
		return 0, Refuse(423, "", Seconds("Min-Expires", p.MinExpires))
	}
	return min(d, p.MaxExpires), nil
}

// Address is the canonical address that a request is about (RFC 6665 §4.1.2.1, RFC 3903 §6: the
// Request-URI says): of a user of a local domain.
func Address(req *engine.Request) (string, *Refusal) {
	uri, err := message.ParseURI(req.Message().RequestURI())
	if err != nil {
		return "", Refuse(400, "Bad Request-URI")
	}
	if !uri.IsSIP() || len(uri.User) == 0 || len(req.Message().RequestURI()) > maxURI || !req.Engine().IsLocal(string(uri.Host), uri.Port) {
		return "", Refuse(404, "")
	}
	return string(req.Engine().AppendAddress(nil, &uri)), nil
}
