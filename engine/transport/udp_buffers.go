// Buffers of datagrams: small ones for nearly all, large ones for the rest.

package transport

import "sync"

// headSize is the capacity of a datagram's own buffer. A lane that waits keeps its datagram's
// buffer, so it is small; the few longer datagrams are assembled in a large buffer.
const headSize = 2048

type datagramBuffer struct {
	b []byte
}

// datagramPool keeps buffers of both sizes.
type datagramPool struct {
	small, large sync.Pool
}

func (p *datagramPool) head() *datagramBuffer {
	if d, ok := p.small.Get().(*datagramBuffer); ok {
		return d
	}
	return &datagramBuffer{make([]byte, headSize)}
}

// whole is a buffer that holds any datagram.
func (p *datagramPool) whole() *datagramBuffer {
	if d, ok := p.large.Get().(*datagramBuffer); ok {
		return d
	}
	return &datagramBuffer{make([]byte, maxDatagram)}
}

func (p *datagramPool) put(d *datagramBuffer) {
	if len(d.b) == headSize {
		p.small.Put(d)
	} else {
		p.large.Put(d)
	}
}
