//go:build unix

// The system calls of a connection without net.Conn between: a read that needs no buffer while there is nothing to read, and
// a write that never waits.

package transport

import (
	"io"
	"net"
	"sync"
	"syscall"
)

// rawConnOf is the socket under nc, nil when nc is not a plain one.
func rawConnOf(nc net.Conn) syscall.RawConn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// readReady tries once to read; false makes RawConn.Read wait until there is something. A connection that waits with
// nothing half read has no buffer.
func (c *conn) readReady(fd uintptr) bool {
	in := &c.in
	in.need(&c.stack.buffers)
	for {
		n, err := syscall.Read(int(fd), in.buf.room())
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			in.spare(&c.stack.buffers)
			return false
		case err != nil:
			in.n, in.err = 0, err
		case n == 0:
			in.n, in.err = 0, io.EOF
		default:
			in.n, in.err = n, nil
		}
		return true
	}
}

// directWrite is one attempt to write.
type directWrite struct {
	do  func(fd uintptr) // try, bound once
	b   []byte
	n   int
	err error
}

func (w *directWrite) try(fd uintptr) {
	for {
		w.n, w.err = syscall.Write(int(fd), w.b)
		if w.err == syscall.EINTR {
			continue
		}
		if w.n = max(w.n, 0); w.err == syscall.EAGAIN {
			w.err = nil
		}
		return
	}
}

// writeDirect writes what the socket takes at once of b, which may be nothing. After an error nothing was written. It goes
// by RawConn.Control, which knows no deadline and waits for nobody; that one goroutine writes at a time is seen to by
// conn.writing.
func (c *conn) writeDirect(b []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	w := getDirectWrite(&c.stack.writes)
	w.b = b
	err := c.raw.Control(w.do)
	n := w.n
	if err == nil {
		err = w.err
	}
	w.b, w.err, w.n = nil, nil, 0
	c.stack.writes.Put(w)
	return n, err
}

func getDirectWrite(pool *sync.Pool) *directWrite {
	if w, ok := pool.Get().(*directWrite); ok {
		return w
	}
	w := &directWrite{}
	w.do = w.try
	return w
}
