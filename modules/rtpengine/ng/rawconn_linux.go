//go:build linux && (amd64 || arm64 || riscv64 || loong64) && !portable

package ng

// Reading and writing that tell Go's scheduler nothing. The socket does not block, so each system
// call takes a few microseconds; announced to the scheduler, it wakes other threads now and then,
// which costs more than the call.

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// rawConn is a connection with one reader and many writers.
type rawConn struct {
	net.Conn
	raw   syscall.RawConn
	calls sync.Pool // of *rawCall, for writing

	in rawCall // the reader's
}

// rawCall is one system call. It is used by one goroutine at a time.
type rawCall struct {
	conn  *rawConn
	trap  uintptr
	b     []byte
	limit time.Duration // of waiting
	late  bool          // it has waited
	n     int
	err   syscall.Errno
	once  func(fd uintptr)      // call, bound once
	wait  func(fd uintptr) bool // call until there is something; bound once
	whole func(fd uintptr) bool // all, bound once
}

func (c *rawCall) bind(r *rawConn, trap uintptr) {
	c.conn, c.trap = r, trap
	c.once, c.whole = c.call, c.all
	c.wait = func(fd uintptr) bool {
		c.call(fd)
		return c.err != syscall.EAGAIN
	}
}

func (c *rawCall) call(fd uintptr) {
	for {
		n, _, err := syscall.RawSyscall(c.trap, fd, uintptr(unsafe.Pointer(&c.b[0])), uintptr(len(c.b)))
		if err != syscall.EINTR {
			c.n, c.err = int(n), err
			return
		}
	}
}

// all writes everything; false: it has to wait.
func (c *rawCall) all(fd uintptr) bool {
	for len(c.b) > 0 {
		switch c.call(fd); c.err {
		case 0:
			c.b = c.b[c.n:]
		case syscall.EAGAIN:
			if !c.late { // a deadline costs as much as the call: only where it is needed
				c.late = true
				_ = c.conn.SetWriteDeadline(time.Now().Add(c.limit))
			}
			return false
		default:
			return true
		}
	}
	if c.late { // before another one waits
		_ = c.conn.SetWriteDeadline(time.Time{})
	}
	return true
}

func newRawConn(c net.Conn) (*rawConn, error) {
	r := &rawConn{Conn: c}
	r.in.bind(r, syscall.SYS_READ)
	var err error
	r.raw, err = c.(syscall.Conn).SyscallConn()
	if err != nil {
		_ = c.Close()
	}
	return r, err
}

func (r *rawConn) writing(b []byte) *rawCall {
	c, ok := r.calls.Get().(*rawCall)
	if !ok {
		c = &rawCall{}
		c.bind(r, syscall.SYS_WRITE)
	}
	c.b, c.late = b, false
	return c
}

func (r *rawConn) written(c *rawCall, err error) error {
	if err == nil && c.err != 0 {
		err = r.failed("write", c.err)
	}
	c.b = nil
	r.calls.Put(c)
	return err
}

func (r *rawConn) failed(call string, errno syscall.Errno) error {
	return &net.OpError{Op: call, Net: r.LocalAddr().Network(), Source: r.LocalAddr(), Addr: r.RemoteAddr(), Err: os.NewSyscallError(call, errno)}
}

// writeOne writes a datagram.
func (r *rawConn) writeOne(b []byte) error {
	c := r.writing(b)
	err := r.raw.Control(c.once)
	if err == nil && c.err == syscall.EAGAIN { // the buffer is full
		_, err = r.Write(b)
		c.err = 0
	}
	return r.written(c, err)
}

// writeAll writes to a stream, and waits for it within a limit.
func (r *rawConn) writeAll(b []byte, limit time.Duration) error {
	c := r.writing(b)
	c.limit = limit
	return r.written(c, r.raw.Write(c.whole))
}

// readSome waits for something to read.
func (r *rawConn) readSome(b []byte) (int, error) {
	r.in.b = b
	err := r.raw.Read(r.in.wait)
	switch {
	case err != nil:
		return 0, err
	case r.in.err != 0:
		return 0, r.failed("read", r.in.err)
	}
	return r.in.n, nil
}
