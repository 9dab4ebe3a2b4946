package uac

// This file is the events of scripts.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// events are what sip.on knows of registrations; it is never changed.
var events = luabind.EventsOf(func(e Event) string { return e.Kind },
	luabind.EventOf(EventRegistered, "An account is registered, for the first time or again after a failure. A refresh does not raise it.",
		eventName, luabind.EventArg("seconds", luabind.ReturnsSeconds(""), func(e Event) time.Duration { return e.Left })),
	luabind.EventOf(EventFailed, "An account could not be registered or refreshed; it will be tried again. code is nil if there was no answer.",
		eventName, luabind.EventArg("error", luabind.ReturnsText(""), func(e Event) string { return e.Error }),
		luabind.EventArg("code", luabind.OrNil(luabind.ReturnsInt("")), func(e Event) int { return e.Code })),
	luabind.EventOf(EventUnregistered, "An account that the script no longer names was unregistered.", eventName))

var eventName = luabind.EventArg("name", luabind.ReturnsText(""), func(e Event) string { return e.Name })

// Events of the module.
func (m *module) Events() []luabind.Event { return events.Declared() }
