// Frames of WebSocket (RFC 6455 §5): their headers, their masks, and what can be wrong with them.

package transport

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// opcode is the kind of a frame (RFC 6455 §5.2).
type opcode byte

const (
	opContinuation opcode = 0x0
	opText         opcode = 0x1
	opBinary       opcode = 0x2
	opClose        opcode = 0x8
	opPing         opcode = 0x9
	opPong         opcode = 0xA
)

func (o opcode) control() bool { return o >= opClose }

// Why a WebSocket is closed (RFC 6455 §7.4.1).
const (
	closeGoingAway   uint16 = 1001
	closeProtocol    uint16 = 1002
	closeNoStatus    uint16 = 1005 // stands for a close frame without a status, and is never sent
	closeInvalidText uint16 = 1007
	closeTooBig      uint16 = 1009
)

// wsClosed is why a WebSocket ends, and the status its close frame gets.
type wsClosed struct {
	status uint16
	text   string
}

func (e *wsClosed) Error() string { return fmt.Sprintf("websocket: %s (%d)", e.text, e.status) }

func wsViolation(text string) error { return &wsClosed{closeProtocol, text} }

const (
	maxControl     = 125 // bytes of a control frame (RFC 6455 §5.5)
	maxFrameHeader = 10  // of a frame without mask
)

// frameHeader is a frame from a client.
type frameHeader struct {
	op   opcode
	fin  bool
	mask uint32 // in the order of its bytes, read little-endian
	head int    // bytes of the header, 0: it is not whole yet
	size uint64 // bytes of the payload
}

// parseFrameHeader reads the header at the start of b. Errors are reported as soon as they can be
// seen, so that nothing is buffered for a frame that will be refused.
func parseFrameHeader(b []byte) (h frameHeader, err error) {
	if len(b) < 2 {
		return h, nil
	}
	h.fin, h.op = b[0]&0x80 != 0, opcode(b[0]&0x0f)
	switch {
	case b[0]&0x70 != 0: // no extension was agreed on, compression neither
		return h, wsViolation("a reserved bit is set")
	case h.op > opBinary && h.op < opClose || h.op > opPong:
		return h, wsViolation("unknown opcode")
	case b[1]&0x80 == 0: // §5.1
		return h, wsViolation("a client's frame is not masked")
	}
	length := b[1] & 0x7f
	if h.op.control() && (!h.fin || length > maxControl) {
		return h, wsViolation("a control frame is fragmented or too long")
	}
	head := 2
	switch length {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if len(b) < head+4 {
		return h, nil
	}
	switch length {
	case 126:
		h.size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		h.size = binary.BigEndian.Uint64(b[2:])
	default:
		h.size = uint64(length)
	}
	h.mask = binary.LittleEndian.Uint32(b[head:])
	h.head = head + 4
	return h, nil
}

// unmask applies the mask in place (RFC 6455 §5.3), eight bytes at a time.
func unmask(b []byte, mask uint32) {
	wide := uint64(mask)<<32 | uint64(mask)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^wide)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(wide >> (8 * i))
	}
}

// appendFrameHeader appends the header of a server's frame, which is complete and not masked (RFC
// 6455 §5.1).
func appendFrameHeader(b []byte, op opcode, size int) []byte {
	b = append(b, 0x80|byte(op))
	switch {
	case size <= maxControl:
		return append(b, byte(size))
	case size <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(size))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(size))
}

// opcodeFor is how a message is sent: as text, unless it is not UTF-8 throughout (RFC 7118 §5.2).
func opcodeFor(message []byte) opcode {
	if utf8.Valid(message) {
		return opText
	}
	return opBinary
}

// closeStatus reads the payload of a close frame (RFC 6455 §5.5.1, §7.4).
func closeStatus(payload []byte) (uint16, error) {
	if len(payload) == 0 {
		return closeNoStatus, nil
	}
	if len(payload) == 1 || !utf8.Valid(payload[2:]) {
		return 0, wsViolation("bad close frame")
	}
	status := binary.BigEndian.Uint16(payload)
	switch {
	case status >= 1000 && status <= 1003, status >= 1007 && status <= 1014, status >= 3000 && status <= 4999:
		return status, nil
	}
	return 0, wsViolation("bad status in a close frame")
}
