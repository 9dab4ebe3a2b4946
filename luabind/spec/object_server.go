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
		luabind.FieldOf("addr", luabind.ReturnsText(`where it listens: "10.0.0.1:5060"`), func(_ *luabind.Call, s *server) string { return s.addr.String() }),
		luabind.FieldOf("log", luabind.ReturnsText("everything the test's servers have logged so far"),
			func(_ *luabind.Call, s *server) string { return s.w.log.text(slog.LevelDebug) }),
	},
	Methods: serverMethods(),
}

// ObjectType makes it an object of scripts.
func (*server) ObjectType() *luabind.ObjectType { return serverType }
