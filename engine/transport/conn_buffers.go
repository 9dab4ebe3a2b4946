// Read buffers of connections, shared by the messages that are in them.

package transport

import (
	"sync"
	"sync/atomic"
)

// buffer is what a connection reads into. Messages are delivered in place; those that a lane keeps
// waiting hold the buffer, while the connection continues reading behind them. r and w belong to
// the connection.
type buffer struct {
	b    []byte
	r, w int          // bytes r to w are read and not yet delivered
	refs atomic.Int32 // the connection, and the messages being delivered
}

func (b *buffer) room() []byte { return b.b[b.w:] }

// bufferPool keeps buffers of three sizes; a larger message gets its own.
type bufferPool struct {
	sizes [3]sync.Pool
	most  int // the largest message there may be
}

const (
	smallBuffer  = 4 << 10
	growthFactor = 4 // 4, 16, 64 KiB
)

// get is a buffer of at least n bytes, with one reference.
func (p *bufferPool) get(n int) *buffer {
	size := smallBuffer
	for i := range p.sizes {
		if n <= size {
			b, ok := p.sizes[i].Get().(*buffer)
			if !ok {
				b = &buffer{b: make([]byte, size)}
			}
			b.r, b.w = 0, 0
			b.refs.Store(1)
			return b
		}
		size *= growthFactor
	}
	b := &buffer{b: make([]byte, n)}
	b.refs.Store(1)
	return b
}

// release drops one reference; the last one returns the buffer.
func (p *bufferPool) release(b *buffer) {
	if b.refs.Add(-1) > 0 {
		return
	}
	size := smallBuffer
	for i := range p.sizes {
		if len(b.b) == size {
			p.sizes[i].Put(b)
			return
		}
		size *= growthFactor
	}
}
