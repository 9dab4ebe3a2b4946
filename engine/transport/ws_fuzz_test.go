package transport

import (
	"errors"
	"testing"
)

// What a stream of frames means does not depend on how it is cut, and nothing a client sends brings
// the reading down.
func FuzzWSFrames(f *testing.F) {
	for _, seed := range []string{
		clientFrame(0x81, request(1, 10)) + clientFrame(0x89, "x") + clientFrame(0x82, "\r\n\r\n"),
		clientFrame(0x01, "ab") + clientFrame(0x89, "x") + clientFrame(0x00, "") + clientFrame(0x80, "cd") + clientFrame(0x88, "\x03\xe8"),
		clientFrame(0x02, "") + clientFrame(0x80, "z") + clientFrame(0x81, "\xff"),
		clientFrame(0x81, string(make([]byte, 300))) + "\x81\xff\x00\x00\x00\x00\x00\x00\x01\x2c",
	} {
		f.Add([]byte(seed), uint16(7))
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		whole, wholeErr := wsRead(stream, len(stream)+1)
		parts, partsErr := wsRead(stream, int(cut)%13+1)
		if len(whole) != len(parts) {
			t.Fatalf("%q whole, %q in parts", whole, parts)
		}
		for i := range whole {
			if whole[i] != parts[i] {
				t.Fatalf("%q whole, %q in parts", whole, parts)
			}
			if len(whole[i]) > 1000 || len(whole[i]) == 0 || whole[i][0] == '\r' {
				t.Fatalf("%q", whole[i])
			}
		}
		var a, b *wsClosed
		if errors.As(wholeErr, &a) != errors.As(partsErr, &b) || a != nil && *a != *b {
			t.Fatalf("%v whole, %v in parts", wholeErr, partsErr)
		}
	})
}

// wsRead reads the messages of a stream that comes in pieces, to its end or its first error.
func wsRead(stream []byte, piece int) (msgs []string, err error) {
	s := NewStack(nil, Options{MaxQueued: 1 << 20})
	s.opts.Limits.Message = 1000
	s.buffers.most = 1000
	c := &conn{stack: s, key: connKey{kind: WS}, ws: true}
	c.in.ws = &wsReading{}
	for len(stream) > 0 {
		c.in.makeRoom(&s.buffers)
		c.in.need(&s.buffers)
		n := copy(c.in.buf.room(), stream[:min(piece, len(stream))])
		c.in.buf.w += n
		stream = stream[n:]
		for {
			msg, err := c.nextFrame()
			if err != nil || c.in.broken != nil {
				return msgs, errors.Join(err, c.in.broken)
			}
			if msg == nil {
				break
			}
			msgs = append(msgs, string(msg))
		}
	}
	return msgs, nil
}
