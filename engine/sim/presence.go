package sim

import (
	"net/netip"

	"github.com/sipscript/sipscript/engine/transport"
)

// This file is about engines and phones that leave the network and come back.

// Remove takes an engine off the network, like Host.Remove; what it still sends is lost.
func (x *Wire) Remove() { x.w.remove(x.node) }

// Vanish is Remove without a word: its streams stay open at their other ends, and what is sent on
// them is lost.
func (x *Wire) Vanish() {
	w := x.w
	w.mu.Lock()
	for _, c := range w.conns {
		for i := range c.ends {
			if c.ends[i].node == x.node {
				c.ends[i].deaf, c.ends[i].left = true, true
			}
		}
	}
	w.mu.Unlock()
	w.remove(x.node) // streams that it left stay as they are
}

// Return brings back what was removed, at its addresses. Its streams are new ones.
func (x *Wire) Return() error {
	x.w.mu.Lock()
	x.node.removed = false
	x.w.mu.Unlock()
	for _, l := range x.locals {
		if x.node.client[l.Kind] {
			continue
		}
		if err := x.w.bind(x.node, l); err != nil {
			return err
		}
	}
	return nil
}

// Connect opens a stream to an address, unless there is one, and returns the address that this end
// has for itself; ok is false if nobody listens there.
func (x *Wire) Connect(k transport.Kind, to netip.AddrPort) (own netip.AddrPort, ok bool) {
	w := x.w
	w.mu.Lock()
	defer w.mu.Unlock()
	l := x.node.kinds[k]
	if l == nil || x.node.removed {
		return own, false
	}
	c, end := w.dial(x.node, l, k, to)
	if c == nil {
		return own, false
	}
	return c.ends[1-end].own, true
}
