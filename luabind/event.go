package luabind

// Events that modules report to scripts: how they are declared, and how they reach the script
// generation in force.

import (
	"reflect"
	"sync/atomic"
)

// EventSource is a Module that emits events to sip.on handlers.
type EventSource interface {
	Events() []Event
}

// Event is an event that scripts can handle with sip.on(Name, function(...) end).
type Event struct {
	Name   string
	Doc    string  // one sentence: when it happens
	Params []Param // what its handlers are called with, in order
}

// EventSet declares the events of a module, whose Go type is E, once: what scripts know of them,
// and what their handlers are called with. It is made once and never changed.
//
//	var events = luabind.EventsOf(func(e Event) string { return e.Kind },
//		luabind.EventOf(EventBanned, "Too many wrong passwords: a ban began.",
//			luabind.EventArg("source", luabind.ReturnsText("address"), Event.source),
//			luabind.EventArg("seconds", luabind.ReturnsSeconds(""), Event.left)))
type EventSet[E any] struct {
	kind   func(E) string // the event's name
	events []DeclaredEvent[E]
}

// DeclaredEvent is one event of an [EventSet]; [EventOf] makes it.
type DeclaredEvent[E any] struct {
	Event
	args []EventArgument[E]
}

// EventArgument is one argument of an event's handlers; [EventArg] makes it.
type EventArgument[E any] struct {
	param Param
	of    func(E) any
}

// EventsOf declares events; kind is the name of a value's.
func EventsOf[E any](kind func(E) string, events ...DeclaredEvent[E]) *EventSet[E] {
	return &EventSet[E]{kind, events}
}

// EventOf declares one event.
func EventOf[E any](name, doc string, args ...EventArgument[E]) DeclaredEvent[E] {
	d := DeclaredEvent[E]{Event{Name: name, Doc: doc}, args}
	for i := range args {
		d.Params = append(d.Params, args[i].param)
	}
	return d
}

// EventArg declares an argument, described as a result: get reads it from the event. It may be what
// [Host.Emit] takes; with [OrNil] the zero value becomes nil.
func EventArg[E, R any](name string, r Returns[R], get func(E) R) EventArgument[E] {
	d := r.Results[0]
	return EventArgument[E]{
		param: Param{Name: name, Type: d.Type, Or: d.Or, Object: d.Object, Doc: d.Doc, Optional: d.OrNil},
		of: func(e E) any {
			value := any(get(e))
			if d.OrNil && (value == nil || reflect.ValueOf(value).IsZero()) {
				return nil
			}
			return value
		},
	}
}

// Declared are the events for [EventSource].
func (s *EventSet[E]) Declared() []Event {
	list := make([]Event, len(s.events))
	for i := range list {
		list[i] = s.events[i].Event
	}
	return list
}

// Listener emits events to the handlers of a generation.
func (s *EventSet[E]) Listener(h *Host) Listener[E] {
	return Listener[E]{Hear: func(e E) {
		name := s.kind(e)
		for i := range s.events {
			d := &s.events[i]
			if d.Name != name || !h.hears(name) {
				continue
			}
			args := make([]any, len(d.args))
			for j := range args {
				args[j] = d.args[j].of(e)
			}
			h.Emit(d.Name, args...)
		}
	}}
}

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
