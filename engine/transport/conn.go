// One connection of a stream transport: its life and its end.

package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/sipscript/sipscript/engine/lane"
)

type connState uint8

const (
	connConnecting connState = iota
	connOpen
	connClosed
)

// Why a connection was closed by us.
var (
	errGone         = errors.New("transport: the connection was closed")
	errIdle         = errors.New("transport: the connection was idle for too long")
	errNoMessage    = errors.New("transport: no message arrived")
	errFrameTimeout = errors.New("transport: a message took too long to arrive")
)

// conn is a connection. One goroutine reads, and passes that duty to a successor when a lane waits.
// Whoever sends also writes, or a goroutine that lives as long as bytes are waiting.
type conn struct {
	stack   *Stack
	key     connKey
	id      FlowID
	local   *Local
	remote  netip.AddrPort
	inbound bool // accepted, not opened by us
	ws      bool // messages are in WebSocket frames
	// By which a client opened a WebSocket; set before reading begins
	asked *Upgrade

	// Set by attach, before the state becomes connOpen; never changed then.
	nc       net.Conn
	raw      syscall.RawConn // nil: reading and writing go through nc
	localIP  netip.Addr
	tls      *tls.Conn  // nil: not over TLS
	sealed   *tlsSocket // under tls, nil: tls blocks, as nc does
	identity []string   // the domains the TLS peer has proved

	life lifetime    // see conn_idle.go
	used atomic.Bool // a message was sent on it, or will be

	mu    sync.Mutex // guards the fields below; never held during a system call that may block
	state connState
	// A goroutine is writing: nobody else writes, and messages sent in the meantime are queued
	writing bool
	out     *outgoing // what is waiting to be written, or nil
	queued  int       // bytes in out, and those that a writing goroutine has taken but not written
	leaving bool      // close once everything is written

	in reading // belongs to the goroutine with the duty of reading
}

func (s *Stack) newConn(key connKey, local *Local) *conn {
	c := &conn{stack: s, key: key, id: s.flows.next(), local: local, remote: key.addr}
	c.ws = key.kind == WS || key.kind == WSS
	c.life.opened = s.clock.now()
	c.touch()
	return c
}

// use records that somebody wants to know when the connection ends.
func (c *conn) use() {
	if !c.used.Load() {
		c.used.Store(true)
	}
}

// attach gives the connection its socket.
func (c *conn) attach(nc net.Conn) {
	c.nc = nc
	c.localIP = addrPortOf(nc.LocalAddr()).Addr()
	if t, ok := nc.(*tls.Conn); ok {
		c.seal(t)
		return
	}
	c.raw = rawConnOf(nc)
}

// startReading starts the reading goroutine, already counted in stack.running. It ends when the
// connection is closed by either side or times out.
func (c *conn) startReading() {
	if c.raw != nil {
		c.in.ready = c.readReady
	}
	go c.read(lane.NewCarrier(c.read))
}

// shut closes the connection, once, and reports the messages that are still waiting to be written.
// The reading goroutine notices by itself. A writing goroutine reports the messages it has taken.
func (c *conn) shut(why error) {
	c.mu.Lock()
	if c.state == connClosed {
		c.mu.Unlock()
		return
	}
	was := c.state
	alone := was == connOpen && !c.writing // nobody writes, and from now on nobody will
	c.state = connClosed
	out := c.out
	c.out = nil
	c.mu.Unlock()

	s := c.stack
	s.conns.remove(c)
	if was == connOpen {
		s.flows.remove(c)
		count := s.count(c.key.kind)
		count.closed.Add(1)
		count.open.Add(-1)
		if alone && c.ws {
			c.sayGoodbye(why)
		}
		c.nc.Close()
	}
	s.failed(c.key.kind, out, 0, why)
}

// closeWhenWritten closes the connection now, or when the bytes that wait are written.
func (c *conn) closeWhenWritten() {
	c.mu.Lock()
	c.leaving = true
	idle := c.state == connOpen && !c.writing
	c.mu.Unlock()
	if idle {
		c.shut(ErrClosed)
	}
}
