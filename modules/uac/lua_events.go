package uac

// This file is the events of scripts.

import "github.com/sipscript/sipscript/luabind"

// Events of the module.
func (m *module) Events() []luabind.Event {
	name := luabind.Param{Name: "name", Type: luabind.String}
	return []luabind.Event{
		{Name: EventRegistered, Params: []luabind.Param{name, {Name: "seconds", Type: luabind.Seconds}},
			Doc: "An account is registered, for the first time or again after a failure. A refresh does not raise it."},
		{Name: EventFailed, Params: []luabind.Param{name, {Name: "error", Type: luabind.String}, {Name: "code", Type: luabind.Integer, Optional: true}},
			Doc: "An account could not be registered or refreshed; it will be tried again. code is nil if there was no answer."},
		{Name: EventUnregistered, Params: []luabind.Param{name}, Doc: "An account that the script no longer names was unregistered."},
	}
}

func (m *module) tell(e Event) {
	switch e.Kind {
	case EventRegistered:
		m.host.Emit(e.Kind, e.Name, e.Left.Seconds())
	case EventFailed:
		var code any
		if e.Code != 0 {
			code = float64(e.Code)
		}
		m.host.Emit(e.Kind, e.Name, e.Error, code)
	default:
		m.host.Emit(e.Kind, e.Name)
	}
}
