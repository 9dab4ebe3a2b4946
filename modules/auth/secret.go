package auth

// This file is what a server knows about a user's password.

import (
	"errors"
	"fmt"
	"strings"
)

// Secret is what a user must know: the password, or hashes of it (HA1 of RFC 7616 §3.4.2), which
// work for one user name, realm and algorithm. The zero value is a secret that nobody knows. It is
// not changed once it is in use.
type Secret struct {
	Password string        // "" where only hashes are known
	known    bool          // Password is set, even if it is ""
	ha1      [kinds]string // lower case, or "" if there is none
}

// NewPassword is the secret of a user with that password.
func NewPassword(password string) *Secret { return &Secret{Password: password, known: true} }

// String hides the secret from logs.
func (s *Secret) String() string { return "(secret)" }

// GoString hides it as well.
func (s *Secret) GoString() string { return "(secret)" }

// SetHash adds the hash of user:realm:password. If algorithm is "" its length decides: MD5 or
// SHA-256.
func (s *Secret) SetHash(algorithm, ha1 string) error {
	a, err := hashAlgorithm(algorithm, ha1)
	if err != nil {
		return err
	}
	s.ha1[a.kind()] = strings.ToLower(ha1)
	return nil
}

// hashAlgorithm checks a hash and finds the algorithm. Errors never show the hash.
func hashAlgorithm(name, ha1 string) (Algorithm, error) {
	a := SHA256
	switch {
	case name != "":
		var err error
		if a, err = ParseAlgorithm(name); err != nil {
			return 0, err
		}
		a = a.Base()
	case len(ha1) == MD5.size():
		a = MD5
	case len(ha1) != SHA256.size():
		return 0, errors.New("a hash must have 32 (MD5) or 64 hexadecimal digits")
	}
	if len(ha1) != a.size() || !isHex([]byte(ha1)) {
		return 0, fmt.Errorf("a hash for %s must have %d hexadecimal digits", a, a.size())
	}
	return a, nil
}

// HashPassword is the hash of user:realm:password that stores keep.
func HashPassword(a Algorithm, user, realm, password string) string {
	var h hexHash
	a.hash(&h, []byte(user+":"+realm+":"+password))
	return string(h.bytes())
}
