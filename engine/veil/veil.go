// Package veil hides the two sides of a dialog from each other. What one side must not see of the
// other (Via, Record-Route, Contact, if asked the Call-ID) leaves encrypted, in places that user
// agents send back, and is put back as soon as a message arrives. So nothing else of the engine
// knows of it: it sees all messages as they would be without, and nothing is kept.
//
//   - The Vias of a request become one, whose branch has them, and the Record-Routes of its way so
//     far: the response brings both back.
//   - A Contact becomes an address of this server, whose user, or a parameter, has the Contact and
//     the Route that leads there: the other side's requests have it as their Request-URI.
//   - A Call-ID becomes another one, which has it. Whoever was given that goes on using it, so that
//     a message itself says which of the two its sender, and so the other side, has.
package veil

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/siphash"
)

// Options are what is hidden beside Via, Record-Route and Contact.
type Options struct {
	CallID      bool   // the Call-ID, and where other headers name one
	Warning     bool   // Warning, which names hosts
	History     bool   // History-Info and Diversion
	ContactUser string // the user of the Contact that is shown; "": one that means nothing
}

// Veil is how a message is hidden.
type Veil struct {
	Options
	// Hidden: it belongs to a dialog whose sides are hidden from each other.
	Hidden bool
	// CallID is the Call-ID as the sender of the message knows it; "" if it is the one it has now.
	CallID string
	// Below is how many Record-Routes a request came with, in a response to it.
	Below int
}

// Place is the address of this server that one side is shown.
type Place struct {
	SentBy    string // host and port
	Transport string // a value of the parameter; "" for UDP, and in sips
	Secure    bool   // its URIs may be sips
}

// Keys seal and open. They are the same on all servers with one secret.
type Keys struct {
	// Local reports whether a URI names this server; such a one need not be hidden. It may be nil.
	Local  func(u *message.URI) bool
	vector siphash.Key
	block  cipher.Block
}

// NewKeys makes keys.
func NewKeys(key [32]byte) *Keys {
	block, _ := aes.NewCipher(key[16:]) // the only error is a wrong length
	return &Keys{vector: siphash.Key{binary.LittleEndian.Uint64(key[:]), binary.LittleEndian.Uint64(key[8:])}, block: block}
}

const (
	// Prefixes of what is sealed: of users and Call-IDs, and of branches.
	prefix       = "vl-"
	branchPrefix = "z9hG4bKvl-"
	// hiddenHost is that of the Via which has others in it.
	hiddenHost = "v.invalid"
	// paramName is the parameter of a Contact whose user is a given one.
	paramName   = "vl"
	vectorBytes = 8
	// MaxText bounds what one sealed text has in it, in bytes.
	MaxText = 4 << 10
)

// Kinds of sealed texts: what is one can't be taken for another.
const (
	kindContact = 'c'
	kindVia     = 'v'
	kindCallID  = 'i'
)

// ErrLong is the error of a message whose headers can't be sealed.
var ErrLong = errors.New("the Vias, Record-Routes or Contact to be hidden have more than 4096 bytes")

// seal encrypts text, in place, after its vector: a keyed hash of it (as in RFC 5297), by which it
// is known for ours when it comes back.
func (k *Keys) seal(kind byte, text []byte) {
	binary.BigEndian.PutUint64(text, k.vector.Sum([]byte{kind}, text[vectorBytes:]))
	k.crypt(kind, text)
}

func (k *Keys) crypt(kind byte, text []byte) {
	var iv [aes.BlockSize]byte
	copy(iv[:], text[:vectorBytes])
	iv[vectorBytes] = kind
	cipher.NewCTR(k.block, iv[:]).XORKeyStream(text[vectorBytes:], text[vectorBytes:])
}

// open is the opposite of seal; nil for what seal did not write.
func (k *Keys) open(kind byte, text []byte) []byte {
	if len(text) < vectorBytes {
		return nil
	}
	k.crypt(kind, text)
	if k.vector.Sum([]byte{kind}, text[vectorBytes:]) != binary.BigEndian.Uint64(text) {
		return nil
	}
	return text[vectorBytes:]
}

// Users and Call-IDs may come back in another case, branches not: they are opaque (RFC 3261
// §8.1.1.7).
// There is no E in them: some user agents search for "CSeq" anywhere in a message.
var branchEncoding = base64.NewEncoding("0123456789ABCDFGHIJKLMNOPQRSTUVWXYZabcdfghijklmnopqrstuvwxyz-_.~").WithPadding(base64.NoPadding).Strict()

// sealToken seals a text that has room for the vector in front.
func (k *Keys) sealToken(dst []byte, kind byte, text []byte) []byte {
	k.seal(kind, text)
	return message.AppendToken(dst, text)
}

// openToken opens a token; nil for one that is not ours.
func (k *Keys) openToken(kind byte, token []byte) []byte {
	if len(token) > message.TokenLen(vectorBytes+MaxText) {
		return nil
	}
	text := make([]byte, len(token)*5/8+1)
	n, ok := message.ReadToken(text, token)
	if !ok {
		return nil
	}
	return k.open(kind, text[:n])
}

// cutPrefix is what follows our prefix, in any case.
func cutPrefix(b []byte) (rest []byte, ok bool) {
	if len(b) <= len(prefix) || !bytes.EqualFold(b[:len(prefix)], []byte(prefix)) {
		return nil, false
	}
	return b[len(prefix):], true
}

// HideCallID is a Call-ID as the other side is shown it.
func (k *Keys) HideCallID(id []byte) string {
	if len(id) > MaxText {
		return string(id)
	}
	text := append(make([]byte, vectorBytes, vectorBytes+len(id)), id...)
	return string(k.sealToken([]byte(prefix), kindCallID, text))
}

// CallID is what HideCallID hid; ok is false for any other.
func (k *Keys) CallID(id []byte) (hidden []byte, ok bool) {
	token, ok := cutPrefix(id)
	if !ok {
		return nil, false
	}
	hidden = k.openToken(kindCallID, token)
	return hidden, hidden != nil
}

// WithCallID is a message, as it is about to be sent, with another Call-ID.
func WithCallID(text []byte, id string) []byte {
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		if end <= 1 { // the empty line
			break
		}
		line := text[at : at+end]
		name, value, ok := bytes.Cut(line, []byte{':'})
		if short := bytes.TrimSpace(name); ok && (bytes.EqualFold(short, []byte("Call-ID")) || bytes.EqualFold(short, []byte{'i'})) {
			first := at + len(name) + 1 + len(value) - len(bytes.TrimLeft(value, " \t"))
			return slices.Replace(text, first, first+len(bytes.TrimSpace(value)), []byte(id)...)
		}
		at += end + 1
	}
	return text
}

// other is a Call-ID as the other side of a dialog knows it.
func (k *Keys) other(id []byte) string {
	if hidden, ok := k.CallID(id); ok {
		return string(hidden)
	}
	return k.HideCallID(id)
}
