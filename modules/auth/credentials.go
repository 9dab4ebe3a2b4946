package auth

// This file reads the credentials in an Authorization or Proxy-Authorization field (RFC 3261 §20.7,
// RFC 7616 §3.4).

import (
	"bytes"
	"unicode/utf8"
)

// Bounds of what is examined; the message parser has bounded the whole field.
const (
	maxUser  = 256 // bytes of a user name
	maxField = 512 // bytes of any other parameter except uri
)

// credentials are the parameters of one field. Their slices are of the value that was parsed.
// Quotes are off; escapes are undone in user only.
type credentials struct {
	user, rawUser               []byte // rawUser differs if the name had escapes
	realm, nonce, uri, response []byte
	cnonce, opaque, nc, qop     []byte
	algorithm                   []byte
	seen                        field // which parameters there were
	userhash                    bool
}

// field is a bit for each parameter that is read.
type field uint16

const (
	fieldUser field = 1 << iota
	fieldUserExt
	fieldRealm
	fieldNonce
	fieldURI
	fieldResponse
	fieldAlgorithm
	fieldCnonce
	fieldOpaque
	fieldQOP
	fieldNC
	fieldUserhash
)

// fieldOf finds a parameter by its name in any case, 0 for those that are not read.
func fieldOf(name []byte) field {
	var room [12]byte
	if len(name) > len(room) {
		return 0
	}
	for i, c := range name {
		room[i] = lower(c)
	}
	switch string(room[:len(name)]) {
	case "username":
		return fieldUser
	case "username*":
		return fieldUserExt
	case "realm":
		return fieldRealm
	case "nonce":
		return fieldNonce
	case "uri":
		return fieldURI
	case "response":
		return fieldResponse
	case "algorithm":
		return fieldAlgorithm
	case "cnonce":
		return fieldCnonce
	case "opaque":
		return fieldOpaque
	case "qop":
		return fieldQOP
	case "nc":
		return fieldNC
	case "userhash":
		return fieldUserhash
	}
	return 0
}

// parse reads the value of a field. digest is false for credentials of another scheme, which do not
// concern us; flaw says why Digest credentials cannot be read, or is "".
//
// It accepts what broken clients write: any value with or without quotes, white space and folds
// anywhere, empty list elements. It refuses a repeated parameter, because nobody could know which
// one another implementation believes.
func (c *credentials) parse(value []byte) (digest bool, flaw string) {
	value = unfold(value)
	i := skipSpace(value, 0)
	start := i
	for i < len(value) && isToken(value[i]) {
		i++
	}
	if !equalFold(value[start:i], "Digest") {
		return false, ""
	}
	if i < len(value) && !isSpace(value[i]) {
		return true, "no space after Digest"
	}
	for {
		for i < len(value) && (isSpace(value[i]) || value[i] == ',') {
			i++
		}
		if i == len(value) {
			break
		}
		if i, flaw = c.param(value, i); flaw != "" {
			return true, flaw
		}
	}
	return true, c.finish()
}

// param reads the parameter at v[i] and returns where it ends.
func (c *credentials) param(v []byte, i int) (end int, flaw string) {
	start := i
	for i < len(v) && isToken(v[i]) {
		i++
	}
	name := v[start:i]
	i = skipSpace(v, i)
	if len(name) == 0 || i == len(v) || v[i] != '=' {
		return i, "a parameter is not name=value"
	}
	i = skipSpace(v, i+1)
	var value []byte
	escaped := false
	if i < len(v) && v[i] == '"' {
		lo := i + 1
		for i = lo; ; i++ {
			if i >= len(v) {
				return i, "a quoted string is not closed"
			}
			if v[i] == '"' {
				break
			}
			if v[i] == '\\' {
				escaped = true
				i++
			} else if v[i] < ' ' && v[i] != '\t' || v[i] == 0x7f {
				return i, "control character in a quoted string"
			}
		}
		value = v[lo:i]
		i++
	} else {
		lo := i
		for i < len(v) && v[i] != ',' && v[i] > ' ' && v[i] != '"' && v[i] != 0x7f {
			i++
		}
		value = v[lo:i]
	}
	i = skipSpace(v, i)
	if i < len(v) && v[i] != ',' {
		return i, "no comma between parameters"
	}
	return i, c.set(fieldOf(name), value, escaped)
}

// set keeps one parameter.
func (c *credentials) set(f field, value []byte, escaped bool) (flaw string) {
	switch {
	case f == 0:
		return ""
	case c.seen&f != 0:
		return "a parameter stands there twice"
	case len(value) > maxField && f != fieldURI && f != fieldUser && f != fieldUserExt:
		return "a parameter is too long"
	}
	c.seen |= f
	switch f {
	case fieldUser:
		c.user, c.rawUser = value, value
		if escaped {
			c.user = unescape(value)
		}
	case fieldUserExt:
		return c.setExtended(value)
	case fieldRealm:
		c.realm = value
		if escaped {
			c.realm = unescape(value)
		}
	case fieldNonce:
		c.nonce = value
	case fieldURI:
		c.uri = value
	case fieldResponse:
		c.response = value
	case fieldAlgorithm:
		c.algorithm = value
	case fieldCnonce:
		c.cnonce = value
	case fieldOpaque:
		c.opaque = value
	case fieldQOP:
		c.qop = value
	case fieldNC:
		c.nc = value
	case fieldUserhash:
		c.userhash = equalFold(value, "true")
	}
	return ""
}

// setExtended reads username* (RFC 7616 §3.4, RFC 8187): UTF-8”J%C3%A4s%C3%B8n.
func (c *credentials) setExtended(value []byte) (flaw string) {
	charset, rest, ok := bytes.Cut(value, []byte("'"))
	_, name, ok2 := bytes.Cut(rest, []byte("'"))
	if !ok || !ok2 || !equalFold(charset, "UTF-8") {
		return "bad username*"
	}
	name, ok = unpercent(name)
	if !ok {
		return "bad username*"
	}
	c.user, c.rawUser = name, name
	return ""
}

// finish checks what concerns several parameters.
func (c *credentials) finish() (flaw string) {
	switch {
	case c.seen&fieldUser != 0 && c.seen&fieldUserExt != 0:
		return "username and username*"
	case len(c.user) > maxUser:
		return "the user name is too long"
	case !utf8.Valid(c.user):
		return "the user name is not UTF-8"
	}
	for _, b := range c.user {
		if b < ' ' || b == 0x7f {
			return "control character in the user name"
		}
	}
	return ""
}

// clone makes the credentials independent of the message they are in.
func (c *credentials) clone() {
	for _, p := range []*[]byte{&c.user, &c.rawUser, &c.realm, &c.nonce, &c.uri, &c.response, &c.cnonce, &c.opaque, &c.nc, &c.qop, &c.algorithm} {
		*p = bytes.Clone(*p)
	}
}

// unfold makes each fold one space (RFC 3261 §7.3.1). A value without any is returned as it is.
func unfold(v []byte) []byte {
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return v
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '\r' && v[i] != '\n' {
			out = append(out, v[i])
			continue
		}
		for i+1 < len(v) && (isSpace(v[i+1]) || v[i+1] == '\r' || v[i+1] == '\n') {
			i++
		}
		out = append(out, ' ')
	}
	return out
}

// unescape undoes the escapes of a quoted string.
func unescape(v []byte) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		out = append(out, v[i])
	}
	return out
}

// unpercent undoes %XX; ok is false if one is broken.
func unpercent(v []byte) (out []byte, ok bool) {
	out = make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] != '%' {
			out = append(out, v[i])
			continue
		}
		if i+2 >= len(v) || !isHex(v[i+1:i+3]) {
			return nil, false
		}
		out = append(out, unhex(v[i+1])<<4|unhex(v[i+2]))
		i += 2
	}
	return out, true
}

func unhex(c byte) byte {
	if c = lower(c); c <= '9' {
		return c - '0'
	}
	return c - 'a' + 10
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

func skipSpace(v []byte, i int) int {
	for i < len(v) && isSpace(v[i]) {
		i++
	}
	return i
}

// isToken reports whether c may be in a token (RFC 3261 §25.1).
func isToken(c byte) bool {
	switch {
	case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	}
	return bytes.IndexByte([]byte("-.!%*_+`'~"), c) >= 0
}
