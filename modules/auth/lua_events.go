package auth

// This file is the events of scripts.

import "github.com/sipscript/sipscript/luabind"

// Events of the module.
func (m *module) Events() []luabind.Event {
	user := luabind.Param{Name: "user", Type: luabind.String}
	source := luabind.Param{Name: "source", Type: luabind.String, Doc: "address"}
	return []luabind.Event{
		{Name: EventFailed, Params: []luabind.Param{user, source, {Name: "reason", Type: luabind.String, Doc: "failed or identity"}},
			Doc: "Wrong credentials, or an identity that is not the user's."},
		{Name: EventBanned, Params: []luabind.Param{source, {Name: "user", Type: luabind.String, Optional: true, Doc: "nil: the source as a whole"},
			{Name: "seconds", Type: luabind.Seconds}}, Doc: "Too many wrong passwords: a ban began."},
	}
}

func (m *module) tell(e Event) {
	if e.Kind == EventFailed {
		m.host.Emit(e.Kind, e.User, e.Source, string(e.Reason))
		return
	}
	var user any
	if e.User != "" {
		user = e.User
	}
	m.host.Emit(e.Kind, e.Source, user, e.Left)
}
