package proxy

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sipscript/sipscript/engine/siphash"
)

// What this server changed in a dialog for good: the CSeq numbers of its caller, if it answered a
// challenge on the caller's behalf (§22.2 requires a higher one), and the From and To that one side
// is shown. Every later request of the dialog must be changed in the same way, or the other side
// takes it for one of another dialog (§12.2.2). Nothing is kept for that: it travels in our
// Record-Route, in the parameter ds, encrypted (one side must not read what the other hides) and
// covered by the signature. Both sides bring it back with each request. A dialog that carries
// nothing but open notes is not encrypted: that would take most of the time.

// dialog is what was changed. It is never written to once it was made.
type dialog struct {
	// A mark of the caller's tag: requests with it in From are the caller's
	caller [callerBytes]byte
	shift  uint32 // what is added to the caller's CSeq numbers
	// account says that requests to the callee may answer challenges with credentials: those given
	// when the dialog began. If there is a shift, they have done so.
	account bool
	masked  *masked // nil if From and To are the same on both sides
	notes   []note
	room    [1]note // where notes begin: most dialogs carry one
	text    [roomForText]byte
}

// roomForText is what a dialog that carries a number of 16 bytes, and nothing else, takes in text.
const roomForText = 24

// masked is From and To where the sides have them differently.
type masked struct{ from, to party }

// note is something that a module carries through a dialog. One that is open need not be encrypted.
type note struct {
	name, value string
	open        bool
}

// longestNotes bounds the names and values of all notes together: they are in every request.
const longestNotes = 256

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
	texts := (&masked{}).texts()
	if d.masked != nil {
		texts = d.masked.texts()
	}
	last := len(texts)
	for last > 0 && *texts[last-1] == "" && len(d.notes) == 0 {
		last--
	}
	for _, s := range texts[:last] {
		dst = AppendText(dst, *s)
	}
	for _, n := range d.notes {
		dst = AppendText(AppendText(dst, n.name), n.value)
	}
	return dst
}

// open reports whether nobody need be kept from reading the dialog.
func (d *dialog) open() bool {
	if d.shift != 0 || d.account || d.masked != nil {
		return false
	}
	for i := range d.notes {
		if !d.notes[i].open {
			return false
		}
	}
	return true
}

// appendOpen writes a dialog that is open.
func (d *dialog) appendOpen(dst []byte) []byte {
	dst = append(dst, d.caller[:]...)
	for _, n := range d.notes {
		dst = AppendText(AppendText(dst, n.name), n.value)
	}
	return dst
}

// readOpen is the opposite of appendOpen.
func (d *dialog) readOpen(b []byte) (ok bool) {
	if len(b) < callerBytes {
		return false
	}
	return d.readNotes(d.keep(b[copy(d.caller[:], b):]), true)
}

// keep copies a text to where it stays as long as the dialog.
func (d *dialog) keep(b []byte) string { return text(append(d.text[:0], b...)) }

// readNotes reads what is left of a dialog: its notes.
func (d *dialog) readNotes(left string, open bool) (ok bool) {
	d.notes = d.room[:0]
	for len(left) > 0 {
		n := note{open: open}
		if n.name, left, ok = cutText(left); !ok {
			return false
		}
		if n.value, left, ok = cutText(left); !ok {
			return false
		}
		d.notes = append(d.notes, n)
	}
	return true
}

// AppendText appends a text with its length before it.
func AppendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// CutText is the opposite of AppendText; ok is false for what that did not write.
func CutText(b []byte) (s string, rest []byte, ok bool) {
	s, left, ok := cutText(text(b))
	return strings.Clone(s), b[len(b)-len(left):], ok
}

// cutText is CutText for bytes that stay as they are.
func cutText(from string) (s, rest string, ok bool) {
	n, used := binary.Uvarint(view(from))
	if used <= 0 || n > uint64(len(from)-used) {
		return "", "", false
	}
	return from[used : used+int(n)], from[used+int(n):], true
}

func (m *masked) texts() [4]*string {
	return [...]*string{&m.from.caller, &m.from.callee, &m.to.caller, &m.to.callee}
}

// read is the opposite of append, into a new dialog; ok is false for what that did not write.
func (d *dialog) read(b []byte) (ok bool) {
	if len(b) < callerBytes {
		return false
	}
	b = b[copy(d.caller[:], b):]
	n, used := binary.Uvarint(b)
	if used <= 0 || n > 1<<31 && n != accountBit {
		return false
	}
	d.account = n != 0
	d.shift = uint32(n % accountBit)
	left := d.keep(b[used:])
	var m masked
	for _, s := range m.texts() {
		if len(left) == 0 {
			break
		}
		if *s, left, ok = cutText(left); !ok {
			return false
		}
	}
	if m != (masked{}) {
		d.masked = &masked{m.from, m.to}
	}
	return d.readNotes(left, false)
}

// note is the value of a note, or "".
func noted(notes []note, name string) string {
	for _, n := range notes {
		if n.name == name {
			return n.value
		}
	}
	return ""
}

var (
	errNoteDialog = errors.New("what a dialog carries is settled by the request that begins it")
	errNoteRoute  = errors.New("call record_route first: without it the rest of the dialog doesn't pass here")
	errNoteLong   = fmt.Errorf("what modules carry in a dialog has more than %d bytes", longestNotes)
)

// Carry has the dialog that the request begins carry a value to its later requests, from both
// sides: encrypted, in our Record-Route. name is the carrier's own, a few bytes; "" takes it away.
// The request must begin a dialog, and its Record-Route have been asked for.
func (x *Context) Carry(name, value string) (err error) {
	return x.carry(note{name: name, value: value})
}

// CarryOpen is Carry for a value that both parties may read, such as a random number: it need not
// be encrypted. Neither can change it.
func (x *Context) CarryOpen(name, value string) (err error) {
	return x.carry(note{name, value, true})
}

func (x *Context) carry(n note) (err error) {
	switch {
	case x.Req.ToTag() != nil || !StartsDialog(x.Req.Method()):
		return errNoteDialog
	case !x.recordRoute:
		return errNoteRoute
	}
	more := x.seldom()
	more.notes, err = carry(more.notes, n)
	return err
}

// Carry is [Context.Carry] for one branch, beside what the request carries.
func (b *Branch) Carry(name, value string) (err error) {
	if b.msg == nil {
		return errSent
	}
	x := b.fork.x
	if x.Req.ToTag() != nil || !x.recordRoute {
		return errNoteDialog
	}
	if b.rare().notes == nil {
		b.seldom().notes = slices.Clone(x.rare().notes)
	}
	more := b.seldom()
	more.notes, err = carry(more.notes, note{name: name, value: value})
	return err
}

// carry replaces one note.
func carry(notes []note, it note) ([]note, error) {
	size := len(it.name) + len(it.value)
	kept := make([]note, 0, len(notes)+1)
	for _, n := range notes {
		if n.name != it.name {
			kept = append(kept, n)
			size += len(n.name) + len(n.value)
		}
	}
	if size > longestNotes {
		return notes, errNoteLong
	}
	if it.value != "" {
		kept = append(kept, it)
	}
	return kept, nil
}

// Carried is what Carry said when the dialog of the request began; "" for nothing, and for a
// request that does not prove with its Route that it belongs to a dialog.
func (x *Context) Carried(name string) string {
	if x.rare().dialog == nil {
		return ""
	}
	return noted(x.rare().dialog.notes, name)
}

// ByCaller reports whether a request that belongs to a dialog which carries something (Carried, a
// mask) comes from the party that began it.
func (x *Context) ByCaller() bool { return x.rare().dialog != nil && x.byCaller() }

// stateKeys encrypt dialogs. The initialization vector is a keyed hash over the Call-ID and the
// text (as in RFC 5297), so equal ones are equal only within a call. The signature of the entry
// shows that nobody changed it.
type stateKeys struct {
	iv    [2]siphash.Key
	block cipher.Block
}

const vectorBytes = 12

func newStateKeys(key [32]byte) (k stateKeys) {
	mac := newMacKey(key)
	own := mac.sum([]byte("encryption"))
	k.block, _ = aes.NewCipher(own[:]) // the only error is a wrong length
	for i := range k.iv {
		k.iv[i] = siphashKey(mac.sum([]byte("vector"), []byte{byte(i)}))
	}
	return k
}

// vector is that of a text in a call.
func (k *stateKeys) vector(callID, text []byte) (v [vectorBytes]byte) {
	binary.BigEndian.PutUint64(v[:], k.iv[0].Sum(callID, text))
	binary.BigEndian.PutUint32(v[8:], uint32(k.iv[1].Sum(callID, text)))
	return v
}

// cryptRoom is what crypt works in: the cipher is behind an interface, so an array of crypt's own
// would be a new one on the heap each time.
type cryptRoom struct{ counter, stream [aes.BlockSize]byte }

// crypt is AES in counter mode. The texts have a few blocks: what the standard library prepares for
// long ones would cost more than it does.
func (k *stateKeys) crypt(b *cryptRoom, vector, text []byte) {
	copy(b.counter[:], vector[:vectorBytes])
	for n := uint32(0); len(text) > 0; n++ {
		binary.BigEndian.PutUint32(b.counter[vectorBytes:], n)
		k.block.Encrypt(b.stream[:], b.counter[:])
		done := subtle.XORBytes(text, text, b.stream[:min(len(text), aes.BlockSize)])
		text = text[done:]
	}
}

// openMark begins the value of the parameter if it is not encrypted. No token has the letter.
const openMark = 'o'

// seal is the parameter for a call, ";ds=…".
func (k *stateKeys) seal(room *cryptRoom, d *dialog, callID []byte) string {
	var space, token [longestState]byte
	if d.open() {
		return string(AppendToken(append(token[:0], ";"+stateName+"="+string(openMark)...), d.appendOpen(space[:0])))
	}
	text := d.append(space[:vectorBytes])
	sum := k.vector(callID, text[vectorBytes:])
	copy(text, sum[:])
	k.crypt(room, text, text[vectorBytes:])
	return string(AppendToken(append(token[:0], ";"+stateName+"="...), text))
}

// open reads the value of the parameter into d, and reports whether it is ours.
func (k *stateKeys) open(room *cryptRoom, value, callID []byte, d *dialog) bool {
	var space [longestState]byte
	if len(value) > 0 && value[0]|0x20 == openMark {
		n, ok := ReadToken(space[:], value[1:])
		return ok && d.readOpen(space[:n])
	}
	n, ok := ReadToken(space[:], value)
	if !ok || n < vectorBytes {
		return false
	}
	text := space[:n]
	k.crypt(room, text, text[vectorBytes:])
	sum := k.vector(callID, text[vectorBytes:])
	if string(sum[:]) != string(text[:vectorBytes]) {
		return false // of another secret; the signature would have said so
	}
	return d.read(text[vectorBytes:])
}

// callerMark represents a tag where the tag itself would be too long.
func (s *Signer) callerMark(tag []byte) (mark [callerBytes]byte) {
	var sum [8]byte
	binary.BigEndian.PutUint64(sum[:], s.mark('c', tag))
	copy(mark[:], sum[:])
	return mark
}
