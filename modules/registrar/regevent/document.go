package regevent

// This file writes documents of type application/reginfo+xml (RFC 3680 §5), with the GRUUs of RFC
// 5628 §5.

import (
	"bytes"
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// ContentType is that of the documents.
const ContentType = "application/reginfo+xml"

const (
	namespace     = "urn:ietf:params:xml:ns:reginfo"
	namespaceGRUU = "urn:ietf:params:xml:ns:gruuinfo"
)

// States of registrations and contacts (RFC 3680 §4.6.1, §4.6.2). A contact is never Init.
const (
	stateInit       = "init"
	stateActive     = "active"
	stateTerminated = "terminated"
)

// document is one reginfo document, about one registration.
type document struct {
	version  uint32
	full     bool
	aor      string
	state    string
	contacts []entry
}

// entry is a contact as it was reported.
type entry struct {
	Contact
	id    string
	state string // stateActive, stateTerminated
	event Event
	since time.Time // when it was registered first; zero: not known
}

// append writes the document. Texts may contain anything: characters that XML does not have become
// U+FFFD.
func (d *document) append(dst []byte, now time.Time) []byte {
	w := writer{bytes.NewBuffer(dst)}
	w.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<reginfo xmlns="` + namespace + `"`)
	if d.hasGRUU() {
		w.raw(` xmlns:gr="` + namespaceGRUU + `"`)
	}
	w.number("version", int64(d.version))
	if d.full {
		w.attribute("state", "full")
	} else {
		w.attribute("state", "partial")
	}
	w.raw(">\n  <registration")
	w.attribute("aor", d.aor)
	w.attribute("id", identify(d.aor, ""))
	w.attribute("state", d.state)
	w.raw(">\n")
	for i := range d.contacts {
		w.contact(&d.contacts[i], now)
	}
	w.raw("  </registration>\n</reginfo>\n")
	return w.Bytes()
}

func (d *document) hasGRUU() bool {
	for i := range d.contacts {
		if c := &d.contacts[i]; c.showsGRUU() {
			return true
		}
	}
	return false
}

// showsGRUU: those of a contact that ended lead nowhere.
func (e *entry) showsGRUU() bool {
	return e.state == stateActive && (e.PubGRUU != "" || e.TempGRUU != "")
}

// writer writes XML.
type writer struct{ *bytes.Buffer }

func (w writer) raw(s string) { w.WriteString(s) }

// text writes s escaped, for between tags and in attributes.
func (w writer) text(s string) { _ = xml.EscapeText(w.Buffer, []byte(s)) } // a Buffer never fails

func (w writer) attribute(name, value string) {
	w.raw(" " + name + `="`)
	w.text(value)
	w.raw(`"`)
}

func (w writer) number(name string, n int64) { w.attribute(name, strconv.FormatInt(n, 10)) }

// contact writes one contact. The order of the elements is the schema's.
func (w writer) contact(e *entry, now time.Time) {
	w.raw("    <contact")
	w.attribute("id", e.id)
	w.attribute("state", e.state)
	w.attribute("event", string(e.event))
	if !e.since.IsZero() {
		w.number("duration-registered", seconds(now.Sub(e.since)))
	}
	if e.state == stateActive {
		w.number("expires", seconds(e.Expires.Sub(now)))
	}
	if q, ok := e.Params.Get("q"); ok && isQ(q) {
		w.attribute("q", string(q))
	}
	w.attribute("callid", e.CallID)
	w.number("cseq", int64(e.CSeq))
	w.raw(">\n      <uri>")
	w.text(e.URI)
	w.raw("</uri>\n")
	if e.Display != "" {
		w.raw("      <display-name>")
		w.text(e.Display)
		w.raw("</display-name>\n")
	}
	e.Params.Each(w.unknown)
	if e.showsGRUU() {
		w.gruus(e)
	}
	w.raw("    </contact>\n")
}

// unknown writes a parameter of the Contact that the schema has no attribute for.
func (w writer) unknown(name, value []byte) bool {
	if known := strings.ToLower(string(name)); known != "q" && known != "expires" {
		w.raw("      <unknown-param")
		w.attribute("name", string(name))
		w.raw(">")
		if isUnquoted(value) {
			w.text(string(value))
		} else {
			w.text(`"` + string(value) + `"`)
		}
		w.raw("</unknown-param>\n")
	}
	return true
}

// isUnquoted reports whether a value needs no quotes (RFC 3261 §25.1: a token or a host); as RFC
// 5628 §5.3 shows, one that needs them keeps them.
func isUnquoted(value []byte) bool {
	for _, c := range value {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte("<>\"@,;=?{}\\"), c) >= 0 {
			return false
		}
	}
	return true
}

// gruus writes the GRUUs. first-cseq says which temporary ones are still valid: those issued since
// that REGISTER. Using the last REGISTER claims too little rather than too much.
func (w writer) gruus(e *entry) {
	if e.PubGRUU != "" {
		w.raw("      <gr:pub-gruu")
		w.attribute("uri", e.PubGRUU)
		w.raw("/>\n")
	}
	if e.TempGRUU != "" {
		w.raw("      <gr:temp-gruu")
		w.attribute("uri", e.TempGRUU)
		w.number("first-cseq", int64(e.CSeq))
		w.raw("/>\n")
	}
}

// seconds are whole ones, the nearest, and never negative.
func seconds(d time.Duration) int64 { return max(0, int64((d+time.Second/2)/time.Second)) }

// isQ reports whether v is a qvalue (RFC 3261 §25.1), which in XML is a decimal.
func isQ(v []byte) bool {
	q, err := strconv.ParseFloat(string(v), 64)
	return err == nil && q >= 0 && q <= 1 && len(v) <= 5 && bytes.Trim(v, "0123456789.") == nil
}
