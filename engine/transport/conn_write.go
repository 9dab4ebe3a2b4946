// Writing to a connection: at once if nothing is waiting, otherwise by a goroutine, in the order of
// sending.

package transport

import "fmt"

// writePiece is the number of bytes in one blocking write, each with its own WriteTimeout.
const writePiece = 64 << 10

// maxKept is the capacity up to which a queue is kept for the next connection that needs one.
const maxKept = 64 << 10

// outgoing is a queue of messages: their bytes one after the other, and where each ends.
type outgoing struct {
	b     []byte
	marks []mark
}

// mark is the end of a message, and who is informed if it cannot be written.
type mark struct {
	end int
	f   Failed
}

func (s *Stack) newOutgoing() *outgoing {
	if o, ok := s.queues.Get().(*outgoing); ok {
		return o
	}
	return &outgoing{}
}

func (s *Stack) recycle(o *outgoing) {
	clear(o.marks)
	if cap(o.b) <= maxKept {
		o.b, o.marks = o.b[:0], o.marks[:0]
		s.queues.Put(o)
	}
}

func (o *outgoing) add(b []byte, f Failed) {
	o.b = append(o.b, b...)
	o.marks = append(o.marks, mark{len(o.b), f})
}

// failed reports the messages of a queue that end after the first written bytes.
func (s *Stack) failed(k Kind, o *outgoing, written int, why error) {
	if o == nil {
		return
	}
	for _, m := range o.marks {
		if m.end <= written {
			continue
		}
		s.count(k).sendErrors.Add(1)
		if m.f != nil {
			m.f.SendFailed(why)
		}
	}
}

// send writes or queues a message, framed as the transport requires. errGone means that the
// connection is closed and the message was not accepted.
func (c *conn) send(b []byte, f Failed) error {
	if c.ws {
		return c.sendFrame(opcodeFor(b), b, f)
	}
	return c.sendBytes(b, f)
}

// sendBytes writes or queues bytes that belong together.
func (c *conn) sendBytes(b []byte, f Failed) error {
	c.mu.Lock()
	if c.state == connClosed {
		c.mu.Unlock()
		return errGone
	}
	if c.writing || c.state == connConnecting {
		err := c.queueLocked(b, f)
		c.mu.Unlock()
		return err
	}
	c.writing = true
	c.mu.Unlock()
	c.touch()

	n, err := c.writeNow(b)
	if err != nil { // nothing of b was written
		c.shut(err)
		return fmt.Errorf("%w: %w", errGone, err)
	}
	c.wrote(b[n:], f)
	return nil
}

// writeNow writes as much of b as the socket accepts at once, possibly nothing; it never waits.
// What TLS has accepted counts as written here; [conn.wrote] handles the rest.
func (c *conn) writeNow(b []byte) (int, error) {
	switch {
	case c.sealed != nil:
		return c.tls.Write(b)
	case c.raw != nil:
		return tryWrite(&c.stack.writes, c.raw, b)
	}
	return 0, nil
}

// queueLocked copies the message into the queue. mu is held.
func (c *conn) queueLocked(b []byte, f Failed) error {
	if c.queued+len(b) > c.stack.opts.MaxQueued {
		return ErrQueueFull
	}
	if c.out == nil {
		c.out = c.stack.newOutgoing()
	}
	c.out.add(b, f)
	c.queued += len(b)
	return nil
}

// wrote ends a direct write: a writing goroutine gets the rest of the message, and what was queued
// in the meantime.
func (c *conn) wrote(rest []byte, f Failed) {
	var first *outgoing
	if len(rest) > 0 || c.sealed != nil && c.sealed.holds() {
		first = c.stack.newOutgoing()
		first.add(rest, f)
	}
	c.mu.Lock()
	c.queued += len(rest)
	if first == nil && (c.out == nil || c.state == connClosed) {
		c.writing = false
		leave := c.leaving
		c.mu.Unlock()
		if leave {
			c.shut(ErrClosed)
		}
		return
	}
	// The count is above 0 while the connection is open, because its reader has a duty. A
	// connection that was closed in the meantime must not start a goroutine that Close may no
	// longer wait for.
	gone := c.state == connClosed
	if !gone {
		c.stack.running.Add(1)
	}
	c.mu.Unlock()
	if gone {
		c.stack.failed(c.key.kind, first, -1, errGone)
		return
	}
	go func() { // ends when all is written, or the connection failed
		defer c.stack.running.Done()
		c.write(first)
	}()
}

// write writes a queue, if there is one, and then whatever is queued until nothing is left. The
// caller has set writing.
func (c *conn) write(batch *outgoing) {
	for {
		if batch == nil {
			c.mu.Lock()
			batch, c.out = c.out, nil
			if batch == nil {
				c.writing = false
				leave := c.leaving
				c.mu.Unlock()
				if leave {
					c.shut(ErrClosed)
				}
				return
			}
			c.mu.Unlock()
		}
		if n, err := c.writeAll(batch.b); err != nil {
			c.shut(err)
			c.stack.failed(c.key.kind, batch, n, err)
			return
		}
		c.stack.recycle(batch)
		batch = nil
	}
}

// writeAll writes b, and waits for the peer as long as it accepts something now and then. Over TLS,
// what was accepted before b goes first; -1 means that not even this was written.
func (c *conn) writeAll(b []byte) (written int, err error) {
	if err := c.flush(); err != nil {
		return -1, err
	}
	for written < len(b) {
		piece := b[written:]
		if len(piece) > writePiece {
			piece = piece[:writePiece]
		}
		if err := c.nc.SetWriteDeadline(c.stack.clock.in(c.stack.opts.WriteTimeout)); err != nil {
			return written, err
		}
		n, err := c.nc.Write(piece)
		c.mu.Lock()
		c.queued -= n
		c.mu.Unlock()
		if err == nil {
			err = c.flush()
		} else if c.tls == nil {
			written += n
		}
		if err != nil {
			return written, err
		}
		written += n
		c.touch()
	}
	return written, nil
}

// flush waits until the socket has accepted what TLS holds.
func (c *conn) flush() error {
	if c.sealed == nil || !c.sealed.holds() {
		return nil
	}
	if err := c.nc.SetWriteDeadline(c.stack.clock.in(c.stack.opts.WriteTimeout)); err != nil {
		return err
	}
	return c.sealed.flush()
}
