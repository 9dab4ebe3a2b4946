package host

// What modules offer each other.

import (
	"reflect"
	"sync"
)

// Services are what modules of a process offer each other, by the interfaces through which it is
// used. The zero value is ready, and safe for concurrent use.
type Services struct {
	mu     sync.Mutex
	byType map[reflect.Type]any // guarded by mu
}

// Offer makes a service known as a T, an interface. A New calls it.
func Offer[T any](e *Environment, service T) {
	if e.Services == nil {
		return
	}
	e.Services.mu.Lock()
	defer e.Services.mu.Unlock()
	if e.Services.byType == nil {
		e.Services.byType = map[reflect.Type]any{}
	}
	e.Services.byType[reflect.TypeFor[T]()] = service
}

// Find returns what a module offers as a T; none: the zero value. Modules are made one after the
// other, so a New does not find what later ones offer.
func Find[T any](e *Environment) (service T) {
	if e.Services == nil {
		return service
	}
	e.Services.mu.Lock()
	defer e.Services.mu.Unlock()
	service, _ = e.Services.byType[reflect.TypeFor[T]()].(T)
	return service
}
