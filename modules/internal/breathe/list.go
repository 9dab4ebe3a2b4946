package breathe

// Long lists.

// piece is how many elements are together in memory.
const piece = 4096

// List grows without being copied. A slice that grows to a million elements is copied again and
// again, tens of megabytes at once: nothing can interrupt that, and the collector, which stops all
// for a moment, has to wait for it while all others stand still. To clear so much memory, as make
// does, takes milliseconds as well.
type List[T any] struct {
	pieces [][]T // all but the last are full
}

// Append adds an element.
func (l *List[T]) Append(x T) {
	last := len(l.pieces) - 1
	switch {
	case last < 0:
		l.pieces = append(l.pieces, nil) // which grows: most lists are short
		last++
	case len(l.pieces[last]) == piece:
		l.pieces = append(l.pieces, make([]T, 0, piece))
		last++
	}
	l.pieces[last] = append(l.pieces[last], x)
}

// Len is how many elements there are.
func (l *List[T]) Len() int {
	last := len(l.pieces) - 1
	if last < 0 {
		return 0
	}
	return last*piece + len(l.pieces[last])
}

// At is the i-th element.
func (l *List[T]) At(i int) *T { return &l.pieces[uint(i)/piece][uint(i)%piece] }

// Pieces are the elements as they are in memory: 4096 together, but for the last ones.
func (l *List[T]) Pieces() [][]T { return l.pieces }
