//go:build !linux || !(amd64 || arm64 || riscv64 || loong64) || portable

package ng

import (
	"net"
	"time"
)

// rawConn is a connection.
type rawConn struct{ net.Conn }

func newRawConn(c net.Conn) (*rawConn, error) { return &rawConn{c}, nil }

// writeOne writes a datagram.
func (r *rawConn) writeOne(b []byte) error {
	_, err := r.Write(b)
	return err
}

// writeAll writes to a stream, and waits for it within a limit.
func (r *rawConn) writeAll(b []byte, limit time.Duration) error {
	_ = r.SetWriteDeadline(time.Now().Add(limit))
	_, err := r.Write(b)
	return err
}

// readSome waits for something to read.
func (r *rawConn) readSome(b []byte) (int, error) { return r.Read(b) }
