// SIP over WebSocket (RFC 7118): one message in one WebSocket message, read where it is in the
// connection's buffer.

package transport

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// wsReading describes a message that has partly arrived. In the buffer, from r on, there are frag
// bytes of its payload, gap bytes of processed headers, and then the next frame. It belongs to the
// goroutine with the duty of reading.
type wsReading struct {
	frag, gap int
	open      bool // a first fragment was seen, and not the last
	text      bool // the message is text
}

// nextFrame returns the next whole message, or nil if more bytes are needed or the peer is closing,
// as c.in.broken says. Frames are unmasked in place, and fragments are moved together.
func (c *conn) nextFrame() ([]byte, error) {
	in, w := &c.in, c.in.ws
	for in.buf != nil && in.broken == nil {
		buf := in.buf
		at := buf.r + w.frag + w.gap
		h, err := parseFrameHeader(buf.b[at:buf.w])
		if err == nil && h.head > 0 {
			err = w.admit(&h, c.stack.opts.Limits.Message)
		}
		if err != nil {
			return nil, err
		}
		if h.head == 0 || uint64(buf.w-at-h.head) < h.size {
			break
		}
		payload := buf.b[at+h.head : at+h.head+int(h.size)]
		unmask(payload, h.mask)
		if h.op.control() {
			w.skip(buf, h.head+len(payload))
			if err := c.control(h.op, payload); err != nil {
				return nil, err
			}
			continue
		}
		msg, err := w.join(buf, &h, payload)
		if err != nil {
			return nil, err
		}
		if w.open {
			continue
		}
		in.partial = false
		if msg = c.stripNewlines(msg); len(msg) > 0 {
			return msg, nil
		}
	}
	c.awaitFrame()
	return nil, nil
}

// admit checks a frame against the message it belongs to (RFC 6455 §5.4), before its payload is
// read.
func (w *wsReading) admit(h *frameHeader, most int) error {
	switch {
	case h.op.control():
		return nil
	case h.op == opContinuation && !w.open:
		return wsViolation("a continuation of nothing")
	case h.op != opContinuation && w.open:
		return wsViolation("a message begins within another")
	case h.size > uint64(most-w.frag):
		return &wsClosed{closeTooBig, "the message is too long"}
	}
	return nil
}

// skip skips n bytes that are done with.
func (w *wsReading) skip(buf *buffer, n int) {
	if w.open {
		w.gap += n
		return
	}
	buf.r += n
}

// join adds a frame's payload to the message. When w.open is false afterwards, the message is
// whole.
func (w *wsReading) join(buf *buffer, h *frameHeader, payload []byte) ([]byte, error) {
	if h.op != opContinuation {
		w.text = h.op == opText
		buf.r += h.head
		w.frag, w.gap = len(payload), 0
	} else {
		copy(buf.b[buf.r+w.frag:], payload)
		w.frag += len(payload)
		w.gap += h.head
	}
	if w.open = !h.fin; w.open {
		return nil, nil
	}
	msg := buf.b[buf.r : buf.r+w.frag : buf.r+w.frag]
	buf.r += w.frag + w.gap
	w.frag, w.gap = 0, 0
	if w.text && !utf8.Valid(msg) { // §8.1
		return nil, &wsClosed{closeInvalidText, "the text is not UTF-8"}
	}
	return msg, nil
}

// awaitFrame closes the gap, so that no more is kept than is needed, and makes the time limit of a
// message run from its first byte.
func (c *conn) awaitFrame() {
	in, w := &c.in, c.in.ws
	if buf := in.buf; buf != nil && w.gap > 0 {
		at := buf.r + w.frag
		buf.w = at + copy(buf.b[at:], buf.b[at+w.gap:buf.w])
		w.gap = 0
	}
	pending := w.open || in.buf != nil && in.buf.w > in.buf.r
	if pending && !in.partial {
		in.began = c.stack.clock.now()
	}
	in.partial = pending
}

// control answers a control frame (RFC 6455 §5.5).
func (c *conn) control(op opcode, payload []byte) error {
	switch op {
	case opPing:
		c.pinged(1)
		c.answer(opPong, payload)
	case opClose:
		status, err := closeStatus(payload)
		if err != nil {
			return err
		}
		// sayGoodbye answers with the same status
		c.in.broken = &wsClosed{status, "the peer closes"}
	}
	return nil
}

// answer sends an answer that is owed, unless the peer lets them pile up without reading them
// (§5.5.2 allows that).
func (c *conn) answer(op opcode, payload []byte) {
	c.mu.Lock()
	piling := c.queued > maxKept
	c.mu.Unlock()
	if !piling {
		_ = c.sendFrame(op, payload, nil) // a peer that does not take it has worse troubles
	}
}

// stripNewlines removes line ends before a message (RFC 3261 §7.5). A message that consists of
// nothing else is a keep-alive: CRLFCRLF is answered with CRLF, each in a WebSocket message (RFC
// 7118 §6, RFC 5626 §4.4.1).
func (c *conn) stripNewlines(msg []byte) []byte {
	i := 0
	for i < len(msg) && (msg[i] == '\r' || msg[i] == '\n') {
		i++
	}
	if i == len(msg) && i >= len("\r\n\r\n") {
		c.pinged(1)
		c.answer(opText, []byte("\r\n"))
	}
	return msg[i:]
}

// sendFrame sends a frame: header and payload leave together, so that nothing comes between them.
func (c *conn) sendFrame(op opcode, payload []byte, f Failed) error {
	pool := &c.stack.buffers
	buf := pool.get(maxFrameHeader + len(payload))
	defer pool.release(buf)
	return c.sendBytes(append(appendFrameHeader(buf.b[:0], op, len(payload)), payload...), f)
}

// sayGoodbye sends the close frame that ends a WebSocket, if the socket takes it at once. shut
// calls it when nobody writes.
func (c *conn) sayGoodbye(why error) {
	status := closeGoingAway
	var closed *wsClosed
	switch {
	case errors.As(why, &closed):
		status = closed.status
	case !errors.Is(why, ErrClosed) && !errors.Is(why, errIdle) && !errors.Is(why, errNoMessage) && !errors.Is(why, errFrameTimeout):
		return // the connection has failed
	}
	var b [4]byte
	frame := appendFrameHeader(b[:0], opClose, 0)
	if status != closeNoStatus {
		frame = binary.BigEndian.AppendUint16(appendFrameHeader(b[:0], opClose, 2), status)
	}
	_, _ = c.writeNow(frame)
}
