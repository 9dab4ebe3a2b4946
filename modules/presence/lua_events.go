package presence

// This file is the events of scripts.

import "github.com/sipscript/sipscript/luabind"

// EventChanged is the kind of an Event.
const EventChanged = "presence.changed"

// Event is a change of a user's state.
type Event struct {
	Kind    string // EventChanged
	AOR     string // the user, as a canonical address
	Package string // the event package
}

// events are what sip.on knows; it is never changed.
var events = luabind.EventsOf(func(e Event) string { return e.Kind },
	luabind.EventOf(EventChanged, "The state of a user has changed: by a publication, its end, a script, or a call.",
		luabind.EventArg("aor", luabind.ReturnsText(""), func(e Event) string { return e.AOR }),
		luabind.EventArg("package", luabind.ReturnsText(""), func(e Event) string { return e.Package })))

// Events of the module.
func (m *module) Events() []luabind.Event { return events.Declared() }
