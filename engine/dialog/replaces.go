package dialog

// Names of dialogs (RFC 3891 §6.1).

import (
	"net/url"
	"strings"
)

// dialogID names a dialog as a Replaces header does: to is the tag of whom the header is for.
type dialogID struct {
	callID, to, from string
	early            bool // only while nobody has answered
}

// parseReplaces reads a value of Replaces.
func parseReplaces(value string) (d dialogID, ok bool) {
	parts := strings.Split(value, ";")
	d.callID = strings.TrimSpace(parts[0])
	seen := 0
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "to-tag":
			d.to = value
			seen++
		case "from-tag":
			d.from = value
			seen += 10
		case "early-only":
			d.early = true
		}
	}
	// Blanks may stand around semicolons (§6.1, SEMI), not within; a comma begins another value
	return d, seen == 11 && d.callID != "" && !strings.ContainsAny(d.callID+d.to+d.from, " \t,")
}

// String is the value.
func (d dialogID) String() string {
	text := d.callID + ";to-tag=" + d.to + ";from-tag=" + d.from
	if d.early {
		text += ";early-only"
	}
	return text
}

// replacesIn is what the headers of a URI name (RFC 3261 §19.1.1).
func replacesIn(headers string) (d dialogID, ok bool) {
	for _, h := range strings.Split(headers, "&") {
		if name, value, _ := strings.Cut(h, "="); strings.EqualFold(name, "Replaces") {
			if value, err := url.PathUnescape(value); err == nil {
				return parseReplaces(value)
			}
			return d, false
		}
	}
	return d, false
}

// withReplaces are the headers of a URI with another value of Replaces.
func withReplaces(headers string, d dialogID) string {
	list := strings.Split(headers, "&")
	for i, h := range list {
		if name, _, _ := strings.Cut(h, "="); strings.EqualFold(name, "Replaces") {
			list[i] = name + "=" + escaped(d.String())
		}
	}
	return strings.Join(list, "&")
}

// escaped is a text as the value of a header in a URI.
func escaped(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// dialog names the dialog of the leg for its party.
func (l *Leg) dialog() dialogID { return dialogID{callID: l.callID, to: l.remoteTag, from: l.tag} }
