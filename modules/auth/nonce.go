package auth

// This file makes nonces that need no table (RFC 7616 §3.3, §5.4).
//
// A nonce is base64url of
//
//	6 bytes  milliseconds since 1970
//	6 bytes  at random, so that no two are equal
//	4 bytes  number of the secret it was made with
//	13 bytes keyed hash over the above and the realm: it is ours
//	4 bytes  keyed hash over the above and the source it was given to: it proves that the source sees our answers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"math"
	"net/netip"
	"sync"
	"time"
)

const (
	nonceID     = 12
	nonceHead   = nonceID + 4
	nonceMAC    = 13
	nonceSource = 4
	nonceBytes  = nonceHead + nonceMAC + nonceSource
	nonceText   = nonceBytes / 3 * 4
)

// nonceKey names a nonce that is ours: its time and random part.
type nonceKey [nonceID]byte

// issued is when it was made, in milliseconds since 1970.
func (k *nonceKey) issued() int64 { return int64(binary.BigEndian.Uint64(k[:8]) >> 16) }

// nonces makes nonces and recognizes its own. It is safe for concurrent use.
type nonces struct {
	opaque string // in all challenges, and unknown to others
	own    ownRing
	shared sharedRing
}

// newNonces makes nonces with secrets of this process or, if there is a cluster, with its secrets,
// mixed with key.
func newNonces(key [32]byte, c Cluster) *nonces {
	n := &nonces{shared: sharedRing{root: key, cluster: c}}
	h := newKeyed(key).get()
	h.in = append(h.in, "opaque"...)
	n.opaque = base64.RawURLEncoding.EncodeToString(h.sum()[:6])
	return n
}

// keyed hashes with one key.
type keyed struct{ pool sync.Pool }

// hasher is a keyed hash with room for its input and output.
type hasher struct {
	mac hash.Hash
	in  []byte
	out [sha256.Size]byte
}

func newKeyed(key [32]byte) *keyed {
	k := &keyed{}
	k.pool.New = func() any { return &hasher{mac: hmac.New(sha256.New, key[:])} }
	return k
}

func (k *keyed) get() *hasher {
	h := k.pool.Get().(*hasher)
	h.in = h.in[:0]
	return h
}

func (k *keyed) put(h *hasher) { k.pool.Put(h) }

// sum is the keyed hash of h.in; valid until the next.
func (h *hasher) sum() []byte {
	h.mac.Reset()
	h.mac.Write(h.in)
	return h.mac.Sum(h.out[:0])
}

// own is the hash that makes a nonce ours, source the one that ties it to an address.
func (h *hasher) own(head []byte, realm string) []byte {
	h.in = append(append(append(h.in[:0], 'n'), head...), realm...)
	return h.sum()[:nonceMAC]
}

func (h *hasher) source(head []byte, addr netip.Addr) []byte {
	a := addr.As16()
	h.in = append(append(append(h.in[:0], 's'), head...), a[:]...)
	return h.sum()[:nonceSource]
}

// issue makes a nonce for a challenge in realm that goes to source.
func (n *nonces) issue(now time.Time, life time.Duration, realm string, source netip.Addr) string {
	at := now.UnixMilli()
	s := n.shared.current(at)
	if s == nil {
		s = n.own.current(at, life)
	}
	var raw [nonceBytes]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at)<<16)
	rand.Read(raw[6:nonceID])
	binary.BigEndian.PutUint32(raw[nonceID:], s.number)
	h := s.keyed.get()
	copy(raw[nonceHead:], h.own(raw[:nonceHead], realm))
	copy(raw[nonceHead+nonceMAC:], h.source(raw[:nonceHead], source))
	s.keyed.put(h)
	var text [nonceText]byte
	base64.RawURLEncoding.Encode(text[:], raw[:])
	return string(text[:])
}

// origin is what is known about a nonce that was read.
type origin struct {
	key    nonceKey
	secret uint32 // its number
	// Made by us, or by another process of the cluster, for the realm, and not too old
	ours   bool
	proven bool // given to the source
}

// shared reports whether other processes may take the nonce for their own, too.
func (o *origin) shared() bool { return o.secret&ownSecret == 0 }

// made reports whether a nonce was made by us, or by another process of the cluster, for the realm,
// as long as its secret is known.
func (n *nonces) made(text []byte, now time.Time, realm string) bool {
	return n.read(text, now, math.MaxInt64, realm, netip.Addr{}).ours
}

// read evaluates a nonce at the time now, if nonces live for life.
func (n *nonces) read(text []byte, now time.Time, life time.Duration, realm string, source netip.Addr) (o origin) {
	var raw [nonceBytes]byte
	if len(text) != nonceText {
		return o
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil {
		return o
	}
	copy(o.key[:], raw[:nonceID])
	o.secret = binary.BigEndian.Uint32(raw[nonceID:])
	if age := now.UnixMilli() - o.key.issued(); age >= life.Milliseconds() || age <= -life.Milliseconds() { // the clocks of a cluster's nodes differ
		return o
	}
	var s *secret
	if o.shared() {
		s = n.shared.find(o.secret)
	} else {
		s = n.own.find(o.secret)
	}
	if s == nil || !s.wasCurrent(o.key.issued()) {
		return o
	}
	h := s.keyed.get()
	defer s.keyed.put(h)
	head := raw[:nonceHead]
	if subtle.ConstantTimeCompare(raw[nonceHead:nonceHead+nonceMAC], h.own(head, realm)) == 1 {
		o.ours = true
		o.proven = subtle.ConstantTimeCompare(raw[nonceHead+nonceMAC:], h.source(head, source)) == 1
	}
	return o
}
