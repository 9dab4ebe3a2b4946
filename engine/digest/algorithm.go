package digest

// This file is the algorithms of RFC 7616 §6.1 and RFC 8760 §2.

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
)

// algorithm is a digest algorithm; 0 is none. The -sess variants follow theirs.
type algorithm uint8

const (
	md5Digest algorithm = iota + 1
	md5Session
	sha256Digest
	sha256Session
	sha512Digest
	sha512Session
)

// names has the names as they are written; it is never changed.
var names = [...]string{md5Digest: "MD5", md5Session: "MD5-sess", sha256Digest: "SHA-256", sha256Session: "SHA-256-sess",
	sha512Digest: "SHA-512-256", sha512Session: "SHA-512-256-sess"}

func lookup(name []byte) algorithm {
	for a := md5Digest; a <= sha512Session; a++ {
		if bytes.EqualFold(name, []byte(names[a])) {
			return a
		}
	}
	return 0
}

func (a algorithm) session() bool { return a != 0 && a%2 == 0 }

// strength orders algorithms by their hash: MD5, SHA-256, SHA-512-256.
func (a algorithm) strength() int { return (int(a) + 1) / 2 }

// hash is the hash of text in hexadecimal.
func (a algorithm) hash(text string) string {
	switch a.strength() {
	case 1:
		sum := md5.Sum([]byte(text))
		return hex.EncodeToString(sum[:])
	case 2:
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	sum := sha512.Sum512_256([]byte(text))
	return hex.EncodeToString(sum[:])
}
