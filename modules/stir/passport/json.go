package passport

// The JSON of PASSporTs. What is made here is the canonical form of RFC 8225 §9: members in
// lexicographic order, no white space. What is read may have any form, for the signature is over
// the bytes that were sent; but a name may be there only once, in its exact case, or two readers
// could find two meanings in one token.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// appendHeader writes the header (RFC 8225 §4).
func (t *Token) appendHeader(b []byte) []byte {
	b = append(b, `{"alg":"ES256",`...)
	if t.Type != Base {
		b = append(appendText(append(b, `"ppt":`...), t.Type), ',')
	}
	b = append(b, `"typ":"passport","x5u":`...)
	return append(appendText(b, t.X5U), '}')
}

// appendClaims writes the claims (RFC 8225 §5).
func (t *Token) appendClaims(b []byte) []byte {
	c := &t.Claims
	b = append(b, '{')
	if t.Type == Shaken {
		b = append(appendText(append(b, `"attest":`...), c.Attest), ',')
	}
	b = append(b, `"dest":{`...)
	if len(c.Dest.TN) > 0 {
		b = appendTexts(append(b, `"tn":`...), c.Dest.TN)
	}
	if len(c.Dest.URI) > 0 {
		if len(c.Dest.TN) > 0 {
			b = append(b, ',')
		}
		b = appendTexts(append(b, `"uri":`...), c.Dest.URI)
	}
	b = append(b, '}', ',')
	if t.Type == Div {
		b = append(appendIdentity(append(b, `"div":`...), c.Div), ',')
	}
	b = strconv.AppendInt(append(b, `"iat":`...), c.IssuedAt, 10)
	b = appendIdentity(append(b, `,"orig":`...), c.Orig)
	if t.Type == Shaken {
		b = appendText(append(b, `,"origid":`...), c.OrigID)
	}
	return append(b, '}')
}

func appendIdentity(b []byte, id Identity) []byte {
	if id.TN != "" {
		b = appendText(append(b, `{"tn":`...), id.TN)
	} else {
		b = appendText(append(b, `{"uri":`...), id.URI)
	}
	return append(b, '}')
}

func appendTexts(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

// appendText writes a string. Only what has to be is escaped.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// maxDepth bounds how deep a token's JSON may nest.
const maxDepth = 8

var errTwice = errors.New("a name is there twice")

// object reads an object whose members, and theirs, each have a name of their own.
func object(b []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := unique(d, 0); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("text after the object")
	}
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil || m == nil {
		return nil, errors.New("not an object")
	}
	return m, nil
}

// unique walks one value.
func unique(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deep")
	}
	token, err := d.Token()
	if err != nil {
		return errors.New("not JSON")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return errors.New("not JSON")
			}
			text, _ := name.(string)
			if seen[text] {
				return fmt.Errorf("%w: %.40q", errTwice, text)
			}
			seen[text] = true
		}
		if err := unique(d, depth+1); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
}

// text reads a string that is there and not empty.
func text(m map[string]json.RawMessage, name string) (string, error) {
	raw, ok := m[name]
	if !ok {
		return "", fmt.Errorf("there is no %q", name)
	}
	return textOf(name, raw)
}

func textOf(name string, raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil || s == "" || len(s) > maxText {
		return "", fmt.Errorf("%q must be a text of 1 to %d bytes", name, maxText)
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return "", fmt.Errorf("%q has a control character in it", name)
		}
	}
	return s, nil
}

// readHeader reads a token's header into t.
func (t *Token) readHeader(b []byte) *Error {
	m, err := object(b)
	if err != nil {
		return invalid("the header: %w", err)
	}
	typ, err := text(m, "typ")
	if err == nil && typ != "passport" { // RFC 8225 §4.1
		err = fmt.Errorf("typ is %.40q, not \"passport\"", typ)
	}
	alg := ""
	if err == nil {
		alg, err = text(m, "alg")
	}
	if err == nil {
		t.X5U, err = text(m, "x5u")
	}
	if err != nil {
		return invalid("the header: %w", err)
	}
	if raw, ok := m["ppt"]; ok {
		if t.Type, err = textOf("ppt", raw); err != nil {
			return invalid("the header: %w", err)
		}
	}
	if _, ok := m["crit"]; ok { // RFC 7515 §4.1.11: extensions that must be understood
		return invalid("the header: crit is not understood")
	}
	if alg != "ES256" { // RFC 8224 §5.1; never what the token asks for
		return &Error{BadCredentials, fmt.Errorf("the algorithm is %.40q, not ES256", alg)}
	}
	return nil
}

// readClaims reads a token's claims into t. Claims that are not known are left alone (RFC 8225
// §8.1).
func (t *Token) readClaims(b []byte) *Error {
	m, err := object(b)
	if err != nil {
		return invalid("the claims: %w", err)
	}
	c := &t.Claims
	read := func(name string, f func(raw json.RawMessage) error) {
		if err != nil {
			return
		}
		raw, ok := m[name]
		if !ok {
			err = fmt.Errorf("there is no %q", name)
			return
		}
		err = f(raw)
	}
	read("iat", func(raw json.RawMessage) (err error) { c.IssuedAt, err = seconds(raw); return err })
	read("orig", func(raw json.RawMessage) (err error) { c.Orig, err = readIdentity("orig", raw); return err })
	read("dest", func(raw json.RawMessage) (err error) { c.Dest, err = readDest(raw); return err })
	switch t.Type {
	case Shaken: // RFC 8588 §3
		read("attest", func(raw json.RawMessage) (err error) {
			if c.Attest, err = textOf("attest", raw); err == nil && c.Attest != "A" && c.Attest != "B" && c.Attest != "C" {
				err = fmt.Errorf("attest is %.40q, not A, B or C", c.Attest)
			}
			return err
		})
		read("origid", func(raw json.RawMessage) (err error) { c.OrigID, err = textOf("origid", raw); return err })
	case Div: // RFC 8946 §3
		read("div", func(raw json.RawMessage) (err error) { c.Div, err = readIdentity("div", raw); return err })
	}
	if err != nil {
		return invalid("the claims: %w", err)
	}
	return nil
}

// seconds reads a time (NumericDate, RFC 7519 §2), which may have a fraction.
func seconds(raw json.RawMessage) (int64, error) {
	var f float64
	if len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &f) != nil || !(f >= 0) || f > math.MaxUint32<<8 {
		return 0, errors.New(`"iat" must be a number of seconds`)
	}
	return int64(f), nil
}

// readIdentity reads {"tn": …} or {"uri": …}.
func readIdentity(name string, raw json.RawMessage) (id Identity, err error) {
	var m map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
		return id, fmt.Errorf("%q must be an object", name)
	}
	tn, isTN := m["tn"]
	uri, isURI := m["uri"]
	switch {
	case isTN == isURI: // RFC 8225 §5.2.1: one identity
		return id, fmt.Errorf("%q must have a tn or a uri", name)
	case isTN:
		id.TN, err = textOf(name+".tn", tn)
	default:
		id.URI, err = textOf(name+".uri", uri)
	}
	return id, err
}

func readDest(raw json.RawMessage) (d Dest, err error) {
	var m map[string]json.RawMessage
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &m) != nil {
		return d, errors.New(`"dest" must be an object`)
	}
	for name, to := range map[string]*[]string{"tn": &d.TN, "uri": &d.URI} {
		list, ok := m[name]
		if !ok {
			continue
		}
		var items []json.RawMessage
		if json.Unmarshal(list, &items) != nil || len(items) == 0 || len(items) > MaxDest {
			return d, fmt.Errorf("\"dest.%s\" must be a list of 1 to %d texts", name, MaxDest)
		}
		for _, item := range items {
			s, err := textOf("dest."+name, item)
			if err != nil {
				return d, err
			}
			*to = append(*to, s)
		}
	}
	if d.TN == nil && d.URI == nil {
		return d, errors.New(`"dest" must have a tn or a uri`)
	}
	return d, nil
}
