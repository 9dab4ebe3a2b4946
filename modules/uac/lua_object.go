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
		luabind.FieldFrom("name", luabind.ReturnsText("of the account"), func(s *Status) string { return s.Name }),
		luabind.FieldOf("state", luabind.ReturnsText("registering, registered or failed"),
			func(c *luabind.Call, s *Status) string { return s.State(c.Now()) }),
		luabind.FieldOf("expires", luabind.OrNil(luabind.ReturnsSeconds("seconds left; nil if not registered")),
			func(c *luabind.Call, s *Status) time.Duration { return s.Expires(c.Now()) }),
		luabind.FieldFrom("error", luabind.OrNil(luabind.ReturnsText("of the last attempt; nil if it was accepted")), func(s *Status) string { return s.Error }),
		luabind.FieldFrom("code", luabind.OrNil(luabind.ReturnsInt("of the last answer; nil for none")), func(s *Status) int { return s.Code }),
		luabind.FieldFrom("aor", luabind.ReturnsURI("what is registered"), func(s *Status) string { return s.AOR }),
		luabind.FieldFrom("contact", luabind.OrNil(luabind.ReturnsURI("where calls arrive; nil before the first attempt if the account names none")),
			func(s *Status) string { return s.Contact }),
	},
}

// ObjectType makes a registration an object of scripts.
func (s *Status) ObjectType() *luabind.ObjectType { return statusType }
