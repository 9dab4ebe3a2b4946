package transaction

import "github.com/sipscript/sipscript/engine/message"

// This file keeps storage for sent messages that may have to be sent again: what one transaction
// releases, the next one uses.

const (
	bufferStep    = 256 // sizes are multiples of it, so a buffer wastes less than that
	bufferClasses = 16  // up to 4 KiB; larger buffers come from the heap and return there
	bufferSpare   = 64  // buffers waiting in each class: 2 MiB a lane at most
)

// buffers is the spare storage of one layer.
type buffers struct {
	free [bufferClasses][][]byte
}

// get is an empty buffer with room for n bytes.
func (b *buffers) get(n int) []byte {
	class := (n - 1) / bufferStep
	if n <= 0 || class >= bufferClasses {
		return make([]byte, 0, n)
	}
	if free := b.free[class]; len(free) > 0 {
		buf := free[len(free)-1]
		free[len(free)-1] = nil
		b.free[class] = free[:len(free)-1]
		return buf
	}
	return make([]byte, 0, (class+1)*bufferStep)
}

// put returns a buffer that nobody refers to any more.
func (b *buffers) put(buf []byte) {
	class := cap(buf)/bufferStep - 1
	if cap(buf) == 0 || cap(buf)%bufferStep != 0 || class >= bufferClasses || len(b.free[class]) >= bufferSpare {
		return
	}
	b.free[class] = append(b.free[class], buf[:0])
}

// keep copies text into a buffer, using old's storage if its size is right.
func (b *buffers) keep(old, text []byte) []byte {
	if spare := cap(old) - len(text); spare < 0 || spare >= bufferStep {
		b.put(old)
		old = b.get(len(text))
	}
	return append(old[:0], text...)
}

// spareRequestBytes is how much storage a request in the pool may have.
const spareRequestBytes = 16 << 10

// takeMessage returns a message for the request of a new server transaction. The pool is not the
// lane's, because any goroutine may work on a lane: what a processor used last is in its cache, but
// what the lane used last may be in another's.
func (l *Layer) takeMessage() *message.Message {
	if m, ok := l.options.Messages.Get().(*message.Message); ok {
		return m
	}
	return new(message.Message)
}

// Reuse returns the Req of a server transaction that was released: nobody may read it, or a view of
// it, from now on. It is for users who know that; a request that is not returned is garbage
// collected.
func (l *Layer) Reuse(m *message.Message) {
	if m.Held() > spareRequestBytes {
		return
	}
	m.Reset()
	l.options.Messages.Put(m)
}
