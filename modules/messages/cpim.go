package messages

// Messages in CPIM (RFC 3862), and notifications of what became of them (IMDN, RFC 5438).

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// Content types.
const (
	cpimType      = "message/cpim"
	imdnType      = "message/imdn+xml"
	composingType = "application/im-iscomposing+xml" // RFC 3994
)

const (
	imdnNamespace = "urn:ietf:params:imdn"
	mostCPIM      = 16 << 10 // of a body, that is looked at
	mostFields    = 100
)

// envelope is what is of interest in a CPIM message.
type envelope struct {
	from, to    string // the values of its headers
	contentType string // of what is in it, in lower case, without parameters
	id          string // imdn.Message-ID
	wants       string // imdn.Disposition-Notification, in lower case
	routed      bool   // it has an IMDN-Record-Route
}

// mediaType is a Content-Type without its parameters, in lower case.
func mediaType(v string) string {
	v, _, _ = strings.Cut(v, ";")
	return strings.ToLower(strings.TrimSpace(v))
}

// openEnvelope reads the headers of a CPIM message, and those of what is in it. ok is false for
// anything else.
func openEnvelope(contentType string, body []byte) (e envelope, ok bool) {
	if mediaType(contentType) != cpimType {
		return e, false
	}
	rest := body[:min(len(body), mostCPIM)]
	prefix := ""
	rest = eachField(rest, func(name, value string) {
		switch lower := strings.ToLower(name); {
		case lower == "from":
			e.from = value
		case lower == "to":
			e.to = value
		case lower == "ns": // NS: imdn <urn:ietf:params:imdn>
			if p, uri, found := strings.Cut(value, "<"); found && strings.TrimSuffix(strings.TrimSpace(uri), ">") == imdnNamespace {
				prefix = strings.TrimSpace(p) + "."
			}
		case prefix != "" && strings.HasPrefix(name, prefix):
			switch strings.ToLower(name[len(prefix):]) {
			case "message-id":
				e.id = value
			case "disposition-notification":
				e.wants = strings.ToLower(value)
			case "imdn-record-route":
				e.routed = true
			}
		}
	})
	eachField(rest, func(name, value string) {
		if strings.EqualFold(name, "Content-Type") {
			e.contentType = mediaType(value)
		}
	})
	return e, true
}

// eachField calls f with each header field up to an empty line, and returns what follows it.
func eachField(b []byte, f func(name, value string)) []byte {
	for range mostFields {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if !ok {
			return nil
		}
		b = rest
		if len(line) == 0 {
			return b
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			f(string(bytes.TrimSpace(name)), string(bytes.TrimSpace(value)))
		}
	}
	return nil
}

// asksForProcessing reports whether the sender wants to know what a server does with the message
// (RFC 5438 §6.3, §8.2). A notification is never notified of, and one along IMDN-Record-Route would
// have to take the way back, which we do not know.
func (e *envelope) asksForProcessing() bool {
	if e.id == "" || e.contentType == imdnType || e.routed {
		return false
	}
	for _, w := range strings.Split(e.wants, ",") {
		if strings.TrimSpace(w) == "processing" {
			return true
		}
	}
	return false
}

// Outcomes of processing.
const (
	outcomeStored = "stored"
	outcomeError  = "error"
)

// receipt is the body of a processing notification, a CPIM message from the recipient.
func receipt(e *envelope, recipient, outcome string, now time.Time) []byte {
	var b bytes.Buffer
	stamp := now.UTC().Format(time.RFC3339)
	fmt.Fprintf(&b, "From: <%s>\r\nTo: %s\r\nDateTime: %s\r\nNS: imdn <%s>\r\nimdn.Message-ID: %s-%s\r\n\r\n", recipient, e.from, stamp, imdnNamespace, e.id, outcome)
	var doc bytes.Buffer
	text := func(element, value string) {
		doc.WriteString("  <" + element + ">")
		_ = xml.EscapeText(&doc, []byte(value))
		doc.WriteString("</" + element + ">\r\n")
	}
	doc.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<imdn xmlns=\"urn:ietf:params:xml:ns:imdn\">\r\n")
	text("message-id", e.id)
	text("datetime", stamp)
	text("recipient-uri", recipient)
	text("original-recipient-uri", recipient)
	doc.WriteString("  <processing-notification><status><" + outcome + "/></status></processing-notification>\r\n</imdn>\r\n")
	fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Disposition: notification\r\nContent-Length: %d\r\n\r\n", imdnType, doc.Len())
	b.Write(doc.Bytes())
	return b.Bytes()
}
