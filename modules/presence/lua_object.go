package presence

// This file is a watcher as scripts see it.

import (
	"time"

	"github.com/sipscript/sipscript/luabind"
)

// watcherType describes watchers to scripts; it is never changed.
var watcherType = &luabind.ObjectType{
	Name: "watcher", Doc: "A subscription to the state of a user.",
	Example: "for _, w in ipairs(presence.watchers(\"sip:bob@example.com\")) do sip.log.info(\"%s watches %s: %s\", w.watcher, w.package, w.state) end",
	Fields: []luabind.Field{
		luabind.FieldFrom("id", luabind.ReturnsText("for terminate"), func(w *Watcher) string { return w.id }),
		luabind.FieldFrom("watcher", luabind.ReturnsURI("who watches"), func(w *Watcher) string { return w.watcher }),
		luabind.FieldFrom("package", luabind.ReturnsText("the event package"), func(w *Watcher) string { return w.key.Package }),
		luabind.FieldFrom("state", luabind.ReturnsText(`"active", "pending", or "polite" for one who is told that the user is not there`), (*Watcher).State),
		luabind.FieldOf("expires", luabind.ReturnsSeconds("left"), func(c *luabind.Call, w *Watcher) time.Duration { return max(0, w.until.Sub(c.Now())) }),
	},
}

// ObjectType makes a watcher an object of scripts.
func (*Watcher) ObjectType() *luabind.ObjectType { return watcherType }

// String is who watches.
func (w *Watcher) String() string { return w.watcher }
