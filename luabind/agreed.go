package luabind

// Helpers for modules that are configured by a script's file, which runs once in each VM.

import (
	"errors"
	"maps"
	"reflect"
	"slices"
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

// AgreedByName is an [Agreed] for each name that a file gives to something: accounts, pools. The
// zero value is ready.
type AgreedByName[T any] struct {
	byName map[string]*Agreed[T]
}

// Say is [Agreed.Say] for a name.
func (a *AgreedByName[T]) Say(vm any, name string, value T) (first bool, err error) {
	if a.byName == nil {
		a.byName = map[string]*Agreed[T]{}
	}
	if a.byName[name] == nil {
		a.byName[name] = &Agreed[T]{}
	}
	return a.byName[name].Say(vm, value)
}

// Values are those that were said first, in the order of their names.
func (a *AgreedByName[T]) Values() []T {
	list := make([]T, 0, len(a.byName))
	for _, name := range slices.Sorted(maps.Keys(a.byName)) {
		list = append(list, a.byName[name].value)
	}
	return list
}
