// The socket under crypto/tls: once the handshake is done it never blocks, so that a lane can
// encrypt and send by itself, and a connection that is waiting for bytes holds no buffer.

package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// tlsSocket is the net.Conn that a tls.Conn works on. During the handshake it is its TCP
// connection. Afterwards, when it is live, its Read returns what fetch has read and then errDry,
// and the part of a Write that the socket does not accept is kept for flush.
type tlsSocket struct {
	net.Conn
	raw   syscall.RawConn // nil: it never becomes live, reading and writing block
	stack *Stack
	live  bool // set before the connection is shared

	// These belong to the goroutine with the duty of reading.
	in    *buffer // encrypted bytes not yet decrypted, nil: none
	want  int     // the size of the next buffer
	err   error   // how the stream ended
	dry   bool    // crypto/tls has nothing more to read: it needs more stack to say so than a wait
	lent  *buffer // under crypto/tls's input, nil: it has memory of its own, or none
	ready func(fd uintptr) bool

	mu       sync.Mutex // guards the fields below; never held during a system call that may block
	out      []byte     // encrypted bytes the socket has not taken yet
	flushing bool       // a goroutine is writing what was in out before
}

// maxSealed bounds what crypto/tls may write while the socket accepts nothing: a piece of a queue,
// and its own replies to protocol messages of the peer.
const maxSealed = 4 * writePiece

var errFlooded = errors.New("transport: the peer makes TLS send data and does not read it")

// dry is the error of a Read with nothing to read. crypto/tls may continue after a temporary error.
type dry struct{}

func (dry) Error() string   { return "transport: no bytes yet" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }

var errDry net.Error = dry{}

func (s *Stack) newTLSSocket(nc net.Conn) *tlsSocket {
	return &tlsSocket{Conn: nc, raw: rawConnOf(nc), stack: s}
}

// goLive ends the time of blocking. It is called between the handshake and the first reading.
func (t *tlsSocket) goLive() bool {
	if t.raw == nil {
		return false
	}
	t.live, t.ready = true, t.readReady
	return true
}

// Read is for crypto/tls.
func (t *tlsSocket) Read(b []byte) (int, error) {
	if !t.live {
		return t.Conn.Read(b)
	}
	if t.in == nil {
		if t.err != nil {
			return 0, t.err
		}
		return 0, errDry
	}
	n := copy(b, t.in.b[t.in.r:t.in.w])
	if t.in.r += n; t.in.r == t.in.w {
		t.drop()
	}
	return n, nil
}

func (t *tlsSocket) drop() {
	if t.in != nil {
		t.stack.buffers.release(t.in)
		t.in = nil
	}
}

// fetch waits for encrypted bytes and reads them. It is called when Read is dry.
func (t *tlsSocket) fetch() error {
	if t.err != nil {
		return t.err
	}
	return t.raw.Read(t.ready)
}

// readReady tries once to read; false makes RawConn.Read wait until there is something.
func (t *tlsSocket) readReady(fd uintptr) bool {
	t.in = t.stack.buffers.get(max(t.want, smallBuffer))
	n, ready, err := tryRead(fd, t.in.b)
	if n == 0 {
		t.drop()
		if ready && err == nil {
			err = io.EOF // crypto/tls knows whether it may be (RFC 8446 §6.1)
		}
		t.err = err
		return ready
	}
	t.want = smallBuffer
	if n == len(t.in.b) {
		t.want = growthFactor * smallBuffer
	}
	t.in.w = n
	return true
}

// Write is for crypto/tls, which calls it for one record after another. When live it takes
// everything, within maxSealed.
func (t *tlsSocket) Write(b []byte) (int, error) {
	if !t.live {
		return t.Conn.Write(b)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	if len(t.out) == 0 && !t.flushing {
		var err error
		if n, err = tryWrite(&t.stack.writes, t.raw, b); err != nil || n == len(b) {
			return n, err
		}
	}
	if len(t.out)+len(b)-n > maxSealed {
		return n, errFlooded
	}
	t.out = append(t.out, b[n:]...)
	return len(b), nil
}

// holds reports whether flush has something to do.
func (t *tlsSocket) holds() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.out) > 0
}

// flush waits until the socket has taken all, or the deadline for writing passes. One goroutine at
// a time may call it.
func (t *tlsSocket) flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.out) > 0 {
		b := t.out
		t.out, t.flushing = nil, true
		t.mu.Unlock()
		_, err := t.Conn.Write(b)
		t.mu.Lock()
		t.flushing = false
		if err != nil {
			return err
		}
	}
	return nil
}

// serveTLS is the server's side of a handshake, which ends at the connection's deadline.
func (s *Stack) serveTLS(nc net.Conn, k Kind) (net.Conn, error) {
	c := tls.Server(s.newTLSSocket(nc), s.tls.Load().server[k])
	err := c.Handshake()
	s.tellClient(c, k, err)
	return c, err
}

// seal makes crypto/tls the layer that the connection reads and writes by.
func (c *conn) seal(t *tls.Conn) {
	c.tls = t
	if socket := t.NetConn().(*tlsSocket); socket.goLive() {
		c.sealed = socket
	}
	state := t.ConnectionState()
	if len(state.PeerCertificates) > 0 {
		c.identity = identities(state.PeerCertificates[0])
	}
}

// readSealed reads and decrypts once into the buffer's room, waiting for bytes as long as it takes.
func (c *conn) readSealed() (int, error) {
	for {
		if !c.sealed.dry {
			if n, err := c.decrypt(); n > 0 || !errors.Is(err, errDry) {
				return n, err
			}
			c.in.spare(&c.stack.buffers)
			c.takeInput()
			c.sealed.dry = true
		}
		if err := c.sealed.fetch(); err != nil {
			return 0, err
		}
		c.sealed.dry = false
		c.lendInput()
	}
}

// decrypt has crypto/tls read, without waiting.
func (c *conn) decrypt() (int, error) {
	c.in.need(&c.stack.buffers)
	n, err := c.tls.Read(c.in.buf.room())
	if c.sealed.holds() {
		c.flushSoon()
	}
	if n > 0 {
		err = nil // which comes again
	}
	return n, err
}

// flushSoon starts a goroutine that writes what crypto/tls sent on its own (the reply to a key
// update) to a socket that is full. If somebody is already writing, they do it.
func (c *conn) flushSoon() {
	c.mu.Lock()
	idle := c.state == connOpen && !c.writing
	c.writing = c.writing || idle
	c.mu.Unlock()
	if idle {
		c.wrote(nil, nil)
	}
}

// FlowIdentity returns the SIP domains that the peer of a TLS connection has proved, in lower case
// (RFC 5922 §7.1): those of a client's certificate in mutual TLS, or of the server we connected to.
// It is nil if the connection is gone.
func (s *Stack) FlowIdentity(id FlowID) []string {
	if c := s.flows.get(id); c != nil {
		return c.identity
	}
	return nil
}
