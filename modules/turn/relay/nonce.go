package relay

// Nonces: a time, signed for the address of one client. Nothing is kept for them.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"
)

// nonceCookie begins each nonce: the client sees that the server knows RFC 8489, and that
// PASSWORD-ALGORITHMS is not to be left out (§9.2, §18.1: bit 0 of the security features).
const nonceCookie = "obMatJos2" + "gAAA"

const (
	nonceTime = 4  // bytes: seconds since 1970
	nonceMAC  = 12 // bytes
)

// nonces makes and checks them.
type nonces struct{ key []byte }

func (n nonces) sign(b []byte, client netip.Addr) []byte {
	mac := hmac.New(sha256.New, n.key)
	mac.Write(b[:nonceTime])
	ip := client.Unmap().As16()
	mac.Write(ip[:])
	return mac.Sum(nil)[:nonceMAC]
}

// make is a nonce for a client that begins to count now.
func (n nonces) make(client netip.Addr, now time.Time) string {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, nonceTime+nonceMAC), uint32(now.Unix()))
	b = append(b, n.sign(b, client)...)
	return nonceCookie + base64.RawURLEncoding.EncodeToString(b)
}

// good reports whether a nonce was made for the client, not long ago.
func (n nonces) good(nonce string, client netip.Addr, now time.Time) bool {
	text, ok := strings.CutPrefix(nonce, nonceCookie)
	if !ok {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != nonceTime+nonceMAC || !hmac.Equal(b[nonceTime:], n.sign(b, client)) {
		return false
	}
	age := uint32(now.Unix()) - binary.BigEndian.Uint32(b)
	return age <= uint32(nonceLifetime/time.Second)
}
