package regevent

// This file reads SUBSCRIBE requests (RFC 6665 §4.2.1).

import (
	"bytes"
	"strings"
	"time"

	"github.com/sipscript/sipscript/engine"
	"github.com/sipscript/sipscript/engine/message"
)

// demand is what a SUBSCRIBE requests.
type demand struct {
	eventID string        // Event's id, "" for none
	expires time.Duration // granted; 0: one NOTIFY, or no more
	target  *engine.Target
}

// readDemand reads what SUBSCRIBEs within and outside a dialog have in common. old is where the
// dialog's NOTIFYs have been sent, nil outside.
func readDemand(req *engine.Request, old *engine.Target, p *Policy) (d demand, no *refusal) {
	m := req.Message()
	if d.eventID, no = readEvent(m); no != nil {
		return d, no
	}
	if no = checkExtensions(req); no != nil {
		return d, no
	}
	if d.expires, no = grant(m, p); no != nil {
		return d, no
	}
	d.target, no = readTarget(req, old)
	return d, no
}

// readEvent returns Event's id. RFC 6665 §4.2.1.1: a package that is not known, and none at all, is
// answered 489.
func readEvent(m *message.Message) (id string, no *refusal) {
	name, params, _ := bytes.Cut(m.Header(message.HeaderEvent), []byte(";"))
	if !strings.EqualFold(string(bytes.TrimSpace(name)), "reg") {
		return "", refuse(489, "", header("Allow-Events", "reg"))
	}
	if params != nil {
		v, _ := message.Params(append([]byte(";"), params...)).Get("id")
		id = string(v)
	}
	if len(id) > maxEventID || strings.ContainsAny(id, "\" \t\r\n\x00;,") {
		return "", refuse(400, "Bad Event")
	}
	return id, nil
}

// checkExtensions is §8.2.2.3 and §8.2.3 of RFC 3261: a subscriber can require only extensions that
// the script implements, and the documents have one format.
func checkExtensions(req *engine.Request) *refusal {
	m := req.Message()
	var unknown []string
	tags := m.Elements(message.HeaderRequire)
	for tags.Next() && len(unknown) < 16 {
		if tag := string(tags.Value); tag != "" && !req.Supports(tags.Value) && !strings.ContainsFunc(tag, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			unknown = append(unknown, tag)
		}
	}
	if unknown != nil {
		return refuse(420, "", engine.HeaderEdit{Name: "Unsupported", Values: unknown})
	}
	types := m.Elements(message.HeaderAccept)
	listed := false
	for types.Next() {
		listed = true
		kind, _, _ := bytes.Cut(types.Value, []byte(";"))
		switch strings.ToLower(string(bytes.TrimSpace(kind))) {
		case ContentType, "application/*", "*/*":
			return nil
		}
	}
	if listed {
		return refuse(406, "", header("Accept", ContentType))
	}
	return nil
}

// grant is how long the subscription lasts. RFC 6665 §4.2.1.1: a time may be shortened, and is too
// brief only below an hour.
func grant(m *message.Message, p *Policy) (time.Duration, *refusal) {
	n, ok := m.Expires()
	if !ok {
		return p.MaxExpires, nil
	}
	d := time.Duration(n) * time.Second
	if d > 0 && d < time.Hour && d < p.MinExpires {
		return 0, refuse(423, "", secondsHeader("Min-Expires", p.MinExpires))
	}
	return min(d, p.MaxExpires), nil
}

// aorOf is the address whose registrations a SUBSCRIBE is about (RFC 6665 §4.1.2.1: the Request-URI
// says).
func aorOf(req *engine.Request) (string, *refusal) {
	uri, err := message.ParseURI(req.Message().RequestURI())
	if err != nil {
		return "", refuse(400, "Bad Request-URI")
	}
	if !uri.IsSIP() || len(uri.User) == 0 || len(req.Message().RequestURI()) > maxURI || !req.Engine().IsLocal(string(uri.Host), uri.Port) {
		return "", refuse(404, "")
	}
	return string(req.Engine().AppendAddress(nil, &uri)), nil
}
