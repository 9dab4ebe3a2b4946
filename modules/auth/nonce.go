package auth

// This file makes nonces that need no table (RFC 7616 §3.3, §5.4).
//
// A nonce is base64url of
//
//	6 bytes  milliseconds since 1970
//	6 bytes  at random, so that no two are equal
//	14 bytes keyed hash over the above and the realm: it is ours
//	4 bytes  keyed hash over the above and the source it was given to: it proves that the source sees our answers

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"net/netip"
	"sync"
	"time"
)

const (
	nonceID     = 12
	nonceMAC    = 14
	nonceSource = 4
	nonceBytes  = nonceID + nonceMAC + nonceSource
	nonceText   = nonceBytes / 3 * 4
)

// nonceKey names a nonce that is ours: its time and random part.
type nonceKey [nonceID]byte

// issued is when it was made, in milliseconds since 1970.
func (k *nonceKey) issued() int64 { return int64(binary.BigEndian.Uint64(k[:8]) >> 16) }

// nonces makes nonces and tells its own. It is safe for concurrent use.
type nonces struct {
	opaque string // what challenges carry: the same for all, unknown to others
	pool   sync.Pool
}

// hasher is a keyed hash with room for what it reads and writes.
type hasher struct {
	mac hash.Hash
	in  []byte
	out [sha256.Size]byte
}

func newNonces(key [32]byte) *nonces {
	n := &nonces{}
	n.pool.New = func() any { return &hasher{mac: hmac.New(sha256.New, key[:])} }
	h := n.get()
	h.in = append(h.in, "opaque"...)
	n.opaque = base64.RawURLEncoding.EncodeToString(h.sum()[:6])
	n.pool.Put(h)
	return n
}

func (n *nonces) get() *hasher {
	h := n.pool.Get().(*hasher)
	h.in = h.in[:0]
	return h
}

// sum is the keyed hash of h.in; valid until the next.
func (h *hasher) sum() []byte {
	h.mac.Reset()
	h.mac.Write(h.in)
	return h.mac.Sum(h.out[:0])
}

// own is the hash that makes a nonce ours, source the one that ties it to an address.
func (h *hasher) own(id []byte, realm string) []byte {
	h.in = append(append(append(h.in[:0], 'n'), id...), realm...)
	return h.sum()[:nonceMAC]
}

func (h *hasher) source(id []byte, addr netip.Addr) []byte {
	a := addr.As16()
	h.in = append(append(append(h.in[:0], 's'), id...), a[:]...)
	return h.sum()[:nonceSource]
}

// issue makes a nonce for a challenge in realm that goes to source.
func (n *nonces) issue(now time.Time, realm string, source netip.Addr) string {
	var raw [nonceBytes]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16)
	rand.Read(raw[6:nonceID])
	h := n.get()
	copy(raw[nonceID:], h.own(raw[:nonceID], realm))
	copy(raw[nonceID+nonceMAC:], h.source(raw[:nonceID], source))
	n.pool.Put(h)
	var text [nonceText]byte
	base64.RawURLEncoding.Encode(text[:], raw[:])
	return string(text[:])
}

// read tells whether a nonce is ours, for realm; and whether it was given to source.
func (n *nonces) read(text []byte, realm string, source netip.Addr) (key nonceKey, ours, proven bool) {
	var raw [nonceBytes]byte
	if len(text) != nonceText {
		return key, false, false
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil {
		return key, false, false
	}
	h := n.get()
	defer n.pool.Put(h)
	if subtle.ConstantTimeCompare(raw[nonceID:nonceID+nonceMAC], h.own(raw[:nonceID], realm)) == 0 {
		return key, false, false
	}
	copy(key[:], raw[:nonceID])
	return key, true, subtle.ConstantTimeCompare(raw[nonceID+nonceMAC:], h.source(raw[:nonceID], source)) == 1
}
