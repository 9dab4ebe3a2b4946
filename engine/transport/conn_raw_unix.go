//go:build unix

// The system calls of a connection, without net.Conn in between: a read that needs no buffer while
// there is nothing to read, and a write that never waits.

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

// readReady tries once to read; false makes RawConn.Read wait until there is something. A
// connection that is waiting, with no message begun, has no buffer.
func (c *conn) readReady(fd uintptr) bool {
	in := &c.in
	in.need(&c.stack.buffers)
	n, ready, err := tryRead(fd, in.buf.room())
	if !ready {
		in.spare(&c.stack.buffers)
		return false
	}
	if in.n, in.err = n, err; n == 0 && err == nil {
		in.err = io.EOF
	}
	return true
}

// tryRead reads what is available; ready is false if nothing is.
func tryRead(fd uintptr, b []byte) (n int, ready bool, err error) {
	for {
		n, err := readSocket(fd, b)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, false, nil
		case err != nil:
			return 0, true, err
		}
		return n, true, nil
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
		w.n, w.err = writeSocket(fd, w.b)
		if w.err == syscall.EINTR {
			continue
		}
		if w.n = max(w.n, 0); w.err == syscall.EAGAIN {
			w.err = nil
		}
		return
	}
}

// tryWrite writes as much of b as the socket accepts at once, possibly nothing. After an error
// nothing was written. It uses RawConn.Control, which has no deadline and waits for nobody;
// conn.writing makes sure that only one goroutine writes at a time.
func tryWrite(pool *sync.Pool, raw syscall.RawConn, b []byte) (int, error) {
	w := getDirectWrite(pool)
	w.b = b
	err := raw.Control(w.do)
	n := w.n
	if err == nil {
		err = w.err
	}
	w.b, w.err, w.n = nil, nil, 0
	pool.Put(w)
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
