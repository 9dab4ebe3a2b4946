package breathe

// Long lists.

// piece is how many elements are together in memory.
const piece = 4096

// List grows without being copied. A slice that grows to a million elements is copied again and
// again, tens of megabytes at once: nothing can interrupt that, and the collector, which stops all
// for a moment, has to wait for it while all others stand still.
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
func (l *List[T]) At(i int) *T { return &l.pieces[i/piece][i%piece] }

// Slice is a copy of all elements, made in steps.
func (l *List[T]) Slice() []T {
	all := make([]T, 0, l.Len())
	for i, p := range l.pieces {
		all = append(all, p...)
		Every(8, i)
	}
	return all
}
