package uac

// This file is the registration as scripts see it.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// statusType describes registrations to scripts; it is never changed.
var statusType = &luabind.ObjectType{
	Name: "registration",
	Doc:  "The state of an account at its registrar.",
	Fields: []luabind.Field{
		luabind.FieldOf("name", luabind.ReturnsText("of the account"), func(_ *luabind.Call, s *Status) string { return s.Name }),
		luabind.FieldOf("state", luabind.ReturnsText("registering, registered or failed"),
			func(c *luabind.Call, s *Status) string { return s.State(c.Now()) }),
		luabind.FieldOf("expires", luabind.OrNil(luabind.ReturnsSeconds("seconds left; nil if not registered")),
			func(c *luabind.Call, s *Status) time.Duration { return max(0, s.Expires(c.Now())) }),
		luabind.FieldOf("error", luabind.OrNil(luabind.ReturnsText("of the last attempt; nil if it was accepted")),
			func(_ *luabind.Call, s *Status) string { return s.Error }),
		luabind.FieldOf("code", luabind.OrNil(luabind.ReturnsInt("of the last answer; nil for none")),
			func(_ *luabind.Call, s *Status) int { return s.Code }),
		luabind.FieldOf("aor", luabind.ReturnsURI("what is registered"), func(_ *luabind.Call, s *Status) string { return s.AOR }),
		luabind.FieldOf("contact", luabind.OrNil(luabind.ReturnsURI("where calls arrive; nil before the first attempt if the account names none")),
			func(_ *luabind.Call, s *Status) string { return s.Contact }),
	},
}

// ObjectType makes a registration an object of scripts.
func (s *Status) ObjectType() *luabind.ObjectType { return statusType }
