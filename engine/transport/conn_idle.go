// How long a connection may be idle.

package transport

import (
	"sync/atomic"
	"time"
)

// lifetime is what is known about a connection's traffic. Times are on the stack's clock.
type lifetime struct {
	opened time.Duration // never changed once the connection is open

	active atomic.Int64 // when there was traffic last, either way
	came   atomic.Int64 // when something came last
	kept   atomic.Int64 // SetFlowIdleTimeout's limit for came, 0: none

	spoke  atomic.Bool // a valid message came
	needed atomic.Bool // see Need
	pinged atomic.Bool // a keep-alive came
}

// Accept tells the transport that the message is valid SIP, so that its connection may be idle as
// long as a visitor's. The Receiver calls it before anything that waits.
func (in *Inbound) Accept() {
	if c := in.conn; c != nil && !c.life.spoke.Load() {
		c.life.spoke.Store(true)
	}
}

// touch records traffic.
func (c *conn) touch() { c.life.active.Store(int64(c.stack.clock.now())) }

// touchedByPeer notes that something came.
func (c *conn) touchedByPeer() {
	now := int64(c.stack.clock.now())
	c.life.active.Store(now)
	c.life.came.Store(now)
}

// SetFlowIdleTimeout has a connection closed when nothing came on it for idle, be it a message or a
// keep-alive, whatever was sent meanwhile: so is a flow that is kept alive by its client (RFC 5626
// §4.4.1) known to have failed. 0 leaves it to Options.IdleTimeout again. It may be called from any
// goroutine; of a connection that is gone nothing is kept.
func (s *Stack) SetFlowIdleTimeout(id FlowID, idle time.Duration) {
	c := s.flows.get(id)
	if c == nil {
		return
	}
	idle = max(idle, 0)
	if before := c.life.kept.Swap(int64(idle)); idle > 0 && before != int64(idle) {
		// Wake the reader, which finds out by itself what is due.
		_ = c.nc.SetReadDeadline(s.clock.at(0))
	}
}

// Need says that an accepted connection has a use that may be silent for long, such as a
// registration or a dialog: from now on it may be idle for Options.IdleTimeout. It may be called
// from any goroutine, also for a connection that is gone.
func (s *Stack) Need(id FlowID) {
	if c := s.flows.get(id); c != nil && !c.life.needed.Load() {
		c.life.needed.Store(true)
	}
}

// idleSince is when something came last, or the connection was opened.
func (c *conn) idleSince() time.Duration {
	return max(time.Duration(c.life.came.Load()), c.life.opened)
}

// idleDue is when a connection without a message half read is closed, and why.
func (c *conn) idleDue() (due time.Duration, why error) {
	o, l := &c.stack.opts, &c.life
	idle := o.IdleTimeout
	if c.inbound && !l.needed.Load() {
		idle = min(idle, o.VisitorTimeout)
	}
	due = time.Duration(l.active.Load()) + idle
	if kept := time.Duration(l.kept.Load()); kept > 0 {
		due = c.idleSince() + kept
	}
	if !c.inbound || l.spoke.Load() {
		return due, errIdle
	}
	first := l.opened + o.FirstMessageTimeout
	if l.pinged.Load() {
		first = l.opened + o.KeepAliveTimeout
	}
	if first < due {
		return first, errNoMessage
	}
	return due, errIdle
}

// expired returns why the connection must be closed now, or nil and when to check again.
func (c *conn) expired() (next time.Duration, why error) {
	due, why := c.idleDue()
	if c.in.partial {
		if frame := c.in.began + c.stack.opts.FrameTimeout; frame < due {
			due, why = frame, errFrameTimeout
		}
	}
	if c.stack.clock.now() >= due {
		return 0, why
	}
	return due, nil
}

// pinged counts received keep-alives, and reports them to whoever wants to know.
func (c *conn) pinged(n int) {
	c.life.pinged.Store(true)
	c.stack.count(c.key.kind).keepalives.Add(uint64(n))
	if k := c.stack.keepAlives; k != nil && c.inbound {
		k.KeptAlive(c.remote, c.local)
	}
}
