// The memory in which crypto/tls keeps a connection's input. It keeps what the handshake and the
// longest record took, some 4 kB, for the connection's life; here it gets a buffer when there is
// input, and gives it back when it waits.

package transport

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// tlsLayout is where in a tls.Conn its input is: records as they came, what is left of a decrypted
// one, and handshake messages. They belong to who calls Conn.Read, once the handshake is over.
type tlsLayout struct {
	known            bool // false: this crypto/tls is another one, and keeps its memory
	raw, input, hand uintptr
}

func layoutOfTLS() tlsLayout {
	l := tlsLayout{known: true}
	find := func(name string, t reflect.Type) uintptr {
		f, ok := reflect.TypeFor[tls.Conn]().FieldByName(name)
		l.known = l.known && ok && f.Type == t
		return f.Offset
	}
	l.raw = find("rawInput", reflect.TypeFor[bytes.Buffer]())
	l.input = find("input", reflect.TypeFor[bytes.Reader]())
	l.hand = find("hand", reflect.TypeFor[bytes.Buffer]())
	return l
}

// lendInput gives crypto/tls a buffer for the records that have come. The goroutine with the duty
// of reading calls it, like takeInput.
func (c *conn) lendInput() {
	l, t := &c.stack.tlsLayout, c.sealed
	if !l.known || t.lent != nil {
		return
	}
	if raw := (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c.tls), l.raw)); raw.Len() == 0 {
		t.lent = c.stack.buffers.get(max(t.want, smallBuffer))
		*raw = *bytes.NewBuffer(t.lent.b[:0])
	}
}

// takeInput takes everything that is empty: what was lent, and what crypto/tls made for itself.
func (c *conn) takeInput() {
	l := &c.stack.tlsLayout
	if !l.known {
		return
	}
	at := unsafe.Pointer(c.tls)
	raw, hand := (*bytes.Buffer)(unsafe.Add(at, l.raw)), (*bytes.Buffer)(unsafe.Add(at, l.hand))
	input := (*bytes.Reader)(unsafe.Add(at, l.input)) // of memory of raw's
	if hand.Len() == 0 && hand.Cap() > 0 {
		*hand = bytes.Buffer{}
	}
	if raw.Len() > 0 || input.Len() > 0 {
		return
	}
	*raw, *input = bytes.Buffer{}, bytes.Reader{}
	c.sealed.returnLent()
}

// returnLent gives back what lendInput took. Nobody may read by crypto/tls any more, unless
// takeInput has taken it.
func (t *tlsSocket) returnLent() {
	if t.lent != nil {
		t.stack.buffers.release(t.lent)
		t.lent = nil
	}
}
