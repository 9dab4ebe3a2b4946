package body

// The description within a message.

import (
	"bytes"
	"errors"

	"github.com/sipscript/sipscript/engine/message"
)

// Message is a message whose body can be replaced; an empty contentType keeps its type.
type Message interface {
	Message() *message.Message
	SetBody(body []byte, contentType string) error
}

var errEncoded = errors.New("sdp: an encoded body")

// Found is the description of a message: its body, or a part of it.
type Found struct {
	Session *Session // what was read
	written []byte   // the Session's text that is in the message
	whole   []byte   // the body it was found in
	lo, hi  int      // where in it
	length  place    // of the value of the part's own Content-Length
}

type place struct{ lo, hi int }

// Of finds the description in a message, as its body or in a multipart one (RFC 5621); nil if there
// is none.
func Of(m *message.Message) (*Found, error) {
	f := &Found{}
	ok, err := f.find(m)
	if err != nil || !ok {
		return nil, err
	}
	f.written = f.whole[f.lo:f.hi]
	if f.Session, err = Parse(f.written); err != nil {
		return nil, err
	}
	return f, nil
}

// find finds the place of the description.
func (f *Found) find(m *message.Message) (ok bool, err error) {
	kind, b := m.Header(message.HeaderContentType), m.Body()
	f.whole, f.lo, f.hi, f.length = b, 0, len(b), place{}
	switch {
	case len(b) == 0:
		return false, nil
	case m.Find(message.HeaderContentEncoding, 0) >= 0 && !bytes.EqualFold(m.Header(message.HeaderContentEncoding), []byte("identity")):
		if message.IsMediaType(kind, "application/sdp") {
			return false, errEncoded
		}
		return false, nil
	case message.IsMediaType(kind, "application/sdp"):
		return true, nil
	case !message.IsMediaType(kind, "multipart/"):
		return false, nil
	}
	p, ok, err := message.FindPart(kind, b, "application/sdp")
	if err != nil || !ok {
		return false, err
	}
	if e := p.Header("Content-Transfer-Encoding"); len(e) > 0 && !bytes.EqualFold(e, []byte("binary")) && !bytes.EqualFold(e, []byte("8bit")) &&
		!bytes.EqualFold(e, []byte("7bit")) {
		return false, errEncoded
	}
	f.lo, f.hi = p.Lo, p.Hi
	if v := p.Header("Content-Length"); len(v) > 0 { // some write one, which must stay right
		at := p.Start + len(p.Head) - cap(v) // v lies in Head, whose capacity is its length
		f.length = place{at, at + len(v)}
	}
	return true, nil
}

// Follow has the Session describe the message as it is now; false if there is no description any
// more. It costs next to nothing if nobody changed the body since.
func (f *Found) Follow(m *message.Message) (bool, error) {
	if same(m.Body(), f.whole) {
		return true, nil
	}
	ok, err := f.find(m)
	if err != nil || !ok {
		return false, err
	}
	f.written = f.whole[f.lo:f.hi]
	return true, f.Session.Reset(f.written)
}

// same reports whether two slices are the same memory.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Write puts the description, as its edits have made it, into the message; the rest of the body
// stays as it is.
func (f *Found) Write(m Message) error {
	text := f.Session.Bytes()
	if same(text, f.written) {
		return nil
	}
	all, lo := text, 0
	if f.lo > 0 || f.hi < len(f.whole) {
		all = make([]byte, 0, len(f.whole)+len(text)-(f.hi-f.lo)+4)
		if f.length.hi > 0 {
			all = append(all, f.whole[:f.length.lo]...)
			at := len(all)
			all = append(all, itoa(len(text))...)
			all = append(all, f.whole[f.length.hi:f.lo]...)
			f.length = place{at, at + len(itoa(len(text)))}
		} else {
			all = append(all, f.whole[:f.lo]...)
		}
		lo = len(all)
		all = append(append(all, text...), f.whole[f.hi:]...)
	}
	if err := m.SetBody(all, ""); err != nil {
		return err
	}
	f.whole, f.written, f.lo, f.hi = m.Message().Body(), text, lo, lo+len(text)
	return nil
}
