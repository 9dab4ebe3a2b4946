package auth

// This file is the events of scripts.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// events are what sip.on knows of failures and bans; it is never changed.
var events = luabind.EventsOf(func(e Event) string { return e.Kind },
	luabind.EventOf(EventFailed, "Wrong credentials, or an identity that is not the user's.",
		luabind.EventArg("user", luabind.ReturnsText(""), func(e Event) string { return e.User }), eventSource,
		luabind.EventArg("reason", luabind.ReturnsText("failed or identity"), func(e Event) string { return string(e.Reason) })),
	luabind.EventOf(EventBanned, "Too many wrong passwords: a ban began.", eventSource,
		luabind.EventArg("user", luabind.OrNil(luabind.ReturnsText("nil: the source as a whole")), func(e Event) string { return e.User }),
		luabind.EventArg("seconds", luabind.ReturnsSeconds(""), func(e Event) time.Duration { return e.Left })))

var eventSource = luabind.EventArg("source", luabind.ReturnsText("address"), func(e Event) string { return e.Source })

// Events of the module.
func (m *module) Events() []luabind.Event { return events.Declared() }
