package registrar

// This file is the events of scripts.

import "github.com/sipscript/sipscript/luabind"

// Events of the module.
func (m *module) Events() []luabind.Event {
	params := []luabind.Param{{Name: "aor", Type: luabind.String}, {Name: "binding", Type: luabind.ObjectOf, Object: bindingType}}
	return []luabind.Event{
		{Name: Bound.String(), Params: params, Doc: "A new binding."},
		{Name: Refreshed.String(), Params: params, Doc: "A binding was registered again before it expired."},
		{Name: Expired.String(), Params: params, Doc: "A binding ended. It is reported within a few seconds."},
		{Name: Removed.String(), Params: params, Doc: "A binding was removed, by its client or by remove."},
	}
}
