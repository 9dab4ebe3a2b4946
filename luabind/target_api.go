package luabind

import "github.com/sipscript/sipscript/engine"

// Targeter is an [Object] that names a place to send a request to. The Target is only read, and may be the same one each time. Its Value should be
// the object itself, so that res.target brings it back; nothing else of it may be set by others.
type Targeter interface {
	Target() *engine.Target
}
