package proxy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
)

// What this server changed in a dialog for good: the CSeq numbers of its caller, if it answered a
// challenge on the caller's behalf (§22.2 requires a higher one), and the From and To that one side
// is shown. Every later request of the dialog must be changed in the same way, or the other side
// takes it for one of another dialog (§12.2.2). Nothing is kept for that: it travels in our
// Record-Route, in the parameter ds, encrypted (one side must not read what the other hides) and
// covered by the signature. Both sides bring it back with each request.

// dialog is what was changed. It is never written to once it was made.
type dialog struct {
	// A mark of the caller's tag: requests with it in From are the caller's
	caller [callerBytes]byte
	shift  uint32 // what is added to the caller's CSeq numbers
	// account says that requests to the callee may answer challenges with credentials: those given
	// when the dialog began. If there is a shift, they have done so.
	account bool
	from    party
	to      party
}

const callerBytes = 6

// party is From or To, as the two sides have it: display name and URI, no parameters. Both are ""
// if nothing was changed.
type party struct {
	caller string // as the caller wrote it
	callee string // as the callee was shown it
}

// stateName is the parameter of our Record-Route entries that holds a dialog.
const stateName = "ds"

// longestState bounds the parameter: user agents bring it back in every request, and the entry may
// be there twice.
const longestState = 1024

// accountBit is stored in place of the shift if that is 0.
const accountBit = 1 << 32

// append writes the dialog, as it is before encryption.
func (d *dialog) append(dst []byte) []byte {
	dst = append(dst, d.caller[:]...)
	n := uint64(d.shift)
	if n == 0 && d.account {
		n = accountBit
	}
	dst = binary.AppendUvarint(dst, n)
	texts := d.texts()
	last := len(texts)
	for last > 0 && *texts[last-1] == "" {
		last--
	}
	for _, s := range texts[:last] {
		dst = binary.AppendUvarint(dst, uint64(len(*s)))
		dst = append(dst, *s...)
	}
	return dst
}

func (d *dialog) texts() [4]*string {
	return [...]*string{&d.from.caller, &d.from.callee, &d.to.caller, &d.to.callee}
}

// readDialog is the opposite of append.
func readDialog(b []byte) *dialog {
	d := &dialog{}
	if len(b) < callerBytes {
		return nil
	}
	b = b[copy(d.caller[:], b):]
	n, used := binary.Uvarint(b)
	if used <= 0 || n > 1<<31 && n != accountBit {
		return nil
	}
	d.account = n != 0
	d.shift, b = uint32(n%accountBit), b[used:]
	for _, s := range d.texts() {
		if len(b) == 0 {
			break
		}
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return nil
		}
		*s, b = string(b[used:used+int(n)]), b[used+int(n):]
	}
	return d
}

// stateKeys encrypt dialogs. The initialization vector is a keyed hash over the Call-ID and the
// text (as in RFC 5297), so equal ones are equal only within a call. The signature of the entry
// shows that nobody changed it.
type stateKeys struct {
	iv    macKey
	block cipher.Block
}

const vectorBytes = 12

func newStateKeys(key [32]byte) (k stateKeys) {
	k.iv = newMacKey(key)
	own := k.iv.sum([]byte("encryption"))
	k.block, _ = aes.NewCipher(own[:]) // the only error is a wrong length
	return k
}

func (k *stateKeys) crypt(vector, text []byte) {
	var iv [aes.BlockSize]byte
	copy(iv[:], vector[:vectorBytes])
	cipher.NewCTR(k.block, iv[:]).XORKeyStream(text, text)
}

// seal is the parameter for a call, ";ds=…".
func (k *stateKeys) seal(d *dialog, callID []byte) string {
	text := d.append(make([]byte, vectorBytes, 256))
	sum := k.iv.sum([]byte("vector"), callID, text[vectorBytes:])
	copy(text, sum[:vectorBytes])
	k.crypt(text, text[vectorBytes:])
	return string(AppendToken([]byte(";"+stateName+"="), text))
}

// open reads the value of the parameter, or returns nil if it is not ours.
func (k *stateKeys) open(value, callID []byte) *dialog {
	var space [longestState]byte
	n, ok := ReadToken(space[:], value)
	if !ok || n < vectorBytes {
		return nil
	}
	text := space[:n]
	k.crypt(text, text[vectorBytes:])
	sum := k.iv.sum([]byte("vector"), callID, text[vectorBytes:])
	if string(sum[:vectorBytes]) != string(text[:vectorBytes]) {
		return nil // of another secret; the signature would have said so
	}
	return readDialog(text[vectorBytes:])
}

// callerMark represents a tag where the tag itself would be too long.
func callerMark(tag []byte) (mark [callerBytes]byte) {
	sum := sha256.Sum256(tag)
	copy(mark[:], sum[:])
	return mark
}
