package sim

import (
	"time"

	"github.com/sipscript/sipscript/engine/transport"
)

// Keep-alives, as the real transport has them (RFC 5626 §3.5): STUN and CRLFs over UDP, CRLFCRLF on
// streams.

// keepAlive reports whether p is not a message; it is answered if it should be.
func (x *Wire) keepAlive(r transport.Receiver, p Packet, l *transport.Local) bool {
	w := x.w
	if p.Kind != transport.UDP {
		if string(p.Bytes) != "\r\n\r\n" {
			return false
		}
		w.mu.Lock()
		if c, end := w.flow(p.Flow); c != nil {
			w.stream(c, end, p.Bytes[:2])
		}
		w.mu.Unlock()
		if k, ok := r.(transport.KeepAliveReceiver); ok {
			k.KeptAlive(p.From, l)
		}
		return true
	}
	answer, kept := transport.KeepAlive(nil, p.Bytes, p.From)
	if len(answer) > 0 {
		w.mu.Lock()
		w.datagram(p.To, p.From, answer)
		w.mu.Unlock()
	}
	if k, ok := r.(transport.KeepAliveReceiver); ok && kept {
		k.KeptAlive(p.From, l)
	}
	return kept || len(answer) > 0
}

// SetFlowIdleTimeout breaks a stream when nothing came on it for idle, as the real transport does;
// 0: never.
func (x *Wire) SetFlowIdleTimeout(id transport.FlowID, idle time.Duration) {
	w := x.w
	w.mu.Lock()
	defer w.mu.Unlock()
	c, far := w.flow(id)
	if c == nil {
		return
	}
	end := &c.ends[1-far]
	if end.kept == idle {
		return
	}
	if end.kept = idle; idle > 0 {
		w.schedule(max(end.came, w.Now()).Add(idle), func() { w.checkIdle(id, idle) })
	}
}

// checkIdle breaks a stream whose SetFlowIdleTimeout has passed, or checks again later.
func (w *World) checkIdle(id transport.FlowID, idle time.Duration) {
	w.mu.Lock()
	c, far := w.flow(id)
	if c == nil || c.ends[1-far].kept != idle {
		w.mu.Unlock()
		return
	}
	due := c.ends[1-far].came.Add(idle)
	if due > w.Now() {
		w.schedule(due, func() { w.checkIdle(id, idle) })
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	w.Break(id)
}
