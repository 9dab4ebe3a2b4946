package spec

import (
	"log/slog"

	"github.com/sipscript/sipscript/luabind"
)

// This file is what specs see of a server.

// serverType is never changed.
var serverType = &luabind.ObjectType{
	Name: "server", Doc: "A server of the test.",
	Fields: []luabind.Field{
		{Name: "addr", Type: luabind.String, Doc: `where it listens: "10.0.0.1:5060"`},
		{Name: "log", Type: luabind.String, Doc: "what the test's servers have logged so far"},
	},
}

// ObjectType makes it an object of scripts.
func (*server) ObjectType() *luabind.ObjectType { return serverType }

// Field is a field of the object.
func (s *server) Field(c *luabind.Call, name string) bool {
	switch name {
	case "addr":
		c.PushString(s.addr.String())
	case "log":
		c.PushString(s.w.log.text(slog.LevelDebug))
	default:
		return false
	}
	return true
}
