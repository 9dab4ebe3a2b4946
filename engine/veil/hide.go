package veil

// Hiding: the last thing done to a message before it leaves.

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// Request hides in m, which is about to be sent and has no Via of ours yet, what its recipient must
// not see. at is where the recipient reaches this server; own: the first Record-Route is ours, for
// that side. What the sender knew the Call-ID by is in v. Of an ACK the Vias go, since nobody
// answers it.
func (k *Keys) Request(m *message.Message, v *Veil, at *Place, own bool) error {
	routes := elements(m, message.HeaderRecordRoute)
	if own && len(routes) > 0 {
		routes = routes[1:]
	}
	if err := k.hideVias(m, v, routes); err != nil {
		return err
	}
	drop(m, message.HeaderRecordRoute, len(elements(m, message.HeaderRecordRoute))-len(routes), len(routes))
	if err := k.hideRest(m, v, at, uris(routes)); err != nil {
		return err
	}
	k.hideReferTo(m, v, at)
	k.hideTargetDialog(m, v)
	if v.CallID == "" && v.Options.CallID {
		return m.Set("Call-ID", k.HideCallID(m.CallID()))
	}
	return nil
}

// Response hides in m, which is about to be sent, what its recipient must not see. The Call-ID is
// left to the transaction, whose other answers have it, too. own: one of the Record-Routes is ours.
func (k *Keys) Response(m *message.Message, v *Veil, at *Place, own bool) {
	all := elements(m, message.HeaderRecordRoute)
	shown := v.Below
	if own {
		shown++
	}
	var routes []string
	if n := len(all) - shown; n > 0 {
		for i := n - 1; i >= 0; i-- { // from here, the nearest first (§12.1.2)
			routes = append(routes, all[i])
		}
		drop(m, message.HeaderRecordRoute, 0, n)
	}
	if k.hideRest(m, v, at, uris(routes)) != nil { // nobody can be reached by what is that long
		m.RemoveID(message.HeaderContact)
	}
}

// hideVias puts all Vias, and the Record-Routes of the way so far, into one Via.
func (k *Keys) hideVias(m *message.Message, v *Veil, routes []string) error {
	vias := elements(m, message.HeaderVia)
	for range vias {
		m.RemoveElement(message.HeaderVia, 0)
	}
	if m.Method() == message.MethodAck || len(vias) == 0 {
		return nil
	}
	text := appendOptions(make([]byte, vectorBytes, 256), &v.Options, 0)
	text = append(text, byte(min(len(vias), 255)), byte(min(v.Below, 255)))
	for _, via := range vias {
		text = appendText(text, via)
	}
	for _, r := range routes {
		text = appendText(text, r)
	}
	if len(text) > MaxText || len(vias) > 255 {
		return ErrLong
	}
	k.seal(kindVia, text)
	b := append([]byte("SIP/2.0/UDP "+hiddenHost+";branch="), branchPrefix...)
	m.InsertTop(message.HeaderVia, branchEncoding.AppendEncode(b, text))
	return nil
}

// hideRest is what requests and responses have in common. routes lead to who sent m.
func (k *Keys) hideRest(m *message.Message, v *Veil, at *Place, routes []string) error {
	if !m.IsRequest() && m.Status() >= 300 { // places to try next, in no dialog
		routes = nil
	}
	contacts := elements(m, message.HeaderContact)
	for n, c := range contacts {
		value, err := k.contact(c, v, at, routes)
		if err != nil {
			return err
		}
		m.ReplaceElement(message.HeaderContact, n, value)
	}
	if v.Warning {
		m.Remove("Warning")
	}
	if v.History {
		m.Remove("History-Info")
		m.Remove("Diversion")
	}
	return hideFragment(m)
}

// contact is a Contact as the other side is shown it: without display name, and without what names
// the device (RFC 5626, RFC 5627).
func (k *Keys) contact(value string, v *Veil, at *Place, routes []string) ([]byte, error) {
	a, err := message.ParseAddress([]byte(value))
	if err != nil || a.Star {
		return []byte(value), nil
	}
	uri, err := k.address(a.URI, v, at, routes)
	if err != nil {
		return nil, err
	}
	b := append(append([]byte{'<'}, uri...), '>')
	a.Params.Each(func(name, value []byte) bool {
		switch strings.ToLower(string(name)) {
		case "+sip.instance", "reg-id", "pub-gruu", "temp-gruu":
			return true
		}
		b = append(append(b, ';'), name...)
		if len(value) > 0 {
			b = append(append(b, '='), value...)
		}
		return true
	})
	return b, nil
}

// address is a URI of this server that leads to another one.
func (k *Keys) address(uri []byte, v *Veil, at *Place, routes []string) ([]byte, error) {
	flags := byte(0)
	scheme, rest := "sip:", uri
	switch {
	case len(uri) > 5 && bytes.EqualFold(uri[:5], []byte("sips:")):
		if at.Secure {
			scheme = "sips:"
		}
	case len(uri) > 4 && bytes.EqualFold(uri[:4], []byte("sip:")):
		flags, rest = flagSIP, uri[4:]
	}
	text := appendText(appendOptions(make([]byte, vectorBytes, 128), &v.Options, flags), rest)
	for _, r := range routes {
		text = appendText(text, r)
	}
	if len(text) > MaxText {
		return nil, ErrLong
	}
	b := []byte(scheme)
	if v.ContactUser == "" {
		b = k.sealToken(append(b, prefix...), kindContact, text)
	} else {
		b = append(b, v.ContactUser...)
	}
	b = append(append(b, '@'), at.SentBy...)
	if at.Transport != "" && scheme == "sip:" {
		b = append(append(b, ";transport="...), at.Transport...)
	}
	if v.ContactUser != "" {
		b = k.sealToken(append(b, ";"+paramName+"="...), kindContact, text)
	}
	return b, nil
}

// hideReferTo: who is referred reaches the target here, and Replaces names the dialog as the target
// knows it (RFC 3515, RFC 3891).
func (k *Keys) hideReferTo(m *message.Message, v *Veil, at *Place) {
	value := m.HeaderName("Refer-To")
	a, err := message.ParseAddress(value)
	if value == nil || err != nil {
		return
	}
	uri, headers, _ := bytes.Cut(a.URI, []byte{'?'})
	u, err := message.ParseURI(uri)
	if err != nil || !u.IsSIP() {
		return
	}
	hidden, _, sealed := k.target(&u)
	if sealed && hidden.CallID {
		headers = k.mapReplaces(headers)
	}
	if !sealed {
		if k.Local != nil && k.Local(&u) {
			return
		}
		plain := *v // whose Contact it is not
		plain.ContactUser = ""
		if uri, err = k.address(uri, &plain, at, nil); err != nil {
			return
		}
	}
	text := append([]byte{'<'}, uri...)
	if len(headers) > 0 {
		text = append(append(text, '?'), headers...)
	}
	_ = m.Set("Refer-To", string(append(append(text, '>'), a.Params...)))
}

// mapReplaces changes the Call-ID in the headers of a URI, "Replaces=ID%3Bto-tag%3D…".
func (k *Keys) mapReplaces(headers []byte) []byte {
	parts := bytes.Split(headers, []byte{'&'})
	for i, p := range parts {
		name, value, ok := bytes.Cut(p, []byte{'='})
		if !ok || !bytes.EqualFold(name, []byte("Replaces")) {
			continue
		}
		end := bytes.IndexAny(value, "%;")
		for end >= 0 && value[end] == '%' && !bytes.HasPrefix(bytes.ToUpper(value[end:]), []byte("%3B")) {
			next := bytes.IndexAny(value[end+1:], "%;")
			if next < 0 {
				end = -1
				break
			}
			end += 1 + next
		}
		if end < 0 {
			continue
		}
		id := unescape(value[:end])
		parts[i] = fmt.Appendf(nil, "%s=%s%s", name, escape(k.other(id)), value[end:])
	}
	return bytes.Join(parts, []byte{'&'})
}

// hideTargetDialog: Target-Dialog (RFC 4538) names a dialog of the recipient's, as the sender knows
// it.
func (k *Keys) hideTargetDialog(m *message.Message, v *Veil) {
	value := m.HeaderName("Target-Dialog")
	if value == nil || !v.Options.CallID {
		return
	}
	id, rest, _ := strings.Cut(string(value), ";")
	if rest != "" {
		rest = ";" + rest
	}
	_ = m.Set("Target-Dialog", k.other([]byte(strings.TrimSpace(id)))+rest)
}

// hideFragment leaves the first line of a body that is a part of a message of the other side: what
// became of a REFER (RFC 3515 §2.4.4), whose headers may name hosts.
func hideFragment(m *message.Message) error {
	kind, _, _ := bytes.Cut(m.Header(message.HeaderContentType), []byte{';'})
	if !bytes.EqualFold(bytes.TrimSpace(kind), []byte("message/sipfrag")) {
		return nil
	}
	line, rest, _ := bytes.Cut(m.Body(), []byte{'\n'})
	if len(bytes.TrimSpace(rest)) == 0 {
		return nil
	}
	return m.SetBody(append(bytes.TrimRight(bytes.Clone(line), "\r"), "\r\n"...), string(m.Header(message.HeaderContentType)))
}

// elements are copies of the elements of a header.
func elements(m *message.Message, id message.HeaderID) (list []string) {
	for e := m.Elements(id); e.Next(); {
		list = append(list, string(e.Value))
	}
	return list
}

// drop removes n elements from the first on.
func drop(m *message.Message, id message.HeaderID, first, n int) {
	for range n {
		m.RemoveElement(id, first)
	}
}

// uris are Record-Routes as they are sealed: without brackets where nothing is lost.
func uris(routes []string) []string {
	for i, r := range routes {
		if a, err := message.ParseAddress([]byte(r)); err == nil && len(a.Params) == 0 {
			routes[i] = string(a.URI)
		}
	}
	return routes
}

func escape(s string) []byte {
	var b []byte
	for i := range len(s) {
		if c := s[i]; strings.IndexByte("-_.!~*'()", c) >= 0 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b = append(b, c)
		} else {
			b = fmt.Appendf(b, "%%%02X", c)
		}
	}
	return b
}

func unescape(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '%' && i+2 < len(b) {
			var c byte
			if _, err := fmt.Sscanf(string(b[i+1:i+3]), "%02x", &c); err == nil {
				out = append(out, c)
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}
