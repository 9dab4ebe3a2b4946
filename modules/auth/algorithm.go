package auth

// This file is the algorithms of RFC 7616 §6.1 and RFC 8760 §2.

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Algorithm is a digest algorithm. The -sess variants mix the nonces into the hash of the password.
type Algorithm uint8

const (
	MD5 Algorithm = iota + 1
	MD5Sess
	SHA256
	SHA256Sess
	SHA512256
	SHA512256Sess
)

// algorithmNames has the names of RFC 7616 §6.1; it is never written.
var algorithmNames = [...]string{MD5: "MD5", MD5Sess: "MD5-sess", SHA256: "SHA-256", SHA256Sess: "SHA-256-sess",
	SHA512256: "SHA-512-256", SHA512256Sess: "SHA-512-256-sess"}

// String is the name as challenges write it.
func (a Algorithm) String() string {
	if a == 0 || int(a) >= len(algorithmNames) {
		return "none"
	}
	return algorithmNames[a]
}

// ParseAlgorithm reads a name in any case.
func ParseAlgorithm(name string) (Algorithm, error) {
	if a := lookupAlgorithm([]byte(name)); a != 0 {
		return a, nil
	}
	return 0, fmt.Errorf("unknown algorithm %.40q; the algorithms are %s", name, strings.Join(algorithmNames[1:], ", "))
}

// Algorithms are those that are offered, in the order of preference. nil: SHA-256 and MD5, and MD5
// alone for clients that can't choose and for users in tables of Kamailio or OpenSIPS.
type Algorithms []Algorithm

// OptionType implements luabind.OptionDecoder.
func (*Algorithms) OptionType() string { return "string or list of strings" }

var errAlgorithms = errors.New("must be \"auto\" or a list of names")

// DecodeOption implements luabind.OptionDecoder: "auto", text with commas, or a list.
func (a *Algorithms) DecodeOption(value any) error {
	var names []any
	switch v := value.(type) {
	case string:
		if strings.EqualFold(strings.TrimSpace(v), "auto") {
			*a = nil
			return nil
		}
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, strings.TrimSpace(name))
		}
	case []any:
		names = v
	case map[string]any:
		if len(v) > 0 {
			return errAlgorithms
		}
	default:
		return errAlgorithms
	}
	list := Algorithms{}
	for _, v := range names {
		name, ok := v.(string)
		if !ok {
			return errAlgorithms
		}
		x, err := ParseAlgorithm(name)
		if err != nil {
			return fmt.Errorf("names an %w", err)
		}
		list = append(list, x)
	}
	*a = list
	return nil
}

// lookupAlgorithm is 0 for a name that is none.
func lookupAlgorithm(name []byte) Algorithm {
	for a := MD5; a <= SHA512256Sess; a++ {
		if equalFold(name, algorithmNames[a]) {
			return a
		}
	}
	return 0
}

// Session reports whether it is a -sess variant.
func (a Algorithm) Session() bool { return a == MD5Sess || a == SHA256Sess || a == SHA512256Sess }

// Base is the algorithm without -sess: the one passwords are hashed with.
func (a Algorithm) Base() Algorithm {
	if a.Session() {
		return a - 1
	}
	return a
}

// kinds is the number of hash functions; a Secret has room for a hash of each.
const kinds = 3

// kind is the place of the hash function in a Secret.
func (a Algorithm) kind() int { return int(a-1) / 2 }

// size is how many hexadecimal digits a hash has.
func (a Algorithm) size() int {
	if a.kind() == 0 {
		return 2 * md5.Size
	}
	return 2 * sha256.Size
}

// hexHash is a hash as it is written, in lower case.
type hexHash struct {
	n    int
	text [2 * sha256.Size]byte
}

func (h *hexHash) bytes() []byte { return h.text[:h.n] }

// hash makes h the hash of data.
func (a Algorithm) hash(h *hexHash, data []byte) {
	h.n = a.size()
	switch a.kind() {
	case 0:
		sum := md5.Sum(data)
		hex.Encode(h.text[:], sum[:])
	case 1:
		sum := sha256.Sum256(data)
		hex.Encode(h.text[:], sum[:])
	default:
		sum := sha512.Sum512_256(data)
		hex.Encode(h.text[:], sum[:])
	}
}

// equalFold compares ASCII in any case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func isHex(b []byte) bool {
	for _, c := range b {
		if c = lower(c); (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
