package luabind

// What modules need that are configured by a script's file, which runs once in each VM, and that
// tell the generation in force of events.

import (
	"errors"
	"reflect"
	"sync/atomic"
)

var (
	// ErrSaid is the error of a file that says for a second time what may be said once.
	ErrSaid = errors.New("has already been called")
	// ErrDiffers is the error of a file that says something else in one VM than in another.
	ErrDiffers = errors.New("differs between lanes; make it the same each time the file runs")
)

// Agreed is what a file says once in each VM, and has to say alike in all of them. It belongs to
// one generation's Module, and is used while the file runs, which is on one goroutine. The zero
// value is ready.
type Agreed[T any] struct {
	seen  map[any]bool // VMs
	value T
}

// Say notes what the file says in a VM (see [Call.VM]). first: it is the first to say so, and the
// caller puts it into force. The error is ErrSaid or ErrDiffers.
func (a *Agreed[T]) Say(vm any, value T) (first bool, err error) {
	if a.seen[vm] {
		return false, ErrSaid
	}
	if a.seen == nil {
		a.seen, first = map[any]bool{}, true
		a.value = value
	}
	a.seen[vm] = true
	if !first && !reflect.DeepEqual(a.value, value) {
		return false, ErrDiffers
	}
	return first, nil
}

// Value is what was said first; said: it was.
func (a *Agreed[T]) Value() (value T, said bool) { return a.value, a.seen != nil }

// Events leads a module's events to the script generation that serves. It belongs to the process,
// and is safe for concurrent use. The zero value is ready.
type Events[E any] struct {
	to atomic.Pointer[Listener[E]]
}

// Listener is a generation that hears of events.
type Listener[E any] struct {
	Hear func(E) // calls Host.Emit; on the goroutine that found the event
}

// Listen has l hear of events, in place of the generation before: from Activate.
func (e *Events[E]) Listen(l *Listener[E]) { e.to.Store(l) }

// Leave ends that, where l is still the one that hears: from Close.
func (e *Events[E]) Leave(l *Listener[E]) { e.to.CompareAndSwap(l, nil) }

// Emit tells the generation that serves, if any.
func (e *Events[E]) Emit(event E) {
	if l := e.to.Load(); l != nil {
		l.Hear(event)
	}
}
