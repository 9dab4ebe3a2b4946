package relay

// Time-limited credentials, as the field has them (draft-uberti-behave-turn-rest-00): whoever knows
// the secret makes them, and the server needs no list of users.

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what the draft says
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Secrets are shared with those who make credentials. The first makes them; all are accepted, so
// that a secret can be replaced while credentials made with the last one are in use.
type Secrets [][]byte

// Bounds of secrets.
const (
	MinSecret   = 16 // bytes; fewer can be guessed
	MostSecrets = 4  // that are accepted at a time
)

// ReadSecrets reads secrets as a file has them, one a line, the newest first.
func ReadSecrets(text []byte) (Secrets, error) {
	var list Secrets
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < MinSecret {
			return nil, fmt.Errorf("a secret of %d bytes: it needs %d or more", len(line), MinSecret)
		}
		if list = append(list, []byte(line)); len(list) > MostSecrets {
			return nil, fmt.Errorf("more than %d secrets", MostSecrets)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("there is no secret in it")
	}
	return list, nil
}

// DerivedSecret makes a secret of a key.
func DerivedSecret(key [32]byte) Secrets {
	return Secrets{[]byte(base64.StdEncoding.EncodeToString(key[:]))}
}

// Credentials are what a client shows.
type Credentials struct {
	// Username is the time at which it expires, in seconds since 1970, a colon, and the user.
	Username string
	Password string        // of the username and the secret
	TTL      time.Duration // how long they are good
}

// Credentials makes credentials for a user that are good until ttl after now.
func (s Secrets) Credentials(user string, now time.Time, ttl time.Duration) Credentials {
	name := strconv.FormatInt(now.Add(ttl).Unix(), 10) + ":" + user
	return Credentials{Username: name, Password: password(s[0], name), TTL: ttl}
}

func password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// mostUsername bounds a username (RFC 8489 §14.3: fewer than 509 bytes).
const mostUsername = 508

// userOf reads a username: who it is for, and until when it is good. One without a user stands for
// itself.
func userOf(username string) (user string, until int64, ok bool) {
	digits, user, found := strings.Cut(username, ":")
	if !found || user == "" {
		user = username
	}
	until, err := strconv.ParseInt(digits, 10, 64)
	return user, until, err == nil && len(username) <= mostUsername
}
