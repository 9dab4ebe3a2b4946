package phone

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/proxy"
)

// This file transfers calls: REFER (RFC 3515), Replaces (RFC 3891), and what the transferred phone
// does.

// escape writes a text as the value of a header in a URI (§19.1.1).
func escape(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// ReplacedBy is the value of Refer-To that lets the recipient of a REFER take this side's place in
// the dialog: its remote target, with Replaces as the far side knows the dialog (RFC 3891 §3).
func (d *Dialog) ReplacedBy(target string) string {
	if target == "" {
		target = d.target
	}
	replaces := d.key.callID + ";to-tag=" + d.key.remote + ";from-tag=" + d.key.local
	return "<" + target + "?Replaces=" + escape(replaces) + ">"
}

// Confirmed reports whether the dialog has begun with a 2xx and not ended.
func (d *Dialog) Confirmed() bool { return d.confirmed && !d.over }

// Replaced is the dialog that a Replaces header of a request names, nil for none (RFC 3891 §3).
func (r *Incoming) Replaced() *Dialog {
	value := string(r.Msg.HeaderName("Replaces"))
	callID, params, _ := strings.Cut(value, ";")
	key := dialogKey{callID: strings.TrimSpace(callID)}
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		switch strings.ToLower(name) {
		case "to-tag":
			key.local = value
		case "from-tag":
			key.remote = value
		}
	}
	return r.p.dialogs[key]
}

// Follow does what a REFER asks: it sends an INVITE to the Refer-To, with the headers that are in
// it and the Referred-By of the REFER (RFC 3892 §2.1).
func (r *Incoming) Follow(spec Spec) (*Outgoing, error) {
	if r.Method() != "REFER" {
		return nil, fmt.Errorf("only a REFER can be followed, not %s", r.Method())
	}
	a, err := message.ParseAddress(r.Msg.HeaderName("Refer-To"))
	if err != nil {
		return nil, errors.New("the REFER has no Refer-To that can be read")
	}
	uri, query, _ := strings.Cut(string(a.URI), "?")
	var headers []proxy.HeaderEdit
	for part := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		text, err := url.PathUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("the header %s of Refer-To: %w", name, err)
		}
		headers = append(headers, proxy.HeaderEdit{Name: name, Values: []string{text}})
	}
	if by := r.Msg.HeaderName("Referred-By"); by != nil {
		headers = append(headers, proxy.HeaderEdit{Name: "Referred-By", Values: []string{string(by)}})
	}
	spec.Headers = append(headers, spec.Headers...)
	return r.p.Invite(uri, spec), nil
}
