package transaction

import (
	"bytes"

	"github.com/sipscript/sipscript/engine/message"
	"github.com/sipscript/sipscript/engine/transport"
)

// This file makes branches and pushes our Via onto what is sent (§16.6 step 8, §18.1.1, RFC 3581
// §3).

// newBranch returns a unique branch: the cookie, 64 random bits and suffix.
func (l *Layer) newBranch(suffix string) string {
	b := append(l.AppendBranch(l.key[:0]), suffix...)
	l.key = b
	return string(b)
}

// AppendBranch appends a unique branch: the cookie and 64 random bits.
func (l *Layer) AppendBranch(dst []byte) []byte {
	return appendHex(append(dst, cookie...), l.options.Random())
}

// appendHex appends 16 digits.
func appendHex(dst []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[n>>shift&15])
	}
	return dst
}

// appendVia appends our Via line. rport asks a UDP peer to answer to the address the datagram came
// from; on other transports it is harmless.
func appendVia(dst []byte, local *transport.Local, kind transport.Kind, branch string) []byte {
	dst = append(dst, "Via: SIP/2.0/"...)
	dst = append(dst, kind.Via()...)
	dst = append(dst, ' ')
	dst = append(dst, local.SentBy...)
	dst = append(dst, ";branch="...)
	dst = append(dst, branch...)
	return append(dst, ";rport\r\n"...)
}

// writeRequest writes req with our Via on top into a buffer. req is left unchanged, so that the
// user may send it on other branches too.
func (l *Layer) writeRequest(req *message.Message, local *transport.Local, kind transport.Kind, branch string) []byte {
	l.out = req.AppendFrom(l.out[:0], l.options.Origin)
	line := bytes.IndexByte(l.out, '\n') + 1
	room := len(l.out) + len("Via: SIP/2.0/UDP ;branch=;rport\r\n") + 1 + len(local.SentBy) + len(branch)
	buf := append(l.stored.get(room), l.out[:line]...)
	buf = appendVia(buf, local, kind, branch)
	l.options.Origin.Insert(line, len(buf)-line)
	return append(buf, l.out[line:]...)
}
