package passport

// Numbers and URIs in the form in which they are signed and compared (RFC 8224 §8.3, §8.5).

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"

	"github.com/sipscript/sipscript/engine/message"
)

// Identity is a caller or callee, in canonical form: one of the two is set.
type Identity struct {
	TN  string // a telephone number: digits, * and #
	URI string // a SIP address: "sip:user@host"
}

// String is the one that is set.
func (i Identity) String() string {
	if i.TN != "" {
		return i.TN
	}
	return i.URI
}

// Empty reports whether nobody is named.
func (i Identity) Empty() bool { return i == Identity{} }

// Same reports whether both name the same party. A peer may have left a + in front of a number
// (RFC 8224 §8.3 forbids it, early signers did), and sips is the same address as sip.
func (i Identity) Same(o Identity) bool {
	if i.TN != "" || o.TN != "" {
		return strings.TrimPrefix(i.TN, "+") == strings.TrimPrefix(o.TN, "+")
	}
	return i.URI != "" && unsecured(i.URI) == unsecured(o.URI)
}

func unsecured(uri string) string {
	if rest, ok := strings.CutPrefix(uri, "sips:"); ok {
		return "sip:" + rest
	}
	return uri
}

const (
	// maxDigits bounds a number. E.164 has 15; networks use longer ones among themselves.
	maxDigits = 32
	// A user of that many digits is a number, even without a + and user=phone: shorter ones are
	// extensions. E.164 has at most 15.
	leastNumber, mostNumber = 7, 15
)

// Number is the canonical form of a telephone number (RFC 8224 §8.3): without + and separators. ok
// is false for a text that is not one.
func Number(text string) (tn string, ok bool) {
	text, _, _ = strings.Cut(text, ";") // parameters of a tel URI
	text = strings.TrimPrefix(text, "+")
	b := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9' || c == '*' || c == '#':
			b = append(b, c)
		case c == '-' || c == '.' || c == '(' || c == ')' || c == ' ': // RFC 3966 §5.1.1
		default:
			return "", false
		}
	}
	return string(b), len(b) > 0 && len(b) <= maxDigits
}

// Of reads a number or a URI.
func Of(text string) (Identity, error) {
	if tn, ok := Number(text); ok {
		return Identity{TN: tn}, nil
	}
	return OfURI([]byte(text))
}

// OfURI is who a SIP, SIPS or tel URI names. The user of a SIP URI is a telephone number with
// user=phone, with a + in front, or if it has 7 to 15 digits and nothing else; RFC 8224 §8.1 leaves
// that to local policy.
func OfURI(text []byte) (id Identity, err error) {
	u, err := message.ParseURI(text)
	if err != nil {
		return id, err
	}
	switch scheme := strings.ToLower(string(u.Scheme)); scheme {
	case "tel":
		if tn, ok := Number(string(u.User)); ok {
			return Identity{TN: tn}, nil
		}
	case "sip", "sips":
		user, err := url.PathUnescape(string(u.User))
		if err != nil || user == "" || strings.ContainsFunc(user, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }) {
			break
		}
		name, _, _ := strings.Cut(user, ";") // number;phone-context=…, number;verstat=…
		if name == "" {
			break
		}
		phone, _ := u.Params.Get("user")
		if tn, ok := Number(name); ok && (name[0] == '+' || bytes.EqualFold(phone, []byte("phone")) || plain(name)) {
			return Identity{TN: tn}, nil
		}
		// RFC 8224 §8.5: user and host are all that stays, as in an address-of-record.
		host := strings.ToLower(string(u.Host))
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r >= 0x7f || strings.ContainsRune("@:%<>\"\\[]{}|^`", r) }) {
			name, _, _ = strings.Cut(string(u.User), ";") // its escapes are needed
		}
		return Identity{URI: scheme + ":" + name + "@" + host}, nil
	}
	return id, fmt.Errorf("%.80q names nobody: expected a telephone number, or a SIP or tel URI with a user", text)
}

// plain reports whether a user without anything that says so is a telephone number.
func plain(user string) bool {
	for i := range len(user) {
		if user[i] < '0' || user[i] > '9' {
			return false
		}
	}
	return len(user) >= leastNumber && len(user) <= mostNumber
}

// Verstat are the values of the parameter by which a phone learns what came of a verification
// (ATIS-1000074, 3GPP TS 24.229 §7.2A.20).
const (
	VerstatPassed = "TN-Validation-Passed"
	VerstatFailed = "TN-Validation-Failed"
	VerstatNone   = "No-TN-Validation"
)

// Verstat is a SIP or tel URI with that parameter, in place of one that is there; value "" takes it
// away. In a SIP URI it belongs to the number in the user part. A SIP URI whose user is not a
// number stays as it is, without the parameter.
func Verstat(uri, value string) (string, error) {
	u, err := message.ParseURI([]byte(uri))
	if err != nil {
		return "", err
	}
	id, err := OfURI([]byte(uri))
	if err != nil {
		return "", err
	}
	scheme, rest, _ := strings.Cut(uri, ":")
	if strings.EqualFold(scheme, "tel") {
		return scheme + ":" + verstat(rest, value), nil
	}
	if id.TN == "" {
		value = ""
	}
	return scheme + ":" + verstat(string(u.User), value) + rest[len(u.User):], nil
}

// verstat sets the parameter of a number.
func verstat(number, value string) string {
	parts := strings.Split(number, ";")
	kept := parts[:1]
	for _, p := range parts[1:] {
		if name, _, _ := strings.Cut(p, "="); !strings.EqualFold(name, "verstat") {
			kept = append(kept, p)
		}
	}
	if value != "" {
		kept = append(kept, "verstat="+value)
	}
	return strings.Join(kept, ";")
}
