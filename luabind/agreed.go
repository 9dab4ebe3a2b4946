package luabind

// Helpers for modules that are configured by a script's file, which runs once in each VM, and that
// report events to the generation in force.

import (
	"errors"
	"reflect"
	"sync/atomic"
)

var (
	// ErrSaid is the error of a file that sets for a second time what may be set once.
	ErrSaid = errors.New("has already been called")
	// ErrDiffers is the error of a file that sets a different value in one VM than in another.
	ErrDiffers = errors.New("differs between lanes; make it the same each time the file runs")
)

// Agreed is a value that a file sets once in each VM, and must set to the same in all of them. It
// belongs to one generation's Module, and is used while the file runs, which is on one goroutine.
// The zero value is ready.
type Agreed[T any] struct {
	seen  map[any]bool // VMs
	value T
}

// Say records the value that the file sets in a VM (see [Call.VM]). first: this is the first VM,
// and the caller puts the value into force. The error is ErrSaid or ErrDiffers.
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

// Value is the value that was set first; said: one was set.
func (a *Agreed[T]) Value() (value T, said bool) { return a.value, a.seen != nil }

// Events leads a module's events to the script generation that serves. It belongs to the process,
// and is safe for concurrent use. The zero value is ready.
type Events[E any] struct {
	to atomic.Pointer[Listener[E]]
}

// Listener is a generation that receives events.
type Listener[E any] struct {
	Hear func(E) // calls Host.Emit; on the goroutine that found the event
}

// Listen makes l receive events, in place of the previous generation: called from Activate.
func (e *Events[E]) Listen(l *Listener[E]) { e.to.Store(l) }

// Leave ends that, if l is still the receiver: called from Close.
func (e *Events[E]) Leave(l *Listener[E]) { e.to.CompareAndSwap(l, nil) }

// Emit reports an event to the generation in service, if any.
func (e *Events[E]) Emit(event E) {
	if l := e.to.Load(); l != nil {
		l.Hear(event)
	}
}
