// Reading a connection: the duty of its reading goroutine.

package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sipscript/sipscript/engine/lane"
	"github.com/sipscript/sipscript/engine/message"
)

// reading is the state of a connection's input. It belongs to the goroutine that has the duty of
// reading.
type reading struct {
	buf      *buffer // nil: nothing half read
	want     int     // the size of the next buffer
	scanned  int     // message.Frame's cursor
	newlines uint8   // how much of CRLFCRLF was seen between messages
	partial  bool    // a message has begun and not ended
	began    time.Duration
	armed    time.Duration // the socket's read deadline on the stack's clock, 0: none
	heard    bool          // something was handed to the receiver
	deep     bool          // by this goroutine, whose stack has grown for it
	ws       *wsReading    // nil: not a WebSocket
	broken   error         // why no further byte can be framed

	ready func(fd uintptr) bool // readReady, bound once
	n     int                   // what readReady read
	err   error
}

// minRoom is the smallest space that is read into; with less, a buffer counts as full.
const minRoom = 512

// read is the duty of reading. A successor continues it when the work on a message waits: it reads
// on behind that message, whose bytes stay in place until the waiting goroutine is done with them.
func (c *conn) read(k *lane.Carrier) {
	in := &Inbound{Kind: c.key.kind, Source: c.remote, Local: c.local, LocalIP: c.localIP, Flow: c.id, conn: c,
		Identity: c.identity, Carrier: k}
	for c.in.broken == nil {
		for {
			msg, err := c.nextMessage()
			if err != nil {
				c.in.broken = err
				if !c.stack.admits(in, c.in.rest()) {
					break
				}
				if c.reject(in, err); k.Lent() {
					return
				}
				c.linger()
				break
			}
			if msg == nil {
				break
			}
			if !c.stack.admits(in, msg) {
				c.in.broken = errUnheard
				break
			}
			if c.hand(in, msg); k.Lent() {
				return
			}
		}
		if c.in.broken == nil {
			if c.in.broken = c.fill(); c.in.broken == errQuiet {
				c.in.broken, c.in.deep = nil, false
				c.in.spare(&c.stack.buffers)
				go c.read(lane.NewCarrier(c.read))
				return
			}
		}
	}
	c.endReading()
}

// hand delivers one message, and releases the buffer it is in when nobody needs it any more. After
// a lane was lent, c.in belongs to the successor.
func (c *conn) hand(in *Inbound, msg []byte) {
	buf := c.in.buf
	buf.refs.Add(1)
	c.in.heard, c.in.deep = true, true
	in.Bytes, in.More = msg, buf.w-buf.r >= shortest
	c.stack.count(c.key.kind).in(len(msg))
	c.stack.receiver.Receive(in)
	c.stack.buffers.release(buf)
}

// errQuiet says that nothing has come for a while: the duty of reading goes to a new goroutine,
// with a small stack. One that has grown to handle messages would stay as large for as long as the
// connection waits.
var errQuiet = errors.New("transport: nothing comes")

// errUnheard is why a connection ends whose sender is not heard.
var errUnheard = errors.New("transport: the sender is not heard")

// rest is what has been read and not been framed.
func (in *reading) rest() []byte { return in.buf.b[in.buf.r:in.buf.w:in.buf.w] }

// reject reports bytes that are not a message to the receiver.
func (c *conn) reject(in *Inbound, err error) {
	buf := c.in.buf
	buf.refs.Add(1)
	c.in.heard = true
	in.Bytes, in.More = c.in.rest(), false
	c.stack.count(c.key.kind).badFrames.Add(1)
	c.stack.receiver.BadFrame(in, err)
	c.stack.buffers.release(buf)
}

// How long, and for how much further input, a connection is kept after something that cannot be
// framed: a socket that is closed with unread data is reset, and the reset overtakes the answer
// that says what was wrong.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// linger says that nothing more will be sent, and reads without looking until the peer closes too.
// A WebSocket has a frame for that (RFC 6455 §7.1.1).
func (c *conn) linger() {
	c.mu.Lock()
	quiet := c.state == connOpen && !c.writing
	c.mu.Unlock()
	if c.ws {
		return
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && quiet {
		_ = half.CloseWrite()
	}
	if c.in.buf != nil {
		c.stack.buffers.release(c.in.buf)
		c.in.buf = nil
	}
	if c.nc.SetReadDeadline(c.stack.clock.in(lingerTime)) != nil {
		return
	}
	for left := lingerBytes; left > 0; {
		n, err := c.readSome()
		if err != nil {
			return
		}
		left -= max(n, 1)
	}
}

// endReading closes the connection and informs the receiver.
func (c *conn) endReading() {
	s := c.stack
	if why := c.in.broken; !errors.Is(why, io.EOF) {
		s.opts.Log.Debug("transport: connection closed", "transport", c.key.kind, "peer", c.remote, "reason", why)
	}
	c.shut(c.in.broken)
	c.dropInput()
	if c.in.heard || c.used.Load() {
		s.receiver.FlowClosed(c.id)
	}
	s.running.Done()
}

// dropInput gives back the buffers of a connection that will not read again.
func (c *conn) dropInput() {
	if c.in.buf != nil {
		c.stack.buffers.release(c.in.buf)
		c.in.buf = nil
	}
	if c.sealed != nil {
		c.sealed.drop()
		c.sealed.returnLent()
	}
}

// nextMessage is the next whole message in the buffer, nil when more bytes are needed.
func (c *conn) nextMessage() ([]byte, error) {
	if c.ws {
		return c.nextFrame()
	}
	in := &c.in
	if in.buf == nil {
		return nil, nil
	}
	if !in.partial {
		c.skipNewlines()
	}
	buf := in.buf
	if buf.r == buf.w {
		return nil, nil
	}
	lim := &c.stack.opts.Limits
	n, err := message.Frame(buf.b[buf.r:buf.w], lim, &in.scanned)
	switch {
	case err != nil:
		return nil, err
	case n > 0:
		msg := buf.b[buf.r : buf.r+n : buf.r+n]
		buf.r += n
		in.scanned, in.newlines, in.partial = 0, 0, false
		return msg, nil
	case buf.w-buf.r > lim.Message:
		return nil, fmt.Errorf("transport: a message has more than %d bytes", lim.Message)
	}
	if !in.partial {
		in.partial, in.began = true, c.stack.clock.now()
	}
	return nil, nil
}

// skipNewlines skips CRLFs between messages (RFC 3261 §7.5). A CRLFCRLF there, even in two
// segments, is a keep-alive, which is answered with CRLF (RFC 5626 §3.5.1); several at once get one
// answer. The CRLFCRLF that ends a message never gets here, however it is segmented: it is part of
// a message that has begun.
func (c *conn) skipNewlines() {
	const ping = "\r\n\r\n"
	in := &c.in
	buf := in.buf
	pings := 0
	for ; buf.r < buf.w; buf.r++ {
		b := buf.b[buf.r]
		if b != '\r' && b != '\n' {
			in.newlines = 0
			break
		}
		if b != ping[in.newlines] {
			in.newlines = 0
			if b != ping[0] {
				continue
			}
		}
		if in.newlines++; int(in.newlines) == len(ping) {
			in.newlines = 0
			pings++
		}
	}
	if pings > 0 {
		c.pinged(pings)
		_ = c.send([]byte("\r\n"), nil) // a peer that does not take it has worse troubles
	}
}

// fill waits for bytes and reads them.
func (c *conn) fill() error {
	in := &c.in
	in.makeRoom(&c.stack.buffers)
	for {
		if err := c.arm(); err != nil {
			return err
		}
		n, err := c.readSome()
		if n > 0 {
			room := len(in.buf.room())
			in.buf.w += n
			in.learn(n, room)
			c.touchedByPeer()
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		// The deadline has passed; arm finds out whether anything is due, and sets the next
		in.armed = 0
	}
}

// arm makes sure that the read deadline is not later than the next check. An earlier deadline is
// left alone: when it passes it is set again, which is cheaper than setting it for each message.
func (c *conn) arm() error {
	for {
		kept := c.life.kept.Load()
		due, why := c.expired()
		if why != nil {
			return why
		}
		if c.in.deep && !c.in.partial {
			quiet := c.idleSince() + c.stack.opts.quietAfter
			if c.in.armed == 0 && c.stack.clock.now() >= quiet {
				return errQuiet
			}
			due = min(due, quiet)
		}
		if c.in.armed != 0 && c.in.armed <= due {
			return nil
		}
		c.in.armed = due
		if err := c.nc.SetReadDeadline(c.stack.clock.at(due)); err != nil {
			return err
		}
		if c.life.kept.Load() == kept { // else SetFlowIdleTimeout woke nobody
			return nil
		}
	}
}

// readSome reads once into the buffer's room.
func (c *conn) readSome() (int, error) {
	in := &c.in
	if c.sealed != nil {
		return c.readSealed()
	}
	if c.raw == nil {
		in.need(&c.stack.buffers)
		return c.nc.Read(in.buf.room())
	}
	in.n, in.err = 0, nil
	if err := c.raw.Read(in.ready); err != nil {
		return 0, err
	}
	return in.n, in.err
}

// need makes sure that there is a buffer.
func (in *reading) need(p *bufferPool) {
	if in.buf == nil {
		in.buf = p.get(max(in.want, smallBuffer))
	}
}

// spare gives back a buffer with nothing half read in it.
func (in *reading) spare(p *bufferPool) {
	if in.buf != nil && in.buf.r == in.buf.w {
		p.release(in.buf)
		in.buf = nil
	}
}

// learn chooses the size of the next buffer by what the last read found: a connection that fills
// its buffer gets larger ones.
func (in *reading) learn(n, room int) {
	if n == room {
		in.want = min(max(in.want, smallBuffer)*growthFactor, smallBuffer*growthFactor*growthFactor)
	} else if n < smallBuffer {
		in.want = smallBuffer
	}
}

// makeRoom makes sure that a buffer which is kept has room to read into. A waiting message is not
// moved.
func (in *reading) makeRoom(p *bufferPool) {
	buf := in.buf
	if buf == nil {
		return
	}
	held := buf.w - buf.r
	alone := buf.refs.Load() == 1
	if held == 0 && alone {
		buf.r, buf.w = 0, 0
		if len(buf.b) < in.want {
			in.spare(p)
		}
		return
	}
	if len(buf.room()) >= minRoom {
		return
	}
	if alone && held <= len(buf.b)/2 {
		copy(buf.b, buf.b[buf.r:buf.w])
		buf.r, buf.w = 0, held
		return
	}
	next := p.get(max(in.want, min(growthFactor*held, p.most+minRoom), held+minRoom))
	next.w = copy(next.b, buf.b[buf.r:buf.w])
	p.release(buf)
	in.buf = next
}
