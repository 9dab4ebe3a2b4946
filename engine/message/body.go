package message

// This file edits the body and the headers that describe it.

import (
	"errors"
	"strconv"
)

var errNoType = errors.New("message: a body needs a Content-Type")

// SetBody copies body into the message and sets Content-Length and Content-Type. An empty
// contentType keeps the message's type, and is an error if it has none. An empty body removes both
// body and type. Content-Encoding is removed in any case: it described the old body.
func (m *Message) SetBody(body []byte, contentType string) error {
	if err := checkValue(contentType); err != nil {
		return err
	}
	switch {
	case len(body) == 0:
		m.RemoveID(HeaderContentType)
	case contentType != "":
		if err := m.Set("Content-Type", contentType); err != nil {
			return err
		}
	case m.Find(HeaderContentType, 0) < 0:
		return errNoType
	}
	m.RemoveID(HeaderContentEncoding)
	m.bodyNew = true
	m.bodyStart = uint32(len(m.arena))
	m.arena = append(m.arena, body...)
	m.bodyEnd = uint32(len(m.arena))
	m.setContentLength()
	return nil
}

// EnsureContentLength adds a Content-Length if there is none: a message that arrived in a datagram
// may lack one, but on a stream it is mandatory (§18.3, §20.14).
func (m *Message) EnsureContentLength() {
	if m.Find(HeaderContentLength, 0) < 0 {
		m.setContentLength()
	}
}

func (m *Message) setContentLength() {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], int64(m.bodyEnd-m.bodyStart), 10)
	i := m.Find(HeaderContentLength, 0)
	if i < 0 {
		m.insert(len(m.fields), newField(m, HeaderContentLength, "Content-Length", text))
		return
	}
	m.splice(i, 0, len(m.Value(i)), text)
	for j := m.Find(HeaderContentLength, i+1); j >= 0; j = m.Find(HeaderContentLength, j) {
		m.remove(j)
	}
}
