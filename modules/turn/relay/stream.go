package relay

// Clients over TCP and TLS. What is written to one waits in a buffer of its own, whose bound is the
// bound of what a slow client costs: media beyond it is dropped, as a full link would.

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	mostWaiting   = 256 << 10        // bytes for one client
	idleTime      = 30 * time.Second // of a connection without an allocation
	handshakeTime = 10 * time.Second
	writeTime     = 10 * time.Second
)

// connectionBounds are how many connections there may be.
type connectionBounds struct{ all, byIP int }

// stream is the connection of one client.
type stream struct {
	conn       net.Conn
	allocation atomic.Pointer[allocation]

	mu      sync.Mutex
	waiting []byte        // guarded by mu
	closed  bool          // guarded by mu
	more    chan struct{} // a token: there is something waiting, or it is closed
}

// connections are all streams, for Close and for bounds.
type connections struct {
	mu     sync.Mutex
	most   connectionBounds       // guarded by mu
	all    map[*stream]netip.Addr // guarded by mu
	byIP   map[netip.Addr]int     // guarded by mu
	closed bool                   // guarded by mu
}

func (c *connections) add(st *stream, ip netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all, c.byIP = map[*stream]netip.Addr{}, map[netip.Addr]int{}
	}
	if c.closed || len(c.all) >= c.most.all || c.byIP[ip] >= c.most.byIP {
		return false
	}
	c.all[st] = ip
	c.byIP[ip]++
	return true
}

func (c *connections) remove(st *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ip := c.all[st]
	delete(c.all, st)
	if c.byIP[ip]--; c.byIP[ip] <= 0 {
		delete(c.byIP, ip)
	}
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for st := range c.all {
		_ = st.conn.Close()
	}
}

// accept takes connections until the listener is closed. Other errors, such as too many open
// files, pass.
func (s *Server) accept(ctx context.Context, l *listener) {
	pause := time.Duration(0)
	for {
		conn, err := l.tcp.Accept()
		if err == nil {
			pause = 0
			s.welcome(l, conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		s.log.Warn("a connection could not be accepted", "listener", l.Addr.String(), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) welcome(l *listener, conn net.Conn) {
	addr := addrPortOf(conn.RemoteAddr())
	if l.Kind == TURNS {
		conn = tls.Server(conn, s.opts.TLS)
	}
	st := &stream{conn: conn, more: make(chan struct{}, 1)}
	if !s.conns.add(st, addr.Addr()) {
		s.stats.streamsRefused.Add(1)
		_ = conn.Close()
		return
	}
	s.streams.Add(1)
	s.running.Go(func() { // ends with the connection
		defer s.streams.Add(-1)
		defer s.conns.remove(st)
		s.readStream(client{listener: l, addr: addr, stream: st})
	})
}

// readStream reads one connection until it ends, and its allocation with it.
func (s *Server) readStream(c client) {
	st := c.stream
	defer func() {
		st.close()
		if a := st.allocation.Load(); a != nil {
			s.end(a)
		}
	}()
	_ = st.conn.SetDeadline(time.Now().Add(handshakeTime))
	if t, ok := st.conn.(*tls.Conn); ok && t.Handshake() != nil {
		return
	}
	_ = st.conn.SetDeadline(time.Time{})
	s.running.Go(st.write) // ends with close
	w := newWorker(s)
	in := frames{conn: st.conn}
	buf := make([]byte, headroom+mostPacket+tailroom)
	for {
		wait := time.Duration(s.idle.Load())
		if st.allocation.Load() != nil {
			wait = s.guard.Load().policy.MaxLifetime
		}
		_ = st.conn.SetReadDeadline(time.Now().Add(wait))
		n, err := in.next(buf[headroom : headroom+mostPacket])
		if err != nil {
			return
		}
		w.begin()
		w.fromClient(&c, buf, n)
		w.end()
	}
}

// frames reads messages and channel data from a stream (RFC 8656 §12.5, RFC 8489 §6.2.2).
type frames struct {
	conn io.Reader
	buf  [4096]byte
	have []byte // of buf, read and not used yet
}

var errFrame = errors.New("neither STUN nor channel data")

// next reads one frame into b, without its padding.
func (f *frames) next(b []byte) (int, error) {
	if err := f.fill(b[:4]); err != nil {
		return 0, err
	}
	length := 4 + int(binary.BigEndian.Uint16(b[2:]))
	padded := length
	switch b[0] >> 6 {
	case 0:
		length += 16 // the rest of the header
		if padded = length; length%4 != 0 {
			return 0, errFrame
		}
	case 1:
		padded = (length + 3) &^ 3
	default:
		return 0, errFrame
	}
	if padded > len(b) {
		return 0, errFrame
	}
	return length, f.fill(b[4:padded])
}

// fill reads len(b) bytes.
func (f *frames) fill(b []byte) error {
	for len(b) > 0 {
		if len(f.have) == 0 {
			n, err := f.conn.Read(f.buf[:])
			if n == 0 && err != nil {
				return err
			}
			f.have = f.buf[:n]
		}
		n := copy(b, f.have)
		b, f.have = b[n:], f.have[n:]
	}
	return nil
}

// send leaves a frame for write; false if too much is waiting.
func (st *stream) send(b []byte) bool {
	st.mu.Lock()
	if st.closed || len(st.waiting)+len(b)+3 > mostWaiting {
		st.mu.Unlock()
		return false
	}
	st.waiting = append(st.waiting, b...)
	for n := len(b); n%4 != 0; n++ { // RFC 8656 §12.5
		st.waiting = append(st.waiting, 0)
	}
	st.mu.Unlock()
	select {
	case st.more <- struct{}{}:
	default:
	}
	return true
}

// write writes what waits, until the stream is closed.
func (st *stream) write() {
	var out []byte
	for range st.more {
		st.mu.Lock()
		out, st.waiting = st.waiting, out[:0]
		closed := st.closed
		st.mu.Unlock()
		if closed {
			return
		}
		_ = st.conn.SetWriteDeadline(time.Now().Add(writeTime))
		if st.writeAll(out) != nil {
			_ = st.conn.Close() // which the reader notices
			return
		}
	}
}

// writeAll writes frames. Over TLS each has a record of its own: there are clients, coturn's among
// them, that take the first frame of a record and lose the others.
func (st *stream) writeAll(frames []byte) error {
	if _, ok := st.conn.(*tls.Conn); !ok {
		_, err := st.conn.Write(frames)
		return err
	}
	for len(frames) > 0 {
		n := 4 + int(binary.BigEndian.Uint16(frames[2:]))
		if frames[0]>>6 == 0 {
			n += stunHeader - 4
		}
		n = min((n+3)&^3, len(frames))
		if _, err := st.conn.Write(frames[:n]); err != nil {
			return err
		}
		frames = frames[n:]
	}
	return nil
}

func (st *stream) close() {
	st.mu.Lock()
	st.closed = true
	st.mu.Unlock()
	_ = st.conn.Close()
	select {
	case st.more <- struct{}{}:
	default:
	}
}
