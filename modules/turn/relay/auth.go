package relay

// The long-term credential mechanism (RFC 8489 §9.2) with time-limited credentials.

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // RFC 8489 §18.5.1
	"crypto/sha1" //nolint:gosec // RFC 8489 §14.5
	"crypto/sha256"
	"encoding/binary"

	"github.com/pion/stun/v3"
)

// Algorithms that a password's key is made with (RFC 8489 §18.5).
const (
	algorithmMD5    = 1
	algorithmSHA256 = 2
)

// algorithms is our PASSWORD-ALGORITHMS (RFC 8489 §14.11): SHA-256 and MD5, without parameters.
const algorithms = "\x00\x02\x00\x00" + "\x00\x01\x00\x00"

// authenticate checks a request's credentials, or answers it. Of one with an allocation, which are
// shown again and again, the times have been checked when it was made: a call may last longer than
// the credentials it began with.
func (r *request) authenticate(a *allocation) bool {
	s := r.w.s
	kind, at := r.guardedBy()
	if kind == 0 {
		s.stats.challenged.Add(1)
		r.challenge(stun.CodeUnauthorized)
		return false
	}
	r.Attributes = r.Attributes[:at] // what follows is not guarded (RFC 8489 §14.5)
	username, err1 := r.Get(stun.AttrUsername)
	realm, err2 := r.Get(stun.AttrRealm)
	nonce, err3 := r.Get(stun.AttrNonce)
	algorithm, good := r.algorithm()
	if err1 != nil || err2 != nil || err3 != nil || !good {
		r.refuse(stun.CodeBadRequest) // §9.2.4
		return false
	}
	if !s.nonces.good(string(nonce), r.client.addr.Addr(), r.now) {
		s.stats.stale.Add(1)
		r.challenge(stun.CodeStaleNonce)
		return false
	}
	if string(realm) == s.opts.Realm {
		if key := r.keyOf(a, string(username), algorithm, kind); key != nil {
			r.username, r.key, r.integrity = string(username), key, kind
			return true
		}
	}
	s.stats.rejected.Add(1)
	r.challenge(stun.CodeUnauthorized)
	return false
}

// keyOf is the key that a request was signed with, or nil.
func (r *request) keyOf(a *allocation, username string, algorithm int, kind stun.AttrType) []byte {
	_, until, ok := userOf(username)
	if !ok {
		return nil
	}
	if until <= r.now.Unix() && (a == nil || a.username != username) {
		return nil
	}
	for _, secret := range *r.w.s.secrets.Load() {
		key := longTermKey(algorithm, username, r.w.s.opts.Realm, password(secret, username))
		if checkIntegrity(r.Message, kind, key) {
			return key
		}
	}
	return nil
}

// guardedBy finds the attribute that guards a request, SHA-256 before SHA-1 (RFC 8489 §9.2.4), and
// its place among the attributes.
func (r *request) guardedBy() (kind stun.AttrType, at int) {
	for i, a := range r.Attributes {
		switch a.Type {
		case stun.AttrMessageIntegrity:
			if kind == 0 {
				kind, at = a.Type, i
			}
		case stun.AttrMessageIntegritySHA256:
			// It may follow MESSAGE-INTEGRITY, and nothing but it (§14.6).
			if kind == 0 || at == i-1 {
				return a.Type, i
			}
		}
	}
	return kind, at
}

// algorithm is that of the client's key (RFC 8489 §9.2.4); false: what it says about algorithms is
// not what it was told, as after somebody between removed the better one.
func (r *request) algorithm() (int, bool) {
	list, err1 := r.Get(attrPasswordAlgorithms)
	one, err2 := r.Get(attrPasswordAlgorithm)
	if err1 != nil && err2 != nil {
		return algorithmMD5, true
	}
	if err1 != nil || err2 != nil || string(list) != algorithms || len(one) < 4 {
		return 0, false
	}
	switch n := binary.BigEndian.Uint16(one); {
	case binary.BigEndian.Uint16(one[2:]) != 0:
		return 0, false
	case n == algorithmMD5 || n == algorithmSHA256:
		return int(n), true
	}
	return 0, false
}

// challenge asks for credentials, or for better ones.
func (r *request) challenge(code stun.ErrorCode) {
	s := r.w.s
	r.refuse(code, stun.Realm(s.opts.Realm), stun.Nonce(s.nonces.make(r.client.addr.Addr(), r.now)), raw{attrPasswordAlgorithms, []byte(algorithms)})
}

// longTermKey is the key of RFC 8489 §9.2.2.
func longTermKey(algorithm int, username, realm, password string) []byte {
	text := username + ":" + realm + ":" + password
	if algorithm == algorithmSHA256 {
		sum := sha256.Sum256([]byte(text))
		return sum[:]
	}
	sum := md5.Sum([]byte(text))
	return sum[:]
}

// checkIntegrity checks the attribute that guards a message (RFC 8489 §14.5, §14.6): the hash of
// what is before it, with a length as if it were the last one.
func checkIntegrity(m *stun.Message, kind stun.AttrType, key []byte) bool {
	at, value, ok := find(m.Raw, kind)
	if !ok {
		return false
	}
	if kind == stun.AttrMessageIntegritySHA256 {
		// It may be cut short, to no less than 16 bytes (§14.6).
		return len(value) >= 16 && len(value) <= sha256.Size && len(value)%4 == 0 && hmac.Equal(value, integrity(m.Raw[:at], 4+len(value), kind, key)[:len(value)])
	}
	return len(value) == sha1.Size && hmac.Equal(value, integrity(m.Raw[:at], 4+sha1.Size, kind, key))
}

// integrity is the hash of a message up to an attribute of size bytes.
func integrity(before []byte, size int, kind stun.AttrType, key []byte) []byte {
	mac := hmac.New(sha1.New, key)
	if kind == stun.AttrMessageIntegritySHA256 {
		mac = hmac.New(sha256.New, key)
	}
	var length [2]byte
	binary.BigEndian.PutUint16(length[:], uint16(len(before)-stunHeader+size))
	mac.Write(before[:2])
	mac.Write(length[:])
	mac.Write(before[4:])
	return mac.Sum(nil)
}

// find is an attribute of a message that was decoded: where it begins, and its value.
func find(b []byte, kind stun.AttrType) (at int, value []byte, ok bool) {
	for at = stunHeader; at+4 <= len(b); {
		size := int(binary.BigEndian.Uint16(b[at+2:]))
		if at+4+size > len(b) {
			return 0, nil, false
		}
		if binary.BigEndian.Uint16(b[at:]) == uint16(kind) {
			return at, b[at+4 : at+4+size], true
		}
		at += 4 + (size+3)&^3
	}
	return 0, nil, false
}

// addSHA256 adds MESSAGE-INTEGRITY-SHA256 to an answer.
func addSHA256(m *stun.Message, key []byte) {
	m.WriteLength()
	m.Add(stun.AttrMessageIntegritySHA256, integrity(m.Raw, 4+sha256.Size, stun.AttrMessageIntegritySHA256, key))
}
