package registrar

// This file is the events of scripts.

import "github.com/sipscript/sipscript/luabind"

// events are what sip.on knows of bindings; it is never changed.
var events = luabind.EventsOf(func(e Event) string { return e.Kind.String() },
	bindingEvent(Bound, "A new binding."),
	bindingEvent(Refreshed, "A binding was registered again before it expired."),
	bindingEvent(Expired, "A binding ended. It is reported within a few seconds."),
	bindingEvent(Removed, "A binding was removed, by its client or by remove."))

func bindingEvent(kind Kind, doc string) luabind.DeclaredEvent[Event] {
	return luabind.EventOf(kind.String(), doc,
		luabind.EventArg("aor", luabind.ReturnsText(""), func(e Event) string { return e.AOR }),
		luabind.EventArg("binding", luabind.ReturnsObject[*Binding](bindingType, ""), func(e Event) *Binding { return e.Binding }))
}

// Events of the module.
func (m *module) Events() []luabind.Event { return events.Declared() }
