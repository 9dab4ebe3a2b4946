package registrar

// This file packs the parameters of a contact. Most phones name an instance, a UUID in 36 letters
// (RFC 5626 §4.1, RFC 4122 §3), and what stands around it is the same for all phones of a make: a
// binding keeps the UUID in 16 bytes, and shares the rest.

import (
	"encoding/hex"
	"strings"
)

const (
	uuidURN   = "urn:uuid:"
	uuidText  = 36 // letters
	uuidBytes = 16
)

// cutUUID splits params around the UUID of a URN. ok is false if there is none, or none that could
// be written again as it was, its letters all upper or all lower case.
func cutUUID(params string) (before string, id [uuidBytes]byte, upper bool, after string, ok bool) {
	at := strings.Index(params, uuidURN)
	if at < 0 || len(params)-at < len(uuidURN)+uuidText {
		return "", id, false, "", false
	}
	at += len(uuidURN)
	text := params[at : at+uuidText]
	digits := make([]byte, 0, 2*uuidBytes)
	lower := false
	for i := range uuidText {
		c := text[i]
		switch {
		case dash(i):
			if c != '-' {
				return "", id, false, "", false
			}
			continue
		case 'a' <= c && c <= 'f':
			lower = true
		case 'A' <= c && c <= 'F':
			upper = true
		}
		digits = append(digits, c)
	}
	if _, err := hex.Decode(id[:], digits); err != nil || lower && upper {
		return "", id, false, "", false
	}
	return params[:at], id, upper, params[at+uuidText:], true
}

// dash reports whether the letter i of a UUID is one.
func dash(i int) bool { return i == 8 || i == 13 || i == 18 || i == 23 }

// appendUUID appends the letters of a UUID.
func appendUUID(dst []byte, id string, upper bool) []byte {
	digits := "0123456789abcdef"
	if upper {
		digits = "0123456789ABCDEF"
	}
	for i := range len(id) {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[id[i]>>4], digits[id[i]&15])
	}
	return dst
}
